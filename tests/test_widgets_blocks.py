"""What stands around the figure: chips, ending, celebration."""

from __future__ import annotations

from typing import Any

import pytest

from tests.board import (
    MILESTONE,
    Recorder,
    drive,
    steps,
    words,
)
from tinytorch_milestones.state import NextStep, RunReport, VerdictState
from tinytorch_milestones.widgets import Dashboard, blocks
from tinytorch_milestones.widgets.html import twin_picture


def test_a_chip_says_its_state_in_shape_word_and_colour() -> None:
    verdicts = [
        VerdictState(id="a", title="a", required=">= 90 %", passed=None),
        VerdictState(id="b", title="b", required=">= 90 %", measured="95 %", passed=True),
        VerdictState(id="c", title="c", required="<= 90 %", measured="95 %", passed=False),
    ]
    shown = blocks.chips(verdicts)
    assert words(shown["text/html"]) == (
        "\u2026 a \u2265 90 % \u2713 b 95 % \u2265 90 % \u2717 c 95 % \u2264 90 %"
    )
    for word in ("waiting: a", "passed: b 95 %", "failed: c 95 %"):
        assert f'aria-label="{word}' in shown["text/html"]
    assert [line.split()[0] for line in shown["text/plain"].splitlines()] == [
        "waiting",
        "passed",
        "failed",
    ]


def conclusion(demo: bool = False, **changes: Any) -> str:
    report = drive(Dashboard(fast=True, screen=Recorder()), steps(20))
    step = NextStep(
        kind="module",
        id="04_losses",
        title="Open 04 Losses",
        why="It comes next.",
        button="",
        notebook="modules/04_losses.ipynb",
    )
    values: dict[str, Any] = {
        "milestone": "perceptron",
        "title": "",
        "parts": [report],
        "complete": True,
        "newly_complete": True,
        "changed_history": MILESTONE.changed,
        "badge": MILESTONE.badge,
        "next": step,
    }
    shown = blocks.conclusion(MILESTONE, RunReport(**{**values, **changes}), demo)
    return "" if shown is None else words(shown["text/html"])


def test_a_win_is_celebrated_once_and_says_what_is_next() -> None:
    said = conclusion()
    assert "Milestone complete: Rosenblatt's perceptron, 1958" in said
    assert MILESTONE.changed in said
    assert "First neuron" in said
    assert "Next: Open 04 Losses" in said
    again = conclusion(newly_complete=False)
    assert "Milestone complete" not in again
    assert "Next: Open 04 Losses" in again


def test_a_demo_is_not_celebrated() -> None:
    said = conclusion(demo=True, complete=False, newly_complete=False)
    assert "reference code" in said
    assert "complete" not in said


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (0.0004, "less than 1 ms"),
        (0.042, "42 ms"),
        (0.42, "0.42 s"),
        (4.2, "4.2 s"),
        (42.0, "42 s"),
        (200.0, "3 min 20 s"),
        (float("inf"), "a while"),
    ],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert blocks.duration(seconds) == text


def test_a_picture_needs_a_description() -> None:
    assert 'alt="a &lt;b&gt;"' in twin_picture(b"x", b"y", "a <b>")
