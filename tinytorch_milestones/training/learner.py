"""A model while it learns, as the judge sees it: its answers, its parameters, its gradients."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.clouds import Array, Examples, array_of
from tinytorch_milestones.training.implementation import Framework

_BATCH = 250  # examples asked at a time, so that memory stays small


@dataclass
class Answers:
    """What a model said about held-out examples."""

    chosen: Array  # indices into what is held out
    guesses: Array  # class numbers, -1 where an output was not a number
    confidence: Array  # probability of the guess
    right: Array
    whole: bool  # whether everything held out was asked

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.right))


class Learner:
    """Reads a student's model between steps without changing anything."""

    def __init__(
        self,
        fw: Framework,
        model: Any,
        held_out: Examples,
        *,
        binary: bool,
        given: Callable[[Array], Array] | None = None,
    ) -> None:
        """`given` makes what the model is given of held-out inputs, which may be kept as bytes."""
        self.fw, self.model, self.held_out = fw, model, held_out
        self._given = given or (lambda inputs: inputs)
        self._binary = binary
        self._truths = held_out.labels.reshape(-1).astype(np.int64)
        members = list(_members(fw, model))
        self.tensors = {
            name: value
            for name, value in members
            if isinstance(value, fw.Tensor) and value.requires_grad
        }
        self._normalizing = {name: layer for name, layer in members if _normalizing(layer)}
        self._statistics = {
            name: _statistics(layer).copy() for name, layer in self._normalizing.items()
        }
        self._start = {name: np.array(array_of(t)) for name, t in self.tensors.items()}
        self._seen_alive: set[str] = set()
        self._seen_broken: set[str] = set()

    def outputs(self, inputs: Array) -> Array:
        """The model's outputs (n, k) for inputs such as are held out, in eval mode, unrecorded."""
        fw, model = self.fw, self.model
        was_training = model.training
        model.eval()
        try:
            with fw.no_grad():
                parts = [
                    array_of(model(fw.Tensor(self._given(inputs[i : i + _BATCH]))))
                    for i in range(0, len(inputs), _BATCH)
                ]
        finally:
            if was_training:
                model.train()
        return np.concatenate(parts)

    def answers(self, chosen: Array | None = None) -> Answers:
        """Ask the model about held-out examples, all or the chosen ones, and count."""
        whole = chosen is None
        indices = np.arange(len(self.held_out)) if chosen is None else chosen
        inputs = self.held_out.inputs if chosen is None else self.held_out.inputs[chosen]
        outputs = self.outputs(inputs)
        finite = np.isfinite(outputs).all(axis=1)
        if self._binary:
            yes = outputs[:, 0]
            guesses = (yes >= 0.5).astype(np.int64)
            confidence = np.where(guesses == 1, yes, 1.0 - yes)
        else:
            guesses = outputs.argmax(axis=1)
            best = outputs[np.arange(len(outputs)), guesses]
            confidence = 1.0 / np.exp(outputs - best[:, None]).sum(axis=1)
        guesses = np.where(finite, guesses, -1)
        return Answers(indices, guesses, confidence, guesses == self._truths[indices], whole)

    def confusion(self, answers: Answers, classes: int) -> Array:
        """Counts (classes, classes), a row for each truth; what is no answer is left out."""
        truths = self._truths[answers.chosen]
        known = answers.guesses >= 0
        cells = truths[known] * classes + answers.guesses[known]
        return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)

    def parameters(self) -> dict[str, tuple[float, float]]:
        """For each parameter the norm of its gradient and its distance from where it started."""
        found = {}
        for name, tensor in self.tensors.items():
            gradient = 0.0 if tensor.grad is None else _norm(array_of(tensor.grad))
            if not math.isfinite(gradient):
                self._seen_broken.add(name)
            elif gradient > 0.0:
                self._seen_alive.add(name)
            data, start = array_of(tensor), self._start[name]
            change = _norm(data - start) if data.shape == start.shape else math.nan
            found[name] = (gradient, change)
        return found

    @property
    def size(self) -> int:
        """How many numbers training may change."""
        return sum(array_of(tensor).size for tensor in self.tensors.values())

    def filters_moved(self) -> float:
        """The share of trainable filters, one for each output of a convolution, that have turned
        away from their start; 0.0 without convolutions. Shrinking, which weight decay does to any
        weight, is no turning.
        """
        turned: list[Array] = []
        for name, tensor in self.tensors.items():
            data, start = array_of(tensor), self._start[name]
            if data.ndim == 4 and data.shape == start.shape:
                turned.append(_turned(data.reshape(len(data), -1), start.reshape(len(start), -1)))
        return float(np.concatenate(turned).mean()) if turned else 0.0

    def statistics(self) -> dict[str, float]:
        """`statistics_running`: of the layers of batch normalisation, the share that has moved its
        running mean and variance and computes with them in eval mode; all of none is 1.
        """
        running = 0
        for name, layer in self._normalizing.items():
            moved = _statistics(layer) != self._statistics[name]
            running += bool(moved.any(axis=1).all()) and _follows_statistics(self.fw, layer)
        count = len(self._normalizing)
        return {"statistics_running": running / count if count else 1.0}

    def memory(self) -> dict[str, Any]:
        """What was seen of the gradients so far, and which weights there are, as JSON values."""
        return {
            "alive": sorted(self._seen_alive),
            "broken": sorted(self._seen_broken),
            "weights": self.fingerprint(),
        }

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Take over what an earlier learner of the same model had seen."""
        self._seen_alive |= set(memory["alive"])
        self._seen_broken |= set(memory["broken"])

    def fingerprint(self) -> str:
        """A hash of all parameters."""
        digest = hashlib.sha256()
        for name in sorted(self.tensors):
            digest.update(name.encode())
            digest.update(array_of(self.tensors[name]).tobytes())
        return digest.hexdigest()

    def alive(self) -> float:
        """The share of parameters whose gradients were seen to be finite and not zero."""
        return len(self._seen_alive - self._seen_broken) / max(1, len(self.tensors))


def _turned(rows: Array, start: Array) -> Array:
    """Which rows point elsewhere than at the start, by more than a thousandth."""
    length = np.linalg.norm(start, axis=1, keepdims=True) + 1e-30
    unit = start / length
    change = rows - start
    if rows.shape[1] > 1:
        change = change - (change * unit).sum(axis=1, keepdims=True) * unit
    return np.asarray(np.linalg.norm(change, axis=1) > 1e-3 * length[:, 0])


def _statistics(layer: Any) -> Array:
    """The running means and variances of a layer of batch normalisation, (2, channels)."""
    return np.stack([array_of(layer.running_mean), array_of(layer.running_var)])


def probabilities(learner: Learner, inputs: Array) -> Array:
    """The model's probabilities for inputs, (n, k)."""
    return oracle.softmax(learner.outputs(inputs))


