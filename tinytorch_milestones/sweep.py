"""Find and end the processes that belong to a sandboxed child, however they detached."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import psutil

# the environment variable that every descendant of a child carries
MARK = "TINYTORCH_CHILD"


def descendants(pid: int) -> set[int]:
    """Children of `pid`, their children, and so on."""
    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.Error:
        return set()


def session_members(pid: int) -> set[int]:
    """Other processes in the session that `pid` leads."""
    if not hasattr(os, "getsid"):
        return set()
    found = set()
    for other in psutil.pids():
        with contextlib.suppress(OSError):
            if other != pid and os.getsid(other) == pid:
                found.add(other)
    return found


def session_size(pid: int) -> int:
    """How many processes the session of `pid` has; on Windows, it and its descendants."""
    if hasattr(os, "getsid"):
        return 1 + len(session_members(pid))
    return 1 + len(descendants(pid))


def marked(mark: str) -> set[int]:
    """Living processes whose environment carries `mark`."""
    if sys.platform.startswith("linux"):
        return _marked_linux(f"{MARK}={mark}".encode())
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
    return found


def _marked_linux(wanted: bytes) -> set[int]:
    # a zombie's environment reads as empty, so this is about the living
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    found.add(int(name))
    return found


def living(pids: set[int]) -> set[int]:
    """Those that still run. A zombie has ended and waits only to be counted by its parent."""
    found = set()
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.add(pid)
    return found


def end_all(pids: list[int], *, group: bool = False) -> None:
    """Kill these processes; with `group`, the process groups they lead."""
    for pid in pids:
        with contextlib.suppress(OSError):
            if group and hasattr(os, "killpg"):
                # in one step for the whole group, so that a fork bomb cannot outrun it
                os.killpg(pid, signal.SIGKILL)
            elif os.name == "posix":
                os.kill(pid, signal.SIGKILL)
            else:
                with contextlib.suppress(psutil.Error):
                    psutil.Process(pid).kill()
