"""Where a student stands: what receipts, checks and attempts add up to.

Everything here is computed from the catalog and the records; nothing is stored and nothing runs.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

from tinytorch_milestones.catalog import Catalog, Checkpoint, Milestone, Module, Part, Track
from tinytorch_milestones.catalog.tasks import hash_code, read_notebook, read_tasks, untouched_hash
from tinytorch_milestones.errors import WorkspaceError
from tinytorch_milestones.progress import Progress
from tinytorch_milestones.records import Attempt, CheckRecord, Receipt
from tinytorch_milestones.state import (
    CheckpointStatus,
    MilestoneStatus,
    ModuleStatus,
    PartStatus,
)
from tinytorch_milestones.workspace import Workspace, master_notebook

_hashes: dict[tuple[Path, str], tuple[tuple[int, int], str]] = {}


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes, "" when there is none; cached until the file changes."""
    return _cached(path, "bytes", lambda: hashlib.sha256(path.read_bytes()).hexdigest())


def notebook_hash(path: Path) -> str:
    """Hash of a notebook's code, "" when there is none, "unreadable" when it is not a notebook."""

    def compute() -> str:
        try:
            return hash_code(read_notebook(path))
        except WorkspaceError:
            return "unreadable"

    return _cached(path, "code", compute)


def _cached(path: Path, kind: str, compute: Any) -> str:
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        known = _hashes.get((path, kind))
        if known is None or known[0] != stamp:
            known = _hashes[(path, kind)] = (stamp, compute())
        return known[1]
    except OSError:
        return ""


