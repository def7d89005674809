"""Curves in braille: what is drawn stands where it should."""

from __future__ import annotations

import math
import re

import pytest
from rich.text import Text

from tinytorch_milestones.cli import main
from tinytorch_milestones.cli.output import Screen
from tinytorch_milestones.cli.per_class import show_classes
from tinytorch_milestones.cli.plot import Canvas, Curve, Level, bars, chart
from tinytorch_milestones.tracker import Tracker


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


SHARES = [("cat", 0.5), ("automobile", 1.0), ("dog", 0.0), ("ship", 0.3), ("frog", 0.4)]


@pytest.mark.parametrize("width", [34, 40, 76, 100])
@pytest.mark.parametrize("count", [1, 5, 10])
def test_bars_fit_and_are_as_long_as_their_shares(width: int, count: int) -> None:
    rows = bars((2 * SHARES)[:count], width=width)
    assert max(row.cell_len for row in rows) <= width
    assert len(rows) == (count if count < 10 or width < 70 else 5)
    text = "\n".join(plain(rows))
    assert text.count("automobile") == {1: 0, 5: 1, 10: 2}[count]
    full = rows[0].plain.count("\u2588") / rows[0].plain.count("\u00b7") if count == 1 else 1
    assert full == pytest.approx(1, abs=0.2)


def test_tenths_are_written_where_all_are_near_the_top() -> None:
    (row,) = bars([("7", 0.9876)], width=40)
    assert row.plain.endswith("98.8 %")
    (row,) = bars([("7", 0.4876)], width=40)
    assert row.plain.endswith("49 %")
    assert bars([], width=40) == []


def test_a_pipe_is_told_of_classes_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    show_classes(Screen(), {"accuracy": 0.5, "class.cat": 0.29, "class.dog": 0.71})
    assert capsys.readouterr().out == "  Right of each class: cat 29.0 %, dog 71.0 %\n"
    show_classes(Screen(), {"accuracy": 0.5})
    assert capsys.readouterr().out == ""
    show_classes(Screen(), {f"class.{i}": i / 100 for i in range(100)})
    said = " ".join(capsys.readouterr().out.split())
    assert "99 99.0 %" in said
    assert "0 0.0 %" in said
    assert "50 50.0 %" not in said


def test_a_run_in_a_process_of_its_own_tells_of_its_classes(
    course: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(course.workspace.root)
    assert main(["milestone", "demo", "mlp", "--part", "digits"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    found = re.search(r"Right of each class: 0 [\d.]+ %, 1 [\d.]+ %, .*, 9 [\d.]+ %", said)
    assert found, said
