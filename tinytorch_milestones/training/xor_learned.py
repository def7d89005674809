"""Third act of XOR: back-propagation finds the weights that a person had to choose before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Answers, Learner
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.supervised import Problem, design_of, learn

_TRAINING, _HELD_OUT = 400, 200
_NOISE = 0.18  # spread of the points around their corner
_REACH = 0.45  # none lies farther from it, so the four clouds do not touch
_MARGIN = 0.6  # how far the picture reaches beyond the unit square
_GRID = 25  # answers along each side of it


def noisy_xor(count: int, rng: np.random.Generator) -> Examples:
    """Points around the four corners; label 1 where exactly one coordinate is near 1."""
    corners = np.stack([np.arange(count) % 2, np.arange(count) // 2 % 2], axis=1)
    corners = rng.permutation(corners)
    offsets = np.clip(rng.normal(0.0, _NOISE, (count, 2)), -_REACH, _REACH)
    labels = (corners[:, 0] != corners[:, 1]).astype(np.float32)
    return Examples((corners + offsets).astype(np.float32), labels[:, None])


def learned(fw: Framework, settings: Settings) -> Iterator[Step]:
    """Two layers on noisy XOR, from random weights, by gradient descent with momentum."""
    rng = np.random.default_rng([settings.seed, 6])
    training, held_out = noisy_xor(_TRAINING, rng), noisy_xor(_HELD_OUT, rng)
    design = design_of(settings, activation="Tanh", loss="BinaryCrossEntropyLoss")
    problem = Problem(training, held_out, design, 2, 4, _picture)
    yield from learn(fw, settings, problem)


def _picture(learner: Learner, answers: Answers) -> Callable[[], dict[str, Any]]:
    side = np.linspace(-_MARGIN, 1.0 + _MARGIN, _GRID, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    values = learner.outputs(grid)[:, 0].reshape(_GRID, _GRID)
    lines = _hidden_lines(learner)
    points, labels = learner.held_out.inputs, learner.held_out.labels[:, 0]
    extent = (-_MARGIN, 1.0 + _MARGIN, -_MARGIN, 1.0 + _MARGIN)
    title = f"XOR, learned: {answers.accuracy:.0%} right"
    return lambda: {
        "kind": "boundary",
        "points": points,
        "labels": labels,
        "lines": lines,
        "surface": {"values": values, "extent": extent},
        "title": title,
    }


def _hidden_lines(learner: Learner) -> list[tuple[float, float, float, str]]:
    """Where each unit of the first layer changes its mind."""
    arrays: list[Array] = [np.array(tensor.data) for tensor in learner.tensors.values()]
    if len(arrays) < 2 or arrays[0].ndim != 2 or arrays[0].shape[1] != 2:
        return []
    weights, biases = arrays[0], arrays[1]
    if biases.shape != weights.shape[:1] or len(weights) > 8:
        return []
    return [
        (float(w[0]), float(w[1]), float(b), f"hidden unit {i}")
        for i, (w, b) in enumerate(zip(weights, biases, strict=True), start=1)
    ]
