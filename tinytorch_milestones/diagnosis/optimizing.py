"""Claims about module 07: PyTorch's formulas, in place, parameter by parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import NONZERO, SMALL, Array, Source, numbers, size
from tinytorch_milestones.diagnosis.trial import Trial, literal


def _expected(kind: str, start: Array, gradients: Sequence[Array], o: Mapping[str, Any]) -> Array:
    """Where PyTorch's formula arrives, in float64."""
    value, rate, decay = start.astype(np.float64), o["lr"], o.get("weight_decay", 0.0)
    momentum, nesterov = o.get("momentum", 0.0), o.get("nesterov", False)
    velocity, mean, square = np.zeros_like(value), np.zeros_like(value), np.zeros_like(value)
    for number, gradient in enumerate(gradients, start=1):
        if kind == "AdamW":
            value = value * (1.0 - rate * decay)
        else:
            gradient = gradient + decay * value
        if kind == "SGD":
            velocity = momentum * velocity + gradient
            value = value - rate * (gradient + momentum * velocity if nesterov else velocity)
            continue
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        root = np.sqrt(square / (1.0 - 0.999**number)) + 1e-8
        value = value - rate * mean / (1.0 - 0.9**number) / root
    return value


def _claim(task: str, kind: str, **options: Any) -> Claim:
    """One optimizer with one choice of options, for one, two and three steps."""
    written = ", ".join(f"{name}={value}" for name, value in options.items())

    def trials(source: Source) -> Iterator[Trial]:
        count = size(source, 2)
        start = numbers(source, (count,), NONZERO)
        gradients = [numbers(source, (count,), SMALL) for _ in range(source.pick((1, 2, 3)))]
        given = literal(np.array(gradients))
        times = {1: "one step", 2: "two steps", 3: "three steps"}[len(gradients)]
        lines = (
            f"p = Tensor({literal(start)}, requires_grad=True)",
            f"before, optimizer = p.data, {kind}([p], {written})",
            f"for gradient in np.array({given}, dtype=np.float32):",
            "    p.grad = gradient.copy()",
            "    optimizer.step()",
        )
        says = f"`{kind}({written})` from {literal(start)} by gradients {given}, {times}:"
        names = (kind, "Tensor")
        right = _expected(kind, start, gradients, options)
        yield Trial(
            says=says, lines=lines, shown="p.data", right=right, names=names, dtype="float32",
            label="p",
        )  # fmt: skip
        yield Trial(
            says=f"`{kind}({written})`",
            fault="changes the gradient, which others may hold",
            lines=lines,
            shown="p.grad",
            right=gradients[-1],
            names=names,
        )
        yield Trial(
            says=f"`{kind}({written})`",
            fault="puts a new array into p, while the model may hold the old one",
            lines=lines,
            shown="np.shares_memory(before, p.data)",
            right=True,
            names=names,
        )

    return Claim(f"07 {kind} {written}", "07", task, trials, tries=6)


_TWO = (
    "p, q = Tensor([1.0], requires_grad=True), Tensor([2.0], requires_grad=True)",
    "optimizer = SGD([p, q], lr=0.5, momentum=0.5)",
)
_NAMES = ("SGD", "Tensor")


def _several(source: Source) -> Iterator[Trial]:
    """Every parameter moves, each with a velocity of its own; one without a gradient waits."""
    lines = (
        *_TWO,
        "for g, h in ((1.0, 2.0), (1.0, -1.0)):",
        "    p.grad, q.grad = np.array([g], np.float32), np.array([h], np.float32)",
        "    optimizer.step()",
    )
    says = "`SGD([p, q], lr=0.5, momentum=0.5)`, two steps:"
    for name, right in (("p", [-0.25]), ("q", [1.0])):
        yield Trial(
            says=says,
            lines=lines,
            shown=f"{name}.data",
            right=np.array(right),
            names=_NAMES,
            label=name,
        )
    waiting = (*_TWO, "q.grad = np.array([1.0], np.float32)", "optimizer.step()")
    for name, right in (("p", [1.0]), ("q", [1.5])):
        yield Trial(
            says="`SGD([p, q], lr=0.5)` where p.grad is None, one step:",
            lines=waiting,
            shown=f"{name}.data",
            right=np.array(right),
            names=_NAMES,
            label=name,
        )


def _cleared(source: Source) -> Iterator[Trial]:
    lines = (
        *_TWO,
        "p.grad, q.grad = np.array([1.0], np.float32), np.array([1.0], np.float32)",
        "optimizer.zero_grad()",
    )
    for name in ("p", "q"):
        yield Trial(
            says="`zero_grad()` of the parameters p and q",
            fault=f"does not forget the gradient of {name}",
            lines=lines,
            shown=f"{name}.grad is None",
            right=True,
            names=_NAMES,
        )


def _idle(source: Source) -> Iterator[Trial]:
    """A step in which a parameter has no gradient does not count for it."""
    lines = (
        "p, q = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)",
        "optimizer = Adam([p, q], lr=0.5)",
        "p.grad = np.array([1.0], np.float32)",
        "optimizer.step()",
        "q.grad = np.array([1.0], np.float32)",
        "optimizer.step()",
    )
    yield Trial(
        says="`Adam([p, q])`, where q gets a gradient in the second step only:",
        lines=lines,
        shown="q.data",
        right=np.array([0.5]),
        names=("Adam", "Tensor"),
        label="q",
    )


def _saved(source: Source) -> Iterator[Trial]:
    lines = (
        "def trained(p, optimizer, steps):",
        "    for _ in range(steps):",
        "        p.grad = np.array([1.0, -2.0], np.float32)",
        "        optimizer.step()",
        "    return optimizer",
        "p, q = (Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))",
        "saved = trained(p, Adam([p], lr=0.5), 2).state_dict()",
        "other = Adam([q], lr=0.1)",
        "other.load_state_dict(saved)",
        "start = q.data.copy()",
        "trained(q, other, 1)",
    )
    yield Trial(
        says="`Adam`, state saved after two steps and loaded into another, one step by",
        lines=lines,
        shown="q.data - start",
        right=np.array([-0.5, 0.5]),
        names=("Adam", "Tensor"),
    )


CLAIMS = [
    _claim("07.descend", "SGD", lr=0.5),
    Claim("07 zero_grad", "07", "07.zero_grad", _cleared, tries=1),
    _claim("07.momentum", "SGD", lr=0.5, momentum=0.5),
    Claim("07 several", "07", "07.step", _several, tries=1),
    _claim("07.nesterov", "SGD", lr=0.5, momentum=0.5, nesterov=True),
    _claim("07.weight_decay", "SGD", lr=0.5, weight_decay=0.5),
    _claim("07.weight_decay", "SGD", lr=0.5, momentum=0.5, weight_decay=0.5),
    _claim("07.adam", "Adam", lr=0.5),
    _claim("07.weight_decay", "Adam", lr=0.5, weight_decay=0.5),
    _claim("07.adamw", "AdamW", lr=0.5, weight_decay=0.5),
    Claim("07 idle", "07", "07.step", _idle, tries=1),
    Claim("07 saved", "07", "07.state", _saved, tries=1),
]
