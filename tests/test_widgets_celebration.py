"""What a run came to: the celebration of a win, now and later, and what is next."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.board import HOSTILE, MILESTONE, Recorder, drive, steps, words
from tinytorch_milestones.catalog.model import Milestone, Module
from tinytorch_milestones.state import MilestoneState, NextStep, RunReport
from tinytorch_milestones.widgets import Dashboard
from tinytorch_milestones.widgets.celebration import celebration, conclusion

WON = msgspec.structs.replace(MILESTONE, says="I can make neural networks work!", era="1958")
MODULES = {
    number: Module(id=f"{number}_x", title=title, question="", exports="core/x.py", public=())
    for number, title in (("01", "Tensor"), ("03", "Layers"))
}
STEPS = {
    "module": NextStep(
        kind="module",
        id="04_losses",
        title="Open 04 Losses",
        why="It comes next.",
        button="Open notebook",
        notebook="modules/04_losses.ipynb",
        command="tito module start 04",
    ),
    "milestone": NextStep(
        kind="milestone",
        id="mlp",
        title="Run Back-propagation",
        why="Unlocked by 08 Training.",
        button="Run it",
        command="tito milestone run mlp",
    ),
    "trust": NextStep(
        kind="trust",
        id="",
        title="Trust this course",
        why="Checking runs its code.",
        button="Trust",
        command="tito trust",
    ),
    "done": NextStep(
        kind="done",
        id="",
        title="You are up to date",
        why="2 of 2 milestones are yours.",
        button="Look back",
        notebook="notebooks/start_here.ipynb",
    ),
}


def concluded(
    demo: bool = False,
    milestone: Milestone = WON,
    exercised: dict[str, int] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    report = drive(Dashboard(fast=True, screen=Recorder()), steps(20), exercised=exercised or {})
    values: dict[str, Any] = {
        "milestone": "perceptron",
        "title": "",
        "parts": [report, report],
        "complete": True,
        "newly_complete": True,
        "changed_history": MILESTONE.changed,
        "badge": MILESTONE.badge,
        "next": STEPS["module"],
    }
    shown = conclusion(milestone, RunReport(**{**values, **changes}), demo, MODULES)
    return {} if shown is None else shown


def test_a_win_is_celebrated_once() -> None:
    won = concluded()
    for said in (words(won["text/html"]), won["text/plain"]):
        assert "Milestone complete: Rosenblatt's perceptron, 1958" in said
        assert "\u201cI can make neural networks work!\u201d" in said
        assert MILESTONE.changed in said
        assert "Badge: First neuron" in said
        assert "Next: Open 04 Losses" in said
    again = words(concluded(newly_complete=False)["text/html"])
    assert "Milestone complete" not in again
    assert "Next: Open 04 Losses" in again


def test_a_demo_is_not_celebrated() -> None:
    said = words(concluded(demo=True, complete=False, newly_complete=False)["text/html"])
    assert "reference code" in said
    assert "complete" not in said
    assert "at work" not in said


def test_the_code_at_work_is_counted_over_all_parts() -> None:
    won = concluded(exercised={"03": 40, "01": 1000, "02": 0, "09": 1})
    said = words(won["text/html"])
    assert "Your code at work" in said
    assert "01 Tensor 2,000 03 Layers 80 09 2" in said
    assert "02" not in said
    assert "01 Tensor 2,000 calls, 03 Layers 80 calls, 09 2 calls" in won["text/plain"]


def test_a_run_that_failed_has_nothing_more_to_say() -> None:
    report = drive(Dashboard(fast=True, screen=Recorder()), steps(20, learns=False))
    assert concluded(parts=[report], newly_complete=False, complete=False) == {}


@pytest.mark.parametrize(
    ("kind", "html", "text"),
    [
        (
            "module",
            'data-notebook="modules/04_losses.ipynb" data-cell="">Open 04 Losses</a>. It',
            "Next: Open 04 Losses (modules/04_losses.ipynb). It comes next.",
        ),
        (
            "milestone",
            "Next: Run Back-propagation <code>%milestone run mlp</code>. Unlocked",
            "Next: Run Back-propagation (%milestone run mlp). Unlocked by 08 Training.",
        ),
        (
            "trust",
            "Next: Trust this course <code>tito trust</code>. Checking",
            "Next: Trust this course (tito trust). Checking runs its code.",
        ),
        (
            "done",
            'are yours. <a class="tinytorch-open" href="../notebooks/start_here.ipynb"',
            "You are up to date. 2 of 2 milestones are yours. (notebooks/start_here.ipynb)",
        ),
    ],
)
def test_every_kind_of_next_step_can_be_followed(kind: str, html: str, text: str) -> None:
    won = concluded(next=STEPS[kind])
    assert html in won["text/html"]
    assert text in won["text/plain"]


def test_what_was_won_can_be_seen_again() -> None:
    state = MilestoneState(
        id="mlp",
        number="03",
        year=1986,
        title=f"Back-propagation {HOSTILE}",
        headline="",
        people="",
        story="",
        status="complete",
        needs=[],
        missing=[],
        parts=[],
        parts_complete=2,
        score_text="96.3 %",
        seconds=1.25,
        badge="Deep reader",
        says="I can make neural networks work!",
        changed="Layers could be trained.",
        completed="not a time",
    )
    shown = celebration(state, STEPS["done"])
    for said in (words(shown["text/html"]), shown["text/plain"]):
        assert "Milestone complete: Back-propagation" in said
        assert ", 1986" in said
        assert "I can make neural networks work!" in said
        assert "Layers could be trained." in said
        assert "Badge: Deep reader" in said
        assert "Best run: 96.3 % in 1.2 s of training" in said
        assert "Completed: not a time" in said
        assert "You are up to date." in said
    assert "<img src=x" not in shown["text/html"]
    assert "Next" not in celebration(state)["text/plain"]
