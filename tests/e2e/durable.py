"""A 250 is kept: kill, restart, full disk, failing sync, an upstream that fails."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from house import NEIGHBOUR, SHOP, Fail, Skip, case, check, equal, mail, need, need_root, original, wait


class Load:
    """Clients that send without pause and remember which message got its 250."""

    def __init__(self, relay, clients=8):
        self.relay, self.acknowledged, self.answers, self.n = relay, {}, {}, 0
        self.lock, self.over = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self, i):
        while not self.over.is_set():
            try:
                with self.relay.client(timeout=20) as client:
                    for _ in range(20):
                        if self.over.is_set():
                            return
                        with self.lock:
                            self.n += 1
                            mark = "load-%d-%d" % (i, self.n)
                        recipients = ["%s-%d@dest.example" % (mark, r) for r in range(1 + self.n % 3)]
                        code, _ = client.message(mail(mark), recipients=recipients, expect=None)
                        with self.lock:
                            self.answers[code] = self.answers.get(code, 0) + 1
                            if code == 250:
                                self.acknowledged[mark] = recipients
            except (OSError, Fail, ValueError):
                time.sleep(0.02)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)


def conservation(house, load, sink, seconds):
    """Every recipient of every acknowledged message is at the upstream at least once; duplicates are counted and printed."""
    wanted = {r for recipients in load.acknowledged.values() for r in recipients}

    def missing():
        return wanted - {r for m in list(sink.messages) for r in m.recipients}
    try:
        wait("every acknowledged recipient at the upstream", lambda: not missing(), seconds)
    except Fail as fail:
        raise Fail("%s: %d of %d lost, such as %s" % (fail, len(missing()), len(wanted), sorted(missing())[:3]))
    arrived = [r for m in list(sink.messages) for r in m.recipients]
    double = sum(1 for r in wanted if arrived.count(r) > 1) if len(arrived) < 20_000 else len([r for r in arrived if r in wanted]) - len(wanted)
    house.note("%d messages acknowledged, %d recipients, 0 lost, %d duplicates; answers %s" % (len(load.acknowledged), len(wanted), double, load.answers))
    return double, len(wanted)


@case("durable.kill", seconds=240, alone=True)
def kill(house):
    """kill -9 ten times under load: what got a 250 arrives, duplicates are counted"""
    sink = house.sink()
    relay = house.relay(sink, handoff="queue")
    load = Load(relay)
    for n in range(10):
        time.sleep(0.8)
        if n == 4:
            sink.down()      # some rounds with a growing queue
        if n == 7:
            sink.up()
        relay.kill()
        relay.start()
    time.sleep(0.5)
    load.stop()
    check(len(load.acknowledged) > 100, "hardly any load: %d acknowledged" % len(load.acknowledged))
    double, all_ = conservation(house, load, sink, 60)
    check(double <= max(20, all_ // 20), "%d of %d recipients came twice" % (double, all_))
    wait("an empty queue", lambda: relay.status()["queued"] == 0, 30)


@case("durable.kill-in-session", seconds=180, alone=True)
def kill_in_session(house):
    """the same with handoff in session and an upstream that is slow at times"""
    sink = house.sink()
    relay = house.relay(sink, handoff="session")
    load = Load(relay)
    for n in range(6):
        sink.delay = (0.0, 0.3)[n % 2]
        time.sleep(1.0)
        relay.kill()
        relay.start()
    load.stop()
    sink.delay = 0.0
    conservation(house, load, sink, 60)


@case("durable.stop", seconds=60)
def orderly(house):
    """SIGTERM under load: exit code 0, nothing lost, nothing twice"""
    sink = house.sink()
    relay = house.relay(sink, handoff="queue")
    load = Load(relay, clients=4)
    time.sleep(2)
    equal(relay.stop(), 0, "exit code after SIGTERM")
    load.stop()
    relay.start()
    double, _ = conservation(house, load, sink, 30)
    equal(double, 0, "duplicates after an orderly stop")


@case("durable.upstream-down", seconds=60)
def upstream_down(house):
    """the upstream is away: 250 from the queue, delivered when it is back; kept over a kill"""
    relay, sink = house.pair()
    sink.down()
    message = mail("later")
    with relay.client() as client:
        client.message(message)
    rows = wait("a row in queue list", lambda: relay.rows("queue", "list"))
    for key in ("id", "customer", "origin", "lane", "state", "received_at", "mail_from", "recipients", "rules", "campaign"):
        check(key in rows[0], "queue list has no %s: %s" % (key, rows[0]))
    relay.kill()
    relay.start()
    equal(relay.status()["queued"], 1, "queued after a kill")
    sink.up()
    original(sink.wait(1, 30)[0].data, message)
    wait("an empty queue", lambda: relay.rows("queue", "list") == [])
    equal(relay.status()["queued"], 0, "queued at the end")


@case("durable.upstream-slow", seconds=60)
def upstream_slow(house):
    """the upstream answers after the budget: 250 from the queue, sent once all the same"""
    relay, sink = house.pair()
    sink.delay = 9.0
    begun = time.monotonic()
    with relay.client() as client:
        client.message(mail("slow"))
    took = time.monotonic() - begun
    check(took < 8.5, "the client waited %.1f s" % took)
    sink.wait(1, 30)
    wait("an empty queue", lambda: relay.status()["queued"] == 0)
    equal(len(sink.messages), 1, "messages at the upstream")


@case("durable.refused-upstream", seconds=60)
def refused_upstream(house):
    """the upstream's own 5xx and text reach the client in session; one recipient's 5xx becomes a bounce"""
    relay, sink = house.pair()
    sink.answer = lambda stage, text: "550 5.1.1 no such user here 4711" if stage == "RCPT" and "ghost" in text else None
    with relay.client() as client:
        client.envelope("info@shop.example", "ghost@dest.example")
        code, lines = client.data(mail("to nobody"), expect=None)
        check(code == 550 and "4711" in lines[0], "the upstream's answer did not come through: %s" % lines)
        client.message(mail("to one of two"), recipients=["ghost@dest.example", "someone@dest.example"])
    sink.wait(1)
    bounce = wait("a bounce", lambda: [m for m in sink.messages if m.mail_from == ""], 20)[0]
    equal(bounce.recipients, ["info@shop.example"], "recipient of the bounce")
    for part in (b"multipart/report", b"message/delivery-status", b"ghost@dest.example", b"5.1.1"):
        check(part in bounce.data, "the bounce lacks %r" % part)


def small_disk(house, name="disk", megabytes=96):
    """A file system of its own: what fills it fills nothing else."""
    need_root()
    mkfs, mount, umount = need("mkfs.ext4", "mount", "umount")
    image, folder = house.folder / (name + ".img"), house.folder / name
    folder.mkdir()
    with open(image, "wb") as f:
        f.truncate(megabytes << 20)
    subprocess.run([mkfs, "-q", "-F", "-m", "0", image], check=True)
    done = subprocess.run([mount, "-o", "loop", image, folder], capture_output=True, text=True)
    if done.returncode:
        raise Skip("no loop mounts here: " + done.stderr.strip())
    house.ends(subprocess.run, [umount, "-l", folder])
    return folder


def fill(folder):
    """Takes all the room that is left; gives back the file to delete."""
    path = folder / "filler"
    with open(path, "wb", buffering=0) as f:
        try:
            for size in (1 << 20, 4096):
                while True:
                    f.write(b"\0" * size)
        except OSError:
            pass
    return path


@case("durable.disk-full", seconds=120)
def disk_full(house):
    """a full disk: 452, never a false 250; mail in session goes on; normal again when there is room"""
    disk = small_disk(house)
    (disk / "data").mkdir()
    sink = house.sink()
    relay = house.relay(sink, data=str(disk / "data"))
    filler = fill(disk)
    with relay.client() as client:
        client.message(mail("in session on a full disk"))
        sink.wait(1)
        sink.down()
        codes, got = {}, []
        for n in range(40):
            client.envelope("info@shop.example", "full-%d@dest.example" % n)
            code, lines = client.data(mail("full %d" % n, body=b"x" * 60_000 + b"\r\n"), expect=None)
            codes[code] = codes.get(code, 0) + 1
            if code == 250:
                got.append("full-%d@dest.example" % n)
        check(set(codes) <= {250, 452, 451}, "answers on a full disk: %s" % codes)
        check(codes.get(452) or codes.get(451), "40 messages of 60 kB fitted on a full disk: %s" % codes)
        house.note("answers on a full disk: %s" % codes)
        filler.unlink()

        def served():
            client.envelope("info@shop.example", "room@dest.example")
            return client.data(mail("room again"), expect=None)[0] == 250
        wait("250 once there is room", served, 5)
    sink.up()
    wait("what got its 250, at the upstream", lambda: set(got) <= {r for m in sink.messages for r in m.recipients}, 30)


@case("durable.sync-fails", seconds=90)
def sync_fails(house):
    """a sync that fails (EIO, injected): 452, never a false 250"""
    strace, = need("strace")
    relay, sink = house.pair(handoff="queue")
    with relay.client() as client:
        client.message(mail("before"))
        sink.wait(1)
        tracer = subprocess.Popen([strace, "-f", "-qq", "-o", "/dev/null", "-p", str(relay.process.pid), "-e", "trace=fsync,fdatasync,sync_file_range",
                                   "-e", "inject=fsync,fdatasync:error=EIO"], stderr=subprocess.PIPE, text=True, start_new_session=True)
        house.ends(tracer.kill)

        def attached():
            if tracer.poll() is not None:
                raise Skip("strace may not attach here: " + tracer.stderr.read().strip()[:200])
            tasks = pathlib.Path("/proc/%d/task" % relay.process.pid).iterdir()
            return all(re.search(r"TracerPid:\s+[1-9]", (t / "status").read_text()) for t in tasks)
        wait("strace on all threads", attached)
        codes = []
        for n in range(3):
            client.envelope("info@shop.example", "eio-%d@dest.example" % n)
            codes.append(client.data(mail("eio %d" % n), expect=None)[0])
        check(set(codes) <= {452, 451}, "answers while every sync fails: %s" % codes)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)

        def served():
            client.envelope("info@shop.example", "after@dest.example")
            return client.data(mail("after"), expect=None)[0] == 250
        wait("250 once syncs work", served, 10)
    wait("the message after it, at the upstream", lambda: [m for m in sink.messages if "after@dest.example" in m.recipients])


@case("durable.reload", seconds=60)
def reload(house):
    """SIGHUP: new limits count, open sessions stay, a broken file changes nothing"""
    relay, sink = house.pair()
    with relay.client() as client:
        good = relay.config.read_text()
        relay.write(good.replace("recipients_per_message = 1000", "recipients_per_message = 100"))
        os.kill(relay.process.pid, signal.SIGHUP)

        def limit():
            with relay.client() as other:
                other.say("MAIL FROM:<info@shop.example>", 250)
                return [other.say("RCPT TO:<r%d@dest.example>" % i)[0] for i in range(101)][-1] == 452
        wait("the new limit", limit, 10)
        client.message(mail("the session from before"))
        relay.write(good.replace("[limits]", "[limts]"))
        os.kill(relay.process.pid, signal.SIGHUP)
        wait("a log line about the broken file", lambda: "limts" in relay.log.read_text(), 10)
        check(limit(), "a broken file changed the limits")
    sink.wait(1)


@case("durable.suspension", seconds=60)
def suspension(house):
    """what a person was told is done stays done over kill -9: suspend, resume"""
    relay, sink = house.pair(mode="enforce")

    def code(source):
        with relay.client(source) as client:
            sender = "info@%s.example" % ("shop" if source == SHOP else "neighbour")
            reply = client.say("MAIL FROM:<%s>" % sender)
            if reply[0] == 250:
                client.say("RCPT TO:<someone@dest.example>", 250)
                reply = client.data(mail("am I suspended", sender=sender), expect=None)
            return reply[0]

    def restart():
        relay.kill()
        relay.start()
    relay.run("suspend", "shop", "--reason", "ticket 1")
    restart()
    equal(code(SHOP), 550, "a suspended customer after kill -9")
    equal(code(NEIGHBOUR), 250, "another customer")
    relay.run("resume", "shop", "--reason", "ticket 1 is done")
    restart()
    equal(code(SHOP), 250, "a resumed customer after kill -9")
    relay.run("suspend", "shop", "--origin", "ip:127.0.0.1", "--reason", "ticket 2")
    restart()
    equal(code(SHOP), 550, "a suspended address after kill -9")
