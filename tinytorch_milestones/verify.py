"""The judge of modules: run the course's own tests on the exported package, in a sandbox.

The tests come from the course, never from the student's notebook, so a deleted or weakened test
cell changes nothing. The parent counts the ids it expected: what did not report has failed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec

from tinytorch_milestones import sandbox
from tinytorch_milestones.catalog import Checkpoint, Module, load
from tinytorch_milestones.catalog.tasks import Task, read_notebook, read_tasks
from tinytorch_milestones.errors import JudgeError, Stopped, WorkspaceError
from tinytorch_milestones.sandbox import Child, Ending, Limits
from tinytorch_milestones.state import TestState
from tinytorch_milestones.workspace import Workspace, master_notebook

ENTRY = "tinytorch_milestones.checks.child:run"
LIMITS = Limits(seconds=30.0)


class Checked(msgspec.Struct, kw_only=True):
    """What the tests of one module said."""

    tests: list[TestState]
    output: str  # what the student's code printed, capped
    ending: Ending
    seconds: float

    @property
    def passed(self) -> int:
        return sum(test.passed for test in self.tests)


class Stopper:
    """Ends checks that are under way, from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: set[Child] = set()
        self.stopped = False

    def stop(self) -> None:
        """End them, and begin no more."""
        with self._lock:
            self.stopped = True
            children = list(self._children)
        for child in children:
            child.kill()

    def _begin(self, child: Child) -> None:
        with self._lock:
            self._children.add(child)
            stopped = self.stopped
        if stopped:
            child.kill()
            raise Stopped("The course was closed; nothing was checked.")

    def _end(self, child: Child) -> None:
        with self._lock:
            self._children.discard(child)


def prepare() -> None:
    """Start the next check's process now, so that a save need not wait for imports."""
    sandbox.warm(ENTRY, limits=LIMITS)


def check_module(
    workspace: Workspace,
    module: Module,
    checkpoints: Sequence[Checkpoint] = (),
    stopper: Stopper | None = None,
) -> Checked:
    """Run a module's tests and the given checkpoints against the workspace's exported package.

    Modules that come later are hidden from both. Raises `Stopped` when `stopper` ended it, and
    `JudgeError` when the judge itself failed.
    """
    tasks = read_tasks(master_notebook(module))
    job = {
        "root": str(workspace.root),
        "module": module.id,
        "target": module.target,
        "hidden": _later_than(module.number),
        "tests": [
            {
                "id": task.id,
                "title": task.title,
                "source": task.test_source,
                "cell_id": task.test_cell_id,
                "points": task.points,
            }
            for task in tasks
        ],
        "checkpoints": [_checkpoint_job(checkpoint) for checkpoint in checkpoints],
    }
    cells = _cells_of(workspace, module)
    expected = [_expected(task, cells) for task in tasks]
    expected += [test for checkpoint in checkpoints for test in _checkpoint_tests(checkpoint)]
    return _run(workspace, job, expected, stopper)


def check_checkpoint(
    workspace: Workspace, checkpoint: Checkpoint, stopper: Stopper | None = None
) -> Checked:
    """Run one checkpoint against the workspace's exported package."""
    job = {
        "root": str(workspace.root),
        "module": "",
        "target": "",
        "tests": [],
        "checkpoints": [_checkpoint_job(checkpoint)],
    }
    return _run(workspace, job, _checkpoint_tests(checkpoint), stopper)


def _later_than(number: str) -> list[str]:
    return [module.target for module in load().modules if module.number > number]


def _checkpoint_job(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"id": checkpoint.id, "hidden": _later_than(max(checkpoint.needs))}


def _run(
    workspace: Workspace,
    job: dict[str, Any],
    expected: list[TestState],
    stopper: Stopper | None,
) -> Checked:
    start = time.perf_counter()
    stopper = stopper or Stopper()
    child = sandbox.take(ENTRY, limits=LIMITS)
    by_id = {test.id: test for test in expected}
    try:
        stopper._begin(child)
        for message in child.run(job, workspace.root):
            if not isinstance(message, dict):
                continue
            if "judge" in message:
                raise JudgeError(str(message["judge"]))
            test = by_id.get(message.get("id", ""))
            # the first word on a test counts; ids nobody asked for are ignored
            if test is not None and test.status == "missing":
                test.status = message["status"]
                test.passed = message["status"] == "passed"
                test.message = str(message.get("message", ""))
    finally:
        stopper._end(child)
    if stopper.stopped:
        raise Stopped("The check was stopped before it had finished; nothing was recorded.")
    reason = _why_missing(child.ending)
    for test in expected:
        if test.status == "missing":
            test.message = reason
    return Checked(
        tests=expected,
        output=child.ending.output,
        ending=child.ending,
        seconds=time.perf_counter() - start,
    )


def _expected(task: Task, cells: set[str]) -> TestState:
    # a student may have deleted the test cell; then the task's own cell is the place to look
    cell = next((c for c in (task.test_cell_id, task.cell_id) if c in cells), "")
    return TestState(
        id=task.id,
        title=task.title,
        passed=False,
        status="missing",
        cell_id=cell,
        points=task.points,
    )


def _cells_of(workspace: Workspace, module: Module) -> set[str]:
    try:
        notebook = read_notebook(workspace.notebook(module))
    except WorkspaceError:
        return set()
    return {str(cell.get("id", "")) for cell in notebook["cells"] if isinstance(cell, dict)}


def _checkpoint_tests(checkpoint: Checkpoint) -> list[TestState]:
    tests = import_module(f"tinytorch_milestones.checks.checkpoint_{checkpoint.id}").TESTS
    return [
        TestState(id=id_, title=title, passed=False, status="missing")
        for id_, (title, _) in tests.items()
    ]


def _why_missing(ending: Ending) -> str:
    if ending.reason == "timeout":
        return (
            f"not finished after {LIMITS.seconds:.0f} s, so the check was stopped: "
            "is there a loop that never ends?"
        )
    if ending.reason == "memory":
        return f"more than {LIMITS.memory >> 30} GB of memory was asked for, so it was stopped."
    if ending.truncated:
        return "the check was stopped after more output than anyone can read: remove the print."
    return (
        "the program ended before this test could report: does the module call exit(), "
        "or does it crash Python?"
    )
