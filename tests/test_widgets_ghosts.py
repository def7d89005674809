"""Which earlier runs are drawn behind a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.board import MILESTONE, PART
from tinytorch_milestones import part_run
from tinytorch_milestones.catalog.curves import Curve
from tinytorch_milestones.part_run import Ghost, PartRun
from tinytorch_milestones.records import Attempt

CURVE = Curve(losses=[2.0, 1.0], steps=900, accuracies=[(900, 0.97)])


def attempt(losses: list[float], **changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "id": "1",
        "milestone": MILESTONE.id,
        "part": PART.id,
        "started": "",
        "implementation": "yours",
        "losses": losses,
    }
    return Attempt(**{**values, **changes})


@pytest.fixture(autouse=True)
def known_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = {(MILESTONE.id, PART.id): CURVE}
    monkeypatch.setattr(part_run, "reference_curve", lambda *names: curves.get(names))


def ghosts(
    attempts: list[Attempt],
    kind: str = "yours",
    part: Any = PART,
    resumed: list[str] | None = None,
) -> dict[str, Ghost]:
    run: Any = object.__new__(PartRun)
    run.standing = SimpleNamespace(attempts_of=lambda milestone, part: attempts)
    run.milestone, run.part = MILESTONE, part
    run.implementation = SimpleNamespace(kind=kind)
    run.saved = None if resumed is None else SimpleNamespace(attempts=resumed)
    found: dict[str, Ghost] = run._ghosts()
    return found


def test_the_newest_run_with_a_curve_and_the_reference_stand_behind() -> None:
    broken, newest, older = (
        attempt([1.0]),
        attempt([3.0, 2.0, 1.0], step=300, accuracies=[(100, 0.5), (300, 0.9)]),
        attempt([9.0, 8.0]),
    )
    found = ghosts([broken, newest, older])
    assert found["last run"] == Ghost(
        losses=[3.0, 2.0, 1.0], steps=300, accuracies=[(100, 0.5), (300, 0.9)]
    )
    assert found["reference"] == Ghost(losses=[2.0, 1.0], steps=900, accuracies=[(900, 0.97)])


def test_a_first_run_has_only_the_reference_behind_it() -> None:
    assert list(ghosts([])) == ["reference"]


def test_the_reference_has_no_ghost_of_itself() -> None:
    assert ghosts([], kind="reference") == {}


def test_an_attempt_that_did_not_note_its_steps_has_one_for_each_loss() -> None:
    assert ghosts([attempt([3.0, 2.0, 1.0])])["last run"].steps == 3


def test_what_a_resumed_run_had_before_is_not_another_run() -> None:
    own, other = attempt([3.0, 2.0], id="2"), attempt([5.0, 4.0], id="1")
    assert ghosts([own, other], resumed=["2"])["last run"].losses == [5.0, 4.0]
    assert ghosts([own, other])["last run"].losses == [3.0, 2.0]
