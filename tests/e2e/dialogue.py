"""Limits, order and end of data: the right answer, and the dialogue stays in step."""
import time

from house import case, check, equal, mail, original

HEAD = b"From: info@shop.example\r\nTo: someone@dest.example\r\nSubject: limits\r\n\r\n"


def in_step(client, sink):
    """The next message on the same connection goes through, and it is the right one."""
    before = len(sink.messages)
    message = mail("in step %d" % before)
    client.say("RSET", 250)
    client.message(message)
    original(sink.wait(before + 1)[-1].data, message)


@case("dialogue.limits", seconds=90)
def limits(house):
    """over a limit: the right 4xx or 5xx, and the next message is served on the same connection"""
    relay, sink = house.pair()
    with relay.client() as client:
        equal(client.say("MAIL FROM:<info@shop.example> SIZE=99999999")[0], 552, "SIZE over the limit")
        in_step(client, sink)

        client.envelope("info@shop.example", "someone@dest.example")
        line = b"z" * 998 + b"\r\n"
        reply = client.data(HEAD + line * 32_000, expect=None)
        equal(reply[0], 552, "32 MB of data")
        in_step(client, sink)

        code = client.say(b"NOOP " + b"a" * 70_000 + b"\r\n")[0]
        check(code in (500, 501), "command line of 70,000 octets: %d" % code)
        in_step(client, sink)

        client.say("MAIL FROM:<info@shop.example>", 250)
        codes = {client.say("RCPT TO:<r%d@dest.example>" % i)[0] for i in range(1000)}
        equal(codes, {250}, "1,000 recipients")
        equal(client.say("RCPT TO:<onemore@dest.example>")[0], 452, "recipient 1,001")
        before = len(sink.messages)
        client.data(mail("to a thousand"))
        equal(len(sink.wait(before + 1)[-1].recipients), 1000, "recipients that arrived")
        in_step(client, sink)


@case("dialogue.order", seconds=30)
def order(house):
    """commands out of order and nonsense get 5xx, and harm nothing"""
    relay, sink = house.pair()
    with relay.client(hello=False) as client:
        for line in ("MAIL FROM:<info@shop.example>", "RCPT TO:<a@b.example>", "DATA"):
            equal(client.say(line)[0], 503, "%s before EHLO" % line)
        client.say("EHLO client.example", 250)
        for line, codes in (("RCPT TO:<a@b.example>", {503}), ("DATA", {503, 554}), ("FROB", {500, 502}), ("", {500, 502}), ("MAIL FROM:info", {501, 553}),
                            ("MAIL FROM:<a@b@c>", {501, 553}), ("MAIL FROM:<a@b.example> FROB=1", {555, 501}), ("VRFY someone", {252, 502, 550}),
                            ("MAIL", {501, 500}), ("EXPN all", {502, 550, 252})):
            code = client.say(line)[0]
            check(code in codes, "%r: %d" % (line, code))
        client.say("MAIL FROM:<info@shop.example>", 250)
        equal(client.say("MAIL FROM:<info@shop.example>")[0], 503, "nested MAIL")
        equal(client.say("RCPT TO:<bad address@dest.example>")[0] // 100, 5, "a blank in an address")
        in_step(client, sink)
        client.say("HELO client.example", 250)
        in_step(client, sink)


@case("dialogue.pipelining", seconds=30)
def pipelining(house):
    """a whole session in one write gets each reply once, in order"""
    relay, sink = house.pair()
    message = mail("pipelined")
    with relay.client() as client:
        group = b"MAIL FROM:<info@shop.example>\r\nRCPT TO:<a@dest.example>\r\nRCPT TO:<bad\r\nRCPT TO:<b@dest.example>\r\nDATA\r\n"
        client.send(group)
        equal([client.reply()[0] for _ in range(5)], [250, 250, 501, 250, 354], "replies to the group")
        client.send(message + b".\r\nNOOP\r\n")
        equal([client.reply()[0] for _ in range(2)], [250, 250], "replies to the end of data and NOOP")
    arrived = sink.wait(1)[0]
    equal(arrived.recipients, ["a@dest.example", "b@dest.example"], "recipients")
    original(arrived.data, message)


# Every way seen so far to end a message in one server's eyes and not in another's.
ENDS = [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\n\n.\n\n", b"\r\r\n.\r\r\n", b"\n.\r\r\n",
        b"\r\n.\r\r\n", b"\r\n.\n\r\n", b"\r\n. \r\n", b"\x00\r\n.\x00\r\n", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"x" * 998 + b"\n.\r\n",
        b"x" * 5000 + b"\n.\r\n", b"x" * 70_000 + b"\r\n.\n"]


@case("dialogue.smuggling", seconds=120)
def smuggling(house):
    """no variant of the end of data makes two messages of one"""
    relay, sink = house.pair()
    inner = b"MAIL FROM:<ceo@shop.example>\r\nRCPT TO:<victim@dest.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nsmuggled\r\n"
    for end in ENDS:
        before = len(sink.messages)
        with relay.client() as client:
            client.envelope("info@shop.example", "someone@dest.example", parameters="BODY=8BITMIME")
            client.say("DATA", 354)
            client.send(b"Subject: outer\r\n\r\nouter" + end + inner + b"\r\n.\r\n")
            code, text = client.reply()
            client.send(b"NOOP in-step\r\n")
            equal(client.reply()[0], 250, "%.40r: reply to NOOP after the message (the message: %s)" % (end, text))
        wanted = 1 if code == 250 else 0
        check(code == 250 or code // 100 == 5, "%.40r: %s" % (end, text))
        if b"\n" in end.replace(b"\r\n", b"") or b"\r" in end.replace(b"\r\n", b""):
            equal(code // 100, 5, "%.40r holds a bare CR or LF: class of the reply" % end)
        if wanted:
            sink.wait(before + 1)
        time.sleep(0.05)
        arrived = sink.messages[before:]
        equal(len(arrived), wanted, "%.40r: messages at the upstream" % end)
        check(all(m.mail_from == "info@shop.example" for m in arrived), "%.40r: a forged envelope went upstream" % end)


@case("dialogue.split", seconds=60)
def split(house):
    """the same octets in single writes of one: same answers, same message"""
    relay, sink = house.pair()
    message = HEAD + b".dot\r\n..\r\nend\r\n"
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    script = b"MAIL FROM:<info@shop.example>\r\nRCPT TO:<a@dest.example>\r\nDATA\r\n" + stuffed + b".\r\nNOOP\r\n"
    with relay.client() as client:
        for i in range(len(script)):
            client.send(script[i:i + 1])
        equal([client.reply()[0] for _ in range(5)], [250, 250, 354, 250, 250], "replies")
    original(sink.wait(1)[0].data, message)
