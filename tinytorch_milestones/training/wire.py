"""Steps as plain JSON values, between a training child and its parent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tinytorch_milestones.training.steps import Step

# JSON has no infinity and no not-a-number, and a diverging loss is just that
_TO_JSON = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_NUMBERS = ("epoch", "epochs", "step", "steps", "loss", "samples", "seconds")


def encode(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """JSON-able values of steps, without their views; fields at their default are left out."""
    return [_encode(step) for step in steps]


def decode(values: Sequence[dict[str, Any]]) -> list[Step]:
    """The steps that `encode` was given. Raises KeyError, TypeError or ValueError otherwise."""
    return [_decode(value) for value in values]


def _encode(step: Step) -> dict[str, Any]:
    value: dict[str, Any] = {name: to_plain(getattr(step, name)) for name in _NUMBERS}
    if step.accuracy is not None:
        value["accuracy"] = to_plain(step.accuracy)
    if step.metrics:
        value["metrics"] = {name: to_plain(number) for name, number in step.metrics.items()}
    if step.parameters:
        value["parameters"] = {
            name: [to_plain(update), to_plain(change)]
            for name, (update, change) in step.parameters.items()
        }
    if step.exercised:
        value["exercised"] = dict(step.exercised)
    if step.noun != "samples":
        value["noun"] = step.noun
    if step.lines:
        value["lines"] = {name: to_plain(level) for name, level in step.lines.items()}
    if step.note:
        value["note"] = step.note
    if step.symptom:
        value["symptom"] = step.symptom
    return value


def _decode(value: dict[str, Any]) -> Step:
    step = Step(
        epoch=int(value["epoch"]),
        epochs=int(value["epochs"]),
        step=int(value["step"]),
        steps=int(value["steps"]),
        loss=from_plain(value["loss"]),
        samples=int(value["samples"]),
        seconds=from_plain(value["seconds"]),
        noun=str(value.get("noun", "samples")),
        note=str(value.get("note", "")),
        symptom=str(value.get("symptom", "")),
    )
    if "accuracy" in value:
        step.accuracy = from_plain(value["accuracy"])
    if "metrics" in value:
        step.metrics = {str(name): from_plain(number) for name, number in value["metrics"].items()}
    if "lines" in value:
        step.lines = {str(name): from_plain(level) for name, level in value["lines"].items()}
    if "parameters" in value:
        step.parameters = {
            str(name): (from_plain(update), from_plain(change))
            for name, (update, change) in value["parameters"].items()
        }
    if "exercised" in value:
        step.exercised = {str(number): int(n) for number, n in value["exercised"].items()}
    return step


def to_plain(number: float) -> float | int | str:
    """A number as a JSON value; what is infinite or no number as a word."""
    if isinstance(number, int):
        return number
    number = float(number)  # numpy's floats too
    return number if math.isfinite(number) else str(number)


def from_plain(value: Any) -> float:
    """The number that `to_plain` was given. Raises KeyError, TypeError or ValueError otherwise."""
    return _TO_JSON[value] if isinstance(value, str) else float(value)