class Standing:
    """One moment of a workspace. Make a new one after anything changed."""

    def __init__(self, catalog: Catalog, workspace: Workspace, progress: Progress) -> None:
        self.catalog = catalog
        self.workspace = workspace
        self.receipts: list[Receipt] = progress.receipts()
        self.checks: dict[str, CheckRecord] = progress.checks()
        self.attempts: list[Attempt] = progress.attempts()

    # modules

    @cached_property
    def _module_receipts(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for receipt in self.receipts:
            if receipt.kind == "module":
                found.setdefault(receipt.what, set()).add(receipt.hashes.get("export", ""))
        return found

    @cached_property
    def completed_modules(self) -> list[str]:
        """Modules that were completed once, in order."""
        return [m.id for m in self.catalog.modules if m.id in self._module_receipts]

    @cached_property
    def started_modules(self) -> list[str]:
        """Modules with any work in them, in order."""
        quiet = ("coming", "not_started")
        return [m.id for m in self.catalog.modules if self.module_status(m) not in quiet]

    def module_status(self, module: Module) -> ModuleStatus:
        """The one state a module is in."""
        if module.coming:
            return "coming"
        return self._statuses.setdefault(module.id, self._module_status(module))

    @cached_property
    def _statuses(self) -> dict[str, ModuleStatus]:
        return {}

    def _module_status(self, module: Module) -> ModuleStatus:
        proven = self._module_receipts.get(module.id)
        record = self.checks.get(module.id)
        current = file_hash(self.workspace.export(module))
        if proven is not None:
            if current in proven and not (record and record.refused):
                return "complete"
            return "recheck"
        if record is None and self.untouched(module) and not current:
            return "not_started"
        return "in_progress"

    def untouched(self, module: Module) -> bool:
        """Whether the notebook is missing or still as it was handed out."""
        code = notebook_hash(self.workspace.notebook(module))
        handed_out = self.workspace.handed_out(module) or untouched_hash(master_notebook(module))
        return code in ("", handed_out)

    def module_complete(self, number: str) -> bool:
        """Whether the module of this number is complete as its package file stands now."""
        return self.module_status(self.catalog.module(number)) == "complete"

    def missing(self, numbers: tuple[str, ...]) -> list[str]:
        """Ids of the modules among `numbers` that are not complete."""
        return [self.catalog.module(n).id for n in numbers if not self.module_complete(n)]

    def stale(self) -> list[str]:
        """Modules whose notebook or export changed since it was last checked."""
        changed: list[str] = []
        for module in self.catalog.modules:
            if module.coming:
                continue
            notebook = notebook_hash(self.workspace.notebook(module))
            export = file_hash(self.workspace.export(module))
            record = self.checks.get(module.id)
            if record is None:
                if notebook and (not self.untouched(module) or export):
                    changed.append(module.id)
            elif notebook and (notebook != record.notebook_hash or export != record.export_hash):
                changed.append(module.id)
        return changed

    def checkpoint_status(self, checkpoint: Checkpoint) -> CheckpointStatus:
        """The one state a checkpoint is in, by the last checks of the modules it belongs to."""
        if checkpoint.coming:
            return "coming"
        tests = self._checkpoint_tests.get(checkpoint.id)
        if tests:
            return "passed" if all(tests) else "failed"
        return "locked" if self.missing(checkpoint.needs) else "ready"

    @cached_property
    def _checkpoint_tests(self) -> dict[str, list[bool]]:
        found: dict[str, list[bool]] = {}
        for record in self.checks.values():
            for test in record.tests:
                kind, _, rest = test.id.partition("-")
                if kind == "checkpoint":
                    found.setdefault(rest.partition(".")[0], []).append(test.passed)
        return found

    # milestones

    @cached_property
    def _part_receipts(self) -> dict[str, Receipt]:
        return {r.what: r for r in self.receipts if r.kind == "part"}

    @cached_property
    def _milestone_receipts(self) -> dict[str, Receipt]:
        return {r.what: r for r in self.receipts if r.kind == "milestone"}

    def milestone_receipt(self, milestone: Milestone) -> Receipt | None:
        """The proof that a milestone is complete."""
        return self._milestone_receipts.get(milestone.id)

    def part_complete(self, milestone: Milestone, part: Part) -> bool:
        """Whether a part was ever completed with credit."""
        return f"{milestone.id}/{part.id}" in self._part_receipts

    def running(self, milestone: Milestone) -> Attempt | None:
        """The run in progress, if there is one."""
        for attempt in reversed(self.attempts):
            if attempt.milestone == milestone.id and attempt.result == "running":
                return attempt
        return None

    def part_status(self, milestone: Milestone, part: Part) -> PartStatus:
        """The one state a part is in."""
        running = self.running(milestone)
        if running is not None and running.part == part.id:
            return "running"
        if self.part_complete(milestone, part):
            return "complete"
        if self.missing(part.needs):
            return "locked"
        return "coming" if part.coming else "ready"

    def milestone_status(self, milestone: Milestone) -> MilestoneStatus:
        """The one state a milestone is in."""
        if self.running(milestone) is not None:
            return "running"
        if self.milestone_receipt(milestone) is not None or self.earned(milestone):
            return "complete"
        if milestone.coming:
            return "coming"
        parts = {self.part_status(milestone, part) for part in milestone.parts}
        if "ready" in parts:
            return "ready"
        return "locked" if "locked" in parts else "coming"

    def all_parts_complete(self, milestone: Milestone) -> bool:
        """Whether every part was completed with credit."""
        return bool(milestone.parts) and all(
            self.part_complete(milestone, part) for part in milestone.parts
        )

    def earned(self, milestone: Milestone) -> bool:
        """Whether every part was completed with credit and every checkpoint passes."""
        return self.all_parts_complete(milestone) and not self.open_checkpoints(milestone)

    def open_checkpoints(self, milestone: Milestone) -> list[Checkpoint]:
        """The milestone's checkpoints that do not pass as they were last checked.

        One that is not written yet is not asked for: nobody could pass it.
        """
        return [c for c in self.checkpoints(milestone) if self.checkpoint_status(c) != "passed"]

    def checkpoints(self, milestone: Milestone) -> list[Checkpoint]:
        """The milestone's checkpoints that are written."""
        checkpoints = map(self.catalog.checkpoint, milestone.checkpoints)
        return [c for c in checkpoints if not c.coming]

    def share(self, milestone: Milestone) -> float:
        """How much of a milestone is done, 0 to 1: of its checkpoints, else of its parts."""
        if milestone.checkpoints:
            written = self.checkpoints(milestone)
            return 1 - len(self.open_checkpoints(milestone)) / max(1, len(written))
        done = sum(self.part_complete(milestone, part) for part in milestone.parts)
        return done / len(milestone.parts) if milestone.parts else 0.0

    def unlocked(self) -> list[Milestone]:
        """Milestones with at least one part that can be run for credit, or that are done."""
        open_states = ("ready", "running", "complete")
        return [m for m in self.catalog.all_milestones() if self.milestone_status(m) in open_states]

    def unlocked_parts(self) -> set[str]:
        """`milestone/part` of every part whose modules are complete."""
        return {
            f"{milestone.id}/{part.id}"
            for milestone in self.catalog.all_milestones()
            for part in milestone.parts
            if not part.coming and not self.missing(part.needs)
        }

    def attempts_of(self, milestone: Milestone, part: Part | None = None) -> list[Attempt]:
        """Runs with the student's own code, newest first."""
        return [
            attempt
            for attempt in reversed(self.attempts)
            if attempt.milestone == milestone.id
            and (part is None or attempt.part == part.id)
            and attempt.implementation == "yours"
        ]

    def best_attempt(self, milestone: Milestone, part: Part | None = None) -> Attempt | None:
        """The credited run with the best score; the last part's when none is named."""
        credited = [a for a in self.attempts_of(milestone, part) if a.credited]
        if part is None and credited:
            order = [p.id for p in milestone.parts]
            last = max(credited, key=lambda a: order.index(a.part) if a.part in order else -1).part
            credited = [a for a in credited if a.part == last]
        return max(credited, key=lambda a: a.score if a.score is not None else -1.0, default=None)

    def waiting_for(self, module: Module, track: Track) -> list[str]:
        """Milestones of the track that completing this module brings nearer."""
        return [
            m.id
            for m in track.milestones
            if module.number in m.needs and self.milestone_status(m) == "locked"
        ]

    # caches for other tools

    def caches(self) -> dict[str, dict[str, Any]]:
        """The content of `progress.json` and `milestones.json`."""
        details: dict[str, Any] = {}
        for milestone in self.catalog.all_milestones():
            attempts = self.attempts_of(milestone)
            receipt = self.milestone_receipt(milestone)
            if not attempts and receipt is None:
                continue
            best = self.best_attempt(milestone)
            parts = [p for p in milestone.parts if self.part_complete(milestone, p)]
            details[milestone.id] = {
                "started": attempts[-1].started if attempts else receipt and receipt.created,
                "completed": receipt.created if receipt else None,
                "best_score": best.score if best else None,
                "achievements": [p.id for p in parts]
                + ([milestone.badge] if receipt and milestone.badge else []),
                "attempts": len(attempts),
            }
        completed = [m.id for m in self.catalog.all_milestones() if self.milestone_receipt(m)]
        latest = max(self.checks.values(), key=lambda r: r.checked_at, default=None)
        return {
            "progress.json": {
                "version": 1,
                "completed_modules": self.completed_modules,
                "started_modules": self.started_modules,
                "last_worked": latest.module if latest else None,
                "last_checked": latest.checked_at if latest else None,
            },
            "milestones.json": {
                "version": 1,
                "unlocked_milestones": [m.id for m in self.unlocked()],
                "completed_milestones": completed,
                "milestones": details,
            },
        }


def task_count(module: Module) -> int:
    """How many tasks the module has."""
    return len(read_tasks(master_notebook(module)))
