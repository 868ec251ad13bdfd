"""Programs that send mail, each by every way there is: no login from the own network, STARTTLS, TLS from the first octet, and with a
login. What they say when they are refused must tell a person why."""
import collections
import json
import os
import pathlib
import re
import smtplib
import ssl
import subprocess

from house import CONFIG, NOBODY, ROOT, SHOP, Client, Skip, case, check, equal, mail, need, need_root, original, wait
from peers import postfix_beside

# What tests/e2e/clients/fetch has laid down.
FETCHED = pathlib.Path(os.environ.get("CLIENTS", ROOT / "target/clients"))
SCRIPTS = pathlib.Path(__file__).parent / "clients"

Way = collections.namedtuple("Way", "name tls source password protocol")
WAYS = [
    Way("plain", "off", SHOP, None, "ESMTP"),
    Way("starttls", "starttls", SHOP, None, "ESMTPS"),
    Way("implicit", "implicit", SHOP, None, "ESMTPS"),
    Way("login", "starttls", NOBODY, "secret", "ESMTPSA"),
    Way("login-implicit", "implicit", NOBODY, "secret", "ESMTPSA"),
]
PLAIN, STARTTLS = WAYS[:2]
WRONG = Way("wrong", "starttls", NOBODY, "not-secret", None)
STRANGER = Way("stranger", "starttls", NOBODY, None, None)
LOGIN = "info@shop.example"

