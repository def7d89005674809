"""What a network costs, in a terminal: nothing too wide, nothing a terminal would obey."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.costs import HOSTILE, INTERVALS, TABLE, pareto, race, roofline
from tinytorch_milestones.cli.costs import show_costs
from tinytorch_milestones.training import child


def rows(picture: dict[str, Any], width: int = 78, height: int = 20) -> list[str]:
    return [line.plain for line in show_costs(child.plain(picture), width, height)]


def test_sizes_are_bars_and_say_what_was_kept() -> None:
    drawn = rows(pareto())
    assert drawn[0] == "24.5 times smaller on disk"
    assert drawn[1].startswith("float32")
    assert drawn[1].count("█") == 13
    assert drawn[4].count("█") == 1
    assert drawn[4].endswith("81 kB  95.5 % right, 1.9x as fast")


def test_layers_say_what_limits_them() -> None:
    drawn = rows(roofline(1))
    assert drawn[1] == "at best 100 GFLOP/s, 20 GB/s"
    assert drawn[2].endswith("40 % of the memory limit, batch 1")
    assert "processor" in rows(roofline(5))[2]


def test_a_race_shows_both_paces() -> None:
    drawn = rows(race(64, 256))
    assert "64 tokens, 0.64 s, 100 a second" in drawn[1]
    assert drawn[2].endswith("There was a dog.")
    assert "8,000 a second" in rows(race(256, 256))[3]


def test_a_table_has_its_columns_below_each_other() -> None:
    drawn = rows(TABLE)
    assert rows(INTERVALS)[1:] == drawn[1:]
    assert drawn[1].startswith("program")
    assert drawn[3].startswith("int8")
    assert drawn[2].index("8.1 ms") == drawn[3].index("9.0 ms")


@pytest.mark.parametrize(("width", "height"), [(78, 20), (30, 4), (10, 2), (78, 1)])
def test_whatever_the_size_nothing_is_wider_or_higher(width: int, height: int) -> None:
    odd = {"name": HOSTILE, "bytes": math.nan, "accuracy": math.inf, "speed": math.nan}
    for picture in (pareto(odd), roofline(), race(3, 3, text=HOSTILE), TABLE, {"kind": "texts"}):
        drawn = rows(picture, width, height)
        assert len(drawn) <= height
        assert all(len(line) <= width for line in drawn)
        assert not any(character in line for line in drawn for character in "\x00\x1b\u202e")
