"""Recipes of the perceptron, 1958: untrained machines, two clouds, two handwritten digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinytorch_milestones.training.clouds import Array, Examples, shuffle_labels, two_clouds
from tinytorch_milestones.training.digits import two_digits
from tinytorch_milestones.training.exercised import sampled
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.probe import Probe
from tinytorch_milestones.training.rosenblatt import Machine
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step

OPTIONS: dict[str, tuple[str, ...]] = {"forward": ("machines",), "trained": (), "photo": ()}

_HELD_OUT = 200
_SHOWN = 16  # images in the picture
_LINES = 24  # machines in the picture


@sampled
def forward(fw: Framework, settings: Settings) -> Iterator[Step]:
    """Many machines that have learned nothing, one a step, each asked about the same points."""
    rng = np.random.default_rng([settings.seed, 1])
    count = int(settings.extra.get("machines", 64))
    points = two_clouds(_HELD_OUT, rng)
    probe = Probe(fw, settings.seed)
    probe.product()
    probe.activation()
    probe.layer()
    fw.manual_seed(settings.seed)
    accuracies: list[float] = []
    lines: list[tuple[float, float, float, str]] = []
    for number in range(1, count + 1):
        metrics = dict(probe.metrics) if number == 1 else {}
        if probe.hopeless:
            yield Step(
                epoch=1,
                epochs=1,
                step=1,
                steps=1,
                loss=1.0,
                metrics=metrics,
                note=probe.note,
                symptom=probe.note,
            )
            return
        # a model given by the user is one machine, the same every time
        own = settings.model is not None
        model = settings.model if own else fw.Sequential(fw.Linear(2, 1), fw.Step())
        machine = Machine(fw, 2, model)
        accuracy = machine.accuracy(points)
        accuracies.append(accuracy)
        lines = [*lines[1 - _LINES :], machine.line()]
        metrics["machines.mean"] = float(np.mean(accuracies))
        metrics["machines.spread"] = float(np.std(accuracies))
        yield Step(
            epoch=1,
            epochs=1,
            step=number,
            steps=count,
            loss=1.0 - accuracy,
            accuracy=metrics["machines.mean"],
            samples=len(points),
            metrics=metrics,
            symptom=probe.note if number == 1 else "",
            note=probe.note if number == 1 else f"machine {number}: {accuracy:.0%} right",
            view=_boundary(points, list(lines), f"{number} machines, nothing learned"),
        )


@sampled
def trained(fw: Framework, settings: Settings) -> Iterator[Step]:
    """Rosenblatt's rule on two clouds, one example after another, from weights at zero."""
    rng = np.random.default_rng([settings.seed, 2])
    training, held_out = two_clouds(240, rng), two_clouds(_HELD_OUT, rng)
    machine_line: list[tuple[float, float, float, str]] = []

    def view(machine: Machine) -> Callable[[], dict[str, Any]]:
        machine_line[:] = [*machine_line[-3:], machine.line()]
        now = [(w0, w1, b, "") for w0, w1, b, _ in machine_line[:-1]]
        w0, w1, b, _ = machine_line[-1]
        return _boundary(held_out, [*now, (w0, w1, b, "now")], "what it says on each side")

    yield from _learn(fw, settings, training, held_out, view, rng)


@sampled
def photo(fw: Framework, settings: Settings) -> Iterator[Step]:
    """The same rule on photographs: handwritten 0 against 1, 8x8 pixels."""
    rng = np.random.default_rng([settings.seed, 3])
    training, held_out = two_digits(0, 1, 120, rng)
    images = held_out.inputs[:_SHOWN].reshape(-1, 8, 8)
    truths = [str(int(label)) for label in held_out.labels[:_SHOWN, 0]]

    def view(machine: Machine) -> Callable[[], dict[str, Any]]:
        answers = machine(held_out.inputs[:_SHOWN]).reshape(-1)
        weights = np.array(machine.layer.weight.data, dtype=np.float32).reshape(8, 8)

        def draw() -> dict[str, Any]:
            return {
                "kind": "images",
                "images": images,
                "guesses": [str(int(answer >= 0.5)) for answer in answers],
                "truths": truths,
                "weights": weights,
                "title": "0 or 1?",
            }

        return draw

    yield from _learn(fw, settings, training, held_out, view, rng)


def _learn(
    fw: Framework,
    settings: Settings,
    training: Examples,
    held_out: Examples,
    view: Callable[[Machine], Callable[[], dict[str, Any]]],
    rng: np.random.Generator,
) -> Iterator[Step]:
    if settings.labels == "shuffled":
        training = shuffle_labels(training, rng)
    probe = Probe(fw, settings.seed)
    metrics = probe.rule()
    note = probe.note
    if probe.hopeless:
        yield Step(
            epoch=1, epochs=1, step=1, steps=1, loss=1.0, metrics=metrics, note=note, symptom=note
        )
        return
    machine = Machine(fw, training.inputs.shape[1], settings.model)
    per_epoch = -(-len(training) // settings.batch_size)
    epochs, number = settings.rounds, 0
    for epoch in range(1, epochs + 1):
        for chosen in _batches(len(training), settings.batch_size, rng):
            number += 1
            loss = machine.loss(training)
            parameters = machine.correct(
                Examples(training.inputs[chosen], training.labels[chosen]), settings.learning_rate
            )
            yield Step(
                epoch=epoch,
                epochs=epochs,
                step=number,
                steps=epochs * per_epoch,
                loss=loss,
                accuracy=machine.accuracy(held_out),
                samples=len(chosen),
                metrics=metrics,
                parameters=parameters,
                note=note,
                symptom=note,
                view=view(machine),
            )
            metrics, note = {}, ""
            if not math.isfinite(loss):
                return


def _batches(count: int, size: int, rng: np.random.Generator) -> Iterator[Array]:
    order = rng.permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]


def _boundary(
    points: Examples, lines: list[tuple[float, float, float, str]], title: str
) -> Callable[[], dict[str, Any]]:
    def draw() -> dict[str, Any]:
        return {
            "kind": "boundary",
            "points": points.inputs,
            "labels": points.labels[:, 0],
            "lines": lines,
            "title": title,
        }

    return draw
