"""Claims about module 05: every example once with its own label, in batches, in a new order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Source
from tinytorch_milestones.diagnosis.trial import Trial

_NAMES = ("DataLoader", "TensorDataset")


def _numbered(count: int, options: str) -> tuple[str, ...]:
    """Example i has the input i and the label i."""
    return (
        f"inputs = np.arange({count}, dtype=np.float32)[:, None]",
        f"data = TensorDataset(inputs, np.arange({count}))",
        f"loader = DataLoader(data, {options})",
    )


def _dataset(source: Source) -> Iterator[Trial]:
    count = source.pick((2, 3, 4))
    rows = [source.pick(range(count)) for _ in range(source.pick((1, 2, 3)))]
    for part, right in ((0, np.array(rows, dtype=np.float64)), (1, np.array(rows))):
        yield Trial(
            says=f"`TensorDataset` of examples 0 to {count - 1}, batch({rows}):",
            lines=(
                f"inputs, labels = np.arange({count}, dtype=np.float32), np.arange({count})",
                f"first, second = TensorDataset(inputs, labels).batch(np.array({rows}))",
            ),
            shown=("first", "second")[part],
            right=right,
            names=("TensorDataset",),
            label=("inputs", "labels")[part],
            dtype=("float32", "int64")[part],
        )


def _transform(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`TensorDataset` with a transform that adds 10, batch([0, 1]):",
        lines=(
            "inputs, labels = np.arange(3, dtype=np.float32), np.arange(3)",
            "data = TensorDataset(inputs, labels, transform=lambda batch: batch + 10)",
        ),
        shown="[part.tolist() for part in data.batch(np.array([0, 1]))]",
        right=[[10.0, 11.0], [0, 1]],
        names=("TensorDataset",),
    )


def _batches(source: Source) -> Iterator[Trial]:
    count, batch = source.pick((2, 3, 1, 4, 5, 6, 7)), source.pick((2, 3, 1))
    drop = source.pick((False, True))
    pieces = [list(range(i, min(i + batch, count))) for i in range(0, count, batch)]
    right = [piece for piece in pieces if len(piece) == batch or not drop]
    options = f"batch_size={batch}" + (", drop_last=True" if drop else "")
    lines = _numbered(count, options)
    says = f"`DataLoader({options})` over {count} examples"
    yield Trial(
        says=f"{says}, the labels:",
        lines=lines,
        shown="[labels.data.tolist() for _, labels in loader]",
        right=right,
        names=_NAMES,
    )
    yield Trial(
        says=f"{says}, the inputs:",
        lines=lines,
        shown="[x.data[:, 0].tolist() for x, _ in loader]",
        right=[[float(i) for i in piece] for piece in right],
        names=_NAMES,
    )
    yield Trial(says=says, lines=lines, shown="len(loader)", right=len(right), names=_NAMES,
                label="len(loader)")  # fmt: skip


def _shuffled(source: Source) -> Iterator[Trial]:
    count, batch = source.pick((2, 3, 4, 5, 7, 23)), source.pick((1, 2, 5))
    seed = source.pick((0, 1, 2))
    lines = _numbered(count, f"batch_size={batch}, shuffle=True, seed={seed}")
    says = f"`DataLoader(batch_size={batch}, shuffle=True)` over {count} examples"
    yield Trial(
        says=says,
        fault="does not show every example once in an epoch",
        lines=lines,
        shown="sorted(np.concatenate([y.data for _, y in loader]).tolist())",
        right=list(range(count)),
        names=_NAMES,
    )
    yield Trial(
        says=says,
        fault="gives examples the labels of others",
        lines=lines,
        shown="sum(int((x.data[:, 0] != y.data).sum()) for x, y in loader)",
        right=0,
        names=_NAMES,
    )


def _orders(source: Source) -> Iterator[Trial]:
    for shown, fault in (
        ("sum(one, []) != list(range(30))", "leaves the examples in their own order"),
        ("one != two", "has one order for all epochs"),
        ("[y.data.tolist() for _, y in again] == one", "has another order for the same seed"),
        ("[y.data.tolist() for _, y in other] != one", "has the same order for every seed"),
        ("any(max(b) - min(b) > 9 for b in one)", "keeps neighbours together in a batch"),
    ):
        yield Trial(
            says="`DataLoader` with shuffle=True",
            fault=fault,
            lines=(
                *_numbered(30, "batch_size=10, shuffle=True, seed=5"),
                "one, two = ([y.data.tolist() for _, y in loader] for _ in range(2))",
                "again = DataLoader(data, batch_size=10, shuffle=True, seed=5)",
                "other = DataLoader(data, batch_size=10, shuffle=True, seed=6)",
            ),
            shown=shown,
            right=True,
            names=_NAMES,
        )


def _types(source: Source) -> Iterator[Trial]:
    for name, right in (("inputs", "float32"), ("labels", "int64")):
        yield Trial(
            says="`DataLoader`",
            fault=f"changes the type of the {name}",
            lines=(*_numbered(3, "batch_size=2"), "inputs, labels = next(iter(loader))"),
            shown=f"{name}.data.dtype.name",
            right=right,
            names=_NAMES,
        )


def _normalize(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`Normalize([1, 2], [2, 4])` of two channels of 5s",
        lines=("images = np.full((1, 2, 1, 2), 5.0, dtype=np.float32)",),
        shown="Normalize([1, 2], [2, 4])(images)",
        right=np.array([[[[2.0, 2.0]], [[0.75, 0.75]]]]),
        names=("Normalize",),
        dtype="float32",
    )


def _flip(source: Source) -> Iterator[Trial]:
    lines = ("images = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)",)
    yield Trial(
        says="`RandomHorizontalFlip(p=1.0)` of [[0, 1], [2, 3]]",
        lines=lines,
        shown="RandomHorizontalFlip(p=1.0)(images)[0, 0]",
        right=np.array([[1.0, 0.0], [3.0, 2.0]]),
        names=("RandomHorizontalFlip",),
        dtype="float32",
    )


CLAIMS = [
    Claim("05 dataset", "05", "05.tensor_dataset", _dataset),
    Claim("05 transform", "05", "05.tensor_dataset", _transform, tries=1),
    Claim("05 batches", "05", "05.batches", _batches, tries=20),
    Claim("05 shuffled", "05", "05.loader", _shuffled),
    Claim("05 orders", "05", "05.loader", _orders, tries=1),
    Claim("05 types", "05", "05.loader", _types, tries=1),
    Claim("05 normalize", "05", "05.normalize", _normalize, tries=1),
    Claim("05 flip", "05", "05.flip", _flip, tries=1),
]
