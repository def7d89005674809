"""What to tell the open windows about a course, told once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from tinytorch_milestones.state import Completion, MilestoneState, ModuleState, State


class News:
    """Turns completions and states into events of `events.yaml`.

    It remembers the state that the windows were last told about, so that what another process did
    (a terminal, a kernel, a second server) is told too, and what was done here is not told twice.
    """

    def __init__(self, path: str, emit: Callable[[dict[str, Any]], None]) -> None:
        self._path = path  # contents path of the course
        self._emit = emit
        self._known: State | None = None
        self._told = 0  # highest sequence number in an event

    def checking(self, module: str, title: str) -> None:
        """A module's check begins."""
        self._tell("checking", module=module, title=title, notebook=_notebook(module))

    def failed(self, module: str, title: str, message: str, remedy: str = "") -> None:
        """A module could not be checked."""
        self._tell(
            "refused",
            module=module,
            title=title,
            message=message,
            remedy=remedy,
            notebook=_notebook(module),
        )

    def checked(self, done: Completion, state: State, *, overtaken: bool = False) -> None:
        """A module was checked here; `state` is what came of it.

        Of a check that was overtaken by a newer save only what it unlocked is told: the next one,
        which follows at once, tells the rest.
        """
        if not overtaken:
            self._tell_completion(done, state)
        for milestone in state.milestones:
            if milestone.id in done.newly_unlocked:
                self._unlocked(milestone, state.sequence)
        self._differences(state, {done.module, *done.newly_unlocked})
        self.changed(state.sequence)

    def _tell_completion(self, done: Completion, state: State) -> None:
        failed = [test for test in done.tests if not test.passed]
        first = next((test for test in failed if test.cell_id == done.cell_id), None)
        first = first or (failed[0] if failed else None)
        self._tell(
            "refused" if done.refused else "checked",
            state.sequence,
            module=done.module,
            title=done.title,
            passed=done.passed,
            total=done.total,
            message=done.refused or (first.message if first else ""),
            remedy=done.remedy,
            cell=done.cell_id,
            notebook=_notebook(done.module),
            seconds=done.seconds,
        )

    def heard(self, state: State) -> None:
        """The state as it is now, whoever changed it."""
        if self._known is None:
            self._known, self._told = state, state.sequence
        elif state.sequence > self._told and not self._differences(state):
            self.changed(state.sequence)

    def changed(self, sequence: int) -> None:
        """Something changed: fetch the state again."""
        self._tell("state", sequence)

    def _differences(self, state: State, told: Collection[str] = ()) -> bool:
        """Tell what differs from the known state, but for what was told. Whether anything did."""
        known, self._known = self._known, state
        if known is None:
            return False
        any_told = False
        modules = {m.id: m for m in known.modules}
        for module in state.modules:
            before = modules.get(module.id)
            if before is None or module.id in told or module.checked_at == before.checked_at:
                continue
            self._checked_elsewhere(module, state.sequence)
            any_told = True
        milestones = {m.id: m for m in known.milestones}
        for milestone in state.milestones:
            earlier = milestones.get(milestone.id)
            if earlier is None:
                continue
            if milestone.id not in told and _newly_open(earlier, milestone):
                self._unlocked(milestone, state.sequence)
                any_told = True
            if milestone.running != earlier.running or milestone.attempts != earlier.attempts:
                self._tell(
                    "milestone",
                    state.sequence,
                    milestone=milestone.id,
                    title=milestone.title,
                    notebook=milestone.notebook,
                )
                any_told = True
        return any_told

    def _checked_elsewhere(self, module: ModuleState, sequence: int) -> None:
        first = module.failed[0] if module.failed else None
        self._tell(
            "refused" if module.problem else "checked",
            sequence,
            module=module.id,
            title=f"{module.number} {module.title}",
            passed=module.tests_passed,
            total=module.tests_total,
            message=module.problem or (first.message if first else ""),
            cell=module.problem_cell or (first.cell_id if first else ""),
            notebook=module.notebook,
            seconds=module.seconds or 0.0,
        )

    def _unlocked(self, milestone: MilestoneState, sequence: int) -> None:
        if milestone.status != "ready":
            return  # won before: nothing new to invite to
        self._tell(
            "unlocked",
            sequence,
            milestone=milestone.id,
            title=f"{milestone.title}, {milestone.year}",
            notebook=milestone.notebook,
        )

    def _tell(self, kind: str, sequence: int = 0, **details: str | int | float) -> None:
        self._told = max(self._told, sequence)
        notebook = details.get("notebook")
        if notebook and self._path:
            details["notebook"] = f"{self._path}/{notebook}"
        said = {name: value for name, value in details.items() if value != ""}
        self._emit({"workspace": self._path, "sequence": self._told, "kind": kind, **said})


def _notebook(module: str) -> str:
    return f"modules/{module}.ipynb"


def _newly_open(old: MilestoneState, new: MilestoneState) -> bool:
    locked = {part.id for part in old.parts if part.status == "locked"}
    return any(part.id in locked and part.status == "ready" for part in new.parts)
