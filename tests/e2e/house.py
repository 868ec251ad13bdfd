"""What the end-to-end cases share: the relay as a process, an upstream that records, a client, waits with an end.

Standard library only. Everything is on loopback, in a folder of the case's own, on ports that were free.
"""
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("SHARED", ROOT.parent / "shared"))
POSTERN = os.environ.get("POSTERN", str(ROOT / "target/release/postern"))

SHOP, NEIGHBOUR, XCLIENT_PEER, HEADER_PEER, NOBODY = "127.0.0.1", "127.0.0.4", "127.0.0.2", "127.0.0.3", "127.0.0.9"
PASSWORD_HASH = "$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"  # bcrypt of "secret"


class Fail(Exception):
    """What was promised did not happen."""


class Skip(Exception):
    """Cannot be run on this machine; says what is missing."""


# ------------------------------------------------------------------ cases
Case = collections.namedtuple("Case", "name run seconds alone about")
CASES = []


def case(name, seconds=60, alone=False):
    """Registers a function that takes a `House`. `alone`: its timing must not be disturbed by other cases."""
    def register(run):
        CASES.append(Case(name, run, seconds, alone, (run.__doc__ or "").strip().split("\n")[0]))
        return run
    return register


def check(condition, text):
    if not condition:
        raise Fail(text)


def equal(got, expected, what):
    if got != expected:
        raise Fail("%s: got %.300r, expected %.300r" % (what, got, expected))


def wait(what, condition, seconds=15.0):
    """Asks until the answer is true, and gives it back; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Fail("not within %d s: %s" % (seconds, what))
        time.sleep(0.05)


def need(*programs):
    """Their paths, or the case is skipped."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = [shutil.which(program, path=path) for program in programs]
    missing = [p for p, f in zip(programs, found) if not f]
    if missing:
        raise Skip("no " + ", ".join(missing))
    return found


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


# ------------------------------------------------------------------ the upstream
Received = collections.namedtuple("Received", "mail_from recipients data at session mail_line")


class Sink:
    """An upstream that keeps every octet. `answer(stage, text) -> reply line or None` scripts it; stages are the verbs and
    `END`. `delay` seconds pass before the answer to the end of data."""

    def __init__(self, port=0, extensions=("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 60000000")):
        self.messages = []
        self.extensions = extensions
        self.answer = lambda stage, text: None
        self.delay = 0.0
        self._sessions = 0
        self._lock = threading.Lock()
        self._open = set()
        self.port = port
        self._listener = None
        self.up()

    def up(self):
        if self._listener is None:
            listener = socket.create_server(("127.0.0.1", self.port), backlog=200)
            self.port = listener.getsockname()[1]
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self):
        """As if the machine were gone: no listener, no connection."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            sockets, self._open = self._open, set()
        for s in sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(s)
                self._sessions += 1
                n = self._sessions
            threading.Thread(target=self._session, args=(s, n), daemon=True).start()

    def _session(self, s, n):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = s.makefile("rwb")

        def say(line):
            stream.write(line.encode() + b"\r\n")
            stream.flush()
        try:
            say("220 sink.test ESMTP")
            sender, recipients, mail_line = None, [], ""
            while True:
                line = stream.readline()
                if not line:
                    return
                text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
                verb = text.split(" ")[0].split(":")[0].upper()
                scripted = self.answer(verb, text)
                if scripted:
                    say(scripted)
                    continue
                if verb == "EHLO":
                    lines = ["sink.test", *self.extensions]
                    for i, word in enumerate(lines):
                        say("250%s%s" % (" " if i + 1 == len(lines) else "-", word))
                elif verb == "MAIL":
                    sender, recipients, mail_line = re.search("<(.*?)>", text).group(1), [], text
                    say("250 2.1.0 ok")
                elif verb == "RCPT":
                    recipients.append(re.search("<(.*)>", text).group(1))
                    say("250 2.1.5 ok")
                elif verb == "DATA":
                    say("354 go")
                    data = self._data(stream)
                    if data is None:
                        return
                    if self.delay:
                        time.sleep(self.delay)
                    scripted = self.answer("END", text)
                    if not scripted or scripted.startswith("2"):
                        with self._lock:
                            self.messages.append(Received(sender, recipients, data, time.time(), n, mail_line))
                    say(scripted or "250 2.0.0 taken as %d" % len(self.messages))
                    sender, recipients = None, []
                elif verb == "QUIT":
                    say("221 bye")
                    return
                elif verb in ("RSET", "HELO", "NOOP"):
                    say("250 ok")
                else:
                    say("502 no")
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(s)
            with contextlib.suppress(OSError):
                s.close()

    @staticmethod
    def _data(stream):
        lines = []
        while True:
            line = stream.readline()
            if not line:
                return None
            # Strictly: only CR LF . CR LF ends.
            if line == b".\r\n" and (not lines or lines[-1].endswith(b"\r\n")):
                return b"".join(lines)
            if line.startswith(b".") and (not lines or lines[-1].endswith(b"\r\n")):
                line = line[1:]
            lines.append(line)

    def wait(self, count, seconds=15.0):
        wait("%d messages at the upstream (there are %d)" % (count, len(self.messages)), lambda: len(self.messages) >= count, seconds)
        return list(self.messages)

    def find(self, mark):
        """Messages that hold these octets."""
        with self._lock:
            messages = list(self.messages)
        return [m for m in messages if mark in m.data]


# ------------------------------------------------------------------ the relay
CONFIG = """\
mode = "{mode}"
hostname = "relay.example.test"
data_dir = "{data}"
handoff = "{handoff}"
{top}
[[listener]]
address = "127.0.0.1:{port}"

