"""What arrives is what was sent."""
import base64
import hashlib
import os
import smtplib
import socket
import ssl

from house import CUSTOMERS, HEADER_PEER, NEIGHBOUR, NOBODY, SHOP, XCLIENT_PEER, Client, case, check, equal, free_port, mail, no_verify, original, wait

HEAD = b"From: info@shop.example\r\nTo: someone@dest.example\r\nSubject: octets\r\n\r\n"


def dkim_signed():
    """A message with a body hash (RFC 6376, simple canonicalisation) that any change of the body breaks."""
    body = b"Hello,\r\n\r\n  two  spaces \t and a tab at the end\t\r\n.leading dot\r\n\r\nEnd\r\n"
    digest = base64.b64encode(hashlib.sha256(body).digest())
    field = b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=shop.example; s=s1; h=from:to:subject;\r\n\tbh=%s;\r\n\tb=AAAA\r\n" % digest
    return field + HEAD + body, body


def table():
    line_998 = b"x" * 998
    yield "plain", HEAD + b"Hello\r\n"
    yield "dots", HEAD + b".\r\n..\r\n...\r\n.a\r\n a.\r\n.\r\n\r\n.\r\n"
    yield "first line is a dot", b".not: a header\r\n\r\nx\r\n"
    yield "8 bit", HEAD + bytes(range(0x80, 0x100)) + b"\r\n"
    yield "utf-8", HEAD + "Grüße, 世界 🐘\r\n".encode()
    yield "tabs and blanks at line ends", HEAD + b"a \r\nb\t\r\n \r\n\t\r\n"
    yield "control octets", HEAD + bytes(i for i in range(1, 32) if i not in (10, 13)) + b"\x7f\r\n"
    yield "line of 998 octets", HEAD + line_998 + b"\r\n." + line_998[:-1] + b"\r\n"
    yield "line of 20,000 octets", HEAD + b"y" * 20_000 + b"\r\n"
    yield "empty body", HEAD
    yield "headers without the empty line", b"Subject: no body\r\nFrom: info@shop.example\r\n"
    yield "empty lines at the end", HEAD + b"x\r\n\r\n\r\n\r\n"
    yield "message in a message", HEAD.replace(b"\r\n\r\n", b"\r\nContent-Type: message/rfc822\r\n\r\n") + HEAD + b"inner\r\n"
    yield "folded and odd headers", b"Subject: a\r\n b\r\n\tc\r\nX-Empty:\r\nx-lower : 1\r\nFrom: info@shop.example\r\n\r\nx\r\n"
    yield "dkim", dkim_signed()[0]


@case("delivery.octets", seconds=90)
def octets(house):
    """byte for byte: dots, 8 bit, long lines, empty body, DKIM, in session and from the queue"""
    for handoff in ("session", "queue"):
        sink = house.sink()
        relay = house.relay(sink, handoff, handoff=handoff)
        with relay.client() as client:
            for name, message in table():
                before = len(sink.messages)
                client.message(message, parameters="BODY=8BITMIME")
                arrived = sink.wait(before + 1)[-1]
                try:
                    original(arrived.data, message)
                except Exception as e:
                    raise type(e)("%s, handoff %s: %s" % (name, handoff, e)) from e
                equal(arrived.recipients, ["someone@dest.example"], "recipients")
        signed, body = dkim_signed()
        arrived = sink.find(b"DKIM-Signature")[-1].data
        got = base64.b64encode(hashlib.sha256(arrived.split(b"\r\n\r\n", 1)[1]).digest())
        check(got in signed and arrived.endswith(body), "body hash broken")


