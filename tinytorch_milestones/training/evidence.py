"""`Evidence`: everything a run measured, folded step by step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from tinytorch_milestones.training.curve import KEPT, Curve, Pace
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.wire import from_plain, to_plain

STORED_VALUES = 400
_NUMBERS = ("seconds", "samples", "steps", "planned", "epoch", "epochs")
_Value = TypeVar("_Value")


class ParameterRecord(msgspec.Struct):
    """What happened to one parameter: norms over all its values."""

    update: float = 0.0  # of the last update
    largest: float = 0.0  # of the largest update
    change: float = 0.0  # distance from where it started
    farthest: float = 0.0  # the largest such distance: a weight may come back to its start
    updates: int = 0  # updates that were not zero


class Evidence:
    """Folds steps; gates are judged on `metrics`.

    `metrics` always has, once measured: `loss` (mean of the last steps), `first_loss`,
    `loss_drop` (share of the first loss that is gone), `accuracy`, `best_accuracy`,
    `parameters_moved` (share of parameters that got an update and changed), and whatever metrics
    the steps carried. Fractions, not percent.
    """

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.losses = Curve()
        self.accuracies: list[tuple[int, float]] = []
        self.parameters: dict[str, ParameterRecord] = {}
        self.exercised: dict[str, int] = {}  # module number -> calls counted in watched steps
        self.symptom = ""  # what was found wrong first
        self.lines: dict[str, float] = {}  # levels to compare the loss with
        self.noun = "samples"  # what `samples` counts
        self.seconds = 0.0
        self.samples = 0
        self.steps = 0  # number of the last step
        self.planned = 0  # steps there will be if nothing stops early
        self.epoch = 0
        self.epochs = 0
        self._pace = Pace()

    def fold(self, step: Step) -> None:
        """Take in one step. Costs a few microseconds."""
        self.steps, self.planned = step.step, step.steps
        self.epoch, self.epochs = step.epoch, step.epochs
        self.seconds += step.seconds
        self.samples += step.samples
        self._pace.add(step.seconds, step.samples, max(1, step.steps // max(1, step.epochs)))
        self._fold_loss(step.loss)
        metrics = self.metrics
        if step.accuracy is not None:
            self.accuracies.append((step.step, step.accuracy))
            if len(self.accuracies) > 2 * KEPT:
                # the newest stays; whoever draws them reads the steps, not the places
                self.accuracies = self.accuracies[1::2]
            metrics["accuracy"] = step.accuracy
            metrics["best_accuracy"] = max(step.accuracy, metrics.get("best_accuracy", 0.0))
        if step.parameters:
            self._fold_parameters(step.parameters)
        if step.metrics:
            metrics.update(step.metrics)
        self.symptom = self.symptom or step.symptom
        self.noun = step.noun
        if step.lines:
            self.lines = {name: float(level) for name, level in step.lines.items()}
        for number, calls in step.exercised.items():
            self.exercised[number] = self.exercised.get(number, 0) + calls

    def _fold_loss(self, loss: float) -> None:
        losses = self.losses
        losses.append(loss)
        # the mean of the last twentieth, at most 20 steps, so that one lucky batch proves nothing
        window = min(20, max(1, len(losses) // 20))
        recent = math.fsum(losses[-window:]) / window
        first = losses[0]
        self.metrics["first_loss"] = first
        self.metrics["loss"] = recent
        self.metrics["loss_drop"] = 1.0 - recent / first if first > 0 else 0.0

    def _fold_parameters(self, parameters: dict[str, tuple[float, float]]) -> None:
        for name, (update, change) in parameters.items():
            record = self.parameters.get(name)
            if record is None:
                record = self.parameters[name] = ParameterRecord()
            record.update, record.change = update, change
            record.farthest = max(record.farthest, change)
            if update > 0.0:
                record.updates += 1
                record.largest = max(record.largest, update)
        moved = sum(1 for r in self.parameters.values() if r.updates and r.farthest > 0.0)
        self.metrics["parameters_moved"] = moved / len(self.parameters)

    @property
    def samples_per_second(self) -> float:
        """Examples per second of the whole training, 0.0 before anything was measured."""
        return self.samples / self.seconds if self.seconds > 0 else 0.0

    @property
    def samples_per_second_now(self) -> float:
        """The same over the last epoch, without the first step; 0.0 before the second step."""
        return self._pace.samples_a_second

    def seconds_left(self, steps: int | None = None) -> float | None:
        """Seconds of training until `steps` (default: all that were announced) are done.

        None before the second step: the first one says little. An upper bound where a run stops
        early.
        """
        pace = self._pace.seconds_a_step
        if pace is None:
            return None
        return max(0, (steps or self.planned) - self.steps) * pace

    def state(self) -> dict[str, Any]:
        """All of it, as plain JSON values: what an interrupted run needs to go on."""
        return {
            **{name: to_plain(getattr(self, name)) for name in _NUMBERS},
            "metrics": {name: to_plain(value) for name, value in self.metrics.items()},
            "losses": {
                name: [to_plain(v) for v in value] if isinstance(value, list) else value
                for name, value in self.losses.state().items()
            },
            "accuracies": [[step, to_plain(value)] for step, value in self.accuracies],
            "parameters": {
                name: {f: to_plain(value) for f, value in msgspec.structs.asdict(record).items()}
                for name, record in self.parameters.items()
            },
            "exercised": dict(self.exercised),
            "symptom": self.symptom,
            "lines": {name: to_plain(level) for name, level in self.lines.items()},
            "noun": self.noun,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Evidence:
        """The evidence that `state` was asked of. Raises KeyError, TypeError or ValueError."""
        evidence = cls()
        for name in _NUMBERS:
            value = from_plain(state[name])
            setattr(evidence, name, value if name == "seconds" else int(value))
        evidence.metrics = {str(name): from_plain(v) for name, v in state["metrics"].items()}
        evidence.losses = Curve.restored(
            {
                name: [from_plain(v) for v in value] if isinstance(value, list) else value
                for name, value in state["losses"].items()
            }
        )
        evidence.accuracies = [
            (int(step), from_plain(value)) for step, value in state["accuracies"]
        ]
        for name, values in state["parameters"].items():
            norms = {field: from_plain(value) for field, value in values.items()}
            updates = int(norms.pop("updates"))
            evidence.parameters[str(name)] = ParameterRecord(**norms, updates=updates)
        evidence.exercised = {str(name): int(n) for name, n in state["exercised"].items()}
        evidence.symptom = str(state["symptom"])
        evidence.lines = {str(name): from_plain(v) for name, v in state.get("lines", {}).items()}
        evidence.noun = str(state.get("noun", "samples"))
        return evidence

    def summary(self) -> dict[str, Any]:
        """What is worth keeping, JSON-able: no value is infinite or not a number."""
        return {
            "steps": self.steps,
            "planned_steps": self.planned,
            "epoch": self.epoch,
            "samples": self.samples,
            "seconds": _finite(self.seconds),
            "samples_per_second": _finite(self.samples_per_second),
            "metrics": {name: _finite(value) for name, value in sorted(self.metrics.items())},
            "symptom": self.symptom,
            "exercised": dict(sorted(self.exercised.items())),
            "losses": [_finite(value) for value in thin(self.losses)],
            "accuracies": [[step, _finite(value)] for step, value in thin(self.accuracies)],
            "parameters": {
                name: {
                    "update": _finite(record.update),
                    "largest": _finite(record.largest),
                    "change": _finite(record.change),
                    "farthest": _finite(record.farthest),
                    "updates": record.updates,
                }
                for name, record in self.parameters.items()
            },
        }


def thin(values: Sequence[_Value], limit: int = STORED_VALUES) -> list[_Value]:
    """At most `limit` of the values, evenly spaced, the first and the last among them."""
    count = len(values)
    if count <= limit:
        return list(values)
    if limit < 2:
        return list(values[-1:]) if limit == 1 else []
    return [values[round(i * (count - 1) / (limit - 1))] for i in range(limit)]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
