"""Put what a check said, or why there was none, into the `Completion` that front ends show."""

from __future__ import annotations

from collections.abc import Sequence

from tinytorch_milestones.catalog import Module
from tinytorch_milestones.catalog.tasks import read_tasks
from tinytorch_milestones.errors import ExportRefused
from tinytorch_milestones.records import CheckRecord
from tinytorch_milestones.state import Completion, TestState
from tinytorch_milestones.verify import Checked
from tinytorch_milestones.workspace import master_notebook


def completion(what: str, title: str, checked: Checked) -> Completion:
    """What the tests of a module or checkpoint add up to."""
    total = len(checked.tests)
    complete = checked.passed == total
    failed = [test for test in checked.tests if not test.passed]
    message = f"{title}: {checked.passed} of {total} tests passed"
    return Completion(
        module=what,
        title=title,
        exported=False,
        changed=False,
        passed=checked.passed,
        total=total,
        complete=complete,
        tests=checked.tests,
        seconds=checked.seconds,
        message=message,
        cell_id=_first_cell(failed),
        output=checked.output,
        messages=[message, *(f"{test.id} {test.title}: {test.message}" for test in failed[:5])],
    )


def _first_cell(failed: list[TestState]) -> str:
    # a test that failed says more than one that was not begun
    ranked = sorted(failed, key=lambda test: test.status == "not_yet")
    return next((test.cell_id for test in ranked if test.cell_id), "")


def refused(
    module: Module, record: CheckRecord, refusal: ExportRefused, warnings: Sequence[str]
) -> Completion:
    """A module that was not exported, so not checked either."""
    title = f"{module.number} {module.title}"
    return Completion(
        module=module.id,
        title=title,
        exported=False,
        changed=False,
        passed=0,
        total=len(read_tasks(master_notebook(module))),
        complete=False,
        tests=[],
        seconds=record.seconds,
        message=f"{title} was not exported: {refusal.message}",
        refused=refusal.message,
        remedy=refusal.remedy,
        cell_id=record.cell_id,
        messages=[refusal.message, refusal.remedy],
        warnings=list(warnings),
    )
