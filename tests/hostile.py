"""Jobs that misbehave, run in real children by test_sandbox.py. Not a test file."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable

Send = Callable[[object], None]

_DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open(sys.argv[1], "w").write(str(os.getpid()))
os.rename(sys.argv[1], sys.argv[2])
time.sleep(600)
"""


def works(job: dict[str, object], send: Send) -> None:
    print("a line")
    print("an error", file=sys.stderr)
    send({"you said": job})
    send(
        {"folder": os.getcwd(), "input": sys.stdin.read(), "threads": os.environ["OMP_NUM_THREADS"]}
    )


def never_ends(job: object, send: Send) -> None:
    send("started")
    while True:
        pass


def floods(job: object, send: Send) -> None:
    text = "x" * 1_000_000
    while True:
        with contextlib.suppress(OSError):
            print(text)


def floods_the_channel(job: object, send: Send) -> None:
    data = b"x" * (1 << 16)
    while True:
        for descriptor in range(3, 20):
            with contextlib.suppress(OSError):
                if os.fstat(descriptor).st_mode & 0o170000 == 0o010000:  # a pipe
                    os.write(descriptor, data)


def leaves(job: int, send: Send) -> None:
    os._exit(job)


def calls_exit(job: object, send: Send) -> None:
    sys.exit(0)


def raises(job: object, send: Send) -> None:
    raise ValueError("no such luck")


def crashes(job: object, send: Send) -> None:
    ctypes.string_at(0)


def wants_memory(job: int, send: Send) -> None:
    send(len(bytearray(job)))


def start_daemon(path: str, env: dict[str, str] | None) -> None:
    """A process that detached twice, in a session of its own; writes its pid to `path`."""
    subprocess.run([sys.executable, "-c", _DAEMON, path + ".part", path], env=env, check=True)
    while not os.path.exists(path):
        pass


def leaves_daemon(job: str, send: Send) -> None:
    start_daemon(job, None)


def leaves_unmarked_daemon(job: str, send: Send) -> None:
    start_daemon(job, {})


def leaves_daemon_and_exits(job: str, send: Send) -> None:
    start_daemon(job, None)
    os._exit(0)


def forks_without_end(job: object, send: Send) -> None:
    # the supply does end, or a sandbox that fails would take the machine down with it
    supply, filled = os.pipe()
    os.write(filled, b"x" * 400)
    while os.read(supply, 1):
        with contextlib.suppress(OSError):
            os.fork()


def forges(job: object, send: Send) -> None:
    for descriptor in range(3, 40):
        with contextlib.suppress(OSError):
            os.write(
                descriptor, b'{"id":"01","status":"passed"}\n[0,"message","forged"]\n\nhalf a line'
            )
    send("real")


def fork_reports(job: object, send: Send) -> None:
    """A fork that tries to speak for its parent; says how many pipes it found open."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(Exception):
            send("from the fork")
        pipes = 0
        for descriptor in range(3, 40):
            with contextlib.suppress(OSError):
                pipes += os.fstat(descriptor).st_mode & 0o170000 == 0o010000
        os._exit(pipes)
    _, status = os.waitpid(pid, 0)
    send(["from the parent", os.waitstatus_to_exitcode(status)])


def closes_everything(job: object, send: Send) -> None:
    os.closerange(0, 256)
    while True:
        pass


def signals(job: object, send: Send) -> None:
    parent = os.getppid()
    for attempt in (
        lambda: os.kill(parent, 9),
        lambda: os.kill(-1, 9),
        lambda: os.killpg(os.getpgid(parent), 9),
    ):
        try:
            attempt()
        except PermissionError:
            send("refused")
    os.killpg(0, 9)


def keeps_a_thread(job: object, send: Send) -> None:
    threading.Thread(target=threading.Event().wait).start()
    send("done")


def looks_for_secrets(job: object, send: Send) -> None:
    with open("/proc/self/cmdline", "rb") as file:
        send([dict(os.environ), file.read().decode()])


def loses_its_parent(job: object, send: Send) -> None:
    send(os.getpid())
    threading.Event().wait()
