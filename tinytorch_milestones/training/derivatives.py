"""Formulas whose derivatives the judge knows by finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.clouds import Array

Case = tuple[str, Callable[..., Any], list[Array]]


def cases(rng: np.random.Generator) -> list[Case]:
    """What to differentiate, as (what it is about, formula, inputs in float64).

    A formula takes Tensors, or anything that computes like them, and gives one number.
    """
    a, b, stack = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=(2, 4, 3))
    row, column = rng.normal(size=3), rng.uniform(0.5, 2.0, (4, 1))
    return [
        ("@", lambda x, y: _square(x @ y), [a, b]),
        ("@ of a stack and a matrix", lambda x, y: _square(x @ y), [stack, b]),
        ("@ of a square matrix", lambda x, y: _square(x @ y), [a, a[:3].copy()]),
        ("@ of two stacks", lambda x, y: _square(x @ y), [stack, stack.swapaxes(1, 2).copy()]),
        ("+ with a broadcast row", lambda x, y: _square(x + y), [a, row]),
        ("- with a broadcast row", lambda x, y: _square(x - y), [a, row]),
        ("* with a broadcast column", lambda x, y: (x * y * x).sum(), [a, column]),
        ("/ by a broadcast column", lambda x, y: (x / y).sum(), [a, column]),
        ("unary - and a number", lambda x: _square(-x + 2.0), [a]),
        ("** and mean()", lambda x: (x**3).mean(), [a]),
        ("mean over an axis", lambda x: _square(x.mean(axis=1)), [a]),
        ("a tensor used twice", lambda x: (x * x + x).sum(), [a]),
        ("a result used twice", _diamond, [a]),
        (".T and reshape", lambda x: (x.T.reshape(6, 2) ** 3).sum(), [a]),
        ("transpose(0, 1) of a stack", lambda x, y: _square(x.transpose(0, 1) * y), [stack, row]),
        ("sum over an axis", lambda x: _square(x.sum(axis=0)), [a]),
        ("max over an axis", lambda x: _square(x.max(axis=0)), [a]),
        ("indexing", lambda x: _square(x[1:3]), [a]),
        ("exp, log and sqrt", lambda x: (x.exp() + x.log() + x.sqrt()).sum(), [column]),
    ]


def expected(formula: Callable[..., Any], inputs: Sequence[Array]) -> list[Array]:
    """The derivatives of a formula by central differences."""

    def number(*arrays: Array) -> float:
        return float(formula(*map(_Numbers, arrays)).value)

    return oracle.slope(number, [array.copy() for array in inputs])


def _square(x: Any) -> Any:
    return (x * x).sum()


def _diamond(x: Any) -> Any:
    square = x * x
    return (square * (square + x) + square).sum()


class _Numbers:
    """An array that speaks a Tensor's language, so that one formula serves both."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __add__(self, other: Any) -> _Numbers:
        return _Numbers(self.value + _plain(other))

    def __sub__(self, other: Any) -> _Numbers:
        return _Numbers(self.value - _plain(other))

    def __mul__(self, other: Any) -> _Numbers:
        return _Numbers(self.value * _plain(other))

    def __truediv__(self, other: Any) -> _Numbers:
        return _Numbers(self.value / _plain(other))

    def __matmul__(self, other: Any) -> _Numbers:
        return _Numbers(self.value @ _plain(other))

    def __pow__(self, power: int) -> _Numbers:
        return _Numbers(self.value**power)

    def __neg__(self) -> _Numbers:
        return _Numbers(-self.value)

    def __getitem__(self, index: Any) -> _Numbers:
        return _Numbers(self.value[index])

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        return lambda *args, **options: _Numbers(function(self.value, *args, **options))

    @property
    def T(self) -> _Numbers:
        return self.transpose(-2, -1)

    def transpose(self, axis0: int, axis1: int) -> _Numbers:
        return _Numbers(np.swapaxes(self.value, axis0, axis1))

    def reshape(self, *shape: int) -> _Numbers:
        return _Numbers(self.value.reshape(shape))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, _Numbers) else value