def _norm(array: Array) -> float:
    flat = array.reshape(-1)
    return math.sqrt(float(flat @ flat))


def _members(fw: Framework, model: Any) -> Iterator[tuple[str, Any]]:
    """Every layer and every tensor anywhere in the model, found without asking it."""
    seen: set[int] = set()

    def visit(value: Any, name: str) -> Iterator[tuple[str, Any]]:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, fw.Tensor):
            yield name, value
            return
        if isinstance(value, dict):
            items = list(value.items())
        elif isinstance(value, list | tuple):
            items = list(enumerate(value))
        elif isinstance(value, fw.Layer):
            yield name, value
            items = list(vars(value).items())
        else:
            return
        for key, inner in items:
            # a Sequential's layers are called "0", "1", as PyTorch does
            yield from visit(
                inner, name if key == "layers" else f"{name}.{key}" if name else str(key)
            )

    return visit(model, "")


def _normalizing(layer: Any) -> bool:
    """Whether a layer is batch normalisation of images, by what it keeps."""
    return all(
        hasattr(layer, name) for name in ("running_mean", "running_var", "weight", "bias", "eps")
    )


def _follows_statistics(fw: Framework, layer: Any) -> bool:
    """Whether batch normalisation, in eval mode, computes with the statistics that it kept."""
    mean, variance, weight, bias = (
        array_of(getattr(layer, name)).astype(np.float64).reshape(1, -1, 1, 1)
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    x = np.random.default_rng(9).normal(size=(3, mean.size, 2, 2))
    x = (mean + np.sqrt(np.abs(variance)) * x).astype(np.float32)
    expected = (x - mean) / np.sqrt(variance + layer.eps) * weight + bias
    was_training = layer.training
    layer.eval()
    try:
        with fw.no_grad(), np.errstate(all="ignore"):
            got = array_of(layer(fw.Tensor(x)))
    finally:
        if was_training:
            layer.train()
    scale = max(1.0, float(np.abs(expected).max()))
    return got.shape == x.shape and float(np.abs(got - expected).max()) <= 1e-3 * scale
