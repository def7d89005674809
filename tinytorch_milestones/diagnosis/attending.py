"""Claims about module 12: who may look where, shares of each row, and the way back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import FAR, Array, Source, numbers, size
from tinytorch_milestones.diagnosis.trial import FLOAT32, Raises, Trial, literal, size_text
from tinytorch_milestones.training import language_oracle as right
from tinytorch_milestones.training import oracle

_FILE = "core.attention"
_PUBLIC = ("Tensor", "scaled_dot_product_attention")
_FEW = (0.0, 1.0, 2.0, -1.0)
_FAR = 2e-3
"""Relative difference that rounding of scores in the thousands may explain."""


def _shares(scores: Array, mask: Array | None) -> Array:
    """The softmax of each row over what the mask allows; zeros where it allows nothing."""
    scores = scores if mask is None else np.where(mask, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    grown = np.exp(scores - np.where(np.isfinite(top), top, 0.0))
    total = grown.sum(axis=-1, keepdims=True)
    return np.asarray(grown / np.where(total == 0.0, 1.0, total))


@dataclass(frozen=True)
class _Case:
    """Queries, keys and values, and who may look where."""

    q: Array
    k: Array
    v: Array
    mask: Array | None

    @property
    def on(self) -> str:
        """`a (1, 2), a (2, 2) and a (2, 1)`, and the mask."""
        sizes = f"{size_text(self.q)}, {size_text(self.k)} and {size_text(self.v)}"
        return sizes if self.mask is None else f"{sizes} with the mask {literal(self.mask)}"

    def weights(self, q: Array, k: Array) -> Array:
        """Who looks where, for any numbers."""
        return _shares(q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1]), self.mask)

    def result(self, q: Array, k: Array, v: Array) -> Array:
        """What comes out, for any numbers."""
        return np.asarray(self.weights(q, k) @ v)

    def slopes(self, seed: Array) -> list[Array]:
        """Finite differences for the queries, the keys and the values."""

        def total(q: Array, k: Array, v: Array) -> float:
            return float(np.sum(seed * self.result(q, k, v)))

        found = oracle.slope(total, [self.q.copy(), self.k.copy(), self.v.copy()])
        return [np.round(slope, 7) for slope in found]

    @property
    def kept(self) -> dict[str, Array]:
        """What must stay as it is."""
        return {"q": self.q, "k": self.k, "v": self.v}

    def arrays(self, kind: str = "float32") -> list[str]:
        """The lines that make them as arrays; the mask too where there is one."""
        lines = [f"{n} = np.array({literal(a)}, dtype=np.{kind})" for n, a in self.kept.items()]
        return lines + self.masked()

    def masked(self) -> list[str]:
        """The line that makes the mask, if there is one."""
        return [] if self.mask is None else [f"mask = np.array({literal(self.mask)})"]


def _mask(source: Source, rows: int, columns: int, *, blind: bool) -> Array | None:
    """None, causal, or any; a row in which nothing is allowed only where `blind` says so."""
    kind = source.pick(("none", "causal", "any"))
    if kind == "none":
        return None
    if kind == "causal":
        return np.asarray(np.tri(rows, columns) > 0)
    picked = [source.pick((True, False)) for _ in range(rows * columns)]
    mask = np.array(picked).reshape(rows, columns)
    if not blind:
        mask[..., 0] |= ~mask.any(axis=-1)
    return mask


def _case(source: Source, *, batches: bool = True, far: bool = False) -> _Case:
    """`batches`: of several texts and heads. `far`: scores that are far apart."""
    t, s, d, e = size(source), size(source), size(source), size(source, 2)
    front = source.pick(((), (1,), (2,), (2, 2))) if batches else ()
    options = FAR if far else _FEW
    q, k = numbers(source, (*front, t, d), options), numbers(source, (*front, s, d), _FEW)
    v = numbers(source, (*front, s, e), (1.0, 2.0, 0.0, -1.0))
    return _Case(q, k, v, _mask(source, t, s, blind=batches))


def _loops(source: Source) -> Iterator[Trial]:
    far = source.pick((False, True))
    case = _case(source, batches=False, far=far)
    call = "attention_loops(q, k, v)" if case.mask is None else "attention_loops(q, k, v, mask)"
    for shown, expected, label in (
        (f"{call}[1]", case.weights(case.q, case.k), "weights"),
        (f"{call}[0]", case.result(case.q, case.k, case.v), "output"),
    ):
        yield Trial(
            says=f"`attention_loops` on {case.on}",
            lines=tuple(case.arrays()),
            shown=shown,
            right=expected,
            names=(f"{_FILE}.attention_loops",),
            label=label,
            dtype="float32",
            kept=case.kept,
            tolerance=_FAR if far else FLOAT32,
        )


def _causal(source: Source) -> Iterator[Trial]:
    length = source.pick((1, 2, 3, 5))
    yield Trial(
        says=f"`causal_mask({length})`",
        lines=(),
        shown=f"causal_mask({length})",
        right=right.causal(length),
        names=("causal_mask",),
        dtype="bool",
    )


def _softmax(source: Source) -> Iterator[Trial]:
    """In the array that is given, also for large scores and for rows that may look nowhere."""
    sizes = source.pick(((1,), (2,), (1, 2)))
    t, s, kind = size(source), size(source), source.pick(("float32", "float64"))
    scores = numbers(source, (*sizes, t, s), FAR)
    mask = _mask(source, t, s, blind=True)
    lines = [f"scores = np.array({literal(scores)}, dtype=np.{kind})"]
    lines += [] if mask is None else [f"mask = np.array({literal(mask)})"]
    call = f"softmax_rows(scores{'' if mask is None else ', mask'})"
    about = "" if mask is None else f" with the mask {literal(mask)}"
    for more, shown, fault in (
        ([], call, ""),
        ([call], "scores", "does not write its result over the scores"),
    ):
        yield Trial(
            says=f"`softmax_rows` on {size_text(scores)} array{about}",
            fault=fault,
            lines=(*lines, *more),
            shown=shown,
            right=_shares(scores, mask),
            names=(f"{_FILE}.softmax_rows",),
            label="the array" if fault else "",
            dtype=kind,
        )


def _attend(source: Source) -> Iterator[Trial]:
    case = _case(source)
    expected = case.result(case.q, case.k, case.v)
    given = "q, k, v" if case.mask is None else "q, k, v, mask"
    room = f"room = np.zeros({expected.shape}, dtype=np.float32)"
    for more, shown, value, label, fault in (
        ([], f"attend({given})[1]", case.weights(case.q, case.k), "weights", ""),
        ([], f"attend({given})[0]", expected, "output", ""),
        (
            [room, f"attend({given}, out=room)"],
            "room",
            expected,
            "it",
            "does not write its output into `out`",
        ),
    ):
        yield Trial(
            says=f"`attend` on {case.on}",
            fault=fault,
            lines=(*case.arrays(), *more),
            shown=shown,
            right=value,
            names=(f"{_FILE}.attend",),
            label=label,
            dtype="float32",
            kept=case.kept,
        )


def _attend_backward(source: Source) -> Iterator[Trial]:
    case = _case(source)
    weights = case.weights(case.q, case.k)
    g = numbers(source, (*case.q.shape[:-1], case.v.shape[-1]), (1.0, 0.0, 2.0))
    lines = [*case.arrays("float64"), f"weights = np.array({literal(weights)})"]
    lines.append(f"g = np.array({literal(g)})")
    for number, (name, slope) in enumerate(zip("qkv", case.slopes(g), strict=True)):
        yield Trial(
            says=f"`attend_backward` on {case.on}",
            lines=tuple(line for line in lines if not line.startswith("mask")),
            shown=f"attend_backward(g, q, k, v, weights)[{number}]",
            right=slope,
            names=(f"{_FILE}.attend_backward",),
            label=f"d{name}",
            dtype="float64",
            kept={**case.kept, "g": g, "weights": weights},
            tolerance=1e-5,
        )


def _call(case: _Case) -> str:
    mask = "" if case.mask is None else ", mask=mask"
    return f"scaled_dot_product_attention(q, k, v{mask})"


def _forward(source: Source) -> Iterator[Trial]:
    far = source.pick((False, True))
    case = _case(source, far=far)
    tensors = [f"{name} = Tensor({literal(array)})" for name, array in case.kept.items()]
    yield Trial(
        says=f"`scaled_dot_product_attention` on {case.on}",
        lines=(*tensors, *case.masked()),
        shown=f"{_call(case)}.data",
        right=case.result(case.q, case.k, case.v),
        names=_PUBLIC,
        dtype="float32",
        kept=case.kept,
        tolerance=_FAR if far else FLOAT32,
    )


def _backward(source: Source) -> Iterator[Trial]:
    case = _case(source)
    seed = numbers(source, (*case.q.shape[:-1], case.v.shape[-1]), (1.0, 0.0, 2.0))
    lines = [f"{n} = Tensor({literal(a)}, requires_grad=True)" for n, a in case.kept.items()]
    lines += [*case.masked(), f"{_call(case)}.backward({literal(seed)})"]
    for name, slope in zip("qkv", case.slopes(seed), strict=True):
        yield Trial(
            says=f"`scaled_dot_product_attention` backward on {case.on}",
            lines=tuple(lines),
            shown=f"{name}.grad",
            right=slope,
            names=_PUBLIC,
            label=f"d{name}",
            dtype="float32",
            kept=case.kept,
            tolerance=1e-3,
        )


def _refused(source: Source) -> Iterator[Trial]:
    shapes = ((1, 2), (1, 3), (1, 2)), ((1, 2), (2, 2), (1, 2))
    for sizes in shapes:
        q, k, v = (np.zeros(shape) for shape in sizes)
        case = _Case(q, k, v, None)
        yield Trial(
            says=f"`scaled_dot_product_attention` on {case.on}",
            lines=tuple(f"{name} = Tensor({literal(a)})" for name, a in case.kept.items()),
            shown=f"{_call(case)}.data",
            right=Raises("ValueError"),
            names=_PUBLIC,
        )
    for mask in ("[[1.0]]", "[[True, True]]"):
        yield Trial(
            says=f"`scaled_dot_product_attention` of one word with the mask {mask}",
            lines=("x = Tensor([[1.0]])", f"mask = np.array({mask})"),
            shown="scaled_dot_product_attention(x, x, x, mask=mask).data",
            right=Raises("ValueError"),
            names=_PUBLIC,
        )


CLAIMS = [
    Claim("12 attention_loops", "12", "12.loops", _loops, tries=24),
    Claim("12 causal_mask", "12", "12.causal_mask", _causal, tries=6),
    Claim("12 softmax_rows", "12", "12.softmax", _softmax, tries=24),
    Claim("12 attend", "12", "12.attend", _attend, tries=16),
    Claim("12 attend_backward", "12", "12.backward", _attend_backward, tries=12),
    Claim("12 attention", "12", "12.attend", _forward, tries=16),
    Claim("12 attention refuses", "12", "", _refused, tries=1),
    Claim("12 attention backward", "12", "12.backward", _backward, tries=12),
]
