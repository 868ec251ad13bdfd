<?php
// Sends what the job on standard input says with PHPMailer; prints the error as a site would show it and, as it leaves out the reply to
// a login, the dialogue as somebody who looks for the reason turns it on.
use PHPMailer\PHPMailer\Exception;
use PHPMailer\PHPMailer\PHPMailer;
use PHPMailer\PHPMailer\SMTP;

$job = json_decode(stream_get_contents(STDIN));
require $job->library;

$mail = new PHPMailer(true);
$dialogue = [];
try {
    $mail->isSMTP();
    $mail->Host = '127.0.0.1';
    $mail->Port = $job->port;
    $mail->SMTPSecure = ['off' => '', 'starttls' => PHPMailer::ENCRYPTION_STARTTLS, 'implicit' => PHPMailer::ENCRYPTION_SMTPS][$job->tls];
    $mail->SMTPDebug = SMTP::DEBUG_SERVER;
    $mail->Debugoutput = function ($line) use (&$dialogue) {
        $dialogue[] = trim($line);
    };
    $mail->SMTPAutoTLS = false;
    $mail->SMTPAuth = $job->password !== null;
    $mail->Username = $job->login;
    $mail->Password = $job->password ?? '';
    $mail->SMTPOptions = [
        'ssl' => ['cafile' => $job->authority, 'peer_name' => 'relay.example.test'],
        'socket' => ['bindto' => $job->source . ':0'],
    ];
    $mail->setFrom($job->sender);
    foreach ($job->recipients as $recipient) {
        $mail->addAddress($recipient);
    }
    $mail->CharSet = PHPMailer::CHARSET_UTF8;
    $mail->Encoding = PHPMailer::ENCODING_8BIT;
    // PHPMailer writes the header itself.
    [$head, $mail->Body] = explode("\r\n\r\n", file_get_contents($job->message), 2);
    preg_match('/^Subject: (.*)\r$/m', $head, $found);
    $mail->Subject = $found[1];
    $mail->send();
} catch (Exception) {
    echo $mail->ErrorInfo, "\n", implode("\n", $dialogue), "\n";
    exit(1);
}
