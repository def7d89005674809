"""`perf/benchmarking.py`: intervals counted out, clocks that only the test moves, nothing timed."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import tinytorch as tt
from tinytorch.perf import benchmarking
from tinytorch.perf.benchmarking import (
    HandClock,
    Row,
    apart,
    collect,
    enough_calls,
    least_repeats,
    median_interval,
    outliers,
    readable,
    results_apart,
    sample,
    speed_up,
    turns,
    verdict,
)

dyadic = st.integers(1, 2**10).map(lambda n: n / 2**7)  # sums of these are exact
numbers = st.floats(-1e6, 1e6, width=32)


def moving(clock: HandClock, times: Any, result: Any = None) -> Callable[[], Any]:
    """A program whose calls take these seconds, and the last of them for ever after."""
    coming = itertools.chain(times, itertools.repeat(times[-1]))

    def work() -> Any:
        clock.move(next(coming))
        return result

    return work


@settings(deadline=None)
@given(wall=dyadic, share=st.integers(0, 16), power=st.integers(0, 5))
def test_a_sample_is_one_call(wall: float, share: int, power: int) -> None:
    clock, made = HandClock(), []

    def work() -> None:
        made.append(1)
        clock.move(wall, wall * share / 16)

    assert sample(work, 2**power, clock).tolist() == [wall, wall * share / 16]
    assert len(made) == 2**power


@settings(deadline=None)
@given(each=dyadic, shortest=dyadic)
def test_enough_calls_are_the_first_power_of_two(each: float, shortest: float) -> None:
    clock = HandClock()
    calls = enough_calls(lambda: clock.move(each, 0.0), shortest, clock)
    assert calls * each >= shortest
    assert calls == 1 or calls / 2 * each < shortest
    assert clock.wall == (2 * calls - 1) * each


@given(n=st.integers(1, 150), confidence=st.floats(0.01, 0.999))
def test_an_interval_is_as_sure_as_it_says_and_no_wider(n: int, confidence: float) -> None:
    if n < least_repeats(confidence):
        with pytest.raises(ValueError, match=str(least_repeats(confidence))):
            median_interval(np.arange(n), confidence)
        return
    low, high = median_interval(np.arange(n), confidence)
    assert low + high == n - 1  # as many are passed over at either end
    k = int(low)

    def missed(k: int) -> int:
        return 2 * sum(math.comb(n, heads) for heads in range(k + 1))

    assert missed(k) / 2**n <= 1 - confidence
    assert missed(k + 1) / 2**n > 1 - confidence


@given(st.lists(numbers, min_size=6, max_size=40), st.randoms())
def test_an_interval_depends_on_sizes_only(values: list[float], random: Any) -> None:
    low, high = median_interval(values)
    assert low <= np.median(values) <= high
    assert {low, high} <= set(values)
    mixed = values.copy()
    random.shuffle(mixed)
    assert median_interval(mixed) == (low, high)
    assert median_interval([-value for value in values]) == (-high, -low)
    assert median_interval([8 * value for value in values]) == (8 * low, 8 * high)


@pytest.mark.parametrize("draw", ["exponential", "normal", "uniform"])
def test_intervals_cover_the_median_whatever_the_distribution(draw: str) -> None:
    median = {"exponential": math.log(2), "normal": 0.0, "uniform": 0.5}[draw]
    drawn = getattr(np.random.default_rng(0), draw)(size=(4000, 9))
    caught = [low <= median <= high for low, high in map(median_interval, drawn)]
    exact = 1 - 2 * (1 + 9) / 512
    assert abs(np.mean(caught) - exact) < 4 * math.sqrt(exact * (1 - exact) / 4000)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30), st.randoms())
def test_outliers(values: list[int], random: Any) -> None:
    found = outliers(values)
    assert found.dtype == bool
    lower, upper = np.quantile(values, [0.25, 0.75])
    for value, far in zip(values, found, strict=True):
        assert far == (max(lower - value, value - upper) > 3 * (upper - lower))
    assert np.sum(found) <= len(values) / 2
    order = random.sample(range(len(values)), len(values))
    assert (outliers([values[i] for i in order]) == found[order]).all()


@given(
    names=st.lists(st.text(max_size=3), unique=True, min_size=1, max_size=5),
    pairs=st.integers(0, 6),
)
def test_turns_are_fair(names: list[str], pairs: int) -> None:
    order = [name for one in turns(names, 2 * pairs) for name in one]
    places = [sum(i for i, who in enumerate(order) if who == name) for name in names]
    assert len(set(places)) == 1
    moved = pairs % len(names)
    assert turns(names, 2 * pairs + 1)[-1] == names[moved:] + names[:moved]
    whole = turns(names, 2 * len(names))
    for place in range(len(names)):  # each is twice in each place of a round
        assert sorted(one[place] for one in whole) == sorted([*names, *names])
    again = [one[-1] for one, after in itertools.pairwise([*whole, names]) if one[-1] == after[0]]
    assert sorted(again) == sorted(2 * names if len(names) == 1 else names)  # who follows itself


@settings(deadline=None)
@given(st.data())
def test_a_steady_drift_shows_no_difference(data: st.DataObject) -> None:
    """Equal programs on a machine that gets slower all the time, or quicker."""
    repeats = data.draw(st.integers(3, 12)) * 2
    slope = data.draw(st.floats(-0.01, 0.05))
    clock, count = HandClock(), itertools.count()

    def work() -> None:
        clock.move(1 + slope * next(count))

    found = tt.Benchmark(repeats=repeats, warm_up=1, clock=clock).compare(
        {"first": work, "second": work, "third": work}
    )
    assert {row.verdict for row in found.rows[1:]} == {"no difference shown"}


@given(
    base=st.lists(dyadic, min_size=6, max_size=20),
    power=st.integers(-4, 4),
)
def test_a_common_factor_cancels(base: list[float], power: int) -> None:
    seconds = np.array(base)
    assert speed_up(seconds * 2.0**power, seconds) == (2.0**power,) * 3


@given(st.lists(st.tuples(dyadic, dyadic), min_size=7, max_size=21))
def test_a_ratio_read_the_other_way(pairs: list[tuple[float, float]]) -> None:
    assume(len(pairs) % 2 == 1)
    old, new = np.array(pairs).T
    ratio, low, high = speed_up(old, new)
    back, back_low, back_high = speed_up(new, old)
    np.testing.assert_allclose([ratio, low, high], [1 / back, 1 / back_high, 1 / back_low])
    opposite = {"faster": "slower", "slower": "faster"}
    said = verdict(low, high)
    if 1 not in (low, high):
        assert verdict(1 / high, 1 / low) == opposite.get(said, said)


@given(st.lists(numbers, min_size=1, max_size=12), st.integers(0, 11), numbers)
def test_apart(values: list[float], place: int, other: float) -> None:
    a = np.array(values, np.float32)
    b = a.copy()
    b[place % len(a)] = other
    largest, distance = max(abs(float(v)) for v in a), max(abs(a.astype(float) - b.astype(float)))
    if distance == 0:
        assert apart(a, b) == 0.0
    else:
        assert apart(a, b) == (distance / largest if largest else math.inf)
    assert apart(a, b[:-1]) == math.inf


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (tt.Tensor([1.0, 2.0]), tt.Tensor([1.0, 2.0]), 0.0),
        (tt.Tensor([1.0, 2.0]), np.array([1.0, 1.0]), 0.5),
        ([1, (4, 2)], [1, (4, 3)], 0.5),  # each by its own largest number
        ([1, 2], [1, 2, 3], math.inf),
        ([], [], 0.0),
        (None, None, 0.0),
        (None, 1.0, math.inf),
        ("abc", "abc", 0.0),
        ("abc", "abd", math.inf),
        ([1, 2], 3, math.inf),
        (True, False, 1.0),
        ({"a": 1}, {"a": 1}, 0.0),
    ],
)
def test_results_of_all_kinds(one: Any, other: Any, expected: float) -> None:
    assert results_apart(one, other) == expected


def test_no_time_is_measured_while_memory_is_watched() -> None:
    clock, traced = HandClock(), []

    def work() -> Any:
        traced.append(tracemalloc.is_tracing())
        clock.move(1.0)
        return np.ones(100_000)

    row = tt.Benchmark(repeats=6, warm_up=2, clock=clock).run(work)
    assert traced == [False] * (2 + 1 + 6) + [True]
    assert 800_000 <= row.peak_bytes < 900_000
    assert not tracemalloc.is_tracing()


def test_an_error_in_a_program_is_its_own_and_leaves_nothing_behind() -> None:
    def wrong() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        tt.Benchmark(repeats=6).run(wrong)
    with pytest.raises(KeyError, match="lost"):
        benchmarking.peak_of(wrong)
    assert not tracemalloc.is_tracing()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"repeats": 5}, "at least 6"),
        ({"repeats": 7, "confidence": 0.99}, "at least 8"),
        ({"confidence": 1.0}, "between 0 and 1"),
        ({"warm_up": -1}, "number of calls"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(options: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        tt.Benchmark(**options)


def test_nothing_to_measure_and_a_clock_that_stands_still() -> None:
    with pytest.raises(ValueError, match="at least one program"):
        tt.Benchmark().compare({})
    with pytest.raises(ValueError, match=r"'idle'.*no time"):
        tt.Benchmark(repeats=6, clock=HandClock()).compare({"idle": lambda: None})


def test_other_work_is_refused_and_named() -> None:
    clock = HandClock()
    programs = {
        "all": moving(clock, [2.0], np.ones(4)),
        "half": moving(clock, [1.0], np.ones(2)),
    }
    benchmark = tt.Benchmark(repeats=6, clock=clock)
    assert benchmark.compare(programs).rows[1].apart == math.inf
    with pytest.raises(ValueError, match="'half' does not do the same work as 'all'"):
        benchmark.compare(programs, tolerance=1e-5)


def comparison() -> Any:
    clock = HandClock()
    times = np.array([4.0, 5, 4, 6, 4, 5, 90, 5, 4])
    return tt.Benchmark(repeats=9, warm_up=0, clock=clock).compare(
        {
            "old | slow": moving(clock, [1.0, *times], np.ones(2)),
            "new": moving(clock, [1.0, *times / 2], np.ones(2)),
        }
    )


def test_the_table_is_markdown_and_holds_every_row() -> None:
    found = comparison()
    lines = found.table().splitlines()
    cells = [line.replace("\\|", "/").strip("|").split("|") for line in lines[:4]]
    assert {len(line) for line in cells} == {10}
    assert [cell.strip() for cell in cells[2]][:4] == [
        "old / slow",
        "5.00 s",
        "4.00 s to 6.00 s",
        "1",
    ]
    assert [cell.strip() for cell in cells[3]][3:6] == ["2", "2 to 2", "faster"]
    assert cells[3][8].strip() == "1 of 9"
    assert "none was left out" in lines[-1]
    assert str(found) == found.table()


def test_the_json_holds_every_measurement_and_the_machine() -> None:
    found = comparison()
    kept = json.loads(found.to_json())
    assert [set(row) for row in kept["rows"]] == [{field.name for field in fields(Row)}] * 2
    assert kept["seconds"]["new"]["wall"] == (found.seconds["new"][:, 0]).tolist()
    assert max(kept["seconds"]["old | slow"]["wall"]) == 90  # the outlier stays
    assert {"system", "processor", "cores", "python", "numpy", "blas"} <= set(kept["machine"])


def test_the_picture_shows_every_measurement() -> None:
    found = comparison()
    axis = Figure().subplots()
    found.draw(axis)
    shown = [line for line in axis.lines if line.get_marker() in ("o", "x")]
    assert sum(len(line.get_xdata()) for line in shown) == 18
    assert sum(len(line.get_xdata()) for line in shown if line.get_marker() == "x") == 2
    assert [label.get_text() for label in axis.get_yticklabels()] == ["old | slow", "new"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (12.0, "12.0 s"),
        (1.234, "1.23 s"),
        (0.123, "123 ms"),
        (4.56e-5, "45.6 us"),
        (7.8e-8, "78.0 ns"),
        (0.0, "0.00 ns"),
    ],
)
def test_readable(seconds: float, text: str) -> None:
    assert readable(seconds) == text


def test_rounds_of_different_programs_stay_together() -> None:
    clock = HandClock()
    programs = {"a": moving(clock, [1.0, 1, 2, 3]), "b": moving(clock, [1.0, 10, 20, 30])}
    calls, seconds = collect(programs, 3, 0, 1.0, clock)
    assert calls == {"a": 1, "b": 1}
    assert (seconds["b"] == 10 * seconds["a"]).all()


def test_real_programs_by_the_real_clock() -> None:
    """Nothing about how fast they are: that all numbers are there and make sense."""
    layer, x = tt.Linear(8, 8), tt.Tensor(np.ones((4, 8), np.float32))
    found = tt.Benchmark(repeats=6, warm_up=1, shortest=0.0001).compare(
        {"Tensors": lambda: layer(x), "numpy": lambda: x.data @ layer.weight.data.T},
    )
    for row in found.rows:
        assert 0 < row.low <= row.median <= row.high
        assert row.ratio_low <= row.ratio <= row.ratio_high
        assert row.calls >= 1
        assert row.peak_bytes > 0


def test_it_needs_no_later_module_and_nothing_heavy() -> None:
    code = (
        "import sys, tinytorch; tinytorch.Benchmark; "
        "print([n for n in ('matplotlib', 'tinytorch.perf.profiling') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
