"""Every exception this package raises on purpose.

TinyTorchError
├── CatalogError            a catalog file is wrong: names file and key
├── UnknownName             no such module, milestone, part, task or option
├── WorkspaceError          a course folder cannot be found, made or written
│   ├── NoWorkspace
│   └── FolderNotEmpty
├── ExportRefused           a notebook that must not or cannot be exported
├── ImplementationError     the imported `tinytorch` is not the code it should be
├── JudgeError              the judge failed, not the code it judged
├── Stopped                 a check was ended before it could say anything
├── DataMissing             a data set that is not on this machine
├── DataDamaged             a data file that is not the original
├── Locked                  a milestone whose modules are not complete yet
├── NotTrusted              a course from elsewhere that its user has not trusted yet
└── StateError              progress cannot be read or written
    └── Busy                another process holds the course's lock
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class TinyTorchError(Exception):
    """Something the user can act on.

    `message` says what is wrong (naming the file, cell or option); `remedy` says what to do.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message if not remedy else f"{message}\n{remedy}")
        self.message = message
        self.remedy = remedy


class CatalogError(TinyTorchError):
    """A catalog file is malformed."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key}: {problem}", f"Correct the key {key} in {file}.")
        self.file = file
        self.key = key


class UnknownName(TinyTorchError):
    """A name that means nothing here, with the nearest names that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = list(known)
        self.suggestions = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
        if self.suggestions:
            remedy = f"Did you mean {' or '.join(repr(s) for s in self.suggestions)}?"
        else:
            remedy = f"Known: {', '.join(names)}."
        super().__init__(f"There is no {kind} {name!r}.", remedy)
        self.kind = kind
        self.name = name


class WorkspaceError(TinyTorchError):
    """A course folder cannot be used."""


class NoWorkspace(WorkspaceError):
    """No course folder at or above a path."""


class FolderNotEmpty(WorkspaceError):
    """A course was to be made in a folder that already holds something."""


class ExportRefused(TinyTorchError):
    """A notebook that was not exported; nothing was changed.

    `cell` is the zero-based index of the guilty cell, `cell_id` its id, where there is one.
    """

    def __init__(
        self, message: str, remedy: str = "", *, cell: int | None = None, cell_id: str | None = None
    ) -> None:
        super().__init__(message, remedy)
        self.cell = cell
        self.cell_id = cell_id


class ImplementationError(TinyTorchError):
    """The `tinytorch` that was imported is not the workspace's own, or leans on another library."""


class JudgeError(TinyTorchError):
    """Our own fault while judging. Nothing is recorded against the student."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The judge itself failed ({problem}). This is not your code's fault.",
            "Nothing was recorded. Please report it to the authors of TinyTorch Milestones.",
        )


class Stopped(TinyTorchError):
    """A check was ended from outside; nothing was recorded."""


class DataMissing(TinyTorchError):
    """A data set that is not on this machine; the remedy says what to fetch and where to put it."""


class DataDamaged(TinyTorchError):
    """A data file that is truncated or altered."""


class Locked(TinyTorchError):
    """A milestone (or part) whose modules are not complete yet."""

    def __init__(self, what: str, missing: Sequence[str], remedy: str = "") -> None:
        super().__init__(f"{what} is locked: it needs {', '.join(missing)}.", remedy)
        self.missing = list(missing)


class NotTrusted(TinyTorchError):
    """A course folder that came from elsewhere and was not trusted yet."""


class StateError(TinyTorchError):
    """Progress cannot be read or written."""


class Busy(StateError):
    """Another process has held the course's lock for longer than we wait."""
