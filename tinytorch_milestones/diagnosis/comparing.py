"""Claims about module 19: what was measured, how sure that is, and whether the results agree.

Clocks stand still until a trial moves them, so that every number can be worked out by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Source, numbers, shape, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal

_FILE = "perf.benchmarking"
_CLOCK = f"{_FILE}.HandClock"


# one program


def _sample(source: Source) -> Iterator[Trial]:
    """The clock is looked at before the first call and after the last."""
    calls, wall = source.pick((1, 2, 4)), source.pick((3.0, 1.0, 0.5))
    worked = source.pick((1.0, 0.5, 2.0))
    lines = (
        "clock, done, looks = HandClock(), [], []",
        f"def work(): done.append(clock.move({wall:g}, {worked:g}))",
        "def looked(): return looks.append(len(done)) or clock()",
        f"found = sample(work, {calls}, looked)",
    )
    says = f"`sample` of {calls} call{'s' * (calls > 1)} of {wall:g} s, {worked:g} s of work,"
    for shown, right, label in (
        ("len(done)", calls, "the number of calls that were made"),
        ("looks", [0, calls], "the calls that were made when the clock was looked at"),
        ("found", np.array([wall, worked]), "wall and processor"),
    ):
        yield Trial(
            says=says,
            lines=lines,
            shown=shown,
            right=right,
            names=(_CLOCK, f"{_FILE}.sample"),
            label=label,
        )


def _enough(source: Source) -> Iterator[Trial]:
    """The first power of 2 that takes long enough by the clock on the wall, or the most."""
    each, shortest = source.pick((1.0, 0.25, 2.0)), source.pick((1.0, 2.0, 3.0))
    most = source.pick((64, 4))
    calls = tried = 1
    while calls < most and calls * each < shortest:
        calls *= 2
        tried += calls if calls < most else 0
    lines = (
        "clock, done = HandClock(), []",
        f"def work(): done.append(clock.move({each:g}, 0.0))",
        f"calls = enough_calls(work, {shortest:g}, clock, {most})",
    )
    for shown, right, label in (
        ("calls", calls, ""),
        ("len(done)", tried, "the calls it took to find out"),
    ):
        yield Trial(
            says=f"`enough_calls` of {each:g} s each for {shortest:g} s, at most {most},",
            lines=lines,
            shown=shown,
            right=right,
            names=(_CLOCK, f"{_FILE}.enough_calls"),
            label=label,
        )


# what is said of numbers


def _passed_over(n: int, confidence: float) -> int:
    """How many values are left out at each end; -1 where there are too few."""
    k, ways = -1, 0
    while 2 * (ways + math.comb(n, k + 1)) <= (1 - confidence) * 2**n * (1 + 1e-12):
        k += 1
        ways += math.comb(n, k)
    return k


def _shuffled(source: Source, count: int) -> list[float]:
    left = [float(i) for i in range(1, count + 1)]
    return [left.pop(source.pick(range(len(left)))) for _ in range(count)]


def _interval(source: Source) -> Iterator[Trial]:
    """From the binomial distribution, number by number."""
    n, confidence = source.pick((6, 7, 9, 12, 15)), source.pick((0.95, 0.5, 0.8))
    values = _shuffled(source, n)
    k = _passed_over(n, confidence)
    yield Trial(
        says=f"`median_interval` of the numbers 1 to {n} in some order, {confidence:.0%},",
        lines=(f"values = np.array({values})",),
        shown=f"median_interval(values, {confidence})",
        right=np.array([k + 1.0, n - k]),
        names=(f"{_FILE}.median_interval",),
        kept={"values": np.array(values)},
    )


def _too_few(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`median_interval` of 5 values, 95 %,",
        lines=(),
        shown="median_interval([1.0, 2.0, 3.0, 4.0, 5.0])",
        right=Raises("ValueError"),
        names=(f"{_FILE}.median_interval",),
    )


def _outliers(source: Source) -> Iterator[Trial]:
    """Beyond the quartiles by more than so many times their distance; an edge is not beyond."""
    far = source.pick((3.0, 1.0))
    values = numbers(source, (source.pick((5, 7, 9)),), (2.0, 3.0, 4.0, 1.0, 10.0, -4.0, 50.0))
    lower, upper = np.quantile(values, [0.25, 0.75])
    reach = far * (upper - lower)
    yield Trial(
        says=f"`outliers({literal(values)}, {far:g})`",
        lines=(f"values = np.array({literal(values)})",),
        shown=f"np.asarray(outliers(values, {far:g}))",
        right=(values < lower - reach) | (values > upper + reach),
        names=(f"{_FILE}.outliers",),
        dtype="bool",
        kept={"values": values},
    )


# several programs


def _order(names: Sequence[str], rounds: int) -> list[list[str]]:
    """Forwards and backwards, then the first name moves to the end."""
    found = []
    for turn in range(rounds):
        moved = turn // 2 % len(names)
        order = [*names[moved:], *names[:moved]]
        found.append(order[::-1] if turn % 2 else order)
    return found


def _turns(source: Source) -> Iterator[Trial]:
    names, rounds = list("abc")[: size(source)], source.pick((1, 2, 3, 4, 5, 7))
    for shown, right, fault in (
        (f"[list(one) for one in turns(names, {rounds})]", _order(names, rounds), ""),
        (f"(turns(names, {rounds}), names)[1]", names, "changes the list it is given"),
    ):
        yield Trial(
            says=f"`turns({names}, {rounds})`",
            fault=fault,
            lines=(f"names = {names}",),
            shown=shown,
            right=right,
            names=(f"{_FILE}.turns",),
            label="it" if fault else "",
        )


_DIARY = (
    "clock, diary, cold = HandClock(), [], ['a', 'a', 'b', 'b']",
    "def program(name, each):",
    "    def work():",
    "        diary.append(name)",
    "        clock.move(cold.remove(name) or 64.0 if name in cold else each)",
    "    return work",
    "programs = {'a': program('a', 0.5), 'b': program('b', 2.0)}",
)


def _collect(source: Source) -> Iterator[Trial]:
    """Warm-up first, for each program as many calls as it needs, and rounds in turns."""
    repeats = source.pick((2, 3, 4))
    lines = (*_DIARY, f"calls, seconds = collect(programs, {repeats}, 2, 1.0, clock)")
    rounds = [name for one in _order("ab", repeats) for name in one]
    diary = [name for name in rounds for _ in range(2 if name == "a" else 1)]
    for shown, right, label in (
        ("calls", {"a": 2, "b": 1}, "calls"),
        ("seconds['a'][:, 0]", np.full(repeats, 0.5), "seconds of a"),
        ("seconds['b'][:, 0]", np.full(repeats, 2.0), "seconds of b"),
        (f"diary[-{len(diary)}:]", diary, "who was called"),
        ("len(diary)", 2 + 3 + 2 + 1 + len(diary), "the number of calls"),
    ):
        yield Trial(
            says=f"`collect` of {repeats} rounds of a (0.5 s) and b (2 s), the first calls slow,",
            lines=lines,
            shown=shown,
            right=right,
            names=(_CLOCK, f"{_FILE}.collect"),
            label=label,
        )


def _rows(source: Source) -> Iterator[Trial]:
    """Calls that take longer each time: row i of each program belongs to round i."""
    lines = (
        "clock, count = HandClock(), [0]",
        "def work():",
        "    count[0] += 1",
        "    clock.move(float(count[0]))",
        "calls, seconds = collect({'a': work, 'b': work}, 3, 0, 0.5, clock)",
    )
    for name, right in (("a", [3.0, 6.0, 8.0]), ("b", [4.0, 5.0, 7.0])):
        yield Trial(
            says="`collect` of 3 rounds of two programs, calls of 1 s, 2 s, 3 s, ...,",
            lines=lines,
            shown=f"seconds['{name}'][:, 0]",
            right=np.array(right),
            names=(_CLOCK, f"{_FILE}.collect"),
            label=f"seconds of {name}",
        )


def _ratio(source: Source) -> Iterator[Trial]:
    """The median of what the rounds say, and its interval."""
    n, confidence = source.pick((8, 9, 11)), source.pick((0.95, 0.8))
    quotients = np.array(_shuffled(source, n))
    quotients[quotients == n] = 90.0
    seconds = 2.0 ** np.array([source.pick((0, 1, 3, -2)) for _ in range(n)])
    ordered, k = np.sort(quotients), _passed_over(n, confidence)
    yield Trial(
        says=f"`speed_up` where each of {n} rounds says {literal(quotients)} times, "
        f"{confidence:.0%},",
        lines=(
            f"baseline = np.array({literal(quotients * seconds)})",
            f"seconds = np.array({literal(seconds)})",
        ),
        shown=f"speed_up(baseline, seconds, {confidence})",
        right=np.array([np.median(quotients), ordered[k], ordered[n - 1 - k]]),
        names=(f"{_FILE}.speed_up",),
        kept={"baseline": quotients * seconds, "seconds": seconds},
    )


def _verdict(source: Source) -> Iterator[Trial]:
    low = source.pick((1.0, 0.5, 0.9, 1.5, 0.2))
    high = low + source.pick((0.1, 0.0, 0.5, 1.0))
    said = "faster" if low > 1 else "slower" if high < 1 else "no difference shown"
    yield Trial(
        says=f"`verdict({low:g}, {high:g})`",
        lines=(),
        shown=f"verdict({low:g}, {high:g})",
        right=said,
        names=(f"{_FILE}.verdict",),
    )


# results


def _apart(source: Source) -> Iterator[Trial]:
    """The largest distance as a share of the largest number that was expected."""
    sizes = shape(source, 1, 2)
    count = math.prod(sizes)
    expected = np.array([source.pick((1.0, 2.0, -4.0, 0.0)) for _ in range(count)])
    moved = np.array([source.pick((0.0, 0.0, 1.0, -8.0)) for _ in range(count)])
    largest = np.abs(expected).max()
    right = float(np.abs(moved).max() / largest) if largest else math.inf
    right = right if moved.any() else 0.0
    given = expected.reshape(sizes), (expected + moved).reshape(sizes)
    yield Trial(
        says=f"`apart({literal(given[0])}, {literal(given[1])})`",
        lines=(f"a = np.array({literal(given[0])})", f"b = np.array({literal(given[1])})"),
        shown="apart(a, b)",
        right=np.float64(right),
        names=(f"{_FILE}.apart",),
        kept={"a": given[0], "b": given[1]},
    )


def _odd(source: Source) -> Iterator[Trial]:
    """Shapes that differ, numbers that are none, infinities, bytes."""
    for a, b, right in (
        ("np.ones((2, 3))", "np.ones((3, 2))", math.inf),
        ("np.ones(3)", "np.ones(1)", math.inf),
        ("np.ones(2)", "np.array([1.0, np.nan])", math.inf),
        ("np.zeros(2)", "np.array([0.0, 1e-9])", math.inf),
        ("np.array([1.0, -np.inf])", "np.array([1.0, 2.0])", math.inf),
        ("np.array([-np.inf, 3.0])", "np.array([-np.inf, 6.0])", 1.0),
        ("np.array([200, 7], np.uint8)", "np.array([201, 9], np.uint8)", 0.01),
        ("np.array([2e-6])", "np.array([1e-6])", 0.5),
    ):
        yield Trial(
            says=f"`apart({a}, {b})`",
            lines=(),
            shown=f"apart({a}, {b})",
            right=np.float64(right),
            names=(f"{_FILE}.apart",),
        )


def _benchmark(source: Source) -> Iterator[Trial]:
    """The whole of it, by a clock that the programs move."""
    lines = (
        "clock = HandClock()",
        "def program(seconds, result): return lambda: clock.move(seconds) or result",
        "programs = {'old': program(2.0, [1.0]), 'new': program(0.5, [1.0])}",
        "rows = Benchmark(repeats=6, clock=clock).compare(programs).rows",
    )
    for shown, right in (
        ("[row.verdict for row in rows]", ["baseline", "faster"]),
        ("rows[1].ratio", np.float64(4.0)),
        ("rows[1].median", np.float64(0.5)),
    ):
        yield Trial(
            says="`Benchmark` of a program of 2 s and one of 0.5 s",
            lines=lines,
            shown=shown,
            right=right,
            names=("Benchmark", _CLOCK),
            label=shown.partition(" ")[0].lstrip("["),
        )


CLAIMS = [
    Claim("19 sample", "19", "19.sample", _sample, tries=12),
    Claim("19 enough_calls", "19", "19.calls", _enough, tries=24),
    Claim("19 median_interval", "19", "19.interval", _interval, tries=24),
    Claim("19 median_interval refuses", "19", "19.interval", _too_few, tries=1),
    Claim("19 outliers", "19", "19.outliers", _outliers, tries=60),
    Claim("19 turns", "19", "19.turns", _turns, tries=24),
    Claim("19 collect", "19", "19.collect", _collect, tries=4),
    Claim("19 collect by rounds", "19", "19.collect", _rows, tries=1),
    Claim("19 speed_up", "19", "19.ratio", _ratio, tries=24),
    Claim("19 verdict", "19", "19.ratio", _verdict, tries=24),
    Claim("19 apart", "19", "19.apart", _apart, tries=24),
    Claim("19 apart of odd numbers", "19", "19.apart", _odd, tries=1),
    Claim("19 Benchmark", "19", "", _benchmark, tries=1),
]
