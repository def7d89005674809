"""Size against accuracy, layers under the roof, and a race: drawn, told in words, and hostile."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest

from tests.board import MILESTONE, PART, Recorder, steps
from tests.costs import HOSTILE, INTERVALS, TABLE, pareto, race, roofline
from tests.sights import figure_of
from tinytorch_milestones.training.steps import VIEWS
from tinytorch_milestones.watching import Run
from tinytorch_milestones.widgets import Dashboard
from tinytorch_milestones.widgets.charts import size_text
from tinytorch_milestones.widgets.description import costs
from tinytorch_milestones.widgets.layout import panels_of
from tinytorch_milestones.widgets.race import lines_of, pace_text
from tinytorch_milestones.widgets.theme import DARK, LIGHT
from tinytorch_milestones.widgets.views import KINDS

PICTURES = [pareto(), roofline(), race(40, 256), race(256, 256), INTERVALS]


def words_in(figure: Any) -> str:
    axes = figure._view_axes
    return " | ".join(
        text.get_text() for text in [*axes.texts, axes.xaxis.label] if text.get_text()
    )


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("picture", PICTURES)
def test_each_kind_is_drawn_in_both_themes(picture: dict[str, Any], theme: Any) -> None:
    assert picture["kind"] in KINDS
    assert picture["kind"] in VIEWS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = figure_of(picture, final=True, theme=theme).keepsakes()
    assert all(png.startswith(b"\x89PNG") for png in kept)


def test_a_point_is_named_with_what_is_told_of_it() -> None:
    figure = figure_of(pareto())
    said = words_in(figure)
    for expected in ("half the units", "95.6 %, 2.3x as fast", "4 times smaller", "1 point lost"):
        assert expected in said
    clouds = figure._view_axes.collections
    assert max(len(cloud.get_offsets()) for cloud in clouds) == 4


def test_points_come_one_after_the_other() -> None:
    whole = pareto()
    figure = figure_of({**whole, "points": whole["points"][:1]})
    assert "int8" not in words_in(figure)
    run = Run(PART, "yours", "/x", {})
    for step in steps(5):
        run.take(step)
    figure.update(run, whole)
    assert "int8" in words_in(figure)
    still = figure._view.still
    figure.update(run, whole)
    assert figure._view.still == still


def test_points_that_cannot_be_shown_are_left_out() -> None:
    odd = {"name": "odd", "bytes": 0, "accuracy": math.nan, "speed": 1.0}
    assert "odd" not in words_in(figure_of(pareto(odd)))
    assert words_in(figure_of({"kind": "pareto", "points": [], "title": ""})).startswith("size")
    figure_of({**roofline(0), "points": [{**roofline()["points"][0], "flops": 0.0}]})


def test_intervals_that_hold_one_are_drawn_quietly() -> None:
    axes = figure_of(INTERVALS)._view_axes
    colours = [line.get_color() for line in axes.lines if len(line.get_xdata()) == 1]
    assert colours == [LIGHT.muted, LIGHT.accuracy, LIGHT.second, LIGHT.muted]
    said = words_in(figure_of(INTERVALS))
    assert "2.13x" in said
    assert "9.0 ms, slower" in said


def test_every_point_lies_within_the_axes() -> None:
    for picture in (pareto(), roofline()):
        axes = figure_of(picture)._view_axes
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        for line in axes.lines:
            if line.get_linestyle() == "-" and line.get_marker() != "None":
                for x, y in zip(*line.get_data(), strict=True):
                    assert left <= x <= right
                    assert low <= y <= high


def test_a_race_shows_how_far_each_is_and_then_how_long_each_took() -> None:
    figure = figure_of(race(64, 256))
    slow, fast = figure._view._lanes
    wide = figure._view._wide
    assert slow["bar"].get_width() == pytest.approx(wide / 4)
    assert fast["bar"].get_width() == pytest.approx(wide)
    assert slow["pace"].get_text() == "64 of 256 tokens, 0.64 s"
    figure = figure_of(race(256, 256))
    slow, fast = figure._view._lanes
    assert slow["bar"].get_width() == pytest.approx(wide)
    assert fast["bar"].get_width() == pytest.approx(wide / 16)
    assert fast["pace"].get_text() == "0.032 s, 8,000 tokens a second"


def test_of_a_long_text_the_end_is_shown_and_nothing_is_too_wide() -> None:
    figure = figure_of(race(200, 256))
    view = figure._view
    shown = [words.get_text() for words in view._lanes[1]["lines"]]
    assert shown[-1].endswith("dog.")
    assert all(len(line) <= view._letters for line in shown)
    assert lines_of("One", " day\n\n\nthere", 20) == ["One day", "there"]
    assert pace_text({"tokens": 0, "of": 256, "seconds": 0.0}) == "0 of 256 tokens, 0.00 s"


def test_hostile_text_harms_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = race(9, 9, text=HOSTILE)
        picture["lanes"][0]["name"] = picture["prompt"] = "$\\frac{"
        figure_of(picture).png()
        odd = {"name": "$\\frac{", "bytes": 9, "accuracy": 0.9, "speed": 99.0}
        figure_of(pareto(odd)).png()


def test_each_kind_is_told_in_words() -> None:
    assert costs(pareto())[1] == (
        "half the units: 874 kB, 95.6% right, 2.3 times as fast as the first."
    )
    told = costs(roofline())
    assert told[0] == "At best 100 GFLOP/s and 20 GB/s."
    assert told[1].startswith("Linear 1, batch 256: 40 FLOP a byte, 64 GFLOP/s, 64%")
    assert costs(race(256, 256))[1] == "with the cache: 0.032 s, 8,000 tokens a second."
    assert costs(TABLE)[-1] == "int8, 9.0 ms, 0.90, slower."
    assert [size_text(n) for n in (12, 999.6, 81_000, 1_986_000)] == [
        "12 B",
        "1 kB",
        "81 kB",
        "2.0 MB",
    ]


def test_charts_and_races_have_room() -> None:
    assert panels_of(pareto()) == panels_of(roofline(), final=True) == {"chart"}
    assert panels_of(race(1, 1)) == {"texts"}
    for picture in PICTURES:
        assert figure_of(picture).height >= 3.6
        assert figure_of(picture, layers=()).height >= 3.6


def test_a_step_to_be_watched_is_drawn_whenever_the_last_one_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dashboard = Dashboard(fast=True, screen=Recorder())
    run = Run(PART, "yours", "/x", {})
    dashboard.started(MILESTONE, PART, run)
    drawn: list[int] = []
    monkeypatch.setattr(dashboard, "_frame", lambda run, step: drawn.append(step.step))
    for number, step in enumerate(steps(12), start=1):
        step.watch = number in (5, 6, 7)
        step.view = pareto
        run.take(step)
        dashboard._figure_due = dashboard._due = math.inf
        dashboard.stepped(step, run)
    assert drawn == [5, 6, 7]
