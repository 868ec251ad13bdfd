"""`postern replay` and `postern score`: no socket, no clock, the same bytes each time."""
import json
import subprocess

from house import CUSTOMERS, POSTERN, case, check, equal, mail


def postern(*words, input=None):
    return subprocess.run([POSTERN, *words], capture_output=True, timeout=60, input=input)


def trace(lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


def client(**more):
    return {"ip": "127.0.0.1", "helo": "shop.example", "auth": None, "cert": None, "tls": False, "xclient": None, **more}


@case("offline.replay", seconds=60)
def replay(house):
    """decisions for a small trace: one a message, in order, the same bytes twice; a bad trace is refused with its line"""
    f = house.folder
    (f / "customers.jsonl").write_text(trace(CUSTOMERS))
    (f / "postern.toml").write_text('mode = "enforce"\n[customers]\ndirectory = "customers.jsonl"\n[[peer]]\nnetworks = ["127.0.0.2/32"]\nidentity = "xclient"\n')
    raw = mail("hello").decode().replace("\r\n", "\n")
    events = [{"type": "trace", "version": 1, "name": "small", "about": "", "starts": "2026-11-02T00:00:00+01:00"}]
    who = [client(), client(ip="127.0.0.2", xclient={"addr": "192.0.2.1", "name": "w", "login": "shop/web1"}), client(ip="192.0.2.77")]
    for n, c in enumerate(who):
        events.append({"type": "message", "at": n, "id": "m%06d" % n, "client": c, "mail_from": "info@shop.example", "rcpt_to": ["a@dest.example"], "raw": raw})
    events.append({"type": "end", "at": 10})
    (f / "trace.jsonl").write_text(trace(events))
    outputs = []
    for _ in range(2):
        done = postern("replay", "--config", f / "postern.toml", "--trace", f / "trace.jsonl", "--decisions", "-")
        equal(done.returncode, 0, "exit code (%r)" % done.stderr[-400:])
        outputs.append(done.stdout)
    equal(outputs[0], outputs[1], "second replay")
    rows = [json.loads(line) for line in outputs[0].splitlines()]
    equal([row.get("id") for row in rows[:3]], ["m000000", "m000001", "m000002"], "ids")
    equal([(row["customer"], row["final"]) for row in rows[:3]], [("shop", "forwarded"), ("shop", "forwarded"), (None, "refused")], "customers and ends")
    equal([row["origin"] for row in rows[:2]], ["ip:127.0.0.1", "login:shop/web1"], "origins")
    equal((rows[3]["type"], rows[3]["messages"]), ("summary", 3), "summary")
    events[2]["type"] = "mesage"
    (f / "trace.jsonl").write_text(trace(events))
    done = postern("replay", "--config", f / "postern.toml", "--trace", f / "trace.jsonl", "--decisions", "-")
    check(done.returncode != 0 and b"trace.jsonl" in done.stderr and b"3" in done.stderr, "a bad trace: %d %r" % (done.returncode, done.stderr))


@case("offline.score", seconds=30)
def score(house):
    """content alone: a message (CR LF or LF), an mbox, a folder, paths on standard input; spam above ham"""
    f = house.folder
    ham = mail("Your order 4711", body=b"Dear Anna,\r\n\r\nthank you for your order. It was sent today.\r\n")
    spam = mail("URGENT: your account", sender="security@paypa1.example", body=b"Dear customer,\r\nyour PayPal account is limited. Confirm within 24 hours at\r\n"
                b"http://192.0.2.1/paypal/login.php\r\nor it will be closed. You have also won 1,000,000 USD.\r\n")
    (f / "ham.eml").write_bytes(ham)
    (f / "spam.eml").write_bytes(spam.replace(b"\r\n", b"\n"))
    folder = f / "folder"
    folder.mkdir()
    for n in range(3):
        (folder / ("%d.eml" % n)).write_bytes(ham)
    (f / "two.mbox").write_bytes(b"".join(b"From a Tue Nov 24 10:00:00 2026\n" + m.replace(b"\r\n", b"\n") + b"\n" for m in (ham, spam)))

    def rows(*words, input=None):
        done = postern("score", *words, input=input)
        equal(done.returncode, 0, "exit code (%r)" % done.stderr[-400:])
        return [json.loads(line) for line in done.stdout.splitlines()]
    one, two = rows(f / "ham.eml", f / "spam.eml")
    check({"path", "message", "points", "probability", "rules"} <= set(one), "keys: %s" % sorted(one))
    check(two["probability"] > one["probability"], "spam %s is not above ham %s" % (two, one))
    equal(len(rows(folder)), 3, "rows of a folder")
    boxed = rows(f / "two.mbox")
    equal([row["message"] for row in boxed], [0, 1], "indexes in an mbox")
    equal([row["points"] for row in boxed], [one["points"], two["points"]], "points in an mbox")
    equal([row["path"] for row in rows("-", input=b"%s\n%s\n" % (bytes(f / "ham.eml"), bytes(f / "spam.eml")))], [str(f / "ham.eml"), str(f / "spam.eml")], "paths")
    check(postern("score", f / "nothing.eml").returncode != 0, "a missing file is no error")
