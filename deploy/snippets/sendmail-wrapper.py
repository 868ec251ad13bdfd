#!/usr/bin/env python3
"""sendmail for PHP on a web node that is a [[peer]] of Postern with identity = "xclient".

Names the site by XCLIENT LOGIN: the Unix user that runs it, as `logins` of the customer directory has it. Writes
X-PHP-Originating-Script with the full path on top, where Postern reads it: the name that PHP itself wrote there
(mail.add_x_header), in the folder in which PHP runs the script. Waits for Postern's answer: exit code 0 only after a 250,
75 (try again) when it cannot be reached, 69 when the message was refused.

It runs as the site's user, so a site that is broken into can do what it does: name any login by XCLIENT. Where several
customers share the node, start it as a user of its own (sudo with a rule for this command only, which passes the caller in
SUDO_USER) and let only that user reach Postern: see deploy/README.md.

Options as PHP gives them: -t (recipients from the header), -i, -f SENDER, addresses.
"""
import email.parser
import email.utils
import os
import pwd
import re
import smtplib
import sys

SETTINGS = "/etc/postern/relay"  # one line: host:port
OWN_UID = None  # uid of the user that sudo starts it as, where it does


def options(words):
    sender, recipients, from_header = None, [], False
    while words:
        word = words.pop(0)
        if word == "-t":
            from_header = True
        elif word.startswith("-f"):
            sender = word[2:] or (words.pop(0) if words else None)
        elif word in ("-F", "-r", "-O", "-R") and words:
            words.pop(0)
        elif not word.startswith("-"):
            recipients.append(word)
    return sender, recipients, from_header


def without(head, name):
    """The header without the fields of this name and their continuation lines."""
    kept, dropping = [], False
    for line in head.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            dropping = line.split(b":")[0].strip().lower() == name
        if not dropping:
            kept.append(line)
    return b"\r\n".join(kept)


def script(parsed):
    """UID:PATH of the script, as octets without control characters."""
    name = str(parsed.get("X-PHP-Originating-Script", "")).rpartition(":")[2].strip() or "unknown"
    path = os.path.join(os.getcwd(), os.path.basename(name))
    return b"%d:%s" % (os.getuid(), re.sub(rb"[\x00-\x1f\x7f]", b"?", os.fsencode(path)))


def main():
    sender, recipients, from_header = options(sys.argv[1:])
    raw = re.sub(rb"\r?\n|\r", b"\r\n", sys.stdin.buffer.read())
    head, _, body = raw.partition(b"\r\n\r\n")
    parsed = email.parser.BytesHeaderParser().parsebytes(head + b"\r\n\r\n")
    if from_header:
        values = [str(v) for name in ("to", "cc", "bcc") for v in parsed.get_all(name, [])]
        recipients += [address for _, address in email.utils.getaddresses(values) if address]
    message = b"X-PHP-Originating-Script: %s\r\n%s\r\n\r\n%s" % (script(parsed), without(head, b"bcc").strip(b"\r\n"), body)
    user = os.environ.get("SUDO_USER") if os.getuid() == OWN_UID else pwd.getpwuid(os.getuid()).pw_name

    try:
        with open(SETTINGS) as f:
            host, _, port = f.read().strip().rpartition(":")
        with smtplib.SMTP(host, int(port), timeout=60) as server:
            server.ehlo()
            code, text = server.docmd("XCLIENT", "LOGIN=%s ADDR=[UNAVAILABLE]" % user)
            if code != 220:
                raise smtplib.SMTPResponseException(code, text)
            server.ehlo()
            server.sendmail(sender or "%s@%s" % (user, os.uname().nodename), recipients, message, ["BODY=8BITMIME"])
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as refused:
        print("sendmail-postern: %s" % refused, file=sys.stderr)
        return 69
    except (OSError, smtplib.SMTPException, ValueError) as trouble:
        print("sendmail-postern: %s" % trouble, file=sys.stderr)
        return 75
    return 0


if __name__ == "__main__":
    sys.exit(main())
