"""Where outputs go: display handles of a notebook, or plain printing without one."""

from __future__ import annotations

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


class Printer:
    """Text only, once: for a terminal, or a script."""

    live = False

    def put(self, slot: str, bundle: Bundle, metadata: dict[str, Any] | None = None) -> None:
        print(bundle["text/plain"])


def this_screen() -> Screen:
    """A notebook's handles inside a kernel, printing elsewhere."""
    from IPython.core.getipython import get_ipython

    return Notebook() if hasattr(get_ipython(), "kernel") else Printer()
