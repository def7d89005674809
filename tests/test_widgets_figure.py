"""The figure of a run: its curves, its views, and frames over kept pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.board import (
    PART,
    boundary,
    opened,
    steps,
)
from tinytorch_milestones.part_run import Ghost, Run
from tinytorch_milestones.widgets.figure import RunFigure
from tinytorch_milestones.widgets.theme import DARK, LIGHT
from tinytorch_milestones.widgets.views import _clip, kind_of


def finished_run(count: int = 30, **changes: Any) -> Run:
    run = Run(PART, "yours", "/course/tinytorch", {})
    for step in steps(count):
        for name, value in changes.items():
            setattr(step, name, value)
        run.take(step)
    return run


def test_a_frame_reuses_its_artists_and_shows_what_changed() -> None:
    run = Run(PART, "yours", "/course/tinytorch", {})
    figure = RunFigure(PART, LIGHT)
    pictures, artists = [], []
    for step in steps(30):
        run.take(step)
        figure.update(run, boundary(step.step))
        pictures.append(figure.png())
        artists.append(sum(len(axes.get_children()) for axes in figure._figure.axes))
    assert len(set(pictures)) == 30
    assert set(artists[10:]) == {artists[10]}


def test_a_frame_over_kept_pixels_is_the_same_as_one_drawn_from_scratch() -> None:
    run = Run(PART, "yours", "/course/tinytorch", {})
    kept = RunFigure(PART, DARK)
    for step in steps(20):
        run.take(step)
        kept.update(run, boundary(5))
        kept.png()
    fresh = RunFigure(PART, DARK)
    fresh.update(run, boundary(5))
    difference = np.abs(
        np.asarray(opened(kept.png()), dtype=int) - np.asarray(opened(fresh.png()), dtype=int)
    )
    # the height of the loss axis may differ, since it only shrinks in large steps; nothing else
    assert difference[:, 320:].max() == 0


@pytest.mark.parametrize("losses", [[float("nan")] * 5, [float("inf"), 1.0, 2.0], [0.0] * 5])
def test_losses_that_are_no_numbers_can_be_drawn(losses: list[float]) -> None:
    ghosts = {"last run": Ghost(losses=losses, steps=5)}
    run = Run(PART, "yours", "/course/tinytorch", ghosts)
    figure = RunFigure(PART, LIGHT, ghosts=run.ghosts)
    for step, loss in zip(steps(5), losses, strict=False):
        step.loss = loss
        run.take(step)
        figure.update(run, None)
    assert opened(figure.png()).size == (960, 290)


IMAGES: dict[str, Any] = {
    "images": np.linspace(0, 1, 6 * 64).reshape(6, 8, 8),
    "guesses": ["0", "1", "0", "1", "0", "1"],
    "truths": ["0", "1", "1", "1", "0", "1"],
    "weights": np.linspace(-1, 1, 64).reshape(8, 8),
    "title": "what it sees",
}
TABLE: dict[str, Any] = {
    "columns": ["x1", "x2", "out"],
    "rows": [["0", "1", "1"], ["1", "1", "0"]],
    "title": "truth table",
}


@pytest.mark.parametrize(
    "picture",
    [boundary(1), IMAGES, {**IMAGES, "weights": None}, TABLE],
    ids=["boundary", "images", "images without weights", "table"],
)
def test_every_kind_of_view_is_drawn(picture: dict[str, Any]) -> None:
    run = finished_run()
    without, shown = RunFigure(PART, LIGHT), RunFigure(PART, LIGHT)
    without.update(run, None)
    shown.update(run, picture)
    before = np.asarray(opened(without.png()), dtype=int)
    after = np.asarray(opened(shown.png()), dtype=int)
    assert np.abs(before - after)[:, 650:].max() > 100
    assert np.abs(before - after)[:, :630].max() == 0


def test_a_wrong_guess_is_marked_by_shape_too() -> None:
    figure = RunFigure(PART, LIGHT)
    figure.update(finished_run(), IMAGES)
    said = [words.get_text() for words in figure._view._words]  # type: ignore[union-attr]
    assert said == ["0", "1", "0 \u2717", "1", "0", "1"]


def test_a_table_may_grow() -> None:
    figure = RunFigure(PART, LIGHT)
    run = finished_run()
    for count in (1, 2, 5):
        rows = [[str(i), "x", "y"] for i in range(count)]
        figure.update(run, {**TABLE, "rows": rows})
        figure.png()
    cells = figure._view._cells  # type: ignore[union-attr]
    assert [row[0].get_text() for row in cells] == ["x1", "0", "1", "2", "3", "4"]


def test_a_view_may_change_its_kind_during_a_run() -> None:
    figure, fresh = RunFigure(PART, LIGHT), RunFigure(PART, LIGHT)
    run = finished_run()
    for picture in (TABLE, IMAGES, boundary(1)):
        figure.update(run, picture)
        figure.png()
    fresh.update(run, boundary(1))
    assert figure.png() == fresh.png()


def test_the_line_lies_where_the_weights_say() -> None:
    xs, ys = _clip(2.0, -1.0, 0.5, (-1.0, 1.0), (-1.0, 1.0))
    assert len(xs) == 2
    for x, y in zip(xs, ys, strict=True):
        assert 2.0 * x - y + 0.5 == pytest.approx(0.0)
        assert max(abs(x), abs(y)) <= 1.0
    assert _clip(0.0, 0.0, 1.0, (-1, 1), (-1, 1)) == ([], [])
    assert _clip(1.0, 0.0, -5.0, (-1, 1), (-1, 1)) == ([], [])


def test_the_shade_is_on_the_side_the_weights_say() -> None:
    figure = RunFigure(PART, LIGHT)
    figure.update(finished_run(), {**boundary(1), "lines": [(1.0, 0.0, -0.5, "x = 0.5")]})
    shade = np.asarray(figure._view._shade.get_array())  # type: ignore[union-attr]
    assert not shade[:, 0].any()
    assert shade[:, -1].all()
    assert figure._view._shade.get_alpha() > 0  # type: ignore[union-attr]


def test_lines_without_captions_stand_behind_and_tint_nothing() -> None:
    figure = RunFigure(PART, LIGHT)
    run = finished_run()
    for count in (2, 3, 24, 2):
        lines = [(1.0, 0.1 * i, -0.5, "") for i in range(count)]
        figure.update(run, {**boundary(1), "lines": lines})
        view: Any = figure._view
        assert sum(len(line.get_xdata()) == 2 for line in view._faint) == count
        assert not view._strong
        assert view._shade.get_alpha() == 0


def test_the_earlier_positions_of_one_line_stay_for_a_while() -> None:
    figure = RunFigure(PART, LIGHT)
    run = finished_run()
    for step in range(20):
        figure.update(run, boundary(step))
    view: Any = figure._view
    assert [len(line.get_xdata()) for line in view._strong] == [2]
    assert sum(len(line.get_xdata()) == 2 for line in view._faint) == 5


def test_an_unknown_view_is_left_out() -> None:
    assert kind_of({"music": 1}) == ""
    figure = RunFigure(PART, LIGHT)
    figure.update(finished_run(), {"music": 1})
    assert opened(figure.png()).size == (960, 290)
