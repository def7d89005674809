"""The judge of module 19: does a benchmark tell the truth, and what does it say of four programs.

First programs are planted whose times are known exactly, because they move the hands of the clock
themselves. Then the real ones run, and every call is timed by the judge as well.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinytorch_milestones.training.clocks import HandClock
from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.gates import NOT_COMPARABLE
from tinytorch_milestones.training.implementation import Framework

_RATIO = 3.0
_REPEATS = 21
_DRIFT = 0.01  # how much slower the planted machine gets with every call
_SLOW, _SLOW_CALLS = 50.0, 3

Programs = Mapping[str, Callable[[], Any]]


class Bench:
    """Puts a student's Benchmark to the proof; `metrics` collects what was found."""

    def __init__(self, fw: Framework) -> None:
        self._fw = fw
        self.metrics: dict[str, float] = {}
        self.problem = ""
        self.comparison: Any = None

    def plant(self) -> None:
        """`bench.ratio`, `bench.verdicts`, `bench.warm`, `bench.refused`: on a clock whose hands
        the programs move.
        """
        for proof in (self._ratio, self._equal, self._warm, self._refused):
            try:
                proof()
            except NotImplementedError:
                raise
            except Exception as error:
                metric = _METRICS[proof.__name__]
                self._fault(metric, f"Benchmark raised {type(error).__name__}: {error}")

    def _compare(
        self, hand: HandClock, programs: Programs, repeats: int = _REPEATS, warm_up: int = 3
    ) -> Any:
        benchmark = self._fw.Benchmark(repeats=repeats, warm_up=warm_up, shortest=0.0, clock=hand)
        return benchmark.compare(programs)

    def _ratio(self) -> None:
        """A program that takes a third, on a machine that gets slower all the time."""
        hand = HandClock(_DRIFT)
        slow, fast = _taking(hand, 0.3), _taking(hand, 0.3 / _RATIO)
        found = self._compare(hand, {"slow": slow, "fast": fast, "slow again": slow})
        row = found.rows[1]
        off = abs(float(row.ratio) / _RATIO - 1)
        inside = row.ratio_low <= _RATIO * 1.001 and row.ratio_high >= _RATIO * 0.999
        ordered = row.ratio_low <= row.ratio <= row.ratio_high
        self.metrics["bench.ratio"] = off if inside and ordered else NOT_COMPARABLE
        if off > 0.03 or not (inside and ordered):
            self._say(
                f"a program that is {_RATIO:g} times as fast is said to be {row.ratio:.3g} times, "
                f"{row.ratio_low:.3g} to {row.ratio_high:.3g}"
            )
        wrong = _wrong_verdicts(found.rows, ("baseline", "faster", "no difference shown"))
        self._verdicts(wrong, found.rows)

    def _equal(self) -> None:
        """Two equal programs on such a machine, and one that is a little slower."""
        hand = HandClock(_DRIFT)
        same = _taking(hand, 0.2)
        found = self._compare(
            hand, {"one": same, "other": same, "slower": _taking(hand, 0.26)}, repeats=20
        )
        wrong = _wrong_verdicts(found.rows, ("baseline", "no difference shown", "slower"))
        self._verdicts(wrong, found.rows)

    def _verdicts(self, wrong: int, rows: Any) -> None:
        self.metrics["bench.verdicts"] = self.metrics.get("bench.verdicts", 0.0) + wrong
        if wrong:
            said = ", ".join(f"{row.name!r}: {row.verdict}" for row in rows)
            self._say(f"on a machine that gets slower with every call it says {said}")

    def _warm(self) -> None:
        """A program whose first calls are slow: none of them may be among what is measured."""
        hand = HandClock()
        calls = [0]

        def warming() -> int:
            calls[0] += 1
            hand.move(_SLOW if calls[0] <= _SLOW_CALLS else 1.0)
            return 1

        found = self._compare(hand, {"steady": _taking(hand, 1.0), "warming": warming}, 9)
        slowest = max(float(np.max(np.asarray(each)[:, 0])) for each in found.seconds.values())
        self.metrics["bench.warm"] = slowest
        if slowest > 1.0:
            self._say(f"a call to warm up, of {_SLOW:g} s, is among what was measured")

    def _refused(self) -> None:
        """A program that computes something else is refused; one that rounds otherwise is not."""
        hand = HandClock()
        numbers = np.linspace(0.1, 1.0, 50).astype(np.float32)
        right = _taking(hand, 1.0, lambda: self._fw.Tensor(numbers))
        close, other = numbers * np.float32(1 + 1e-6), numbers[::-1].copy()
        programs = {
            "close": _taking(hand, 1.0, lambda: self._fw.Tensor(close)),
            "other": _taking(hand, 0.5, lambda: self._fw.Tensor(other)),
        }
        faults = 0
        benchmark = self._fw.Benchmark(repeats=7, warm_up=1, shortest=0.0, clock=hand)
        for name, program in programs.items():
            try:
                benchmark.compare({"right": right, name: program}, tolerance=1e-3)
                refused = False
            except ValueError:
                refused = True
            if refused != (name == "other"):
                faults += 1
                self._say(
                    "it refuses a program that only rounds otherwise"
                    if refused
                    else "it does not refuse a program that computes something else"
                )
        self.metrics["bench.refused"] = float(faults)

    def run(self, programs: Programs, shortest: float = 0.002) -> None:
        """`bench.truth`: the largest difference of a number in the table from the judge's own
        record of the same calls, relative to it. `bench.json`: what the file tells otherwise.
        """
        heard = {name: _Heard(program) for name, program in programs.items()}
        benchmark = self._fw.Benchmark(repeats=_REPEATS, warm_up=3, shortest=shortest)
        found = self.comparison = benchmark.compare(heard)
        own = {
            row.name: heard[row.name].medians(
                int(row.calls), np.asarray(found.seconds[row.name])[:, 0]
            )
            for row in found.rows
        }
        baseline = own[found.rows[0].name]
        worst = 0.0
        for row in found.rows:
            seconds = own[row.name]
            median = float(np.median(seconds))
            pairs = [(float(row.median), median, "median")]
            outside = not row.low <= row.median <= row.high
            if row is not found.rows[0]:
                pairs.append((float(row.ratio), float(np.median(baseline / seconds)), "ratio"))
                outside = outside or not row.ratio_low <= row.ratio <= row.ratio_high
            for said, right, what in pairs:
                off = abs(said / right - 1) if right > 0 else math.inf
                if not off <= 0.1 or outside:
                    self._say(f"{row.name!r}: the table says {what} {said:.3g}, it was {right:.3g}")
                worst = max(worst, off if math.isfinite(off) else NOT_COMPARABLE)
                worst = NOT_COMPARABLE if outside else worst
        self.metrics["bench.truth"] = worst
        self._file(found)

    def _file(self, found: Any) -> None:
        faults = 0
        try:
            told = json.loads(found.to_json())
            table = str(found.table())
            for row, other in zip(found.rows, told["rows"], strict=True):
                same = all(
                    other[key] == getattr(row, key)
                    for key in ("name", "median", "low", "high", "verdict")
                )
                wall = told["seconds"][row.name]["wall"]
                counted = len(wall) == _REPEATS and np.isclose(np.median(wall), row.median)
                faults += not (same and counted and row.name in table)
        except NotImplementedError:
            raise
        except Exception as error:
            self._fault("bench.json", f"the file raised {type(error).__name__}: {error}")
            return
        if faults:
            self._say("the file or the table does not hold what was measured")
        self.metrics["bench.json"] = float(faults)

    def _say(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _fault(self, metric: str, problem: str) -> None:
        self.metrics[metric] = NOT_COMPARABLE
        self._say(problem)


_METRICS = {
    "_ratio": "bench.ratio",
    "_equal": "bench.verdicts",
    "_warm": "bench.warm",
    "_refused": "bench.refused",
}


class _Heard:
    """A program whose every call is timed by the judge as well."""

    def __init__(self, program: Callable[[], Any]) -> None:
        self._program = program
        self._seconds: list[float] = []

    def __call__(self) -> Any:
        began = time.perf_counter()
        result = self._program()
        self._seconds.append(time.perf_counter() - began)
        return result

    def medians(self, calls: int, told: Array) -> Array:
        """Seconds of one call in each measurement, (repeats,).

        What was measured are the last calls, except perhaps one that was not timed; `told`, what
        the benchmark says of each measurement, decides.
        """
        count = calls * len(told)
        found = [
            np.array(self._seconds[len(self._seconds) - count - past :][:count])
            for past in (0, 1)
            if len(self._seconds) >= count + past
        ]
        means = [each.reshape(len(told), calls).mean(axis=1) for each in found]
        if not means:
            return np.full(len(told), np.nan)
        return min(means, key=lambda mean: float(np.abs(np.log(mean / told)).mean()))


def _taking(
    hand: HandClock, seconds: float, result: Callable[[], Any] = lambda: 1
) -> Callable[[], Any]:
    """A program that takes so long by that clock."""

    def program() -> Any:
        hand.move(seconds)
        return result()

    return program


def _wrong_verdicts(rows: Any, right: tuple[str, ...]) -> int:
    return sum(row.verdict != verdict for row, verdict in zip(rows, right, strict=True))


def kernels(fw: Framework, model: Any, inputs: Array) -> tuple[float, str]:
    """How far module 17 computes something else, forward and back; and what is wrong.

    Also whether everything is in its place again afterwards.
    """
    x = fw.Tensor(inputs)
    parameters = list(model.parameters())
    accelerated = fw.module("perf.acceleration").accelerated

    def computed() -> list[Array]:
        for parameter in parameters:
            parameter.grad = None
        result = model(x)
        result.backward(np.ones_like(array_of(result)))
        return [np.array(array_of(result)), *(np.array(array_of(p.grad)) for p in parameters)]

    with accelerated(False):
        plain = computed()
        standing = _standing(fw)
        with accelerated():
            fast = computed()
            changed = standing != _standing(fw)
        if _standing(fw) != standing:
            return NOT_COMPARABLE, "after accelerated() other code runs than before"
    if not changed:
        return NOT_COMPARABLE, "accelerated() puts no kernel in place"
    worst = max(
        float(np.abs(a - b).max() / max(1e-12, float(np.abs(a).max())))
        if a.shape == b.shape
        else NOT_COMPARABLE
        for a, b in zip(plain, fast, strict=True)
    )
    if not worst <= 1e-4:
        return worst if math.isfinite(worst) else NOT_COMPARABLE, "faster kernels answer otherwise"
    return worst, ""


def _standing(fw: Framework) -> list[Any]:
    """Which functions stand where module 17 may put its own."""
    kinds = (fw.Linear, fw.Sequential, fw.ReLU, fw.GELU, fw.MaxPool2d, fw.BatchNorm2d)
    places = [vars(kind).get("forward") for kind in (*kinds, fw.CrossEntropyLoss)]
    for name in ("core.spatial", "core.attention", "core.transformers"):
        places += list(fw.module(name).kernels.values())
    return places
