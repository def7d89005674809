"""How Python's threads share the interpreter while a kernel trains."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS = 20e-6  # less than passes between two matrix products of a small network


@contextmanager
def others_served() -> Iterator[None]:
    """Let a kernel's other threads have the interpreter soon, which makes training faster too.

    A matrix product releases the interpreter's lock for a few microseconds. That wakes a thread
    which waits for the lock (to send a picture, to answer the page), but by then the product is
    done and the lock taken again. The waiting thread asks for it firmly only after a whole switch
    interval without being woken, which with Python's 5 ms hardly ever passes: it waits for long,
    and each release costs a system call meanwhile.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
