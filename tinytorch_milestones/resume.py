"""Runs that were interrupted and can go on: what is kept of one, and when it may be taken up.

One file for each part, `.tito/runs/<milestone>-<part>/saved`, replaced in one move at the end of
an epoch and removed when the run is over. It holds what the student's own Trainer saved and what
the judge knew by then, so that the run is credited like any other when its gates hold at the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones import __version__
from tinytorch_milestones.catalog import Catalog, Milestone
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.files import TEMPORARY, set_aside, write_atomic
from tinytorch_milestones.records import Attempt
from tinytorch_milestones.standing import Standing, file_hash
from tinytorch_milestones.workspace import Workspace

_MARK = b"TinyTorch run 1\n"
_START_ANEW = "Start it anew: leave out --resume."


class Saved(msgspec.Struct, kw_only=True):
    """An interrupted run as it was at the end of an epoch."""

    milestone: str
    part: str
    epoch: int  # that was finished
    epochs: int
    attempts: list[str]  # ids of the attempts that it took so far
    alone: bool  # only this part was asked for
    overrides: dict[str, Any]  # settings that were asked for
    quick: bool
    cell: str  # hash of a cell that changed the run, "" without one
    options: dict[str, Any]  # every setting, as it came to be
    hashes: dict[str, str]  # module id -> hash of the export that ran
    evidence: dict[str, Any]  # `Evidence.state`
    memory: dict[str, Any]  # what the recipe must know
    model: bytes  # what the student's Trainer saved
    product: str = __version__


class Keeper:
    """The place of one part's interrupted run."""

    def __init__(self, workspace: Workspace, milestone: str, part: str) -> None:
        self.folder = workspace.state_dir / "runs" / f"{milestone}-{part}"
        self.file = self.folder / "saved"
        self._scratch = f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"

    def scratch(self, name: str) -> Path:
        """A place for a file of this process. `clear` removes it, or a later process does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{self._scratch}-{name}"

    def keep(self, saved: Saved) -> None:
        """Replace what was kept. Raises `OSError`, and TypeError for settings that are no data."""
        data = msgspec.msgpack.encode(saved)
        write_atomic(self.file, _MARK + hashlib.sha256(data).digest() + data)

    def load(self) -> Saved | None:
        """What is kept, None if nothing is. A damaged file is put aside: raises then."""
        try:
            data = self.file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TinyTorchError(
                f"{self.file} cannot be read: {error.strerror}.", _START_ANEW
            ) from error
        start = len(_MARK) + 32
        body = data[start:]
        try:
            if data[:start] != _MARK + hashlib.sha256(body).digest():
                raise ValueError("another checksum")
            return msgspec.msgpack.decode(body, type=Saved)
        except (ValueError, msgspec.MsgspecError) as error:
            kept = set_aside(self.file)
            raise TinyTorchError(
                f"What was kept of the interrupted run is damaged; it is kept as {kept}.",
                _START_ANEW,
            ) from error

    def drop(self) -> None:
        """Forget what is kept: its run is over."""
        with contextlib.suppress(OSError):
            self.file.unlink(missing_ok=True)
        self.clear()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def clear(self) -> None:
        """Remove this process's own scratch files."""
        with contextlib.suppress(OSError):
            for path in self.folder.glob(f"{self._scratch}-*"):
                path.unlink()


def cell_hash(cell: str | None) -> str:
    """Tells one `%%milestone run` cell from another; "" where there is none."""
    return "" if cell is None else hashlib.sha256(cell.strip().encode()).hexdigest()


def newest(workspace: Workspace, milestone: Milestone, part: str | None) -> Saved:
    """The interrupted run to go on with: of this part, or the last one of the milestone.

    Raises `TinyTorchError` where nothing is kept, and for a damaged file.
    """
    parts = [p for p in milestone.parts if not p.coming and part in (None, p.id)]
    keepers = [Keeper(workspace, milestone.id, p.id) for p in parts]
    there = [keeper for keeper in keepers if keeper.file.is_file()]
    saved = max(there, key=lambda k: k.file.stat().st_mtime_ns).load() if there else None
    if saved is None:
        what = milestone.title if part is None else f"{milestone.title}: {part}"
        raise TinyTorchError(
            f"There is no interrupted run of {what} to go on with.",
            "Long runs are kept at the end of each epoch, until they are over. " + _START_ANEW,
        )
    return saved


def check(
    saved: Saved,
    workspace: Workspace,
    catalog: Catalog,
    *,
    overrides: Mapping[str, object],
    quick: bool,
    cell: str | None,
) -> None:
    """Raise `TinyTorchError` unless it is the same run that goes on: same code, same settings."""
    changed = [
        module.id
        for module in map(catalog.module, saved.hashes)
        if file_hash(workspace.export(module)) != saved.hashes[module.id]
    ]
    if changed:
        is_ = "was" if len(changed) == 1 else "were"
        raise TinyTorchError(
            f"The interrupted run cannot go on: {', '.join(changed)} {is_} changed since, and one "
            "run is made by one code.",
            _START_ANEW,
        )
    if saved.product != __version__:
        raise TinyTorchError(
            f"The interrupted run was begun with version {saved.product} of this course, and this "
            f"is {__version__}.",
            _START_ANEW,
        )
    for name, asked in overrides.items():
        was = saved.options.get(name, "the standard one")
        if asked != was:
            raise TinyTorchError(
                f"The interrupted run has {name} = {was}, and {asked} was asked for.",
                f"Leave out {name} to go on with that run, or leave out --resume to start anew.",
            )
    if quick and not saved.quick:
        raise TinyTorchError(
            "The interrupted run was not begun with --quick.",
            "Leave out --quick to go on with that run, or leave out --resume to start anew.",
        )
    if cell_hash(cell) != saved.cell:
        begun = "with another cell" if saved.cell and cell else "with a cell of its own"
        raise TinyTorchError(
            f"The interrupted run was begun {begun if saved.cell else 'without a cell'}.",
            "Go on with it in the same way, or leave out --resume to start anew.",
        )


def waiting(standing: Standing, milestone: Milestone) -> Attempt | None:
    """The last attempt at a milestone that was interrupted and can go on."""
    for attempt in standing.attempts_of(milestone):
        if attempt.saved_epoch and attempt.result in ("interrupted", "error"):
            keeper = Keeper(standing.workspace, milestone.id, attempt.part)
            return attempt if keeper.file.is_file() else None
    return None
