"""A model while it learns, as the judge sees it: its answers, its parameters, its gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.clouds import Array, Examples, array_of
from tinytorch_milestones.training.implementation import Framework

_BATCH = 500


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

    def __init__(self, fw: Framework, model: Any, held_out: Examples, *, binary: bool) -> None:
        self.fw, self.model, self.held_out = fw, model, held_out
        self._binary = binary
        self._truths = held_out.labels.reshape(-1).astype(np.int64)
        self.tensors = _tensors(fw, model)
        self._start = {name: np.array(array_of(t)) for name, t in self.tensors.items()}
        self._seen_alive: set[str] = set()
        self._seen_broken: set[str] = set()

    def outputs(self, inputs: Array) -> Array:
        """The model's outputs (n, k) for inputs, in eval mode, nothing recorded."""
        fw, model = self.fw, self.model
        was_training = model.training
        model.eval()
        try:
            with fw.no_grad():
                parts = [
                    array_of(model(fw.Tensor(inputs[i : i + _BATCH])))
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

    def alive(self) -> float:
        """The share of parameters whose gradients were seen to be finite and not zero."""
        return len(self._seen_alive - self._seen_broken) / max(1, len(self.tensors))


def probabilities(learner: Learner, inputs: Array) -> Array:
    """The model's probabilities for inputs, (n, k)."""
    return oracle.softmax(learner.outputs(inputs))


def _norm(array: Array) -> float:
    flat = array.reshape(-1)
    return math.sqrt(float(flat @ flat))


def _tensors(fw: Framework, model: Any) -> dict[str, Any]:
    """Every tensor that wants a gradient anywhere in the model, found without asking it."""
    found: dict[str, Any] = {}
    seen: set[int] = set()

    def visit(value: Any, name: str) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, fw.Tensor):
            if value.requires_grad:
                found[name] = value
            return
        if isinstance(value, dict):
            items = list(value.items())
        elif isinstance(value, list | tuple):
            items = list(enumerate(value))
        elif isinstance(value, fw.Layer):
            items = list(vars(value).items())
        else:
            return
        for key, inner in items:
            # a Sequential's layers are called "0", "1", as PyTorch does
            visit(inner, name if key == "layers" else f"{name}.{key}" if name else str(key))

    visit(model, "")
    return found