# Dots, 8 bit, blanks at the end of lines, a long line, empty lines.
BODY = ("Grüße, 世界 🐘\r\n.\r\n..\r\n.dot\r\n a.\r\n\r\n.\r\n\r\ntwo  blanks  \r\ntab\t\r\nFrom here\r\n" + "x" * 900 + "\r\n\r\nend.\r\n").encode()
LIMIT = 200_000
LARGE = (b"y" * 70 + b"\r\n") * (LIMIT // 72 + 1)
NO_MAILBOX = "550 5.1.1 There is no mailbox of this name"


class Job:
    """One message of one client; `message` is what shall arrive, `file` holds it."""

    def __init__(self, house, relay, way, recipient, body=BODY):
        self.relay, self.way, self.recipient = relay, way, recipient
        self.port = relay.tls_port if way.tls == "implicit" else relay.port
        self.authority = str(relay.folder / "relay.crt")
        self.message = mail("by " + way.name, body=body, to=recipient)
        self.file = house.folder / "message"
        self.file.write_bytes(self.message)

    def json(self, library):
        return json.dumps({"library": str(library), "port": self.port, "tls": self.way.tls, "source": self.way.source, "login": LOGIN, "password": self.way.password,
                           "authority": self.authority, "sender": LOGIN, "recipients": [self.recipient], "message": str(self.file)})


def pair(house):
    """A relay with a small size limit before an upstream that has no mailbox `unknown`."""
    sink = house.sink()
    sink.answer = lambda stage, text: NO_MAILBOX if stage == "RCPT" and "<unknown@" in text else None
    relay = house.relay(sink, start=False)
    relay.write(CONFIG.format(**relay.values).replace("31457280", str(LIMIT)))
    return relay.start(), sink


def exact(job, arrived):
    original(arrived, job.message)


def delivers(relay, sink, send, house, same=exact):
    """By every way: octet for octet, to the right recipient, and the Received field says which way."""
    for way in WAYS:
        job = Job(house, relay, way, "someone@%s.example" % way.name)
        ok, said = send(job)
        check(ok, "%s: %s" % (way.name, said))
        arrived = wait("the message by %s" % way.name, lambda j=job: [m for m in list(sink.messages) if j.recipient in m.recipients])[0]
        equal(arrived.recipients, [job.recipient], "recipients by " + way.name)
        same(job, arrived.data)
        found = re.match(rb"Received: from \S+ \(\[([\d.]+)\]\)\r\n\tby relay\.example\.test with (\w+) id ", arrived.data)
        check(found, "the Received field: %r" % arrived.data[:200])
        equal(found.groups(), (way.source.encode(), way.protocol.encode()), "address and protocol in Received by " + way.name)


def tells(relay, sink, send, house, size="552 5.3.4"):
    """A refusal reaches the person, with the words of the relay; `size` is a regular expression for a client with words of its own."""
    before = len(sink.messages)
    rows = [("a refused recipient", PLAIN, "unknown@refused.example", BODY, NO_MAILBOX), ("too large a message", STARTTLS, "someone@large.example", LARGE, size),
            ("a wrong password", WRONG, "someone@wrong.example", BODY, "535 5.7.8"), ("no login", STRANGER, "someone@stranger.example", BODY, "530 5.7.0 Authentication required")]
    for what, way, recipient, body, text in rows:
        ok, said = send(Job(house, relay, way, recipient, body))
        check(not ok, what + " was taken: " + said)
        check(re.search(text, said), "%s: the client says nothing of %r: %s" % (what, text, said[-600:]))
    equal([m.recipients for m in sink.messages[before:] if m.recipients and m.mail_from], [], "mail that was refused")


def bounces(sink, *texts):
    """The sender of each refused message is told; lines may be folded anywhere."""
    for text in texts:
        wait("a bounce with %r" % text, lambda t=text.encode(): [m for m in list(sink.messages) if not m.mail_from and t in b" ".join(m.data.split())])


def run(words, input=None):
    done = subprocess.run([str(word) for word in words], input=input, capture_output=True, timeout=30)
    return done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")


@case("clients.smtplib", seconds=60)
def library(house):
    """Python's smtplib by every way, and what it says when it is refused"""
    relay, sink = pair(house)

    def send(job):
        way, context = job.way, ssl.create_default_context(cafile=job.authority)
        kind = (lambda **more: smtplib.SMTP_SSL(context=context, **more)) if way.tls == "implicit" else smtplib.SMTP
        try:
            with kind(host="127.0.0.1", port=job.port, source_address=(way.source, 0), timeout=20) as server:
                if way.tls == "starttls":
                    server.starttls(context=context)
                if way.password:
                    server.login(LOGIN, way.password)
                server.sendmail(LOGIN, [job.recipient], job.message, mail_options=["BODY=8BITMIME"])
        except smtplib.SMTPException as error:
            # An exception prints the code and the text as a tuple.
            return False, "%s: %s" % (type(error).__name__, str(error).replace(", b'", " "))
        return True, ""
    delivers(relay, sink, send, house)
    tells(relay, sink, send, house)


@case("clients.swaks", seconds=60)
def swaks(house):
    """swaks by every way, and what it says when it is refused"""
    program, = need("swaks")
    relay, sink = pair(house)

    def send(job):
        way = job.way
        words = [program, "--server", "127.0.0.1", "--port", job.port, "--local-interface", way.source, "--from", LOGIN, "--to", job.recipient, "--suppress-data",
                 "--data", "@%s" % job.file, *{"off": [], "starttls": ["--tls"], "implicit": ["--tls-on-connect"]}[way.tls],
                 "--tls-verify", "--tls-ca-path", job.authority]
        # It puts an end of line of its own before the last dot.
        job.file.write_bytes(job.message.removesuffix(b"\r\n"))
        return run(words + (["--auth", "PLAIN", "--auth-user", LOGIN, "--auth-password", way.password] if way.password else []))
    delivers(relay, sink, send, house)
    tells(relay, sink, send, house)


@case("clients.msmtp", seconds=60)
def msmtp(house):
    """msmtp by every way, and what it says when it is refused"""
    program, = need("msmtp")
    relay, sink = pair(house)

    def send(job):
        way = job.way
        tls = {"off": [], "starttls": ["--tls=on", "--tls-starttls=on"], "implicit": ["--tls=on", "--tls-starttls=off"]}[way.tls]
        words = [program, "--file=/dev/null", "--host=127.0.0.1", "--port=%d" % job.port, "--source-ip=" + way.source, "--from=" + LOGIN, "--timeout=20", *tls,
                 *(["--tls-trust-file=" + job.authority] if tls else []),
                 *(["--auth=on", "--user=" + LOGIN, "--passwordeval=echo " + way.password] if way.password else []), job.recipient]
        return run(words, job.message)
    delivers(relay, sink, send, house)
    tells(relay, sink, send, house)


@case("clients.nodemailer", seconds=60)
def nodemailer(house):
    """Nodemailer by every way, and what it says when it is refused"""
    program, = need("node")
    library = FETCHED / "node_modules/nodemailer"
    if not library.exists():
        raise Skip("no Nodemailer (tests/e2e/clients/fetch)")
    relay, sink = pair(house)

    def send(job):
        return run([program, SCRIPTS / "nodemailer.js"], job.json(library).encode())
    delivers(relay, sink, send, house)
    tells(relay, sink, send, house)


@case("clients.phpmailer", seconds=60)
def phpmailer(house):
    """PHPMailer by every way, and what it says when it is refused"""
    program, = need("php")
    library = pathlib.Path("/usr/share/php/libphp-phpmailer/autoload.php")
    if not library.exists():
        raise Skip("no libphp-phpmailer")
    relay, sink = pair(house)

    def send(job):
        return run([program, SCRIPTS / "phpmailer.php"], job.json(library).encode())

    def same(job, arrived):
        """The header is PHPMailer's own, and so is an empty line at the end."""
        head, body = arrived.split(b"\r\n\r\n", 1)
        equal(body, job.message.split(b"\r\n\r\n", 1)[1] + b"\r\n", "body by " + job.way.name)
        check(b"\r\nSubject: by %s\r\n" % job.way.name.encode() in head and b"Encoding: 8bit" in head, "header: %r" % head)
    delivers(relay, sink, send, house, same)
    tells(relay, sink, send, house)


EXIM = """\
exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
primary_hostname = web1.shop.example
exim_user = Debian-exim
exim_group = Debian-exim
deliver_drop_privilege
disable_ipv6
keep_environment =
local_interfaces = 127.0.0.1
host_lookup =
qualify_domain = shop.example

begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = relay

begin transports
relay:
  driver = smtp
  port = {port}
  interface = {way.source}
  allow_localhost
  hosts_try_fastopen =
  tls_verify_hosts = *
  tls_verify_certificates = {authority}
  tls_verify_cert_hostnames =
{more}

begin retry
* * F,1h,1m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^{login}^{way.password}
"""


@case("clients.exim", seconds=90)
def exim(house):
    """Exim by every way; a refusal stands in its log and in the bounce to the sender"""
    need_root()
    program = FETCHED / "exim/usr/sbin/exim4"
    if not program.exists():
        raise Skip("no Exim (tests/e2e/clients/fetch)")
    relay, sink = pair(house)
    house.folder.chmod(0o755)

    def send(job):
        way, folder = job.way, house.folder / "exim" / job.way.name / job.recipient
        for name in ("spool", "log"):
            (folder / name).mkdir(parents=True)
        subprocess.run(["chown", "-R", "Debian-exim:", folder], check=True)
        more = {"off": ["hosts_avoid_tls = *"], "starttls": ["hosts_require_tls = *"], "implicit": ["protocol = smtps"]}[way.tls]
        more += ["hosts_require_auth = *"] if way.password else []
        config = folder / "exim.conf"
        config.write_text(EXIM.format(program=program, folder=folder, port=job.port, way=way, authority=job.authority, login=LOGIN, more="\n".join("  " + line for line in more)))
        # -odf: the delivery, and that of a bounce, has ended when the program ends.
        run([program, "-C", config, "-odf", "-i", "-f", LOGIN, job.recipient], job.message.replace(b"\r\n", b"\n"))
        log = (folder / "log/mainlog").read_text()
        return bool(re.search(r" => %s .*\n.* Completed" % re.escape(job.recipient), log)), log

    def same(job, arrived):
        """Exim writes a Received field of its own on top of the message."""
        check(b"\r\nReceived: from root by web1.shop.example" in arrived, "no Received field of Exim")
        exact(job, arrived)
    delivers(relay, sink, send, house, same)
    tells(relay, sink, send, house)
    bounces(sink, NO_MAILBOX, "552 5.3.4")


POSTFIX_WAY = """\
{way.name} unix - - n - - smtp
  -o {{ smtp_bind_address = {way.source} }}
  -o {{ smtp_tls_security_level = {level} }}
  -o {{ smtp_tls_wrappermode = {wrapper} }}
  -o {{ smtp_tls_CAfile = {authority} }}
  -o {{ smtp_tls_secure_cert_match = relay.example.test }}
  -o {{ smtp_sasl_auth_enable = {auth} }}
  -o {{ smtp_sasl_security_options = noanonymous }}
  -o {{ smtp_sasl_password_maps = inline:{{ {{ [127.0.0.1]:{port} = {login}:{way.password} }} }} }}
"""


@case("clients.postfix", seconds=90)
def postfix(house):
    """Postfix by every way; a refusal stands in its log and in the bounce to the sender"""
    relay, sink = pair(house)
    port, log = postfix_beside(house, relay)
    etc = house.folder / "postfix/etc"
    ways = {way.name + ".example": way for way in [*WAYS, WRONG, STRANGER]}
    routes = {**ways, "refused.example": PLAIN, "large.example": STARTTLS}

    def door(way):
        return relay.tls_port if way.tls == "implicit" else relay.port

    def service(way):
        return POSTFIX_WAY.format(way=way, port=door(way), authority=relay.folder / "relay.crt", login=LOGIN,
                                  level="none" if way.tls == "off" else "secure", wrapper="yes" if way.tls == "implicit" else "no", auth="yes" if way.password else "no")
    with open(etc / "master.cf", "a") as master:
        master.write("".join(service(way) for way in ways.values()))
    with open(etc / "main.cf", "a") as main:
        main.write("transport_maps = inline:{ %s }\n" % ", ".join("{ %s = %s:[127.0.0.1]:%d }" % (domain, way.name, door(way)) for domain, way in routes.items()))
    subprocess.run(["postfix", "-c", str(etc), "reload"], check=True, capture_output=True, timeout=20)

    def send(job):
        with Client("127.0.0.1", port) as client:
            client.message(job.message, recipients=[job.recipient], parameters="BODY=8BITMIME")
        line = wait("Postfix's log line about %s" % job.recipient, lambda: re.search(r"to=<%s>.* status=(\w+) (.*)" % re.escape(job.recipient), log.read_text()))
        return line.group(1) == "sent", line.group(0)
    delivers(relay, sink, send, house)
    # It reads the limit that we announce, and does not even try.
    tells(relay, sink, send, house, size="5.3.4.*status=bounced .*size limit %d of server" % LIMIT)
    bounces(sink, NO_MAILBOX, "size limit %d of server" % LIMIT)
