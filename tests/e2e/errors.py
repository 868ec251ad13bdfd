"""What an operator gets wrong: one clear error that names place and remedy, exit code not 0, nothing half started."""
import os
import pwd
import shutil
import socket
import subprocess

from house import POSTERN, SHARED, Skip, case, check, equal, need, need_root


def failing(relay, *words, verbs=("serve", "check"), program=POSTERN, user=None):
    """Each verb ends soon, not with 0, and says these words on standard error."""
    for verb in verbs:
        command = [program, verb, "--config", str(relay.config)]
        if user:
            command = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=15)
        check(done.returncode != 0, "%s: exit code 0" % verb)
        check(done.returncode > 0, "%s: ended by signal %d" % (verb, -done.returncode))
        check("panicked" not in done.stderr, "%s panicked: %s" % (verb, done.stderr[-400:]))
        for word in words:
            check(word in done.stderr, "%s does not name %r: %s" % (verb, word, done.stderr[-600:]))
    return done.stderr


@case("errors.config", seconds=60)
def config(house):
    """a bad config: all errors at once, with file, line and suggestion"""
    relay = house.relay(1, start=False)
    good = relay.config.read_text()
    bad = good.replace("message_bytes =", "mesage_bytes =").replace('mode = "observe"', 'mode = "observ"').replace('max_age = "2h"', 'max_age = "2 hearts"')
    relay.write(bad)
    text = failing(relay, "postern.toml", "mesage_bytes", "message_bytes", "observ", "2 hearts")
    line = bad[:bad.index("mesage_bytes")].count("\n") + 1
    check(str(line) in text, "the error does not name line %d: %s" % (line, text))
    relay.write("mode = \"observe\"\n[[listener\n")
    failing(relay, "postern.toml")
    relay.config.unlink()
    failing(relay, "postern.toml")


@case("errors.directory", seconds=60)
def directory(house):
    """a bad customer directory: file, line, what is wrong; a missing one too"""
    relay = house.relay(1, start=False)
    path = relay.folder / "customers.jsonl"
    rows = path.read_text().splitlines()
    path.write_text("\n".join(rows + ['{"id": "broken", "name": ']) + "\n")
    failing(relay, "customers.jsonl", "3")
    path.write_text("\n".join(rows + [rows[0]]) + "\n")
    failing(relay, "customers.jsonl", "shop")
    path.unlink()
    failing(relay, "customers.jsonl")


@case("errors.port", seconds=30)
def port(house):
    """a port in use: names the address"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        relay = house.relay(1, start=False, port=number)
        failing(relay, str(number), verbs=("serve",))
        with socket.socket() as s:
            check(s.connect_ex(("127.0.0.1", relay.tls_port)) != 0, "the other listener was started all the same")


@case("errors.certificate", seconds=30)
def certificate(house):
    """no certificate, no key, a broken one: names the file"""
    relay = house.relay(1, start=False)
    certificate, key = relay.folder / "relay.crt", relay.folder / "relay.key"
    good = certificate.read_bytes()
    certificate.write_text("no PEM at all\n")
    failing(relay, "relay.crt")
    certificate.unlink()
    failing(relay, "relay.crt")
    certificate.write_bytes(good)
    key.unlink()
    failing(relay, "relay.key")


@case("errors.data-dir", seconds=30)
def data_dir(house):
    """data_dir that cannot be written: names the folder"""
    need_root()
    need("setpriv")
    relay = house.relay(1, start=False)
    house.folder.chmod(0o755)
    try:
        user = str(pwd.getpwnam("nobody").pw_uid)
    except KeyError:
        raise Skip("no user nobody")
    for path in relay.folder.iterdir():
        path.chmod(0o755 if path.is_dir() else 0o644)
    relay.folder.chmod(0o755)
    # A copy where that user may read it.
    program = shutil.copy(POSTERN, house.folder / "postern")
    failing(relay, str(relay.values["data"]), program=program, user=user)


@case("errors.socket", seconds=30)
def no_relay(house):
    """a verb without a running relay: names the socket"""
    relay = house.relay(1, start=False)
    failing(relay, "admin.sock", verbs=("status",))


@case("errors.contract", seconds=30)
def contract(house):
    """the contract's config is accepted as it stands, the shipped one too"""
    relay = house.relay(1, start=False)
    template = SHARED / "contract/postern.toml.in"
    if not template.exists():
        raise Skip("no " + str(template))
    fill = {"MODE": "enforce", "DATA": relay.values["data"], "HANDOFF": "session", "PORT": relay.port, "TLS_PORT": relay.tls_port,
            "CERT": relay.folder / "relay.crt", "KEY": relay.folder / "relay.key", "CUSTOMERS": relay.folder / "customers.jsonl",
            "PASSWORDS": relay.folder / "passwords", "UPSTREAM_A": 1, "UPSTREAM_B": 2}
    text = template.read_text()
    for name, value in fill.items():
        text = text.replace("@%s@" % name, str(value))
    relay.write(text)
    relay.run("check")
    relay.start()
    equal(relay.stop(), 0, "exit code after SIGTERM")


@case("errors.usage", seconds=30)
def usage(house):
    """a mistyped verb: a usage line and exit code 2; --help and --version work"""
    for words, code in ((["qeue"], 2), (["--help"], 0), (["--version"], 0), ([], 2), (["serve", "--frob"], 2)):
        done = subprocess.run([POSTERN, *words], capture_output=True, text=True, timeout=10, env={**os.environ, "COLUMNS": "100"})
        equal(done.returncode, code, "exit code of %s" % words)
        check(done.stdout or done.stderr, "%s says nothing" % words)
