"""Recipes of the XOR crisis, 1969: what one layer cannot learn, and what two can express."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.exercised import Calls, sampled
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.probe import Probe
from tinytorch_milestones.training.rosenblatt import Machine, check_model
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.supervised import OPTIONS as LEARNING
from tinytorch_milestones.training.xor_learned import learned

__all__ = ["OPTIONS", "by_hand", "crisis", "learned"]

OPTIONS: dict[str, tuple[str, ...]] = {
    "crisis": (),
    "by_hand": ("hidden_weight", "hidden_bias", "output_weight", "output_bias"),
    "learned": LEARNING,
}

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
FUNCTIONS: dict[str, tuple[int, int, int, int]] = {
    "and": (0, 0, 0, 1),
    "or": (0, 1, 1, 1),
    "xor": (0, 1, 1, 0),
}

# OR and AND of the inputs, then "the first and not the second"
_BY_HAND: dict[str, list[Any]] = {
    "hidden_weight": [[1.0, 1.0], [1.0, 1.0]],
    "hidden_bias": [-0.5, -1.5],
    "output_weight": [[1.0, -1.0]],
    "output_bias": [-0.5],
}
_SHAPES = {
    "hidden_weight": (2, 2),
    "hidden_bias": (2,),
    "output_weight": (1, 2),
    "output_bias": (1,),
}


def truth(function: str) -> Examples:
    """The truth table of "and", "or" or "xor" as four examples."""
    return Examples(CORNERS, np.array(FUNCTIONS[function], dtype=np.float32)[:, None])


@sampled
def crisis(fw: Framework, settings: Settings) -> Iterator[Step]:
    """One layer, one rule, three functions, equally long: AND, OR, then XOR."""
    rng = np.random.default_rng([settings.seed, 4])
    probe = Probe(fw, settings.seed)
    metrics = probe.rule()
    note = probe.note
    if probe.hopeless:
        yield Step(
            epoch=1, epochs=1, step=1, steps=1, loss=1.0, metrics=metrics, note=note, symptom=note
        )
        return
    rounds = settings.rounds
    number, steps = 0, len(FUNCTIONS) * rounds * len(CORNERS)
    for index, function in enumerate(FUNCTIONS):
        examples = truth(function)
        if settings.labels == "shuffled":
            # labels are dealt out again in every round, so that no two rounds agree
            examples = Examples(examples.inputs, examples.labels.copy())
        # a model given by the user goes on from one function to the next
        machine = Machine(fw, 2, settings.model)
        best, seen = 0.0, 0
        for round_number in range(1, rounds + 1):
            if settings.labels == "shuffled":
                examples.labels = rng.permutation(examples.labels)
            for corner in rng.permutation(len(CORNERS)):
                number, seen = number + 1, seen + 1
                loss = machine.loss(examples)
                one = Examples(CORNERS[corner : corner + 1], examples.labels[corner : corner + 1])
                parameters = machine.correct(one, settings.learning_rate)
                accuracy = machine.accuracy(truth(function))
                best = max(best, accuracy)
                if seen == rounds * len(CORNERS):
                    # AND and OR must end right; XOR must never have been right
                    final = best if function == "xor" else accuracy
                    metrics = {**metrics, f"{function}.accuracy": final}
                yield Step(
                    epoch=index * rounds + round_number,
                    epochs=len(FUNCTIONS) * rounds,
                    step=number,
                    steps=steps,
                    loss=loss,
                    accuracy=accuracy,
                    samples=1,
                    metrics=metrics,
                    parameters={f"{function}.{name}": p for name, p in parameters.items()},
                    symptom=note,
                    note=note or f"{function.upper()}: {accuracy:.0%} right",
                    view=_boundary(function, [machine.line()]),
                )
                metrics, note = {}, ""


def by_hand(fw: Framework, settings: Settings) -> Iterator[Step]:
    """Two layers whose weights a person chose; first each hidden unit alone, then both."""
    probe = Probe(fw, settings.seed)
    probe.product()
    probe.activation()
    probe.layer()
    metrics, note = probe.metrics, probe.note
    if probe.hopeless:
        yield Step(
            epoch=1, epochs=1, step=1, steps=1, loss=1.0, metrics=metrics, note=note, symptom=note
        )
        return
    model = _two_layers(fw, settings)
    examples = truth("xor")
    inputs = fw.Tensor(CORNERS)
    calls = Calls(fw)
    with calls.counting():
        hidden, output = _stages(fw, model, inputs)
        whole = np.asarray(model(inputs).data)
    exercised = calls.take()
    wanted = examples.labels[:, 0] >= 0.5
    alone = [float(np.mean((unit >= 0.5) == wanted)) for unit in hidden.T]
    metrics["hidden.alone"] = max(max(value, 1.0 - value) for value in alone) if alone else 0.5
    metrics["layers"] = float(_linear_layers(fw, model))
    metrics["agree.stack"] = float(np.max(np.abs(output - whole)))
    lines = _hidden_lines(fw, model)
    stages: list[tuple[str, Array]] = [
        *((f"hidden unit {i} alone", unit) for i, unit in enumerate(hidden.T, start=1)),
        ("both layers", whole[:, 0]),
    ]
    steps = len(stages) * len(CORNERS)
    rows: list[list[str]] = []
    for stage, (caption, answers) in enumerate(stages, start=1):
        right = (answers >= 0.5) == wanted
        for corner in range(len(CORNERS)):
            x, y = CORNERS[corner]
            verdict = "right" if right[corner] else "wrong"
            rows.append([caption, f"{x:.0f}, {y:.0f}", f"{answers[corner]:.0f}", verdict])
            last = corner == len(CORNERS) - 1
            yield Step(
                epoch=stage,
                epochs=len(stages),
                step=len(rows),
                steps=steps,
                loss=1.0 - float(np.mean(right)),
                accuracy=float(np.mean(right)),
                samples=1,
                metrics=metrics,
                exercised=exercised,
                symptom=note,
                note=note or (f"{caption}: {np.mean(right):.0%} right" if last else ""),
                view=_boundary("xor", lines) if stage == len(stages) else _table(rows),
            )
            metrics, note, exercised = {}, "", {}


def _two_layers(fw: Framework, settings: Settings) -> Any:
    if settings.model is not None:
        check_model(fw, settings.model)
        return settings.model
    model = fw.Sequential(fw.Linear(2, 2), fw.Step(), fw.Linear(2, 1), fw.Step())
    values = {name: settings.extra.get(name, default) for name, default in _BY_HAND.items()}
    for name, value in values.items():
        place = model[0] if name.startswith("hidden") else model[2]
        tensor = place.weight if name.endswith("weight") else place.bias
        tensor.data[...] = _array(name, value)
    return model


def _array(name: str, value: Any) -> Array:
    shape = _SHAPES[name]
    try:
        array = np.asarray(getattr(value, "data", value), dtype=np.float32)
        if array.size == int(np.prod(shape)) and (array.shape == shape or array.ndim < 2):
            return array.reshape(shape)
        found = f"shape {array.shape}"
    except (TypeError, ValueError):
        found = repr(value)
    raise TinyTorchError(f"{name} must be numbers of shape {shape}, got {found}.", "Correct it.")


def _layers(fw: Framework, model: Any) -> list[Any]:
    return [model[i] for i in range(len(model))] if isinstance(model, fw.Sequential) else [model]


def _linear_layers(fw: Framework, model: Any) -> int:
    return sum(isinstance(layer, fw.Linear) for layer in _layers(fw, model))


def _stages(fw: Framework, model: Any, inputs: Any) -> tuple[Array, Array]:
    """The answers of the first layer with its activation, and of the layers one after another."""
    value = inputs
    hidden: Array | None = None
    seen = 0
    for layer in _layers(fw, model):
        if isinstance(layer, fw.Linear):
            if seen == 1 and hidden is None:
                hidden = np.asarray(value.data)
            seen += 1
        value = layer(value)
    if hidden is None:
        hidden = np.asarray(value.data)
    return hidden, np.asarray(value.data)


def _hidden_lines(fw: Framework, model: Any) -> list[tuple[float, float, float, str]]:
    first = next((layer for layer in _layers(fw, model) if isinstance(layer, fw.Linear)), None)
    if first is None or first.weight.shape[1] != 2:
        return []
    weights = np.asarray(first.weight.data)
    biases = np.zeros(len(weights)) if first.bias is None else np.asarray(first.bias.data)
    return [
        (float(w[0]), float(w[1]), float(b), f"hidden unit {i}")
        for i, (w, b) in enumerate(zip(weights, biases, strict=True), start=1)
    ]


def _boundary(
    function: str, lines: list[tuple[float, float, float, str]]
) -> Callable[[], dict[str, Any]]:
    def draw() -> dict[str, Any]:
        examples = truth(function)
        return {
            "kind": "boundary",
            "points": examples.inputs,
            "labels": examples.labels[:, 0],
            "lines": lines,
            "title": function.upper(),
        }

    return draw


def _table(rows: list[list[str]]) -> Callable[[], dict[str, Any]]:
    shown = [list(row) for row in rows[-8:]]
    return lambda: {
        "kind": "table",
        "columns": ["who answers", "inputs", "answer", ""],
        "rows": shown,
        "title": "XOR by hand",
    }
