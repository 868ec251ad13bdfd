"""The documents' commands, as they stand, against the shipped config."""
import os
import re
import shlex
import shutil
import subprocess

from house import POSTERN, ROOT, case, check, free_port, mail, wait


def commands(document):
    """Lines that begin with `$ ` in blocks marked `console`."""
    blocks = re.findall(r"(?s)^```console\n(.*?)^```", (ROOT / document).read_text(), re.M)
    found = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    check(found, "no commands in " + document)
    return found


@case("walk.documents", seconds=90)
def documents(house):
    """every command of getting-started.md and cli.md works on the shipped config"""
    sink = house.sink()
    port = free_port()
    folder = house.folder / "config"
    shutil.copytree(ROOT / "config", folder)
    config = folder / "postern.toml"
    text = config.read_text()
    for shipped, ours in (("127.0.0.1:2525", port), ("127.0.0.1:1025", sink.port)):
        check('"%s"' % shipped in text, "the shipped config has no %s" % shipped)
        text = text.replace('"%s"' % shipped, '"127.0.0.1:%d"' % ours)
    config.write_text(text)
    relay = house.relay(sink, start=False)
    relay.config, relay.port = config, port
    (folder / "data").mkdir(exist_ok=True)
    relay.start()
    # The first ones wait for the upstream, what is over the limits of a new sender is held: something of both to look at.
    sink.down()
    with relay.client() as client:
        for n in range(60):
            client.message(mail("to a stranger", body=b"Hello stranger %d\r\n" % n), recipients=["stranger%d@dest.example" % n])
    wait("something held", lambda: relay.rows("quarantine", "list"))
    wait("something queued", lambda: relay.rows("queue", "list"))

    environment = {**os.environ, "PATH": os.path.dirname(POSTERN) + ":" + os.environ["PATH"], "SUDO_USER": "walker"}
    for document in ("docs/getting-started.md", "docs/cli.md"):
        for command in commands(document):
            verb = "queue" if " queue " in command else "quarantine"
            if " ID" in command:
                command = command.replace(" ID", " " + relay.rows(verb, "list")[-1]["id"])
            command = command.replace(" --config config/postern.toml", "") + " --config " + shlex.quote(str(config))
            done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=20, env=environment)
            check(done.returncode == 0, "%s: %s: exit code %d: %s" % (document, command, done.returncode, done.stderr[-400:] or done.stdout[-400:]))
            check(done.stdout.strip() or "--json" in command, "%s: %s prints nothing" % (document, command))
    sink.up()
    wait("released and queued messages at the upstream", lambda: len(sink.messages) >= 2, 30)
    audit = relay.rows("audit", "list")
    check([row for row in audit if row["reason"] == "order mail, checked" and "walker" in row["by"]], "no audit record of the release: %s" % audit[:3])
