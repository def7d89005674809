"""The line of years: nothing overlaps, nothing leaves the page, every station is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytorch_milestones.timeline import Stop, across, fits_across, rows_between, written

HISTORY = [
    Stop(1958, "✓", "Rosenblatt's perceptron", "complete, 100 %, 0.4 s"),
    Stop(1969, "●", "The XOR crisis", "ready, 2 of 3 parts"),
    Stop(1986, "○", "Back-propagation and the MLP", "locked, needs 04-08"),
    Stop(1998, "·", "LeNet", "coming"),
    Stop(2017, "·", "Attention is all you need", "coming"),
    Stop(2018, "·", "MLPerf: fast and small", "coming"),
]
MARKS = "✓●○·"


def line_of(text: str) -> str:
    return next(line for line in text.splitlines() if "─" in line or line.strip() in set(MARKS))


def test_distance_is_time() -> None:
    columns = [i for i, c in enumerate(line_of(written(across(HISTORY, 80)))) if c in MARKS]
    assert (columns[0], columns[-1]) == (0, 79)
    # the last two, a year apart, keep a little room for their labels
    for stop, column in zip(HISTORY[:4], columns, strict=False):
        assert column == round((stop.year - 1958) / 60 * 79)
    assert 79 - columns[-2] >= 6
    assert rows_between([s.year for s in HISTORY]) == [1, 2, 2, 2, 0]


def test_a_track_that_is_no_history_is_spaced_evenly() -> None:
    assert rows_between([1989, 2012, 1998]) == [1, 1]
    assert rows_between([2000, 2000]) == [1]
    stops = [stop._replace(year=2000) for stop in HISTORY[:5]]
    columns = [i for i, c in enumerate(line_of(written(across(stops, 81)))) if c in MARKS]
    assert columns == [0, 20, 40, 60, 80]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_every_station_is_named_in_the_page(width: int) -> None:
    text = written(across(HISTORY, width))
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for stop in HISTORY:
        assert str(stop.year) in words
        assert all(word.split("-")[0] in text for word in stop.title.split())


titles = st.text("abcdefg ", min_size=1, max_size=60).filter(str.strip)


@given(
    st.lists(st.tuples(st.integers(1900, 2100), titles, titles), min_size=1, max_size=12),
    st.integers(40, 100),
    st.booleans(),
)
def test_nothing_overlaps_and_nothing_leaves_the_page(
    found: list[tuple[int, str, str]], width: int, in_order: bool
) -> None:
    if not fits_across(len(found), width):
        return
    chosen = sorted(found) if in_order else found
    rows = across([Stop(year, "●", title, words) for year, title, words in chosen], width)
    for row in rows:
        end = 0
        for piece in row:
            assert piece.column >= end, "pieces overlap"
            end = piece.column + len(piece.text)
        assert end <= width
    assert {p.stop for row in rows for p in row if p.kind == "year"} == set(range(len(chosen)))


def test_too_many_stations_do_not_fit() -> None:
    assert fits_across(12, 80)
    assert not fits_across(14, 80)
    assert not fits_across(3, 12)
