"""Checkpoint 13, benchmarking: medians with intervals, programs in turns, and no false claims.

Only public names are used, and never a real clock: the measured programs move the hands of one, so
that every expected time is exact. Intervals are compared with all outcomes of coins, one by one.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _benchmark(hands: _Hands, **options: Any) -> Any:
    return import_module("tinytorch").Benchmark(clock=hands, **options)


class _Hands:
    """A clock that moves when a program says so; it also writes down which program that was."""

    def __init__(self) -> None:
        self.wall = 0.0
        self.processor = 0.0
        self.diary: list[str] = []

    def __call__(self) -> tuple[float, float]:
        return self.wall, self.processor

    def program(
        self, name: str, seconds: Callable[[int], float], share: float = 1.0, result: Any = None
    ) -> Callable[[], Any]:
        """Its call number i takes seconds(i), of which the processor works that share."""
        count = itertools.count()

        def work() -> Any:
            taken = seconds(next(count))
            self.wall += taken
            self.processor += taken * share
            self.diary.append(name)
            return result

        return work


def _after(start: int, times: Array) -> Callable[[int], float]:
    """What calls take of which the first `start` are not measured; any later ones take 1 s."""

    def seconds(call: int) -> float:
        measured = call - start
        return float(times[measured]) if 0 <= measured < len(times) else 1.0

    return seconds


def _refusal(function: Callable[[], object]) -> str | None:
    """What the ValueError says that `function()` raises; None when it raises none."""
    try:
        function()
    except ValueError as error:
        return str(error)
    return None


def medians() -> None:
    """Median and interval, against every outcome of n coins."""
    random = np.random.default_rng(0)
    for n, confidence in ((6, 0.95), (8, 0.5), (9, 0.95), (11, 0.8), (12, 0.9)):
        hands = _Hands()
        times = 1 + random.permutation(n) ** 2.0
        benchmark = _benchmark(hands, repeats=n, warm_up=2, confidence=confidence)
        row = benchmark.run(hands.program("it", _after(3, times)))
        assert row.median == np.median(times), (
            f"times {times.tolist()}: expected the median {np.median(times)}, got {row.median}: a "
            "mean follows the slow ones, a minimum is the call that hardly ever happens"
        )
        heads = np.array([sum(coins) for coins in itertools.product((0, 1), repeat=n)])
        k = max(k for k in range(n) if 2 * np.mean(heads <= k) <= 1 - confidence)
        ordered = sorted(times.tolist())
        expected = ordered[k], ordered[n - 1 - k]
        assert (row.low, row.high) == expected, (
            f"{n} measurements, {confidence:.0%}: {k} may be passed over at each end, so the "
            f"median lies in {expected}; got {(row.low, row.high)}"
        )
    refusal = _refusal(lambda: _benchmark(_Hands(), repeats=5).run(lambda: None))
    assert refusal is not None, "5 repeats cannot give 95 %: expected a ValueError"
    assert "6" in refusal, f"expected to hear that 6 repeats are needed, got: {refusal}"


def warming() -> None:
    """The first calls are not measured, short ones are measured together, by both clocks."""
    hands = _Hands()
    each = 2.0**-12  # four of them are less than a millisecond, eight are more

    def seconds(call: int) -> float:
        return 50.0 if call < 4 else each

    row, slow = (
        _benchmark(hands, repeats=8, warm_up=4)
        .compare(
            {
                "it": hands.program("it", seconds, share=0.25),
                "slow": hands.program("slow", lambda call: 16 * seconds(call)),
            }
        )
        .rows
    )
    assert row.calls == 8, (
        f"warmed up, a call takes {each} s, and a measurement should take a millisecond or more: "
        f"expected 8 calls in a row, got {row.calls}; before it is warm nothing can be said"
    )
    assert row.median == each, (
        f"the first 4 calls take 50 s and are for warming up, each later one takes {each} s; got "
        f"a median of {row.median}"
    )
    assert row.processor == each / 4, (
        f"the processor works a quarter of the time: expected {each / 4}, got {row.processor}"
    )
    assert slow.calls == 1, (
        f"the other takes 16 times as long: one call is enough, got {slow.calls}"
    )
    made = hands.diary.count("slow")
    assert made == 14, (
        f"4 calls to warm up, 1 to see that it is enough, 8 measured, 1 for memory: expected 14 of "
        f"the slow program, got {made}"
    )
    assert row.high == each, f"no measured call took longer than {each} s; got up to {row.high}"


def in_turns() -> None:
    """A machine that slows down steadily must not make a difference between equal programs."""
    hands = _Hands()

    def slowing(_: int) -> float:
        return 1.0 + len(hands.diary) / 64

    programs = {name: hands.program(name, slowing) for name in ("first", "second", "third")}
    found = _benchmark(hands, repeats=12, warm_up=1).compare(programs)
    measured = hands.diary[6:-3]  # before: one to warm up and one to count; after: memory
    rounds = [measured[i : i + 3] for i in range(0, len(measured), 3)]
    names = list(programs)
    for number, one in enumerate(rounds):
        first = number // 2 % 3
        expected = names[first:] + names[:first]
        if number % 2 == 1:
            expected.reverse()
        assert one == expected, (
            f"round {number}: expected {expected}, got {one}: each program once in a round, every "
            "second round in reverse, and each pair of rounds moved on by one name"
        )
    assert len(rounds) == 12, f"12 rounds were asked for, there were {len(rounds)}"
    for row in found.rows[1:]:
        assert row.verdict == "no difference shown", (
            f"programs that are equal, on a machine that slows down: {row.name!r} is said to be "
            f"{row.verdict}, from {row.ratio_low:.3f} to {row.ratio_high:.3f}"
        )


def paired() -> None:
    """What slows both programs of a round by the same factor cancels."""
    hands = _Hands()
    weather = 2.0 ** np.random.default_rng(1).integers(0, 7, size=10)
    found = _benchmark(hands, repeats=10, warm_up=0).compare(
        {
            "old": hands.program("old", _after(1, 8 * weather)),
            "new": hands.program("new", _after(1, 2 * weather)),
            "worse": hands.program("worse", _after(1, 32 * weather)),
        }
    )
    for row, expected, said in zip(
        found.rows, (1.0, 4.0, 0.25), ("baseline", "faster", "slower"), strict=True
    ):
        got = row.ratio, row.ratio_low, row.ratio_high
        assert got == (expected,) * 3, (
            f"in every round {row.name!r} is {expected} times as fast as the first program, though "
            f"rounds differ: expected the same number three times, got {got}"
        )
        assert row.verdict == said, f"{row.name!r}: expected {said!r}, got {row.verdict!r}"


def verdicts() -> None:
    """ "Faster" and "slower" only where the whole interval says so."""
    # of 9 quotients the interval leaves out one at each end
    for quotients, median, interval, confidence, expected in (
        ([0.5, 2, 2, 4, 4, 4, 4, 8, 8], 4.0, (2.0, 8.0), 0.95, "faster"),
        ([0.5, 0.5, 2, 4, 4, 4, 4, 8, 8], 4.0, (0.5, 8.0), 0.95, "no difference shown"),
        ([0.5, 1, 2, 4, 4, 4, 4, 8, 8], 4.0, (1.0, 8.0), 0.95, "no difference shown"),
        (
            [0.125, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5, 1, 2],
            0.5,
            (0.25, 1.0),
            0.95,
            "no difference shown",
        ),
        ([0.125, 0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 64], 0.25, (0.25, 0.5), 0.95, "slower"),
        ([0.5, 2, 2, 4, 4, 4, 4, 8, 8], 4.0, (0.5, 8.0), 0.99, "no difference shown"),
    ):
        hands, order = _Hands(), np.random.default_rng(2).permutation(9)
        shuffled = np.array(quotients)[order]
        seconds = 2.0 ** np.arange(4, 13)
        found = _benchmark(hands, repeats=9, warm_up=0, confidence=confidence).compare(
            {
                "old": hands.program("old", _after(1, shuffled * seconds)),
                "new": hands.program("new", _after(1, seconds)),
            }
        )
        row = found.rows[1]
        assert row.ratio == median, (
            f"quotients {shuffled.tolist()}: expected their median {median}, got {row.ratio}"
        )
        assert (row.ratio_low, row.ratio_high) == interval, (
            f"quotients {shuffled.tolist()}, {confidence:.0%}: expected {interval}, got "
            f"{(row.ratio_low, row.ratio_high)}"
        )
        assert row.verdict == expected, (
            f"from {row.ratio_low} to {row.ratio_high}: expected {expected!r}, got "
            f"{row.verdict!r}: an interval that contains 1 shows nothing"
        )


def far_outside() -> None:
    """Outliers are counted, and stay."""
    times = np.array([16.0, 18, 17, 400, 16, 17, 18, 17, 2, 17, 16, 18])
    hands = _Hands()
    program = hands.program("it", _after(2, times))
    found = _benchmark(hands, repeats=12, warm_up=1).compare({"it": program})
    row = found.rows[0]
    assert row.outliers == 2, f"400 and 2 lie far outside of the others, got {row.outliers}"
    assert row.repeats == 12, f"12 repeats, outliers among them, got {row.repeats}"
    assert row.median == 17.0, f"the median of all twelve is 17, got {row.median}"
    kept = np.asarray(found.seconds["it"])[:, 0]
    assert (kept == times).all(), f"every measurement stays, in order: expected {times}, got {kept}"
    hands = _Hands()
    mild = np.array([16.0, 18, 17, 23.5, 16, 17, 18, 17, 10.5, 17, 16, 18])
    row = _benchmark(hands, repeats=12, warm_up=1).run(hands.program("it", _after(2, mild)))
    assert row.outliers == 0, (
        f"quartiles 16 and 18: 10.5 and 23.5 are less than 3 times their distance away, got "
        f"{row.outliers} outliers"
    )
    hands = _Hands()
    row = _benchmark(hands, repeats=6, warm_up=0).run(hands.program("it", lambda _: 2.0))
    assert row.outliers == 0, f"six equal times: none lies outside, got {row.outliers}"


def same_work() -> None:
    """How far results are apart is told, and refused where it was asked to be."""
    tensor = import_module("tinytorch").Tensor
    inf = math.inf
    scores = np.array([-inf, 4.0, 2.0], np.float32)
    levels = np.array([200, 40], np.uint8)
    for expected, got, distance in (
        (scores, scores.copy(), 0.0),
        (tensor(scores), tensor(scores + np.array([0, 0, 1], np.float32)), 0.25),
        (levels, np.array([200, 60], np.uint8), 0.1),
        (scores, scores[:2], inf),
        (scores, np.array([-inf, np.nan, 2.0]), inf),
        (np.zeros(2), np.array([0.0, 1e-9]), inf),
        ([1.0, np.array([8.0, -2.0])], [1.0, np.array([8.0, -3.0])], 0.125),
        ("a text", "a text", 0.0),
        ("a text", "another", inf),
    ):
        hands = _Hands()
        programs = {
            "old": hands.program("old", lambda _: 1.0, result=expected),
            "new": hands.program("new", lambda _: 1.0, result=got),
        }
        benchmark = _benchmark(hands, repeats=6, warm_up=0)
        row = benchmark.compare(programs).rows[1]
        assert row.apart == distance, (
            f"results {expected} and {got} are {distance} apart, as a share of the largest number "
            f"expected; got {row.apart}"
        )
        refusal = _refusal(partial(benchmark.compare, programs, tolerance=0.2))
        if distance > 0.2:
            assert refusal is not None, f"{distance} apart was let through, 0.2 was allowed"
        else:
            assert refusal is None, f"{distance} is within 0.2, but it was refused: {refusal}"


def report() -> None:
    """The table and the JSON hold what was measured, and where."""
    hands = _Hands()
    found = _benchmark(hands, repeats=6, warm_up=0).compare(
        {
            "a | b": hands.program("a", lambda _: 2.0, result=np.ones(2)),
            "new": hands.program("new", lambda _: 0.5, result=np.ones(3)),
        }
    )
    lines = [line for line in found.table().splitlines() if line.startswith("|")]
    assert len(lines) == 4, f"expected a head, a rule and two rows, got {len(lines)} lines"
    columns = {line.replace("\\|", "").count("|") for line in lines}
    assert len(columns) == 1, "every line of a Markdown table has the same number of columns"
    assert "2.00 s" in lines[2], f"the first program takes 2.00 s, but its line is {lines[2]}"
    assert "faster" in lines[3], f"the second is faster, but its line is {lines[3]}"
    kept = json.loads(found.to_json())
    assert [row["ratio"] for row in kept["rows"]] == [1.0, 4.0], "the rows' numbers stay numbers"
    assert kept["rows"][1]["apart"] is None, "JSON has no infinity: expected null"
    assert kept["seconds"]["new"]["wall"] == [0.5] * 6, "every single measurement is kept"
    assert kept["machine"]["python"], "a time without its machine is worth nothing"


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-13.medians": ("medians have the intervals that coins give them", medians),
    "checkpoint-13.warming": ("first calls are not measured, short ones together", warming),
    "checkpoint-13.turns": ("programs take turns, so that a drift cancels", in_turns),
    "checkpoint-13.paired": ("a ratio is taken round by round", paired),
    "checkpoint-13.verdicts": ("nothing is claimed that an interval does not show", verdicts),
    "checkpoint-13.outliers": ("outliers are told and never dropped", far_outside),
    "checkpoint-13.work": ("programs are asked whether they do the same work", same_work),
    "checkpoint-13.report": ("table and JSON hold what was measured", report),
}
