"""The judge of module 14: a profile of a trained network, beside what the judge counts himself."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch_milestones.training.clocks import (
    HandClock,
    as_written,
    both_clocks,
    machine_roof,
    own_seconds,
)
from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.counting_work import Work, kept_bytes, work_of
from tinytorch_milestones.training.gates import NOT_COMPARABLE
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Learner

_REPEATS = 9
_WAITED = (2.0, 3.0)  # seconds that a planted layer takes there and back, by its own clock
_FIRST = 40.0  # and at its first call


class Examined:
    """Profiles one model with batches of several sizes; `metrics` collects what was found."""

    def __init__(self, fw: Framework) -> None:
        self._fw = fw
        self._learner: Any = None
        self._model: Any = None
        self._profiling = fw.module("perf.profiling")
        self.metrics: dict[str, float] = {}
        self.problem = ""
        self._flops, self._bandwidth = machine_roof()
        self._points: list[dict[str, Any]] = []
        self.table: list[list[str]] = []

    def take(self, learner: Learner) -> None:
        """What is to be profiled."""
        self._learner, self._model = learner, learner.model

    def plant(self) -> None:
        """`profile.planted`: layers whose time is known exactly, and that are slow at first.

        The largest difference of a layer's seconds, there or back, from what it really took.
        """
        fw, hand = self._fw, HandClock()
        waiting = _waiting(fw, hand)
        model = fw.Sequential(fw.Linear(3, 4), waiting(*_WAITED), fw.ReLU(), waiting(1.0, 0.0))
        profile = fw.Profiler(model, repeats=3, warmup=2, clock=hand).run(
            fw.Tensor(np.ones((2, 3), np.float32))
        )
        expected = {"1": _WAITED, "3": (1.0, 0.0)}
        worst = 0.0
        rows = {row.name: row for row in profile.layers}
        for name in ("", "0", "1", "2", "3"):
            if name not in rows:
                self._fault("profile.planted", f"the profile has no layer {name!r}")
                return
            right = expected.get(name, (0.0, 0.0))
            for way, seconds in zip(("forward", "backward"), right, strict=True):
                got = np.asarray(getattr(rows[name], way))
                difference = float(np.abs(got - seconds).max())
                if difference > worst:
                    self.problem = self.problem or (
                        f"a layer that takes {seconds:g} s {way} is said to take {got.max():g} s"
                    )
                worst = max(worst, difference)
        self.metrics["profile.planted"] = worst

    def count(self, inputs: Array) -> None:
        """Parameters, FLOPs and kept bytes of every layer, and whether the model is as it was."""
        with as_written(self._fw):
            self._count(inputs)

    def _count(self, inputs: Array) -> None:
        fw, model = self._fw, self._model
        before = self._learner.fingerprint()
        marks = [array_of(t).copy() for t in self._learner.tensors.values()]
        for tensor, mark in zip(self._learner.tensors.values(), marks, strict=True):
            tensor.grad = mark
        profile = fw.Profiler(model, repeats=1, warmup=0).run(fw.Tensor(inputs))
        changed = before != self._learner.fingerprint() or any(
            tensor.grad is None or not np.array_equal(array_of(tensor.grad), mark)
            for tensor, mark in zip(self._learner.tensors.values(), marks, strict=True)
        )
        rows = {row.name: row for row in profile.layers}
        wrong = {"parameters": 0, "flops": 0}
        work = work_of(fw, model, inputs)
        for layer in work:
            row = rows.get(layer.name)
            for what in wrong:
                right = getattr(layer, what)
                got = None if row is None else int(getattr(row, what))
                if right is not None and got != right:
                    wrong[what] += 1
                    self.problem = self.problem or (
                        f"{layer.kind} {layer.name!r} has {right:,} {_WORDS[what]}, the profile "
                        f"says {'nothing of it' if got is None else f'{got:,}'}"
                    )
        if profile.parameters != sum(layer.parameters for layer in work):
            wrong["parameters"] += 1
        for what, count in wrong.items():
            self.metrics[f"profile.{what}"] = float(count)
        right = kept_bytes(fw, model, inputs)
        off = abs(int(profile.activation_bytes) - right)
        self.metrics["profile.kept"] = float(off)
        if off:
            self.problem = self.problem or (
                f"the graph keeps {right:,} bytes, the profile says {profile.activation_bytes:,}"
            )
        self.metrics["profile.changed"] = float(changed)
        if changed:
            self.problem = self.problem or "the profiler leaves other weights or gradients behind"

    def time(self, inputs: Array) -> str:
        """Seconds of every layer with such a batch; a line about it.

        `profile.clock`: the sum of all layers as a multiple of what the judge measured for a step.
        `profile.slowest`: the time of the layer with the most work, as a share of the slowest's.
        """
        with as_written(self._fw):
            return self._timed(inputs)

    def _timed(self, inputs: Array) -> str:
        fw = self._fw
        before = self._steps(inputs)
        profile = fw.Profiler(self._model, repeats=_REPEATS, clock=both_clocks).run(
            fw.Tensor(inputs)
        )
        judged = float(np.median(np.concatenate([before, self._steps(inputs)])))
        rows = {row.name: row for row in profile.layers}
        seconds = {n: np.asarray(row.forward) + np.asarray(row.backward) for n, row in rows.items()}
        own = {name: float(np.median(both[:, 1])) for name, both in seconds.items()}
        whole = float(np.median(sum(seconds.values())[:, 1]))
        self.metrics["profile.clock"] = whole / max(judged, 1e-9)
        work = [layer for layer in work_of(fw, self._model, inputs) if layer.name in own]
        heaviest = max(work, key=lambda layer: layer.flops or 0)
        self.metrics["profile.slowest"] = own[heaviest.name] / max(max(own.values()), 1e-9)
        self._point(inputs, work, rows)
        self.table = [
            [
                f"{layer.kind} {layer.name}".strip(),
                f"{layer.parameters:,}",
                f"{(layer.flops or 0) / 1e6:.2f}",
                f"{1e3 * own[layer.name]:.2f}",
                f"{own[layer.name] / max(sum(own.values()), 1e-9):.0%}",
            ]
            for layer in work
            if layer.flops or layer.parameters
        ]
        share = own[heaviest.name] / max(sum(own.values()), 1e-9)
        return f"batches of {len(inputs)}: {heaviest.kind} {heaviest.name} takes {share:.0%}"

    def roof(self) -> None:
        """`agree.roof`: `attainable` beside the lower of the two limits."""
        intensity = np.geomspace(0.1, 1000.0, 40)
        right = np.minimum(self._flops, intensity * self._bandwidth)
        try:
            got = np.asarray(
                self._profiling.attainable(intensity, self._flops, self._bandwidth), float
            )
            difference = float(np.abs(got - right).max() / right.max())
        except NotImplementedError:
            raise
        except Exception as error:
            self._fault("agree.roof", f"attainable raised {type(error).__name__}: {error}")
            return
        self.metrics["agree.roof"] = difference
        if difference > 1e-6:
            self.problem = self.problem or "attainable is not the lower of the two limits"

    def _fault(self, metric: str, problem: str) -> None:
        self.metrics[metric] = NOT_COMPARABLE
        self.problem = self.problem or problem

    def _steps(self, inputs: Array) -> Array:
        """The judge's own seconds of a step forward and back, several times."""
        fw, model = self._fw, self._model
        found = []
        for _ in range(_REPEATS):
            x = fw.Tensor(inputs)
            began = own_seconds()
            for tensor in self._learner.tensors.values():
                tensor.grad = None
            result = model(x)
            result.backward(np.ones_like(array_of(result)))
            found.append(own_seconds() - began)
        return np.array(found)

    def _point(self, inputs: Array, work: list[Work], rows: dict[str, Any]) -> None:
        for layer in work:
            if not layer.flops or not layer.parameters:
                continue
            # on the way forward; the way back does twice the work
            seconds = float(np.median(np.asarray(rows[layer.name].forward)[:, 1]))
            # a roof that something stands above was measured too low
            self._flops = max(self._flops, layer.flops / max(seconds, 1e-9))
            self._points.append(
                {
                    "name": f"{layer.kind} {layer.name}",
                    "label": str(len(inputs)),
                    "intensity": layer.flops / layer.carried,
                    "flops": layer.flops / max(seconds, 1e-9),
                }
            )

    def picture(self) -> dict[str, Any]:
        """The roofline with all points so far."""
        return {
            "kind": "roofline",
            "flops": self._flops,
            "bandwidth": self._bandwidth,
            "points": list(self._points),
            "noun": "batch",
            "title": "each layer under the roof",
        }


_WORDS = {"parameters": "parameters", "flops": "FLOPs"}


def _waiting(fw: Framework, hand: HandClock) -> Any:
    class Passing(fw.Function):  # type: ignore[misc, name-defined]
        def forward(self, x: Array, there: float, back: float) -> Array:
            hand.move(there)
            self.back = back
            return x * np.float32(1)

        def backward(self, gradient: Array) -> Array:
            hand.move(self.back)
            return gradient

    class Waiting(fw.Layer):  # type: ignore[misc, name-defined]
        """Passes its input on, and takes known times; at its first three calls much longer."""

        def __init__(self, there: float, back: float) -> None:
            self.there, self.back, self.calls = there, back, 0

        def forward(self, x: Any) -> Any:
            self.calls += 1
            there = _FIRST if self.calls <= 3 else self.there
            return Passing.apply(x, there=there, back=self.back)

    return Waiting
