"""What stands around the figure: chips, ending, celebration."""

from __future__ import annotations

import pytest

from tests.board import (
    words,
)
from tinytorch_milestones.state import VerdictState
from tinytorch_milestones.widgets import blocks
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
