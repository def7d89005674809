"""From an empty folder through every module to every milestone: long ones are only begun here.

`make robot` wins these too, and prints the table that stands in benchmarks/RESULTS.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journey.robot import BEGUN, Robot, table
from tests.photos import write_photos
from tinytorch_milestones.catalog import load

# what only training can reach; every other gate is about how the student's code works
SCORES = {"loss", "accuracy", "bigram", "trigram", "words", "parsed", "asked"}


def test_a_robot_goes_through_the_whole_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYTORCH_DATA", str(write_photos(tmp_path / "data")))
    told: list[str] = []
    course = Robot(tmp_path / "course", tmp_path / "home", quick=True, say=told.append).go()
    print(table(course))

    catalog = load()
    modules = [module.id for module in catalog.modules if not module.coming]
    assert [checked.module for checked in course.modules] == modules
    assert all(checked.passed == checked.total > 0 for checked in course.modules)
    ready = {checkpoint.id for checkpoint in catalog.checkpoints if not checkpoint.coming}
    assert {name for name, status in course.checkpoints.items() if status == "passed"} == ready

    written = [m for m in catalog.all_milestones() if not m.coming]
    parts = {(m.id, part.id) for m in written for part in m.parts if not part.coming}
    assert {(won.milestone, won.part) for won in course.parts} == parts
    for won in course.parts:
        if won.begun:
            assert set(won.failed) <= SCORES, f"{won.milestone}: {won.failed}"
        else:
            assert won.passed, f"{won.milestone}, {won.part}: {won.failed}"
            assert won.credited
    for milestone in written:
        if milestone.id not in BEGUN:
            assert course.statuses[milestone.id] == "complete"
