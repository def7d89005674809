"""The child's side of `sandbox.py`: import the entry, wait for one job, limit ourselves, run it.

Standard input brings a header (entry, limits, key) and later the job; standard output is the
private channel back. Both are moved away before any of the student's code runs: what it prints
goes to a file, what it reads is empty.
"""

from __future__ import annotations

import hmac
import importlib
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

LARGEST_MESSAGE = 8 << 20
# what student code may write to files beyond the captured output before the system stops it
FILE_ALLOWANCE = 32 << 20


class Header(msgspec.Struct):
    """First line on standard input."""

    entry: str  # "package.module:function"
    key: str  # proves that a message is ours
    seconds: float | None
    memory: int
    output: int
    processes: int


class Job(msgspec.Struct):
    """Second line on standard input."""

    cwd: str
    job: Any


def seal(key: bytes, sequence: int, kind: str, message: object) -> bytes:
    """One line of the channel: a signature, a space, JSON."""
    body = msgspec.json.encode([sequence, kind, message])
    return hmac.digest(key, body, "sha256").hex().encode() + b" " + body


def unseal(key: bytes, line: bytes) -> tuple[int, str, object] | None:
    """Sequence, kind and message of a line, None when it is not one of ours."""
    signature, _, body = line.partition(b" ")
    expected = hmac.digest(key, body, "sha256").hex().encode()
    if not hmac.compare_digest(signature, expected):
        return None
    sequence, kind, message = msgspec.json.decode(body)
    return sequence, kind, message


class Receiver:
    """The parent's end of the channel: finds the child's messages among whatever else arrives.

    A message counts once and in order, so writing back what was read from the pipe adds nothing.
    `noise` counts the bytes that were not ours.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._expected = 0
        self._rest = b""
        self.noise = 0

    def feed(self, data: bytes) -> list[tuple[str, object]]:
        """The messages, kind and content, that `data` completes."""
        found: list[tuple[str, object]] = []
        self._rest += data
        if b"\n" in data:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                opened = unseal(self._key, line) if line else None
                if opened is not None and opened[0] == self._expected:
                    self._expected += 1
                    found.append(opened[1:])
                else:
                    self.noise += len(line)
        if len(self._rest) > LARGEST_MESSAGE:
            self.noise += len(self._rest)
            self._rest = b""
        return found


def main() -> None:
    """Entry point of a child process."""
    # standard output was the channel; from here on printing goes where errors go, to the file
    channel = os.dup(1)
    os.set_inheritable(channel, False)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        # a child that is killed must not take its last words with it
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    source = sys.stdin.buffer
    header = msgspec.json.decode(source.readline(), type=Header)
    send = _sender(channel, header.key.encode())
    module, _, function = header.entry.partition(":")
    run: Callable[[Any, Callable[[object], None]], None]
    run = getattr(importlib.import_module(module), function)
    line = source.readline()
    if not line:  # the parent is gone, or needs this spare no longer
        os._exit(0)
    job = msgspec.json.decode(line, type=Job)
    _watch_parent(os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(job.cwd)
    _limit(header)
    _keep_signals_home()
    send("end", _run(run, job.job, lambda message: send("message", message)))
    # the parent looks for processes we leave behind while we are still their ancestor,
    # and then ends us: no exit handler, no thread of the student's delays that
    threading.Event().wait()


def _run(
    run: Callable[[Any, Callable[[object], None]], None],
    job: object,
    send: Callable[[object], None],
) -> str:
    try:
        run(job, send)
    except MemoryError:
        traceback.print_exc()
        reason = "memory"
    except (SystemExit, KeyboardInterrupt):
        reason = "exited"
    except BaseException:
        traceback.print_exc()
        reason = "crashed"
    else:
        reason = "finished"
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    return reason


def _sender(channel: int, key: bytes) -> Callable[[str, object], None]:
    lock = threading.Lock()
    sequence = 0

    def send(kind: str, message: object) -> None:
        nonlocal sequence
        with lock:
            line = seal(key, sequence, kind, message)
            if len(line) > LARGEST_MESSAGE:
                raise ValueError(f"a message of {len(line)} bytes is too large to send")
            sequence += 1
            # begins with a line end, so that stray bytes on the channel spoil only themselves
            data = memoryview(b"\n" + line + b"\n")
            while data:
                data = data[os.write(channel, data) :]

    def forget() -> None:
        # a fork of the student's has no business on the channel
        nonlocal key
        key = os.urandom(32)
        try:
            os.close(channel)
        except OSError:
            pass

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
    return send


def _watch_parent(lifeline: int) -> None:
    """End this process and its group when the parent is gone."""
    os.set_inheritable(lifeline, False)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _close(lifeline))

    def wait() -> None:
        try:
            while os.read(lifeline, 1024):
                pass
        except OSError:
            # the student's code closed it; the limits on time remain
            return
        if hasattr(os, "killpg"):
            import signal

            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass


def _limit(header: Header) -> None:
    """Set what the operating system can limit by itself. Best effort: the parent watches too."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, header.output + FILE_ALLOWANCE),
    ]
    if header.memory:
        wanted.append((resource.RLIMIT_AS, header.memory))
    if header.seconds is not None:
        # a backstop: all threads together, should the parent be gone
        wanted.append((resource.RLIMIT_CPU, 10 + int(header.seconds * (os.cpu_count() or 1))))
    if os.getuid() != 0 and hasattr(resource, "RLIMIT_NPROC"):
        # the system counts every thread of the user, not only ours
        wanted.append((resource.RLIMIT_NPROC, _threads_of_user() + header.processes))
    for kind, amount in wanted:
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            amount = min(amount, hard)
        try:
            resource.setrlimit(kind, (amount, amount))
        except (OSError, ValueError):  # macOS refuses some
            pass
    _adopt_orphans()


def _threads_of_user() -> int:
    import psutil

    user = os.getuid()
    count = 0
    for process in psutil.process_iter(["uids", "num_threads"]):
        uids = process.info["uids"]
        if uids is not None and uids.real == user:
            count += process.info["num_threads"] or 1
    return count


def _adopt_orphans() -> None:
    """Linux: whoever detaches from a parent below us becomes our child, so it can be found."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    try:
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    except (OSError, AttributeError):
        pass


def _keep_signals_home() -> None:
    """Refuse signals to processes that are not below us.

    `os.kill(-1, 9)` or a wrong pid would otherwise end the user's server or session. Code that
    means to can get around this (through ctypes, or a program it starts).
    """
    if not hasattr(os, "getpgid"):
        return
    own = os.getpid()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.kill":
            target = arguments[0]
            if target not in (own, os.getpid(), 0) and not _is_below(target, own):
                raise PermissionError(f"this code may not send signals to process {target}")
        elif event == "os.killpg":
            group = arguments[0]
            if group not in (own, os.getpid(), 0) and not _is_descendant(group, own):
                raise PermissionError(f"this code may not send signals to group {group}")

    sys.addaudithook(hook)


def _is_below(pid: int, own: int) -> bool:
    try:
        if pid > 0 and (os.getpgid(pid) == own or os.getsid(pid) == own):
            return True
    except OSError:
        return True  # no such process: let the system say so
    return _is_descendant(pid, own)


def _is_descendant(pid: int, own: int) -> bool:
    """Whether `own` started the process, or a process that did: a sandbox within this one, say."""
    import psutil

    try:
        return pid > 0 and own in {parent.pid for parent in psutil.Process(pid).parents()}
    except psutil.Error:
        return False
