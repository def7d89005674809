"""The one object every front end talks to.

It knows what to do when a module changes or a milestone is run: which stages, what is written
down, what that unlocks, what comes next. Front ends show what it returns and decide nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tinytorch_milestones import __version__, trust, verify
from tinytorch_milestones.catalog import Catalog, Milestone, Module, Track, load
from tinytorch_milestones.catalog.tasks import Task, read_tasks
from tinytorch_milestones.completions import completion, refused
from tinytorch_milestones.doctor import Finding, examine, examine_machine
from tinytorch_milestones.errors import ExportRefused, NoWorkspace, UnknownName, WorkspaceError
from tinytorch_milestones.export import export_module, prepare_export
from tinytorch_milestones.person import write_person
from tinytorch_milestones.picture import build_state, next_step
from tinytorch_milestones.playing import AtHand, Found, find_player
from tinytorch_milestones.progress import Progress, now
from tinytorch_milestones.records import CheckRecord, Receipt
from tinytorch_milestones.runs import Observer, Request, Run, conclude, run_milestone
from tinytorch_milestones.standing import Standing, file_hash, notebook_hash
from tinytorch_milestones.state import Completion, Diagnosis, NextStep, RunReport, State
from tinytorch_milestones.watching import Ghost
from tinytorch_milestones.workspace import Workspace, create, find, master_notebook

DEFAULT_TRACK = "history"
_CACHES = ["progress.json", "milestones.json"]


class Tracker:
    """A course, its catalog and its progress. Cheap to make; safe beside other processes."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.catalog: Catalog = load(workspace.state_dir / "tracks")
        self.progress = Progress(workspace)
        self._stopper = verify.Stopper()

    @classmethod
    def open(cls, path: Path | None = None) -> Tracker:
        """The course at or above `path`. Raises `NoWorkspace`.

        Also clears up after processes that were killed and mends damaged caches.
        """
        tracker = cls(find(path))
        tracker.progress.tidy()
        if tracker.workspace.state_dir.is_dir() and tracker.progress.check_caches(_CACHES):
            tracker._write_caches()
        return tracker

    @classmethod
    def create(cls, folder: Path, *, solve: str | None = None, name: str = "") -> Tracker:
        """Make a course in an empty folder (see `workspace.create`) and trust it."""
        catalog = load()
        number = -1 if solve is None else int(catalog.module(solve).number)
        workspace = create(folder, catalog.modules, solve=number, name=name)
        trust.trust(workspace)
        tracker = cls(workspace)
        tracker._write_caches()
        return tracker

    def close(self) -> None:
        """End the checks that are under way, from any thread; nothing of them is recorded."""
        self._stopper.stop()

    # what there is

    def standing(self) -> Standing:
        """Everything known at this moment."""
        return Standing(self.catalog, self.workspace, self.progress)

    def state(self, track: str | None = None) -> State:
        """The document front ends show."""
        return build_state(
            self.standing(),
            self._track(track),
            sequence=self.progress.sequence,
            trusted=self.trusted,
            writable=self.progress.writable,
            warnings=self.progress.warnings,
        )

    def next_step(self, track: str | None = None) -> NextStep:
        """The one thing to do next."""
        return next_step(self.standing(), self._track(track), trusted=self.trusted)

    def module(self, name: str) -> Module:
        """A module by id, number or bare name. Raises `UnknownName` with the nearest names."""
        return self.catalog.module(name)

    def milestone(self, name: str, track: str | None = None) -> Milestone:
        """A milestone by id, alias or number. Raises `UnknownName` with the nearest names."""
        return self.catalog.milestone(name, self._track(track).id)

    def names(self) -> list[str]:
        """Milestone names, for completion."""
        return self.catalog.milestone_names(self._track(None).id)

    def _track(self, name: str | None) -> Track:
        if name is not None:
            return self.catalog.track(name)
        chosen = self.progress.settings().get("track", DEFAULT_TRACK)
        try:
            return self.catalog.track(str(chosen))
        except UnknownName:
            return self.catalog.tracks[0]

    def set_track(self, track: str) -> None:
        """Show this track from now on."""
        self.progress.set_setting("track", self.catalog.track(track).id)

    @property
    def trusted(self) -> bool:
        """Whether code in this course may be checked without being asked."""
        return trust.is_trusted(self.workspace)

    def trust(self) -> None:
        """Trust this course from now on."""
        trust.trust(self.workspace)
        self.progress.touch()

    # modules

    def prepare(self) -> None:
        """Start the processes that the next export and check will use."""
        prepare_export()
        verify.prepare()

    def complete_module(self, name: str) -> Completion:
        """Export a module, check it, write its receipt and work out what that unlocked."""
        module = self._written(name)
        start = time.perf_counter()
        before = self.standing()
        notebook = notebook_hash(self.workspace.notebook(module))
        try:
            exported = export_module(self.workspace.root, module)
        except ExportRefused as refusal:
            return self._refused(module, notebook, refusal, start)
        report = self._check(module, before, export=exported.export_hash)
        report.exported, report.changed = True, exported.changed
        self._keep(module, report, notebook, exported.export_hash, start)
        self._announce(module, report, before)
        return report

    def test_module(self, name: str) -> Completion:
        """Run a module's tests on the package as it stands: no export, nothing written down."""
        module = self._written(name)
        start = time.perf_counter()
        report = self._check(module, self.standing(), export="")
        report.seconds = time.perf_counter() - start
        return report

    def test_checkpoint(self, name: str) -> Completion:
        """Run one checkpoint on the package as it stands."""
        checkpoint = self.catalog.checkpoint(name)
        if checkpoint.coming:
            raise WorkspaceError(
                f"Checkpoint {checkpoint.id} {checkpoint.title} is not written yet."
            )
        checked = verify.check_checkpoint(self.workspace, checkpoint, self._stopper)
        title = f"Checkpoint {checkpoint.id} {checkpoint.title}"
        return completion(f"checkpoint-{checkpoint.id}", title, checked)

    def _written(self, name: str) -> Module:
        module = self.catalog.module(name)
        if module.coming:
            raise WorkspaceError(
                f"{module.number} {module.title} is not written yet.",
                "`tito module list` shows the modules there are.",
            )
        return module

    def _check(self, module: Module, standing: Standing, *, export: str) -> Completion:
        others = [
            checkpoint
            for checkpoint in self.catalog.checkpoints
            if module.number in checkpoint.needs
            and not checkpoint.coming
            and all(n == module.number or standing.module_complete(n) for n in checkpoint.needs)
        ]
        checked = verify.check_module(self.workspace, module, others, self._stopper)
        if export and file_hash(self.workspace.export(module)) != export:
            # someone exported again while the tests ran: what was tested is not what is there
            checked = verify.check_module(self.workspace, module, others, self._stopper)
        return completion(module.id, f"{module.number} {module.title}", checked)

    def _refused(
        self, module: Module, notebook: str, refusal: ExportRefused, start: float
    ) -> Completion:
        known = self.progress.checks().get(module.id)
        record = CheckRecord(
            module=module.id,
            notebook_hash=notebook,
            export_hash=file_hash(self.workspace.export(module)),
            checked_at=now(),
            seconds=time.perf_counter() - start,
            tests=known.tests if known else [],
            refused=refusal.message,
            remedy=refusal.remedy,
            cell_id=refusal.cell_id or "",
        )
        self.progress.record_check(record)
        return refused(module, record, refusal, self.progress.warnings)

    def _keep(
        self, module: Module, report: Completion, notebook: str, export: str, start: float
    ) -> None:
        if report.complete:
            hashes = {
                "notebook": notebook,
                "export": export,
                "tests": file_hash(master_notebook(module)),
            }
            evidence = {"tests": [t.id for t in report.tests], "passed": report.passed}
            self.progress.add_receipt(
                Receipt(
                    kind="module",
                    what=module.id,
                    created=now(),
                    hashes=hashes,
                    evidence=evidence,
                    student=self.workspace.student,
                    product=__version__,
                )
            )
        report.seconds = time.perf_counter() - start
        self.progress.record_check(
            CheckRecord(
                module=module.id,
                notebook_hash=notebook,
                export_hash=export,
                checked_at=now(),
                seconds=report.seconds,
                tests=report.tests,
                complete=report.complete,
            )
        )
        self._write_caches()

    def _announce(self, module: Module, report: Completion, before: Standing) -> None:
        for milestone in self.catalog.all_milestones():
            # the last checkpoint of a milestone may pass after its victory
            if conclude(self.workspace, self.catalog, self.progress, milestone):
                report.messages.append(f"Milestone complete: {milestone.title}, {milestone.year}")
                self._write_caches()
        after = self.standing()
        fresh = after.unlocked_parts() - before.unlocked_parts()
        for milestone in self.catalog.all_milestones():
            if any(f"{milestone.id}/{part.id}" in fresh for part in milestone.parts):
                report.newly_unlocked.append(milestone.id)
                report.messages.append(f"Milestone unlocked: {milestone.title}, {milestone.year}")
        step = next_step(after, self._track(None), trusted=True)
        report.messages.append(f"Next: {step.title}. {step.why}")
        report.warnings = list(self.progress.warnings)

    def stale(self) -> list[str]:
        """Ids of modules whose notebook or export changed since it was last checked."""
        return self.standing().stale()

    def reconcile(self) -> list[Completion]:
        """Check what changed while nobody was watching. Does nothing in a course not trusted."""
        if not self.trusted:
            return []
        return [self.complete_module(module) for module in self.stale()]

    def start_module(self, name: str) -> Path:
        """The path of a module's notebook; made anew when it was deleted."""
        return self.workspace.start(self._written(name))

    def reset_module(self, name: str) -> tuple[Path, Path | None]:
        """Hand out a fresh copy of a notebook. Returns it and where the old one is kept."""
        return self.workspace.reset(self._written(name))

    def solve_module(self, name: str) -> tuple[Path, Path | None]:
        """Fill a notebook with the reference solution. Returns it and where the old one is kept."""
        return self.workspace.reset(self._written(name), solved=True)

    def tasks(self) -> dict[str, Task]:
        """Every task of the modules there are, by id, in the order of the course."""
        return {
            task.id: task
            for module in self.catalog.modules
            if not module.coming
            for task in read_tasks(master_notebook(module))
        }

    def hint(self, task_id: str, shown: int) -> tuple[str, int, int]:
        """The hint after `shown` earlier ones: (text, its number, how many there are)."""
        tasks = self.tasks()
        if task_id not in tasks:
            raise UnknownName("task", task_id, list(tasks))
        hints = tasks[task_id].hints
        number = min(shown + 1, len(hints))
        return hints[number - 1], number, len(hints)

    # milestones

    def run_milestone(
        self,
        name: str,
        *,
        part: str | None = None,
        observer: Observer | None = None,
        overrides: Mapping[str, object] | None = None,
        cell: str | None = None,
        names: Mapping[str, object] | None = None,
        quick: bool = False,
        skip_checks: bool = False,
        demo: bool = False,
        in_child: bool = True,
        resume: bool = False,
    ) -> RunReport:
        """Run a milestone's parts and credit what was earned; see `runs.run_milestone`."""
        report = run_milestone(
            self.workspace,
            self.catalog,
            self.progress,
            self.milestone(name),
            Request(
                part=part,
                overrides=overrides or {},
                cell=cell,
                names=names or {},
                quick=quick,
                skip_checks=skip_checks,
                demo=demo,
                in_child=in_child,
                resume=resume,
            ),
            observer,
        )
        self._write_caches()
        report.next = self.next_step()
        report.warnings = list(self.progress.warnings)
        return report

    def test_milestone(self, name: str) -> list[Completion]:
        """Check everything a milestone stands on, without training: modules, then checkpoints."""
        milestone = self.milestone(name)
        modules = [m for m in map(self.catalog.module, milestone.needs) if not m.coming]
        checkpoints = list(map(self.catalog.checkpoint, milestone.checkpoints))
        return [
            *(self.test_module(module.id) for module in modules),
            *(self.test_checkpoint(c.id) for c in checkpoints if not c.coming),
        ]

    def diagnose(
        self,
        name: str,
        part: str | None = None,
        *,
        track: str | None = None,
        report: RunReport | None = None,
    ) -> Diagnosis:
        """Which module is to blame for a milestone that does not pass; nothing is written down.

        `part` or the part that failed in `report`, else its parts in order until one fails.
        """
        from tinytorch_milestones.diagnosis.diagnose import choose_parts, diagnose

        milestone = self.milestone(name, track)
        parts = choose_parts(self.catalog, milestone, part, report, self.standing().missing)
        return diagnose(self.workspace.root, self.catalog, milestone, parts)

    def play(self, name: str | None, part: str | None, track: str | None, at_hand: AtHand) -> Found:
        """A trained network to play with; see `playing.find_player`."""
        milestone = None if name is None else self.milestone(name, track)
        return find_player(self.workspace, self.catalog, self.progress, milestone, part, at_hand)

    def doctor(self) -> list[Finding]:
        """What could stand in the way here, one line each."""
        return examine(self.workspace, self.progress, trusted=self.trusted)

    def _write_caches(self) -> None:
        standing = self.standing()
        caches = standing.caches()
        self.progress.write_caches(caches)
        warning = write_person(standing, caches, self._track(None))
        if warning and warning not in self.progress.warnings:
            self.progress.warnings.append(warning)


def doctor(path: Path | None = None) -> list[Finding]:
    """What could stand in the way on this machine, and in the course at `path` if there is one."""
    try:
        return Tracker.open(path).doctor()
    except NoWorkspace as none:
        return [*examine_machine(), ("course", "warning", f"{none.message} {none.remedy}")]


__all__ = ["Ghost", "Observer", "Run", "Tracker", "doctor"]
