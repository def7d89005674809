"""Where outputs go: display handles of a notebook, or plain printing without one."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from tinytorch_milestones.widgets.html import Bundle


class Screen(Protocol):
    """A place with named slots that can be filled again."""

    live: bool  # whether a slot can be changed after it was filled

    def put(self, slot: str, bundle: Bundle, metadata: dict[str, Any] | None = None) -> None:
        """Fill a slot, or change what it shows."""


class Notebook:
    """Display handles: no widgets, so that what is shown stays in the saved notebook."""

    live = True

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}

    def put(self, slot: str, bundle: Bundle, metadata: dict[str, Any] | None = None) -> None:
        from IPython.display import DisplayHandle

        new: Any = DisplayHandle  # carries no types
        handle = self._handles.get(slot)
        if handle is None:
            handle = self._handles[slot] = new()
            handle.display(bundle, raw=True, metadata=metadata)
        else:
            handle.update(bundle, raw=True, metadata=metadata)
        _let_it_be_sent()


def _let_it_be_sent() -> None:
    """Wait until the kernel's own thread has sent what was published: about a millisecond.

    Training calls matrix products, which release the interpreter's lock for a few microseconds.
    A thread that waits for the lock is woken by each of them and comes too late each time, since
    it is only served after five milliseconds without a release. Left alone, the sending thread
    takes seconds to send one frame, and every step pays for waking it.
    """
    sys.stdout.flush()


class Printer:
    """Text only, once: for a terminal, or a script."""

    live = False

    def put(self, slot: str, bundle: Bundle, metadata: dict[str, Any] | None = None) -> None:
        print(bundle["text/plain"])


def this_screen() -> Screen:
    """A notebook's handles inside a kernel, printing elsewhere."""
    from IPython.core.getipython import get_ipython

    return Notebook() if hasattr(get_ipython(), "kernel") else Printer()
