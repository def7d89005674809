"""Mistakes in `perf/benchmarking.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_LOOP = "    for _ in range(calls):\n        function()\n    ended = clock()\n"
_SHARE = "return np.subtract(ended, began) / calls"
_ENOUGH = "while calls < most and calls * sample(function, calls, clock)[0] < shortest:"
_TWICE = "calls *= 2"
_WAYS = "ways = itertools.accumulate(math.comb(n, heads) for heads in range(n))"
_K = "k = sum(2 * chance <= 1 - confidence for chance in chances) - 1"
_ORDERED = "ordered = np.sort(values)"
_ENDS = "return float(ordered[k]), float(ordered[n - 1 - k])"
_REACH = "reach = far * (upper - lower)"
_OUTSIDE = "return (values < lower - reach) | (values > upper + reach)"
_TURNS = "found.append(order if turn % 2 == 0 else order[::-1])"
_ON = "        if turn % 2 == 1:\n            order = order[1:] + order[:1]\n"
_WARM = "        for _ in range(warm_up):\n            function()\n"
_COUNT = "        calls[name] = enough_calls(function, shortest, clock)\n"
_ROUNDS = """    for turn, names in enumerate(turns(list(programs), repeats)):
        for name in names:
            seconds[name][turn] ="""
_EACH = "sample(programs[name], calls[name], clock)"
_QUOTIENTS = "quotients = np.asarray(baseline) / np.asarray(seconds)"
_INTERVAL = "low, high = median_interval(quotients, confidence)"
_RATIO = "return float(np.median(quotients)), low, high"
_FASTER = "if low > 1:"
_SLOWER = 'return "slower" if high < 1 else "no difference shown"'
_SHAPES = "if expected.shape != got.shape:\n        return math.inf\n"
_EXACT = (
    "a, b = expected[unequal].astype(np.float64), got[unequal].astype(np.float64)",
    "a, b = expected[unequal], got[unequal]",
)
_FINITE = "largest = sizes[np.isfinite(sizes)].max(initial=0)"
_APART = "return float(distance / largest) if np.isfinite(distance) and largest > 0 else math.inf"

_MISTAKES = [
    (
        "looked-inside",
        _LOOP,
        (
            "    for _ in range(calls):\n        began = clock()\n        function()\n"
            "    ended = clock()\n"
        ),
        "the clock is looked at again before each call: only the last one is measured",
    ),
    ("not-shared-out", _SHARE, _SHARE.replace(" / calls", ""), "the time of all calls together"),
    (
        "wall-only",
        _SHARE,
        "return np.full(2, ended[0] - began[0]) / calls",
        "the wall's time is given for the processor's",
    ),
    (
        "once-only",
        _LOOP,
        "    function()\n    ended = clock()\n",
        "one call, whose time is divided by the number of calls that were asked for",
    ),
    (
        "each-long-enough",
        _ENOUGH,
        _ENOUGH.replace("calls * sample", "sample"),
        "every single call would have to take the shortest time",
    ),
    ("one-is-enough", _ENOUGH, "while False:", "too short for the clock: always one call"),
    ("one-more", _TWICE, "calls += 1", "one call more each time, which takes for ever"),
    (
        "by-the-processor",
        _ENOUGH,
        _ENOUGH.replace("[0]", "[1]"),
        "waiting does not count, so programs that wait are called far too often",
    ),
    (
        "one-sided",
        _K,
        _K.replace("2 * chance", "chance"),
        "the chance of one end, where two ends may be missed",
    ),
    ("one-too-wide", _K, _K.replace(" - 1\n", "\n").removesuffix(" - 1"), "passes over k + 1"),
    (
        "not-summed",
        _WAYS,
        "ways = (math.comb(n, heads) for heads in range(n))",
        "exactly k heads instead of at most k",
    ),
    ("not-sorted", _ORDERED, "ordered = np.asarray(values)", "by rounds instead of by size"),
    (
        "rounds-sorted-away",
        _ORDERED,
        (
            "values = values if isinstance(values, list) else np.asarray(values)\n"
            "    values.sort()\n    ordered = values"
        ),
        "the measurements themselves are sorted: rounds no longer belong together",
    ),
    ("upper-end-off", _ENDS, _ENDS.replace("n - 1 - k", "n - k - 2"), "the upper end is too low"),
    (
        "whole-range",
        _ENDS,
        "return float(ordered[0]), float(ordered[-1])",
        "from the fastest to the slowest",
    ),
    (
        "bell-curve",
        _ENDS,
        (
            "error = 2 * np.std(values, ddof=1) / math.sqrt(n)\n"
            "    return float(np.mean(values) - error), float(np.mean(values) + error)"
        ),
        "an interval for the mean, as if times had a bell curve",
    ),
    ("slow-ones-only", _OUTSIDE, "return values > upper + reach", "quick ones are never told"),
    (
        "edge-is-outside",
        _OUTSIDE,
        "return (values <= lower - reach) | (values >= upper + reach)",
        "with equal times all of them lie outside",
    ),
    ("far-ignored", _REACH, "reach = upper - lower", "what is a little slow counts as far outside"),
    (
        "from-the-median",
        _OUTSIDE,
        "return abs(values - np.median(values)) > reach",
        "counted from the median instead of from the quartiles",
    ),
    ("never-reversed", _TURNS, "found.append(order)", "the same order twice, then moved on"),
    ("reversed-first", _TURNS, _TURNS.replace("== 0", "== 1"), "the last one begins"),
    ("never-moved-on", _ON, "", "who is in the middle stays there, and never follows itself"),
    (
        "moved-on-each-time",
        _ON,
        "        order = order[1:] + order[:1]\n",
        "moved on after every round: two rounds are no longer each other's reverse",
    ),
    (
        "moved-in-place",
        _ON,
        "        if turn % 2 == 1:\n            order.append(order.pop(0))\n",
        "rounds that were planned before are changed",
    ),
    ("no-warm-up", _WARM, "", "first calls are measured"),
    (
        "warmed-up-too-late",
        _WARM + _COUNT,
        _COUNT + _WARM,
        "how many calls are enough is asked while the program is cold",
    ),
    (
        "first-ones-calls",
        _EACH,
        "sample(programs[name], next(iter(calls.values())), clock)",
        "all programs are called as often as the first one",
    ),
    (
        "one-after-the-other",
        _ROUNDS,
        (
            "    for name in programs:\n        for turn in range(repeats):\n"
            "            seconds[name][turn] ="
        ),
        "each program is finished before the next one begins",
    ),
    (
        "filled-from-behind",
        "seconds[name][turn] =",
        "seconds[name][turn if names[0] == name else turn - 1] =",
        "rows of the two programs belong to different rounds",
    ),
    (
        "upside-down",
        _QUOTIENTS,
        "quotients = np.asarray(seconds) / np.asarray(baseline)",
        "the faster program gets the smaller number",
    ),
    (
        "not-paired",
        _QUOTIENTS,
        "quotients = np.median(baseline) / np.asarray(seconds)",
        "the baseline's median against each of the other's times",
    ),
    (
        "ratio-of-medians",
        _RATIO,
        "return float(np.median(baseline) / np.median(seconds)), low, high",
        "first summarised, then divided",
    ),
    (
        "best-of-many",
        _RATIO,
        "return float(np.max(quotients)), low, high",
        "the best round is reported",
    ),
    ("mean-of-quotients", _RATIO, _RATIO.replace("median", "mean"), "one wild round decides"),
    (
        "confidence-forgotten",
        _INTERVAL,
        "low, high = median_interval(quotients)",
        "always 95 %",
    ),
    ("one-is-faster", _FASTER, "if low >= 1:", "an interval that begins at 1 is called faster"),
    ("half-is-enough", _FASTER, "if low + high > 2:", "the middle decides, not the interval"),
    (
        "slower-at-one",
        _SLOWER,
        _SLOWER.replace("high < 1", "high <= 1"),
        "an interval that ends at 1 is called slower",
    ),
    (
        "always-a-winner",
        _SLOWER,
        'return "slower"',
        "where nothing is shown, it is called slower",
    ),
    (
        "stretched-shapes",
        _SHAPES,
        "expected, got = np.broadcast_arrays(expected, got)\n",
        "other shapes are stretched until they fit",
    ),
    ("wraps-round", *_EXACT, "unsigned numbers are subtracted, and wrap round"),
    (
        "infinite-scale",
        _FINITE,
        "largest = sizes.max(initial=0)",
        "a masked score makes every distance small",
    ),
    (
        "scale-of-the-changed",
        _FINITE,
        "largest = np.abs(a).max()",
        "measured by the numbers that changed, not by the largest one",
    ),
    (
        "scale-of-what-came",
        _FINITE,
        "sizes = np.abs(got.astype(np.float64))\n    " + _FINITE,
        "measured by what came instead of by what was expected",
    ),
    (
        "nan-is-fine",
        _APART,
        "return float(np.nan_to_num(distance / largest)) if largest > 0 else math.inf",
        "a result that is not a number is taken for the right one",
    ),
    (
        "absolute",
        _APART,
        "return float(distance) if np.isfinite(distance) and largest > 0 else math.inf",
        "the distance itself: results of 1e-6 can never be apart",
    ),
]

MUTANTS = [Mutant(name, "19_benchmarking", *rest) for name, *rest in _MISTAKES]
