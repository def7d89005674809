"""The parent's side of one sandboxed child: start it, listen to it, stop it, clean up."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO, Literal

import msgspec

from tinytorch_milestones import speed
from tinytorch_milestones.sandbox_child import Header, Job, Receiver
from tinytorch_milestones.sweep import (
    MARK,
    descendants,
    end_all,
    living,
    marked,
    session_members,
    session_size,
)

Reason = Literal["finished", "timeout", "memory", "exited", "killed", "crashed"]

# how often the parent looks at the clock, the output's size and the number of processes
_TICK = 0.05
# bytes on the channel that are not ours, until the child is stopped
_NOISE = 16 << 20
# how often to look again for processes that are ending, 5 ms apart
_SWEEPS = 200
_THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Limits(msgspec.Struct, frozen=True):
    """What a child may use."""

    seconds: float | None = 60.0  # wall time of the job, None for no limit
    memory: int = 4 << 30  # bytes of address space
    output: int = 1 << 20  # bytes it may print
    processes: int = 64  # processes alive at one time


class Ending(msgspec.Struct, kw_only=True):
    """How a child ended, and what it printed."""

    reason: Reason
    returncode: int | None
    output: str
    truncated: bool  # it printed more than allowed and was stopped
    seconds: float
    orphans: int  # processes it left behind, ended by us
    detail: str = ""  # why it was stopped, in a line for a student


class Child:
    """One child process, waiting for its one job."""

    def __init__(self, entry: str, limits: Limits, env: dict[str, str] | None) -> None:
        self.entry = entry
        self.limits = limits
        self.env = env
        self.born = time.monotonic()
        self.on_end: Callable[[Child], None] | None = None
        self._key = secrets.token_hex(32).encode()
        self._mark = secrets.token_hex(16)
        self._ending: Ending | None = None
        self._stop = threading.Event()
        self._closed = threading.Event()
        self._noisy = False
        self._started: float | None = None
        self._inbox: queue.Queue[tuple[str, object] | None] = queue.Queue(maxsize=1000)
        self._output = tempfile.TemporaryFile(prefix="tinytorch-")  # noqa: SIM115
        self._process = _start(self._output, self._mark, env)
        header = Header(
            entry=entry,
            key=self._key.decode(),
            seconds=limits.seconds,
            memory=limits.memory,
            output=limits.output,
            processes=limits.processes,
        )
        self._tell(header)
        threading.Thread(target=self._read, name="sandbox", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ending(self) -> Ending:
        """How it ended. Only known once `run` is exhausted or closed, or after `kill`."""
        if self._ending is None:
            raise RuntimeError("this child has not ended yet")
        return self._ending

    @property
    def alive(self) -> bool:
        """Whether it still waits for its job."""
        return self._ending is None and self._process.poll() is None

    def run(self, job: object, cwd: Path) -> Generator[object, None, None]:
        """Give the child its job and yield each message it sends, until it ends or is stopped.

        `job` and the messages are JSON. Closing the generator ends the child and its descendants.
        """
        if self._ending is not None or self._started is not None:
            raise RuntimeError("a child runs one job; take another")
        reason: Reason = "killed"
        detail = ""
        self._started = time.monotonic()
        self._tell(Job(cwd=str(cwd), job=job))
        try:
            while True:
                stopped = self._why_stop()
                if stopped is not None:
                    reason, detail = stopped
                    return
                try:
                    item = self._inbox.get(timeout=_TICK)
                except queue.Empty:
                    continue
                if item is None:
                    reason, detail = self._after_silence()
                    return
                kind, message = item
                if kind == "end":
                    reason = message  # type: ignore[assignment]
                    return
                yield message
        finally:
            self._finish(reason, detail)

    def kill(self) -> None:
        """End the child now, whatever it is doing. A running `run` ends with reason "killed"."""
        self._stop.set()
        if self._started is None:  # no job yet: nobody else will clean up
            self._finish("killed", "")
        else:
            end_all([self._process.pid], group=True)

    def _tell(self, what: Header | Job) -> None:
        assert self._process.stdin is not None
        # a child that is already gone shows as end of file on the channel
        with contextlib.suppress(OSError):
            self._process.stdin.write(msgspec.json.encode(what) + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        """Thread: sort what comes through the channel into messages and noise."""
        assert self._process.stdout is not None
        stream = self._process.stdout
        receiver = Receiver(self._key)
        with contextlib.suppress(OSError, ValueError):
            while data := stream.read1(1 << 16):  # type: ignore[attr-defined]
                for message in receiver.feed(data):
                    self._put(message)
                if receiver.noise > _NOISE:
                    self._noisy = True
                    break
        self._put(None)
        if not self._noisy:
            stream.close()

    def _seconds(self) -> float:
        return time.monotonic() - (self._started or self.born)

    def _put(self, item: tuple[str, object] | None) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._inbox.put(item, timeout=0.2)
                return

    def _why_stop(self) -> tuple[Reason, str] | None:
        if self._stop.is_set():
            return "killed", "It was stopped."
        limit = self.limits.seconds
        if limit is not None and self._seconds() > limit:
            return "timeout", f"It was stopped after {limit:g} s: is there a loop that never ends?"
        if os.fstat(self._output.fileno()).st_size > self.limits.output:
            return "killed", (
                f"It was stopped after printing more than {_size(self.limits.output)}: "
                "remove the print."
            )
        if self._noisy:
            return "killed", "It was stopped because it wrote where it should not."
        if session_size(self._process.pid) > self.limits.processes:
            return "killed", (
                f"It was stopped because it started more than {self.limits.processes} processes."
            )
        return None

    def _after_silence(self) -> tuple[Reason, str]:
        """The channel was closed without the last message: what happened to the child?"""
        if self._noisy:
            return "killed", "It was stopped because it wrote where it should not."
        code = _exit_code(self._process)
        if code is None:
            return "killed", "It closed the channel that results come through."
        if os.fstat(self._output.fileno()).st_size > self.limits.output:
            return "killed", "It ended after printing more than anyone can read."
        if code >= 0:
            return "exited", "The program ended itself: is there a call of exit()?"
        if code == -getattr(signal, "SIGXCPU", 0):
            return "timeout", "It was stopped because it used too much processor time."
        if code == -getattr(signal, "SIGKILL", 0):
            return "killed", "Something else ended it, perhaps because memory ran out."
        return "crashed", f"Python itself crashed (signal {-code})."

    def _finish(self, reason: Reason, detail: str) -> None:
        if self._ending is not None:
            return
        seconds = self._seconds()
        orphans = _stop_tree(self._process, self._mark)
        self._closed.set()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        text, truncated = self._printed()
        self._ending = Ending(
            reason=reason,
            returncode=0 if reason == "finished" else self._process.returncode,
            output=text,
            truncated=truncated,
            seconds=seconds,
            orphans=orphans,
            detail=detail,
        )
        if self.on_end is not None:
            self.on_end(self)

    def _printed(self) -> tuple[str, bool]:
        with self._output as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            text = file.read(self.limits.output).decode("utf-8", "replace")
        if size <= self.limits.output:
            return text, False
        return f"{text}\n[cut here: more than {_size(self.limits.output)} was printed]\n", True


def _size(count: int) -> str:
    return f"{count / (1 << 20):g} MB" if count >= 1 << 20 else f"{count / 1024:g} KB"


def _start(output: IO[bytes], mark: str, env: dict[str, str] | None) -> subprocess.Popen[bytes]:
    home = str(Path(__file__).resolve().parent.parent)
    # -P: the current folder must not decide what is imported. Our own package is found even in a
    # checkout that was never installed, but after everything else
    code = (
        "import sys\n"
        f"if {home!r} not in sys.path: sys.path.append({home!r})\n"
        "from tinytorch_milestones.sandbox_child import main\n"
        "main()"
    )
    environment = {**dict.fromkeys(_THREADS, "1"), **speed.inherited(), **(env or {}), MARK: mark}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=output,
        env=environment,
        start_new_session=os.name == "posix",
    )


def _exit_code(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code of a process that is ending; None when it goes on."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(timeout=1.0)
    return None


def _stop_tree(process: subprocess.Popen[bytes], mark: str) -> int:
    """End the child and everything it started. Returns how many others were alive."""
    # while it lives, it is the ancestor even of those who cleared their environment
    left = descendants(process.pid) | session_members(process.pid)
    end_all([process.pid], group=True)
    end_all(sorted(left))
    process.wait()
    # a daemon may be starting another one while we look: look until there is nobody
    for _ in range(_SWEEPS):
        found = marked(mark) - {process.pid}
        end_all(sorted(found))
        left |= found
        if not found and not living(left):
            break
        time.sleep(0.005)
    return len(left)
