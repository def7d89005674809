"""Claims about modules 01 and 04 that are not formulas: types, recording, refusals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import NONZERO, Source, numbers, shape, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal


def _array(source: Source) -> Iterator[Trial]:
    """Lists become float32, arrays keep their type and their memory."""
    given = literal(numbers(source, shape(source, 0, 2)))
    whole = literal(numbers(source, (size(source),)).astype(int))
    for text in (given, whole):
        yield Trial(
            says=f"`Tensor({text})`",
            lines=(f"x = Tensor({text})",),
            shown="x.data.dtype.name",
            right="float32",
        )
    for dtype in ("float64", "int64", "float32"):
        lines = (f'a = np.array({whole}, dtype="{dtype}")',)
        says = f"`Tensor` of an array of {dtype}"
        yield Trial(says=says, lines=lines, shown="Tensor(a).data.dtype.name", right=dtype)
        yield Trial(
            says=says,
            fault="makes a copy of it",
            lines=lines,
            shown="np.shares_memory(Tensor(a).data, a)",
            right=True,
        )


def _tape(source: Source) -> Iterator[Trial]:
    """What module 06 is built on: every operation is heard of, with the Tensors that went in."""
    for shown, right, fault in (
        ("len(heard)", 1, "does not tell the tape of it once"),
        ("len(heard[0])", 4, "does not call the tape with operation, inputs, options and result"),
        ("heard[0][1][0] is x", True, "does not tell the tape which Tensors went in"),
        ('heard[0][2].get("axis")', 0, "does not tell the tape the options"),
        ("heard[0][3] is y", True, "does not give the tape the Tensor that came out"),
    ):
        yield Trial(
            says="`Operation`, called as `y = x.sum(axis=0)`,",
            fault=fault,
            lines=(
                "heard, before = [], Operation.tape",
                "x = Tensor([1.0, 2.0])",
                "Operation.tape = lambda *call: heard.append(call)",
                "y = x.sum(axis=0)",
                "Operation.tape = before",
            ),
            shown=shown,
            right=right,
            names=("Operation", "Tensor"),
        )


def _type_kept(source: Source) -> Iterator[Trial]:
    given = literal(numbers(source, (2,), NONZERO))
    for expression in (
        "x * 2",
        "2 * x",
        "x + 1",
        "1 - x",
        "x / 2",
        "x ** 2",
        "x.sum()",
        "x.mean()",
    ):
        yield Trial(
            says=f"`{expression}` of a float32 tensor",
            lines=(f"x = Tensor({given})",),
            shown=f"({expression}).data.dtype.name",
            right="float32",
        )


def _refused_shapes(source: Source) -> Iterator[Trial]:
    n = size(source) + 1
    column, row = literal(np.ones((n, 1))), literal(np.ones(n))
    for name in ("MSELoss", "BinaryCrossEntropyLoss"):
        yield Trial(
            says=f"`{name}` of {(n, 1)} against {(n,)}",
            lines=(f"x, y = Tensor({column}), Tensor({row})",),
            shown=f"{name}()(x, y).data",
            right=Raises("ValueError"),
            names=("Tensor", name),
        )


def _scalar(source: Source) -> Iterator[Trial]:
    n = size(source)
    zeros = literal(np.zeros((n, 2)))
    for name, target in (("MSELoss", zeros), ("CrossEntropyLoss", literal(np.zeros(n)))):
        yield Trial(
            says=f"`{name}` of a batch of {n}",
            lines=(f"x, y = Tensor({zeros}), Tensor({target})",),
            shown=f"{name}()(x, y).shape",
            right=(),
            names=("Tensor", name),
            label="shape",
        )


def _target_type(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`MSELoss` of float32 against a float64 target",
        lines=("x, y = Tensor([1.0]), Tensor(np.array([0.0]))",),
        shown="MSELoss()(x, y).data.dtype.name",
        right="float32",
        names=("Tensor", "MSELoss"),
    )


def _refused_classes(source: Source) -> Iterator[Trial]:
    for target in ("[-1]", "[2]", "[0.5]", "[[0]]"):
        yield Trial(
            says=f"`CrossEntropyLoss` of two classes and the target {target}",
            lines=(f"x, y = Tensor([[0.0, 1.0]]), Tensor({target})",),
            shown="CrossEntropyLoss()(x, y).data",
            right=Raises("ValueError"),
            names=("Tensor", "CrossEntropyLoss"),
        )


TENSOR_FIRST = [
    Claim("01 array", "01", "01.array", _array, tries=3),
    Claim("01 tape", "01", "01.operation", _tape, tries=1),
]
TENSOR_LAST = [Claim("01 types", "01", "01.operation", _type_kept, tries=2)]
LOSS = [
    Claim("04 shape", "04", "04.mse", _scalar, tries=2),
    Claim("04 refused shapes", "04", "04.matched_target", _refused_shapes, tries=2),
    Claim("04 target type", "04", "04.matched_target", _target_type, tries=1),
    Claim("04 refused classes", "04", "04.cross_entropy", _refused_classes, tries=1),
]
