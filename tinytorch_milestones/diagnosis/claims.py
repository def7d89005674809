"""What a module must do: claims, each a maker of trials; and formulas, which give two claims each.

A formula is written once, in the student's language and in numpy's. Its values belong to the
module that has the operation, its derivative to module 06.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinytorch_milestones.diagnosis.source import Array, Source, numbers
from tinytorch_milestones.diagnosis.trial import FLOAT32, FLOAT64, SLOPE, Trial, literal, size_text
from tinytorch_milestones.training import oracle


@dataclass(frozen=True)
class Claim:
    """One thing that must hold."""

    id: str  # unique
    module: str  # number of the module it belongs to
    task: str  # "01.matmul", or "" where it cannot be told
    trials: Callable[[Source], Iterable[Trial]]
    tries: int = 12  # random tries before it is believed


@dataclass(frozen=True)
class Case:
    """Inputs of a formula: arrays by name, and options to be filled into its expression."""

    arrays: Mapping[str, Array]
    options: Mapping[str, Any] = field(default_factory=dict)


Maker = Callable[[Source], Case]


@dataclass(frozen=True)
class Formula:
    """An expression of Tensors, and the same with numpy's arrays."""

    module: str
    task: str
    says: str  # "`@`"
    expression: str  # "x @ y"; {axis} is filled in from the case's options
    numpy: Callable[..., Any]
    make: Maker
    rule: str = ""  # the task that its derivative belongs to, "" for none
    names: tuple[str, ...] = ("Tensor",)
    sloped: Maker | None = None  # inputs for the derivative, where they must keep off corners
    id: str = ""

    @property
    def key(self) -> str:
        """A name for it."""
        return self.id or f"{self.module} {self.says} {self.expression}"

    def claims(self) -> Iterator[Claim]:
        """Its values, and its derivative where it has one."""
        # cheap, and special values (0, 1, 1000) must come up in each
        yield Claim(self.key, self.module, self.task, self.forward, tries=40)
        if self.rule:
            yield Claim(f"06 backward of {self.key}", "06", self.rule, self.backward)

    def forward(self, source: Source) -> Iterator[Trial]:
        """Numbers, shape and dtype of the result in float32; in float64 as well."""
        case = self.make(source)
        double = source.pick((False, True))
        right = self._right(case)
        floats = right.dtype.kind == "f"
        yield Trial(
            says=f"{self._named(case)} of {self._sizes(case)}",
            lines=tuple(_tensors(case.arrays, double=double)),
            shown=f"{_bracketed(self._expression(case))}.data",
            right=right,
            names=self.names,
            dtype=("float64" if double else "float32") if floats else str(right.dtype),
            kept=case.arrays,
            tolerance=FLOAT64 if double else FLOAT32,
        )

    def backward(self, source: Source) -> Iterator[Trial]:
        """The gradient of every input against finite differences of the numpy formula."""
        case = (self.sloped or self.make)(source)
        double = source.pick((False, True))
        right = self._right(case)
        seed = numbers(source, right.shape, (1.0, 0.0, 2.0, -1.0) if right.ndim else (1.0, 2.0))
        floats = {n: a for n, a in case.arrays.items() if a.dtype.kind == "f"}
        lines = _tensors(case.arrays, double=double, leaves=True)
        written = f"np.array({literal(seed)})" if double else literal(seed)
        start = "" if right.ndim == 0 and seed == 1.0 else written
        lines.append(f"{_bracketed(self._expression(case))}.backward({start})")
        for name, slope in zip(floats, self._slopes(case, seed), strict=True):
            yield Trial(
                says=f"{self._named(case)} backward on {self._inputs(case)}",
                lines=tuple(lines),
                shown=f"{name}.grad",
                right=slope,
                names=self.names,
                label=f"d{name}",
                dtype="float64" if double else "float32",
                kept=case.arrays,
                tolerance=SLOPE if double else 1e-3,
            )

    def _expression(self, case: Case) -> str:
        return self.expression.format(**case.options)

    def _named(self, case: Case) -> str:
        return self.says.format(**case.options)

    def _sizes(self, case: Case) -> str:
        return " and ".join(size_text(array) for array in case.arrays.values())

    def _inputs(self, case: Case) -> str:
        single = len(case.arrays) == 1 and next(iter(case.arrays.values())).ndim
        return self._sizes(case) + (" input" if single else "")

    def _right(self, case: Case) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(self.numpy(*case.arrays.values(), **case.options))

    def _slopes(self, case: Case, seed: Array) -> list[Array]:
        """Central differences of the sum of seed * result, for each array of floats."""
        arrays = list(case.arrays.values())
        places = [i for i, array in enumerate(arrays) if array.dtype.kind == "f"]

        def total(*moved: Array) -> float:
            given = list(arrays)
            for place, array in zip(places, moved, strict=True):
                given[place] = array
            return float(np.sum(seed * np.asarray(self.numpy(*given, **case.options))))

        with np.errstate(all="ignore"):
            return [
                np.round(slope, 7)
                for slope in oracle.slope(total, [arrays[i].copy() for i in places])
            ]


def _tensors(arrays: Mapping[str, Array], *, double: bool, leaves: bool = False) -> list[str]:
    lines = []
    for name, array in arrays.items():
        floats = array.dtype.kind == "f"
        plain = floats and not double
        given = literal(array) if plain else f"np.array({literal(array)})"
        leaf = ", requires_grad=True" if leaves and floats else ""
        lines.append(f"{name} = Tensor({given}{leaf})")
    return lines


def _bracketed(expression: str) -> str:
    whole = expression.replace(", ", "").replace("(", "").replace(")", "").replace("=", "")
    return f"({expression})" if " " in whole or expression[:1] in "-~" else expression
