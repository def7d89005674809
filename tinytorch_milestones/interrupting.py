"""An interrupt that no code in between can lose."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts_heard() -> Iterator[Callable[[], None]]:
    """Gives a function that raises `KeyboardInterrupt` if one was asked for since.

    Python raises it in whatever line happens to run. Where that is a callback (a finalizer, the
    garbage collector) or a bare `except:` of a student, it is dropped, and the run would go on for
    ever. Other threads than the main one hear no signals: there the function does nothing.
    """
    asked = False

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield check
        return

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        before(number, frame)

    signal.signal(signal.SIGINT, hear)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


__all__ = ["interrupts_heard"]