@case("delivery.large", seconds=120)
def large(house):
    """a 20 MB attachment arrives byte for byte, and is not kept in memory twice"""
    relay, sink = house.pair()
    lines = base64.encodebytes(os.urandom(15_200_000)).replace(b"\n", b"\r\n")
    message = HEAD + lines
    check(len(message) > 20_000_000, "too small: %d" % len(message))
    with relay.client() as client:
        client.message(message, parameters="SIZE=%d" % len(message))
    original(sink.wait(1, 60)[0].data, message)
    with open("/proc/%d/status" % relay.process.pid) as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    house.note("peak resident size %d MB" % (peak // 1024))
    check(peak < 200 * 1024, "resident size reached %d MB for one message of 20 MB" % (peak // 1024))


@case("delivery.smtplib", seconds=60)
def library(house):
    """Python's smtplib: plain, STARTTLS with AUTH, implicit TLS with AUTH, many recipients, UTF-8 addresses"""
    relay, sink = house.pair()
    trusted = ssl.create_default_context(cafile=str(relay.folder / "relay.crt"))
    trusted.check_hostname = False

    def send(server, subject, recipients=("someone@dest.example",), **more):
        server.sendmail("info@shop.example", recipients, mail(subject), **more)
    with smtplib.SMTP("127.0.0.1", relay.port, source_address=(SHOP, 0)) as server:
        send(server, "plain")
        send(server, "many", ["r%d@dest.example" % i for i in range(100)])
        server.ehlo()
        check(not server.has_extn("auth"), "AUTH is offered in the clear")
    with smtplib.SMTP("127.0.0.1", relay.port, source_address=(NOBODY, 0)) as server:
        server.starttls(context=trusted)
        server.login("info@shop.example", "secret")
        send(server, "starttls")
    with smtplib.SMTP_SSL("127.0.0.1", relay.tls_port, source_address=(NOBODY, 0), context=trusted) as server:
        server.login("info@shop.example", "secret")
        send(server, "implicit")
    with smtplib.SMTP("127.0.0.1", relay.port, source_address=(SHOP, 0)) as server:
        server.sendmail("info@shop.example", ["grün@dest.example"], mail("utf8"), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    for subject in ("plain", "many", "starttls", "implicit", "utf8"):
        wait("mail %r at the upstream" % subject, lambda s=subject: sink.find(b"Subject: " + s.encode()))
    equal(len(sink.find(b"Subject: many")[0].recipients), 100, "recipients of one message")


@case("delivery.identity", seconds=60)
def identity(house):
    """who may send, on whose account: own network, login, XCLIENT, a peer's header; nobody else, by no path"""
    relay, sink = house.pair(mode="enforce")

    def refused(client, *lines):
        """At the latest with the end of data."""
        for line in lines:
            if client.say(line)[0] // 100 == 5:
                return
        client.say("DATA")
        reply = client.say(mail("open relay") + b".\r\n")
        check(reply[0] // 100 == 5, "somebody unknown was served: %r" % (reply,))

    paths = ("MAIL FROM:<info@shop.example>", "RCPT TO:<someone@dest.example>")
    with relay.client(NOBODY) as client:
        check(client.say("XCLIENT LOGIN=info@shop.example ADDR=127.0.0.1")[0] // 100 == 5, "XCLIENT from nobody was taken")
        refused(client, *paths)
    with relay.client(NOBODY) as client:
        refused(client, "MAIL FROM:<info@shop.example> AUTH=info@shop.example", paths[1])
    for detour in ("<@relay.example.test:someone@dest.example>", "<someone%dest.example@relay.example.test>"):
        with relay.client(NOBODY) as client:
            refused(client, paths[0], "RCPT TO:" + detour)
    with relay.client(XCLIENT_PEER) as client:
        refused(client, *paths)
    with relay.client(XCLIENT_PEER) as client:
        client.say("XCLIENT LOGIN=nobody@nowhere.example ADDR=192.0.2.1", 220)
        client.say("EHLO web1.example", 250)
        refused(client, *paths)
    equal(sink.messages, [], "mail of somebody unknown")

    rows = [(SHOP, None, b"", "shop"), (NEIGHBOUR, None, b"", "neighbour"), (XCLIENT_PEER, "shop/web1", b"", "shop"),
            (HEADER_PEER, None, b"X-AuthUser: info@shop.example\r\nX-AuthUser: forged@neighbour.example\r\n", "shop")]
    for n, (source, login, fields, _) in enumerate(rows):
        with relay.client(source) as client:
            if login:
                client.say("XCLIENT LOGIN=%s ADDR=192.0.2.1" % login, 220)
                client.say("EHLO web1.example", 250)
            sender = "info@neighbour.example" if source == NEIGHBOUR else "info@shop.example"
            client.message(fields + mail("identity %d" % n, sender=sender), sender=sender)
    for n, row in enumerate(rows):
        wait("mail of %s" % (row,), lambda n=n: sink.find(b"Subject: identity %d\r\n" % n))
    check(not sink.find(b"X-AuthUser: info@shop.example"), "the peer's identity field was passed on")
    for _, _, _, customer in rows:
        wait("a log line of customer " + customer, lambda c=customer: "customer=%s " % c in relay.log.read_text().replace('"', ""), 5)


@case("delivery.ipv6", seconds=30)
def ipv6(house):
    """an IPv6 listener serves a customer of an IPv6 network"""
    sink = house.sink()
    port = free_port("::1")
    relay = house.relay(sink, start=False, bottom='\n[[listener]]\naddress = "[::1]:%d"\n' % port)
    relay.customers([{**CUSTOMERS[0], "networks": ["::1/128", "127.0.0.1/32"]}])
    relay.start()
    with Client("::1", port) as client:
        client.message(mail("six"))
    sink.wait(1)


@case("delivery.proxy", seconds=30)
def proxy(house):
    """the PROXY protocol counts from the balancer only: a stranger's line makes nobody a customer"""
    balancer, port = "127.0.0.5", free_port()
    relay, sink = house.pair(bottom='\n[[listener]]\naddress = "127.0.0.1:%d"\nproxy = true\nproxy_from = ["%s/32"]\n' % (port, balancer))
    said = b"PROXY TCP4 %s 127.0.0.1 40000 25\r\n"

    def served(source, claimed):
        try:
            with socket.create_connection(("127.0.0.1", port), 10, (source, 0)) as s:
                s.sendall(said % claimed.encode())
                stream = s.makefile("rb")
                if not stream.readline().startswith(b"220"):
                    return False
                s.sendall(b"EHLO x\r\nMAIL FROM:<info@shop.example>\r\nRCPT TO:<a@dest.example>\r\nDATA\r\n")
                for line in stream:
                    if line.startswith(b"354"):
                        s.sendall(mail("by proxy") + b".\r\n")
                        return stream.readline().startswith(b"250")
                    if line[:1] in b"45":
                        return False
        except OSError:
            pass
        return False
    check(served(balancer, SHOP), "the balancer's client was not served")
    sink.wait(1)
    for source, claimed in ((NOBODY, SHOP), (NOBODY, XCLIENT_PEER), (SHOP, NEIGHBOUR), (balancer, NOBODY)):
        check(not served(source, claimed), "%s was served as %s" % (source, claimed))
    equal(len(sink.messages), 1, "messages at the upstream")


@case("delivery.starttls-injection", seconds=30)
def injection(house):
    """what was sent in the clear behind STARTTLS is thrown away"""
    relay, sink = house.pair()
    client = relay.client(NOBODY)
    client.send(b"STARTTLS\r\nNOOP\r\nNOOP\r\n")
    equal(client.reply()[0], 220, "reply to STARTTLS")
    client.socket = no_verify().wrap_socket(client.socket, server_hostname="relay.example.test")
    client.stream = client.socket.makefile("rb")
    client.socket.settimeout(1)
    try:
        early = client.socket.recv(100)
    except (TimeoutError, ssl.SSLError):
        early = b""
    equal(early, b"", "answer to plaintext that came before TLS")
    client.close()
