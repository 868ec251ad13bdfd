#!/usr/bin/env python3
"""End to end: the built binary with real peers on loopback.

    run.py [NAME...]     cases whose name begins with one of these; none: all but `demo`
    run.py --list

Each case is a process of its own with a time limit; what it started ends with it. One line a case, `PASS`, `FAIL` or `SKIP`
with the reason, then `N passed, N failed, N skipped`. The folder of a failed case is kept.
"""
import concurrent.futures
import os
import signal
import subprocess
import sys
import time
import traceback

import house
import clients, delivery, demo, dialogue, durable, errors, offline, peers, scram, streams, walk  # noqa: F401 (each registers its cases)


def one(name):
    """Runs a case in this process; the exit code is 0, 1, or 77 for a skip."""
    found = next(c for c in house.CASES if c.name == name)
    home, keep = house.House(), True
    try:
        found.run(home)
        keep = False
        return 0
    except house.Skip as skip:
        keep = False
        print("      " + str(skip))
        return 77
    except house.Fail as fail:
        print("      " + str(fail))
        return 1
    except Exception:  # a case must not end the run
        print("      " + traceback.format_exc().replace("\n", "\n      "))
        return 1
    finally:
        home.close(keep)
        if keep:
            print("      kept: %s" % home.folder, flush=True)


def child(case):
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, __file__, "--one", case.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        text, code = process.communicate(timeout=case.seconds)[0], process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text, code = process.communicate()[0] + "      not finished within %d s\n" % case.seconds, 1
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    word = {0: "PASS", 77: "SKIP"}.get(code, "FAIL")
    print("%s  %-34s %5.1f s  %s\n%s" % (word, case.name, time.monotonic() - begun, case.about, text or ""), end="", flush=True)
    return word


def main():
    words = sys.argv[1:]
    if words[:1] == ["--one"]:
        return one(words[1])
    if words[:1] == ["--list"]:
        for c in house.CASES:
            print("%-34s %s" % (c.name, c.about))
        return 0
    chosen = [c for c in house.CASES if any(c.name.startswith(w) for w in words) or (not words and not c.name.startswith("demo"))]
    if not chosen or not os.access(house.POSTERN, os.X_OK):
        print("no such case, or no binary at %s (POSTERN)" % house.POSTERN)
        return 1
    # Most cases wait more than they work; three at a time keep two cores busy.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        done = list(pool.map(child, [c for c in chosen if not c.alone]))
    done += [child(c) for c in chosen if c.alone]
    print("%d passed, %d failed, %d skipped" % tuple(done.count(word) for word in ("PASS", "FAIL", "SKIP")))
    return int("FAIL" in done)


if __name__ == "__main__":
    sys.exit(main())
