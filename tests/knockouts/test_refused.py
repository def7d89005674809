"""No mistake of tests/mutants is run for credit, also those that no gate of a milestone can see.

A module counts only while its export is the one that its own tests accepted, and every mistake is
rejected by those (tests/test_modules.py). So a run refuses, and names the module.
"""

from __future__ import annotations

import shutil

import pytest

from tests.mutants import all_mutants
from tinytorch_milestones.catalog import Milestone, Module, Part, load
from tinytorch_milestones.errors import Locked
from tinytorch_milestones.progress import now
from tinytorch_milestones.records import Receipt
from tinytorch_milestones.standing import file_hash
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.training.implementation import reference_root


def prove(tracker: Tracker, module: Module) -> None:
    """Put the reference's export in place, with a receipt as its own tests would leave."""
    path = tracker.workspace.export(module)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(reference_root() / "tinytorch" / module.exports, path)
    hashes = {"export": file_hash(path)}
    tracker.progress.add_receipt(
        Receipt(kind="module", what=module.id, created=now(), hashes=hashes, evidence={})
    )


def parts_that_need(tracker: Tracker, module: Module) -> list[tuple[Milestone, Part]]:
    return [
        (milestone, part)
        for milestone in tracker.catalog.all_milestones()
        for part in milestone.parts
        if module.number in part.needs and not part.coming
    ]


# of the modules whose milestones are still coming, none can be run
PARTS = [part for milestone in load().all_milestones() for part in milestone.parts]
OPEN = {number for part in PARTS if not part.coming for number in part.needs}
MODULES = sorted({mutant.module for mutant in all_mutants() if mutant.module[:2] in OPEN})


@pytest.mark.parametrize("module", MODULES)
def test_a_mistake_is_not_run_for_credit(course: Tracker, module: str) -> None:
    for written in course.catalog.modules:
        if not written.coming:
            prove(course, written)
    spoiled = course.module(module)
    concerned = parts_that_need(course, spoiled)
    assert concerned
    assert all(course.standing().part_status(m, part) == "ready" for m, part in concerned)
    milestone, part = concerned[0]
    file = course.workspace.export(spoiled)
    source = file.read_text()
    for mutant in all_mutants():
        if mutant.module != module:
            continue
        file.write_text(mutant.applied(source))
        standing = course.standing()
        for m, concerned_part in concerned:
            assert standing.part_status(m, concerned_part) == "locked", mutant.name
        with pytest.raises(Locked) as refused:
            course.run_milestone(milestone.id, part=part.id, in_child=False)
        assert spoiled.id in str(refused.value), mutant.name
    file.write_text(source)
    assert course.standing().part_status(milestone, part) == "ready"
