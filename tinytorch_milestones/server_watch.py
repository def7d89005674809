"""Watch folders for changes, on one thread, with whatever the system offers."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path


class FolderWatch:
    """A thread that reports changed files below some folders.

    Reports are hints. Where the system cannot watch (too many watches, a network disk), the
    server's slow poll finds the same changes later.
    """

    def __init__(self, report: Callable[[set[Path]], None], log: logging.Logger) -> None:
        self._report = report  # called on this object's thread
        self._log = log
        self._folders: dict[Path, int] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, folders: Iterable[Path]) -> bool:
        """Watch these folders, as far as they exist. True when that changed anything.

        Call it again now and then: a folder that was deleted and made anew is another one.
        """
        wanted = {}
        for folder in folders:
            try:
                wanted[folder] = os.stat(folder).st_ino
            except OSError:
                continue
        alive = self._thread is not None and self._thread.is_alive()
        if wanted == self._folders and (alive or not wanted):
            return False
        self.close()
        self._folders = wanted
        if wanted:
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run,
                args=(list(wanted), self._stop),
                name="tinytorch-watch",
                daemon=True,
            )
            self._thread.start()
        return True

    def close(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._folders = {}

    def _run(self, folders: list[Path], stop: threading.Event) -> None:
        from watchfiles import watch

        changes = watch(
            *folders,
            watch_filter=lambda _, path: _interesting(Path(path)),
            debounce=200,
            step=50,
            rust_timeout=500,
            stop_event=stop,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        try:
            for batch in changes:
                self._report({Path(path) for _, path in batch})
        except Exception as error:
            self._log.warning(
                "TinyTorch: cannot watch for changes, will look now and then: %s", error
            )


def _interesting(path: Path) -> bool:
    if path.name.startswith(".tmp-") or path.name == "lock":
        return False
    return "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts
