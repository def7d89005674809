"""Run code that is not ours in a child process that cannot hang, flood or outlive us.

    child = take("tinytorch_milestones.checks.child:run", limits=Limits(seconds=30))
    for message in child.run(job, folder):
        ...
    child.ending.reason

The child has its own session, resource limits, file-backed output with a cap, and a private
channel for messages. The parent enforces the wall time, counts processes, and afterwards ends
whatever is left: the process group, descendants, and everything that carries the child's mark in
its environment.

What this is not: a wall against an attacker. The code runs with the user's rights, in the same
interpreter as the function that reports about it. Messages are signed with a key that is neither
in the environment nor in the arguments nor readable from the channel, so printing, writing to
random descriptors or replaying does not forge one; code that searches the interpreter's frames
for the sender, or patches the judge, still can. A program that detaches, clears its environment
and whose ancestors are all gone before the run ends is not found. A student owns their folder:
only a teacher's re-run is authoritative.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from pathlib import Path

import msgspec

from tinytorch_milestones.sandbox_parent import Child, Ending, Limits, Reason

__all__ = ["Child", "Ending", "Limits", "Reason", "cool", "spawn", "take", "warm"]

DEFAULT = Limits()
# a spare that nobody asked for during this long is ended
IDLE_SECONDS = 900.0

_Kind = tuple[str, Limits, tuple[tuple[str, str], ...]]


class _Spare(msgspec.Struct):
    child: Child
    stamp: int  # of our sources when it was started
    wanted: float


_lock = threading.RLock()
_spares: dict[_Kind, _Spare] = {}
_kept_warm: set[_Kind] = set()
_owner = os.getpid()


def spawn(entry: str, *, limits: Limits = DEFAULT, env: dict[str, str] | None = None) -> Child:
    """Start a child for one job of `entry`, "package.module:function".

    It imports the module at once and then waits. The job runs as `function(job, send)`.
    """
    return Child(entry, limits, env)


def take(entry: str, limits: Limits = DEFAULT, env: dict[str, str] | None = None) -> Child:
    """A waiting spare if there is one that is not stale, else a new child.

    Where spares are kept, the next one starts once this one has ended.
    """
    kind = _kind(entry, limits, env)
    with _lock:
        child = _claim(kind) or spawn(entry, limits=limits, env=env)
        if kind in _kept_warm:
            # not earlier, or the two would compete for the processor
            child.on_end = lambda _: _refill(kind)
    return child


def warm(entry: str, *, limits: Limits = DEFAULT, env: dict[str, str] | None = None) -> None:
    """Have a spare ready for `entry` from now on: one starts now, and after each that was used."""
    kind = _kind(entry, limits, env)
    with _lock:
        _kept_warm.add(kind)
        child = _claim(kind)
        is_new = child is None
        spare = _Spare(child or spawn(entry, limits=limits, env=env), _stamp(), time.monotonic())
        _spares[kind] = spare
    if is_new:
        _watch(kind, spare, IDLE_SECONDS)


def cool() -> None:
    """End all spares and start no more of them."""
    with _lock:
        _kept_warm.clear()
        spares = list(_spares.values())
        _spares.clear()
    # after a fork they belong to the process that started them
    if os.getpid() == _owner:
        for spare in spares:
            spare.child.kill()


def _kind(entry: str, limits: Limits, env: dict[str, str] | None) -> _Kind:
    return entry, limits, tuple(sorted((env or {}).items()))


def _claim(kind: _Kind) -> Child | None:
    spare = _spares.pop(kind, None)
    if spare is None or os.getpid() != _owner:
        return None
    if spare.child.alive and spare.stamp == _stamp():
        return spare.child
    spare.child.kill()
    return None


def _refill(kind: _Kind) -> None:
    with _lock:
        needed = kind in _kept_warm and kind not in _spares and os.getpid() == _owner
        if not needed:
            return
        # without a spare the next run is slower, and says itself why it cannot start
        with contextlib.suppress(OSError):
            warm(kind[0], limits=kind[1], env=dict(kind[2]))


def _watch(kind: _Kind, spare: _Spare, seconds: float) -> None:
    timer = threading.Timer(seconds, _retire, args=(kind, spare.child))
    timer.daemon = True
    timer.start()


def _retire(kind: _Kind, child: Child) -> None:
    with _lock:
        spare = _spares.get(kind)
        if spare is None or spare.child is not child:
            return
        left = spare.wanted + IDLE_SECONDS - time.monotonic()
        if left <= 0:
            del _spares[kind]
            _kept_warm.discard(kind)
    if left > 0:
        _watch(kind, spare, left)
    else:
        child.kill()


def _stamp() -> int:
    """Changes when a file of this package does: a spare with old code must not judge."""
    home = Path(__file__).parent
    newest = 0
    for folder in (home, home / "checks", home / "training", home / "catalog"):
        with contextlib.suppress(OSError), os.scandir(folder) as files:
            for file in files:
                if file.name.endswith(".py"):
                    newest = max(newest, file.stat().st_mtime_ns)
    return newest


atexit.register(cool)
