"""Mail servers and clients that nobody here wrote."""
import os
import pwd
import subprocess
import sys

from house import CUSTOMERS, ROOT, XCLIENT_PEER, Client, Skip, case, check, equal, free_port, mail, need, need_root, original, wait


@case("peers.swaks", seconds=60)
def swaks(house):
    """swaks: plain, STARTTLS with AUTH PLAIN and LOGIN, implicit TLS, an attachment"""
    program, = need("swaks")
    relay, sink = house.pair()
    plain = [program, "--server", "127.0.0.1", "--from", "info@shop.example", "--to", "someone@dest.example"]
    attachment = house.folder / "attachment.bin"
    attachment.write_bytes(bytes(range(256)) * 1000)
    rows = [
        ("plain", ["--port", str(relay.port)]),
        ("login", ["--port", str(relay.port), "--tls", "--auth", "LOGIN", "--auth-user", "info@shop.example", "--auth-password", "secret", "--local-interface", "127.0.0.9"]),
        ("authplain", ["--port", str(relay.port), "--tls", "--auth", "PLAIN", "--auth-user", "info@shop.example", "--auth-password", "secret", "--local-interface", "127.0.0.9"]),
        ("implicit", ["--port", str(relay.tls_port), "--tls-on-connect"]),
        ("attached", ["--port", str(relay.port), "--attach", "@" + str(attachment)]),
        ("pipelined", ["--port", str(relay.port), "--pipeline", "--to", "a@dest.example,b@dest.example"]),
    ]
    for subject, words in rows:
        done = subprocess.run([*plain, "--header", "Subject: swaks " + subject, *words], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        check(done.returncode == 0, "swaks %s: exit code %d\n%s" % (subject, done.returncode, done.stdout[-800:] + done.stderr))
        wait("swaks' mail %s" % subject, lambda s=subject: sink.find(b"Subject: swaks " + s.encode()))
    wrong = subprocess.run([*plain, *rows[1][1][:-3], "wrong", *rows[1][1][-2:]], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    check(wrong.returncode != 0 and " 535 " in wrong.stdout, "a wrong password was answered otherwise: %s" % wrong.stdout[-300:])


MAIN = """\
compatibility_level = 3.6
queue_directory = {f}/spool
data_directory = {f}/lib
mail_owner = postfix
setgid_group = postdrop
myhostname = web1.shop.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:{relay}
smtp_tls_security_level = encrypt
smtp_tls_CAfile =
smtp_bind_address = 127.0.0.1
disable_dns_lookups = yes
smtp_address_preference = ipv4
maillog_file = {f}/postfix.log
maillog_file_prefixes = {f}
minimal_backoff_time = 2s
queue_run_delay = 2s
alias_maps =
alias_database =
local_recipient_maps =
smtputf8_enable = yes
"""
SERVICES = {"pickup": "unix n - n 60 1 pickup", "cleanup": "unix n - n - 0 cleanup", "qmgr": "unix n - n 300 1 qmgr", "tlsmgr": "unix - - n 1000? 1 tlsmgr",
            "rewrite": "unix - - n - - trivial-rewrite", "bounce": "unix - - n - 0 bounce", "defer": "unix - - n - 0 bounce", "trace": "unix - - n - 0 bounce",
            "verify": "unix - - n - 1 verify", "smtp": "unix - - n - - smtp", "relay": "unix - - n - - smtp", "error": "unix - - n - - error",
            "retry": "unix - - n - - error", "scache": "unix - - n - 1 scache", "anvil": "unix - - n - 1 anvil", "proxymap": "unix - - n - - proxymap",
            "postlog": "unix-dgram n - n - 1 postlogd"}


def postfix_beside(house, relay):
    """A Postfix of our own, in a folder of its own, that relays everything through ours; gives back its port."""
    need_root()
    program, = need("postfix")
    folder, port = house.folder / "postfix", free_port()
    for name in ("etc", "spool", "lib"):
        (folder / name).mkdir(parents=True)
    house.folder.chmod(0o755)
    subprocess.run(["chown", "postfix:root", folder / "lib"], check=True)
    (folder / "etc/main.cf").write_text(MAIN.format(f=folder, relay=relay.port))
    services = ["127.0.0.1:%d inet n - n - - smtpd" % port] + ["%s %s" % row for row in SERVICES.items()]
    (folder / "etc/master.cf").write_text("\n".join(services) + "\n")
    command = [program, "-c", str(folder / "etc")]
    done = subprocess.run([*command, "start"], capture_output=True, text=True, timeout=30)
    house.ends(subprocess.run, [*command, "abort"], )
    log = folder / "postfix.log"
    if done.returncode:
        raise Skip("Postfix does not start: " + (done.stderr + (log.read_text() if log.exists() else ""))[-400:])
    return port, log


@case("peers.postfix", seconds=120)
def postfix(house):
    """a real Postfix relays through it over TLS: all arrives, octet for octet, also after an outage of ours"""

    relay, sink = house.pair()
    port, log = postfix_beside(house, relay)
    sent = {}
    with Client("127.0.0.1", port) as client:
        for n in range(50):
            body = ("Grüße %d\r\n" % n).encode() + b".dot\r\n" * (n % 3)
            message = mail("postfix %d" % n, body=body)
            sent[n] = message
            client.message(message, recipients=["r%d-%d@dest.example" % (n, i) for i in range(1 + n % 4)], parameters="BODY=8BITMIME")
            if n == 25:
                relay.kill()
            if n == 35:
                relay.start()
    wait("50 messages of Postfix", lambda: len(sink.messages) >= 50, 60)
    for n, message in sent.items():
        arrived = sink.find(b"Subject: postfix %d\r\n" % n)
        check(arrived, "message %d is missing" % n)
        original(arrived[0].data, message)
        equal(sorted(arrived[0].recipients), sorted("r%d-%d@dest.example" % (n, i) for i in range(1 + n % 4)), "recipients of message %d" % n)
    check("status=bounced" not in log.read_text(), "Postfix bounced something; see its log")


@case("peers.sendmail", seconds=30)
def sendmail(house):
    """the sendmail wrapper for PHP: names site and script, keeps a forged field below its own, tells a refusal"""
    relay, sink = house.pair()
    user = pwd.getpwuid(os.getuid()).pw_name
    relay.customers([{**CUSTOMERS[0], "logins": [{"login": user}]}])
    relay.stop()
    relay.start()
    settings, site = house.folder / "settings", house.folder / "site"
    settings.write_text("127.0.0.1:%d\n" % relay.port)
    site.mkdir()
    wrapper = (ROOT / "deploy/snippets/sendmail-wrapper.py").read_text().replace("/etc/postern/relay", str(settings))
    # A web node stands at an address of its own.
    wrapper = wrapper.replace("timeout=60", "timeout=60, source_address=('%s', 0)" % XCLIENT_PEER)
    (house.folder / "wrapper.py").write_text(wrapper)

    def php(text, *words):
        return subprocess.run([sys.executable, house.folder / "wrapper.py", "-t", "-i", *words], input=text, capture_output=True, text=True, timeout=20, cwd=site)
    text = ("To: A <a@dest.example>, b@dest.example\nSubject: from php\nX-PHP-Originating-Script: 33:mail.php\nBcc: c@dest.example\n"
            "From: info@shop.example\nX-PHP-Originating-Script: 33:forged.php\n\nHello\n")
    done = php(text, "-finfo@shop.example")
    equal(done.returncode, 0, "exit code (%s)" % done.stderr)
    arrived = sink.wait(1)[0]
    equal(arrived.recipients, ["a@dest.example", "b@dest.example", "c@dest.example"], "recipients")
    check(b"Bcc" not in arrived.data and arrived.data.endswith(b"\r\n\r\nHello\r\n"), "the message: %r" % arrived.data)
    origin = "script:%s/mail.php" % site
    wait("a log line with the origin", lambda: origin in relay.log.read_text(), 5)
    sink.answer = lambda stage, text: "550 5.1.1 unknown" if stage == "RCPT" else None
    equal(php(text).returncode, 69, "exit code of a refused message")
    relay.kill()
    equal(php(text).returncode, 75, "exit code without a relay")
