"""A run on language in a terminal: attention in blocks, texts in lines, levels in the plot."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tests.board import MILESTONE, PART, steps
from tests.test_widgets_language import HOSTILE, SAMPLES, heads, sample, texts
from tinytorch_milestones.cli.running import LiveView
from tinytorch_milestones.cli.seen import safe, show_seen
from tinytorch_milestones.training import child, wire
from tinytorch_milestones.watching import Run


def rows(picture: dict[str, Any], width: int = 78, height: int = 20) -> list[str]:
    return [line.plain for line in show_seen(child.plain(picture), width, height)]


def test_attention_is_blocks_with_marks_where_it_should_be() -> None:
    picture = heads(1, 6, marked=False)
    picture["heads"] = np.zeros((1, 6, 6))
    picture["heads"][0, 4, 2] = 1.0
    picture["heads"][0, 1, 0] = 0.06
    drawn = rows(picture)
    assert len(drawn) == 7
    assert drawn[5] == "    ██      "
    assert drawn[2] == "░░          "
    marked = rows({**picture, "expected": [(4, 2), (5, 3)]})
    assert marked[5] == "    █◂      "
    assert marked[6] == "       ◂    "
    assert marked[0].startswith("layer 1, ")


def test_the_heads_that_look_where_they_should_are_shown_first() -> None:
    drawn = rows(heads(8, 12), width=60)
    assert drawn[0].startswith("layer 1, head 2 90 % ◂")
    assert len(drawn) == 13
    assert all(len(line) <= 60 for line in drawn)


@pytest.mark.parametrize(("width", "height"), [(78, 20), (40, 8), (20, 5), (78, 4), (10, 1)])
@pytest.mark.parametrize("length", [4, 24, 64, 200])
def test_whatever_the_size_nothing_is_wider_or_higher(width: int, height: int, length: int) -> None:
    for picture in (heads(8, length), texts(*SAMPLES), texts(*[SAMPLES[0]] * 9)):
        drawn = rows(picture, width, height)
        assert len(drawn) <= height
        assert all(len(line) <= width for line in drawn)


def test_texts_keep_their_indentation_and_say_right_and_wrong() -> None:
    drawn = rows(texts(*SAMPLES))
    assert "    return x" in drawn
    assert "✓ right" in drawn
    assert any(line.startswith("✗ wrong: f(1) raised") for line in drawn)
    assert drawn[0] == "what it writes"


def test_a_terminal_gets_nothing_to_obey() -> None:
    assert safe("a\x1b[31m\x07b\u202e\n\tc") == "a▯[31m▯b▯\n    c"
    drawn = rows(texts(sample(HOSTILE, HOSTILE, note=HOSTILE, good=False), title=HOSTILE))
    drawn += rows(heads(2, names=[HOSTILE] * 2))
    assert not any(ord(c) < 32 or c in "\x7f\u202e\ud800" for line in drawn for c in line)


def test_values_that_are_no_numbers_are_no_ink() -> None:
    picture = heads(1, 4, marked=False)
    picture["heads"] = np.array([[[np.nan, np.inf, -1.0, 2.0]] * 4])
    assert rows(picture)[1] == "      ██"
    assert rows({"kind": "heads"}) == rows({"kind": "images"}) == []


# the live view


class Page:
    """A screen of a terminal that draws."""

    draws = True

    def __init__(self, width: int = 80, height: int = 40) -> None:
        self.console = Console(width=width, height=height, file=io.StringIO())
        self.width = width


def frame(run: Run, height: int = 40) -> str:
    page: Any = Page(height=height)
    view = LiveView(page, [])
    view._milestone, view._part = MILESTONE, PART
    view._ghost, view._behind, view._live = None, "", None
    from tinytorch_milestones.cli.plot import Curve

    view._loss, view._accuracy = Curve(), Curve()
    view._take_up(run)
    page.console.print(view._picture(run, run.verdicts(), final=False))
    written: str = page.console.file.getvalue()
    return written


def language_run() -> Run:
    run = Run(PART, "yours", "/course", {})
    for step in itertools.islice(steps(20), 10):
        step.noun = "tokens"
        if step.step == 1:
            step.lines = {"bigram": 2.4, "trigram": 1.7}
        run.take(step)
    return run


def test_the_live_view_shows_levels_tokens_and_what_is_seen() -> None:
    run = language_run()
    said = frame(run)
    assert "bigram" in said
    assert "trigram" in said
    assert "tokens/s" in said
    run.seen = child.plain(texts(*SAMPLES))
    said = frame(run)
    assert "✓ right" in said
    assert "    return x" in said
    run.seen = child.plain(heads(2, 12))
    assert "█◂" in frame(run)


@pytest.mark.parametrize("height", [14, 18, 24, 30, 50])
def test_a_frame_fits_the_terminal(height: int) -> None:
    run = language_run()
    for picture in (texts(*SAMPLES), heads(8, 64)):
        run.seen = child.plain(picture)
        assert len(frame(run, height).splitlines()) < height


def test_a_child_sends_what_is_seen_to_whoever_watches() -> None:
    def stream(job: dict[str, Any]) -> list[Any]:
        sent: list[Any] = []

        def source() -> Any:
            for step in steps(30):
                step.view = lambda: heads(1, 4)
                yield step

        settled: Any = type("Never", (), {"after": lambda *_: False})()
        one: Any = None
        child._Stream(job, one, settled, sent.append).pass_on(source())
        return sent

    seen = [message["seen"] for message in stream({"show": True}) if "seen" in message]
    assert seen
    assert seen[-1]["kind"] == "heads"
    assert seen[-1]["heads"][0][3][0] == pytest.approx(float(heads(1, 4)["heads"][0][3][0]))
    counted = [len(wire.decode(m["steps"])) for m in stream({}) if "steps" in m]
    assert sum(counted) == 30
    assert not [message for message in stream({}) if "seen" in message]


def test_a_picture_that_fails_does_not_end_a_run() -> None:
    sent: list[Any] = []

    def source() -> Any:
        for step in steps(5):
            step.view = lambda: 1 / 0  # type: ignore[assignment, return-value]
            yield step

    settled: Any = type("Never", (), {"after": lambda *_: False})()
    one: Any = None
    child._Stream({"show": True}, one, settled, sent.append).pass_on(source())
    assert sum(len(m["steps"]) for m in sent) == 5
