"""Curves in braille: what is drawn stands where it should."""

from __future__ import annotations

import math

import pytest
from rich.text import Text

from tinytorch_milestones.cli.plot import Canvas, Curve, Level, chart


def plain(rows: list[Text]) -> list[str]:
    return [row.plain for row in rows]


def test_a_dot_sets_one_bit_of_one_cell() -> None:
    canvas = Canvas(2, 1)
    canvas.dot(0, 0)
    canvas.dot(3, 3)
    assert plain(canvas.rows()) == ["⠁⢀"]


def test_dots_outside_are_ignored() -> None:
    canvas = Canvas(1, 1)
    for x, y in ((-1, 0), (2, 0), (0, -1), (0, 4)):
        canvas.dot(x, y)
    assert plain(canvas.rows()) == [" "]


def test_a_diagonal_touches_both_corners_and_every_column() -> None:
    canvas = Canvas(4, 2)
    canvas.line(0, 7, 7, 0)
    rows = plain(canvas.rows())
    assert rows == ["  ⡠⠊", "⡠⠊  "]


def test_a_curve_keeps_means_of_stretches_and_leaves_out_what_is_not_finite() -> None:
    curve = Curve()
    for value in (1.0, 3.0, math.nan, math.inf):
        curve.add(0.0, value)
    curve.add(1.0, 5.0)
    points = curve.points()
    assert [value for _, value in points] == [2.0, 5.0]
    assert 0 <= points[0][0] < points[1][0] <= 1
    assert curve.last == 5.0


def test_a_long_run_costs_no_more_points_than_a_short_one() -> None:
    curve = Curve()
    for step in range(50_000):
        curve.add(step / 50_000, float(step))
    assert len(curve.points()) <= 400


def test_a_falling_curve_falls() -> None:
    rows = plain(chart([([(0.0, 2.0), (1.0, 0.0)], "")], width=27, height=5, low=0.0, high=2.0))
    first = [len(row[7:]) - len(row[7:].lstrip()) for row in rows]
    assert first == sorted(first)
    assert first[0] == 0
    assert rows[0].startswith("     2 ")
    assert rows[-1].startswith("     0 ")


@pytest.mark.parametrize(("width", "height"), [(12, 3), (38, 13), (80, 14), (4, 3)])
def test_every_row_has_the_width_that_was_asked_for(width: int, height: int) -> None:
    points = [(i / 9, (i % 3) / 2) for i in range(10)]
    levels = [Level(0.9, "90 % asked"), Level(0.5, "chance")]
    rows = chart([(points, "green")], width=width, height=height, low=0, high=1, levels=levels)
    assert len(rows) == height
    assert {row.cell_len for row in rows} == {max(width, 11)}


def test_values_off_the_scale_stay_inside() -> None:
    rows = chart([([(0.0, -5.0), (1.0, 99.0)], "")], width=20, height=4, low=0.0, high=1.0)
    assert len(rows) == 4


def test_a_caption_gives_way_to_a_curve() -> None:
    level = [Level(0.5, "chance")]
    free = plain(chart([], width=40, height=9, low=0, high=1, levels=level))
    assert any("chance" in row for row in free)
    crowd = [((i % 50) / 49, (i // 50) / 30) for i in range(1550)]
    crowded = plain(chart([(crowd, "")], width=40, height=9, low=0, high=1, levels=level))
    assert not any("chance" in row for row in crowded)
