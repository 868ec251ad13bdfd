"""`postern demo`, as somebody sees it who has just cloned the repository."""
import os
import re
import signal
import subprocess
import threading
import time

from house import POSTERN, Fail, case, check, equal


@case("demo.run", seconds=120, alone=True)
def run(house):
    """ends by itself with 0, and its summary says that the burst was stopped and honest mail passed"""
    begun = time.monotonic()
    done = subprocess.run([POSTERN, "demo"], capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL, cwd=house.folder)
    check(done.returncode == 0, "exit code %d: %s" % (done.returncode, (done.stdout + done.stderr)[-800:]))
    seconds = time.monotonic() - begun
    check(25 < seconds < 60, "took %.0f s" % seconds)
    check("\x1b" not in done.stdout, "control sequences although standard output is no terminal")
    summary = done.stdout[-2500:]
    found = re.search(r"escaped\D*(\d+)", summary, re.I)
    check(found, "the summary does not say how many escaped: %s" % summary)
    check(int(found.group(1)) <= 20, "more than 20 escaped: %s" % summary)
    check("quarantine list" in summary, "no command to look at the held campaign: %s" % summary)
    house.note("escaped %s" % found.group(1))


@case("demo.keep", seconds=150, alone=True)
def keep(house):
    """--keep: the printed commands work as they stand, Ctrl-C ends it"""
    process = subprocess.Popen([POSTERN, "demo", "--keep"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, cwd=house.folder)
    house.ends(process.kill)
    lines, commands = [], []

    def read():
        for line in process.stdout:
            lines.append(line)
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    end = time.monotonic() + 90
    while not (commands and time.monotonic() > end - 60 and re.search("Ctrl-C", "".join(lines))):
        commands = [line.strip().lstrip("$ ") for line in lines if re.match(r"\s+(\$ )?\S*postern\S* (quarantine|status|queue|case)", line)]
        if time.monotonic() > end or process.poll() is not None:
            raise Fail("no commands were printed: %s" % "".join(lines)[-800:])
        time.sleep(0.2)
    environment = {**os.environ, "PATH": os.path.dirname(POSTERN) + ":" + os.environ["PATH"]}
    for command in commands:
        if "<" in command or "ID" in command.split():
            continue
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=20, env=environment, cwd=house.folder)
        equal(done.returncode, 0, "exit code of %r (%s)" % (command, done.stderr[-300:]))
        check(done.stdout.strip(), "%r prints nothing" % command)
    process.send_signal(signal.SIGINT)
    equal(process.wait(30), 0, "exit code after Ctrl-C")