[[listener]]
address = "127.0.0.1:{tls_port}"
tls = "implicit"

[tls]
certificate = "{folder}/relay.crt"
key = "{folder}/relay.key"

[[peer]]
networks = ["127.0.0.2/32"]
identity = "xclient"

[[peer]]
networks = ["127.0.0.3/32"]
identity = "header:X-AuthUser"

[customers]
directory = "{folder}/customers.jsonl"
passwords = "{folder}/passwords"
unknown = "refuse"

[limits]
message_bytes = 31457280
recipients_per_message = 1000

[pool.main]
servers = ["127.0.0.1:{upstream}"]
tls = "off"

[queue]
retry = ["1s", "1s", "2s"]
max_age = "2h"

[admin]
socket = "{data}/admin.sock"
{bottom}"""

CUSTOMERS = [
    {"id": "shop", "name": "Shop", "reseller": None, "plan": "L", "since": "2020-01-01", "domains": ["shop.example"],
     "networks": ["127.0.0.1/32"], "logins": [{"login": "info@shop.example"}, {"login": "shop/web1"}], "certs": []},
    {"id": "neighbour", "name": "Neighbour", "reseller": None, "plan": "L", "since": "2020-01-01", "domains": ["neighbour.example"],
     "networks": ["127.0.0.4/32"], "logins": [], "certs": []},
]


class Relay:
    """`postern serve` with a config of its own. Values of `changes` replace those of `CONFIG`."""

    def __init__(self, folder, upstream, **changes):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.tls_port = free_port(), free_port()
        self.values = {"mode": "observe", "handoff": "session", "data": str(self.folder / "data"), "folder": str(self.folder), "top": "",
                       "bottom": "", "port": self.port, "tls_port": self.tls_port, "upstream": upstream, **changes}
        self.config = self.folder / "postern.toml"
        self.log = self.folder / "relay.log"
        self.process = None
        pathlib.Path(self.values["data"]).mkdir(exist_ok=True)
        if not (self.folder / "relay.key").exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                            "-keyout", self.folder / "relay.key", "-out", self.folder / "relay.crt", "-subj", "/CN=relay.example.test",
                            "-addext", "subjectAltName=DNS:relay.example.test,IP:127.0.0.1"], check=True, capture_output=True)
        self.customers(CUSTOMERS)
        (self.folder / "passwords").write_text("info@shop.example:%s\n" % PASSWORD_HASH)
        self.write()

    def write(self, text=None):
        self.config.write_text(text if text is not None else CONFIG.format(**self.values))

    def customers(self, rows):
        (self.folder / "customers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def start(self, seconds=10.0):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([POSTERN, "serve", "--config", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait("a banner (log: %s)" % self.log, self.answers, seconds)
        return self

    def answers(self):
        check(self.process.poll() is None, "serve ended with %s: %s" % (self.process.poll(), self.log.read_text()[-600:]))
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.port), 2) as s:
                s.settimeout(2)
                return s.recv(100).startswith(b"220")
        return False

    def stop(self, seconds=30.0):
        """In order; gives back the exit code."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def run(self, *words, code=0, input=None):
        """A verb of the command line on this config; gives back what it printed."""
        command = [POSTERN, *words, "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, input=input)
        if code is not None and done.returncode != code:
            raise Fail("%s: exit code %d: %s" % (" ".join(words), done.returncode, (done.stderr or done.stdout)[-600:]))
        return done.stdout

    def rows(self, *words):
        return [json.loads(line) for line in self.run(*words, "--json").splitlines() if line.strip()]

    def status(self):
        return self.rows("status")[0]

    def client(self, source=SHOP, **more):
        return Client("127.0.0.1", self.port, source, **more)


# ------------------------------------------------------------------ a client that says exactly what it is told
class Client:
    def __init__(self, host, port, source=None, timeout=30.0, tls=None, hello=True):
        self.socket = socket.create_connection((host, port), timeout, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="relay.example.test")
        self.stream = self.socket.makefile("rb")
        self.banner = self.reply()
        if hello:
            self.hello = self.say("EHLO client.example")

    def send(self, octets):
        self.socket.sendall(octets if isinstance(octets, bytes) else octets.encode() + b"\r\n")

    def reply(self):
        """`(code, lines)`."""
        lines = []
        while True:
            line = self.stream.readline()
            if not line.endswith(b"\r\n"):
                raise Fail("connection ended within a reply: %r" % (lines + [line]))
            lines.append(line.decode("latin-1").rstrip("\r\n"))
            if line[3:4] != b"-":
                return int(line[:3]), lines

    def say(self, octets, expect=None):
        self.send(octets)
        reply = self.reply()
        if expect is not None and reply[0] != expect:
            raise Fail("%.80r: %s" % (octets, reply[1]))
        return reply

    def envelope(self, sender, *recipients, parameters=""):
        self.say("MAIL FROM:<%s>%s" % (sender, parameters and " " + parameters), 250)
        for recipient in recipients:
            self.say("RCPT TO:<%s>" % recipient, 250)

    def data(self, octets, expect=250):
        """The message's octets as they shall arrive: dots are stuffed here."""
        self.say("DATA", 354)
        stuffed = octets.replace(b"\r\n.", b"\r\n..")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        reply = self.say(stuffed + b".\r\n")
        if expect is not None and reply[0] != expect:
            raise Fail("end of data: %s" % reply[1])
        return reply

    def message(self, octets, sender="info@shop.example", recipients=("someone@dest.example",), parameters="", expect=250):
        self.envelope(sender, *recipients, parameters=parameters)
        return self.data(octets, expect)

    def quit(self):
        with contextlib.suppress(OSError, Fail):
            self.say("QUIT")
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.quit() if kind is None else self.close()


def no_verify():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def mail(subject="Your order", body=b"Thank you.\r\n", sender="info@shop.example", to="someone@dest.example", extra=""):
    """A message as a shop's software writes it."""
    head = ("From: Shop <%s>\r\nTo: %s\r\nSubject: %s\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%s@shop.example>\r\n%s"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" % (sender, to, subject, time.monotonic_ns(), extra))
    return head.encode() + body


def original(arrived, sent):
    """The fields that the relay put on top; fails unless what follows them is what was sent, octet for octet."""
    if not arrived.endswith(sent):
        at = next((i for i, (a, b) in enumerate(zip(reversed(arrived), reversed(sent))) if a != b), min(len(arrived), len(sent)))
        raise Fail("not octet for octet: %d octets sent, %d arrived, they differ %d from the end: %r" % (len(sent), len(arrived), at, arrived[-at - 30:][:60]))
    top = arrived[:len(arrived) - len(sent)]
    check(not top or top.endswith(b"\r\n"), "trace fields do not end their line: %r" % top[-80:])
    for line in top.split(b"\r\n")[:-1]:
        check(re.match(rb"[ \t]|[!-9;-~]+:", line), "no header line above the message: %r" % line)
    check(b"Received: " in top, "no Received field on top")
    return top


# ------------------------------------------------------------------ a case's house
class House:
    """Folder, upstream and relay of one case; everything ends with it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-e2e-"))
        self._ends = []

    def ends(self, call, *arguments):
        self._ends.append(lambda: call(*arguments))

    def sink(self, **more):
        sink = Sink(**more)
        self.ends(sink.down)
        return sink

    def relay(self, upstream, name="relay", start=True, **changes):
        relay = Relay(self.folder / name, upstream.port if isinstance(upstream, Sink) else upstream, **changes)
        self.ends(relay.kill)
        return relay.start() if start else relay

    def pair(self, **changes):
        sink = self.sink()
        return self.relay(sink, **changes), sink

    def note(self, text):
        print("      " + text, flush=True)

    def close(self, keep):
        for end in reversed(self._ends):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                end()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
