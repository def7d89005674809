"""Claims about module 16: a matrix in two narrow ones, and a teacher's answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Array, Source, numbers, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal
from tinytorch_milestones.training import oracle

_FILE = "perf.compression"
_LOW = ("Linear", f"{_FILE}.low_rank")


def _matrix(source: Source) -> Array:
    weight = numbers(source, (source.pick((2, 3)), source.pick((2, 3))), (1.0, 0.0, 2.0, -1.0))
    weight[0, 0] += not weight.any()
    return weight


def _rank(source: Source) -> Iterator[Trial]:
    """The fewest singular values whose squares make up the share."""
    weight, energy = _matrix(source), source.pick((0.5, 0.9, 1.0, 0.99, 0.1))
    squares = np.linalg.svd(weight, compute_uv=False) ** 2
    shares = np.cumsum(squares) / squares.sum()
    if np.abs(shares[shares < 1 - 1e-9] - energy).min(initial=1.0) < 1e-6:
        return  # rounding decides
    yield Trial(
        says=f"`rank_for({literal(weight)}, {energy:g})`",
        lines=(f"weight = np.array({literal(weight)})",),
        shown=f"rank_for(weight, {energy:g})",
        right=int((shares < energy - 1e-9).sum()) + 1,
        names=(f"{_FILE}.rank_for",),
        kept={"weight": weight},
    )


def _low_rank(source: Source) -> Iterator[Trial]:
    """The nearest matrix of that rank, as two Linears of which the second has the bias."""
    weight = _matrix(source)
    outputs, inputs = weight.shape
    rank = source.pick(range(1, min(outputs, inputs) + 1))
    bias = source.pick((True, False))
    u, s, vt = np.linalg.svd(weight)
    if rank < len(s) and s[rank - 1] - s[rank] < 1e-6:
        return  # there are several
    nearest = u[:, :rank] * s[:rank] @ vt[:rank]
    lines = [
        f"linear = Linear({inputs}, {outputs}{'' if bias else ', bias=False'})",
        f"linear.weight.data[...] = {literal(weight)}",
        f"pair = low_rank(linear, {rank})",
    ]
    told = f"`low_rank` of {literal(weight)}, rank {rank},"
    for shown, right, fault, label in (
        ("pair[1].weight.data @ pair[0].weight.data", nearest, "", "the product"),
        (
            "pair[0].weight.shape, pair[1].weight.shape",
            ((rank, inputs), (outputs, rank)),
            "has other layers",
            "their shapes",
        ),
        (
            "pair[0].bias is None, pair[1].bias is None",
            (True, not bias),
            "does not have the bias in the second layer, and only there",
            "who has none",
        ),
        ("linear.weight.data", weight, "changes the Linear itself", "its weight"),
    ):
        yield Trial(
            says=told,
            fault=fault,
            lines=tuple(lines),
            shown=shown,
            right=right,
            names=_LOW,
            label=label,
            tolerance=1e-3,
        )


def _refused(source: Source) -> Iterator[Trial]:
    for call, names in (
        ("low_rank(Linear(2, 3), 3)", _LOW),
        ("rank_for(np.eye(2), 0)", (f"{_FILE}.rank_for",)),
        ("KnowledgeDistillation(Linear(2, 2), temperature=0)", ("KnowledgeDistillation", "Linear")),
    ):
        yield Trial(
            says=f"`{call}`",
            lines=(),
            shown=call,
            right=Raises("ValueError"),
            names=names,
        )


def _logs(logits: Array) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _distil(source: Source) -> Iterator[Trial]:
    """The loss, and its gradient for what the student says."""
    n, classes = size(source, 2), source.pick((2, 3))
    temperature, alpha = source.pick((1.0, 2.0, 4.0)), source.pick((0.5, 1.0, 0.0, 0.9))
    said, taught = (numbers(source, (n, classes), (1.0, 0.0, 2.0, -1.0)) for _ in range(2))
    targets = [source.pick(range(classes)) for _ in range(n)]
    soft = np.exp(_logs(taught / temperature))

    def loss(logits: Array) -> float:
        taken = (soft * _logs(logits / temperature)).sum(axis=-1).mean()
        hard = _logs(logits)[np.arange(n), targets].mean()
        return float(-alpha * temperature**2 * taken - (1 - alpha) * hard)

    lines = (
        f"teacher = Linear({classes}, {classes}, bias=False)",
        f"teacher.weight.data[...] = np.eye({classes})",
        f"inputs = Tensor({literal(taught)})",
        f"logits = Tensor({literal(said)}, requires_grad=True)",
        f"distil = KnowledgeDistillation(teacher, {temperature:g}, {alpha:g})",
        f"loss = distil.loss(logits, np.array({targets}), inputs)",
    )
    about = (
        f"`KnowledgeDistillation(temperature={temperature:g}, alpha={alpha:g}).loss` of "
        f"{literal(said)}, where the teacher says {literal(taught)} and {targets} is right,"
    )
    (slope,) = oracle.slope(loss, [said.copy()])
    for more, shown, right, label in (
        ((), "loss.data", np.float64(loss(said)), ""),
        (("loss.backward()",), "logits.grad", np.round(slope, 7), "dlogits"),
        (("loss.backward()",), "teacher.weight.grad", None, "the teacher's gradient"),
    ):
        yield Trial(
            says=about,
            lines=(*lines, *more),
            shown=shown,
            right=right,
            names=("KnowledgeDistillation", "Linear", "Tensor"),
            label=label,
            dtype="" if right is None else "float32",
            tolerance=2e-3,
        )


def _teacher(source: Source) -> Iterator[Trial]:
    """A teacher with dropout answers in eval mode."""
    yield Trial(
        says="`KnowledgeDistillation.soft_targets` of a teacher with dropout",
        fault="does not ask it in eval mode",
        lines=(
            "teacher = Sequential(Linear(2, 2), Dropout(0.5))",
            "distil = KnowledgeDistillation(teacher)",
            "x = Tensor(np.ones((20, 2), dtype='float32'))",
        ),
        shown="float(np.ptp(distil.soft_targets(x).data, axis=0).max())",
        right=np.float64(0.0),
        names=("Dropout", "KnowledgeDistillation", "Linear", "Sequential", "Tensor"),
        label="how far answers to the same input are apart",
    )


CLAIMS = [
    Claim("16 rank_for", "16", "16.low_rank", _rank, tries=24),
    Claim("16 low_rank", "16", "16.low_rank", _low_rank, tries=16),
    Claim("16 refuses", "16", "", _refused, tries=1),
    Claim("16 distillation", "16", "16.distil", _distil, tries=24),
    Claim("16 distillation asks", "16", "16.distil", _teacher, tries=1),
]
