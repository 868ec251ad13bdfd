"""Judging while it runs: a compromised script is stopped, the shop beside it goes on selling."""
import threading
import time

from house import XCLIENT_PEER, case, check, equal, mail

ORDER = b"X-PHP-Originating-Script: 1000:/home/shop/htdocs/checkout.php\r\n"
SHELL = b"X-PHP-Originating-Script: 1000:/home/shop/htdocs/wp-content/uploads/x.php\r\n"
SPAM = b"Dear friend, your parcel is waiting. Pay the fee of 1.99 at http://parcel-fee.click/pay?id=%d within 24 hours.\r\n"
HARMLESS = b"Hello,\r\n\r\nas promised the minutes of our meeting number %d.\r\n\r\nKind regards\r\n"


def node(relay):
    """A web node that names the site by XCLIENT."""
    client = relay.client(XCLIENT_PEER)
    client.say("XCLIENT LOGIN=shop/web1 ADDR=192.0.2.10 NAME=web1.example", 220)
    client.say("EHLO web1.example", 250)
    return client


@case("streams.webshell", seconds=150, alone=True)
def webshell(house):
    """50 messages a second from one script: at most 20 escape, every order mail of the other script passes, one cause"""
    burst(house, SPAM, 1500)


@case("streams.harmless-text", seconds=100, alone=True)
def harmless(house):
    """the same with a text that no rule minds: speed and strangers are enough"""
    burst(house, HARMLESS, 700)


@case("streams.invented-names", seconds=120, alone=True)
def invented(house):
    """a webshell that claims another script name with each message: at most 20 escape, one cause

    The other script is as new to the relay as the invented ones: its mail may wait too."""
    burst(house, HARMLESS, 700, shell=lambda n: b"X-PHP-Originating-Script: 1000:/home/shop/htdocs/s%d.php\r\n" % n)


def burst(house, text, count, shell=None):
    relay, sink = house.pair(mode="enforce")
    delays, over = [], threading.Event()

    def orders():
        with node(relay) as client:
            n = 0
            while not over.is_set():
                n += 1
                sent = time.time()
                client.message(ORDER + mail("Order %d" % n, body=b"Thank you for order %d, it will be sent on Thursday.\r\n" % n),
                               recipients=["buyer%d@dest.example" % n])
                delays.append((n, sent))
                over.wait(6)        # five times as often as a shop of this size sells: a harder case
    seller = threading.Thread(target=orders, daemon=True)
    seller.start()
    time.sleep(7)
    sent, codes, begun = 0, {}, time.monotonic()
    with node(relay) as client:
        while sent < count:
            sent += 1
            message = (shell(sent) if shell else SHELL) + mail("Your parcel %d" % sent, body=text % sent, sender="service@shop.example")
            code, _ = 0, None
            for line in ("MAIL FROM:<service@shop.example>", "RCPT TO:<victim%d@dest.example>" % sent):
                code = client.say(line)[0]
                if code != 250:
                    break
            if code == 250:
                code = client.data(message, expect=None)[0]
            else:
                client.say("RSET")
            codes[code] = codes.get(code, 0) + 1
            time.sleep(max(0.0, begun + sent / 50 - time.monotonic()))
    over.set()
    seller.join(20)
    escaped = len(sink.find(b"Subject: Your parcel"))
    house.note("%d of %d escaped; answers %s; %d order mails" % (escaped, sent, codes, len(delays)))
    check(escaped <= 20, "%d messages of the webshell escaped" % escaped)
    check(not any(400 <= code < 500 for code in codes), "a script was deferred: %s" % codes)
    for n, when in delays if shell is None else []:
        arrived = sink.find(b"Subject: Order %d\r\n" % n)
        check(arrived, "order mail %d did not arrive" % n)
        check(arrived[0].at - when < 5, "order mail %d took %.1f s" % (n, arrived[0].at - when))
    rows = relay.rows("quarantine", "list")
    check(rows, "nothing in quarantine list")
    if shell is None:
        equal({row["origin"] for row in rows}, {"script:/home/shop/htdocs/wp-content/uploads/x.php"}, "origins in quarantine list")
    equal({row["customer"] for row in rows}, {"shop"}, "customers in quarantine list")
    check(all(row["rules"] for row in rows), "a row without a reason")
    causes = {row["case"] for row in rows if row.get("case")}
    check(len(causes) <= 1, "more than one cause: %s" % causes)
