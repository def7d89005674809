"""Claims about the heads of module 12: columns dealt out, and the layer that looks in many ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Array, Source, numbers, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal, size_text
from tinytorch_milestones.training import language_oracle as right
from tinytorch_milestones.training import oracle

_FILE = "core.attention"
_LAYER = ("MultiHeadAttention", "Tensor")
_FEW = (0.0, 1.0, 2.0, -1.0)


def _heads(source: Source) -> Iterator[Trial]:
    """The columns, dealt out: parts, texts, heads, words, features; as a view."""
    parts, b, heads, t, d = source.pick((1, 3)), *(size(source, 2) for _ in range(4))
    x = np.arange(float(b * t * parts * heads * d)).reshape(b, t, parts * heads * d)
    dealt = np.empty((parts, b, heads, t, d))
    for part, text, head, word, feature in np.ndindex(dealt.shape):
        column = (part * heads + head) * d + feature
        dealt[part, text, head, word, feature] = x[text, word, column]
    lines = (f"x = np.arange({x.size}.0).reshape{x.shape}",)
    says = f"`split_heads` of {size_text(x)} array into {parts} x {heads}"
    call, names = f"split_heads(x, {parts}, {heads})", (f"{_FILE}.split_heads",)
    yield Trial(says=says, lines=lines, shown=call, right=dealt, names=names)
    yield Trial(
        says=says,
        fault="copies x, where a view is right",
        lines=lines,
        shown=f"np.shares_memory({call}, x)",
        right=True,
        names=names,
    )


_PARAMETERS = ("qkv.weight", "qkv.bias", "out.weight", "out.bias")


@dataclass(frozen=True)
class _Heads:
    """A layer with known numbers, and texts for it."""

    x: Array
    values: dict[str, Array]
    heads: int
    mask: Array | None

    @property
    def on(self) -> str:
        """The layer and what it gets."""
        mask = "" if self.mask is None else " with a causal mask"
        name = f"MultiHeadAttention({self.x.shape[2]}, {self.heads})"
        return f"`{name}` {{}}on {size_text(self.x)} input{mask}"

    @property
    def call(self) -> str:
        """How it is called."""
        return "layer(x)" if self.mask is None else f"layer(x, causal_mask({self.x.shape[1]}))"

    @property
    def names(self) -> tuple[str, ...]:
        """What a snippet imports."""
        return _LAYER if self.mask is None else (*_LAYER, "causal_mask")

    def lines(self, leaf: str = "") -> list[str]:
        """The lines that make both."""
        lines = [f"layer = MultiHeadAttention({self.x.shape[2]}, {self.heads})"]
        lines += [f"layer.{n}.data[...] = {literal(a)}" for n, a in self.values.items()]
        return [*lines, f"x = Tensor({literal(self.x)}{leaf})"]


def _drawn(source: Source) -> _Heads:
    heads, each, b, t = (size(source, 2) for _ in range(4))
    dim = heads * each
    shapes = ((3 * dim, dim), (3 * dim,), (dim, dim), (dim,))
    values = [numbers(source, shape, _FEW) for shape in shapes]
    x = numbers(source, (b, t, dim), (1.0, 2.0, 0.0, -1.0))
    mask = right.causal(t) if source.pick((False, True)) else None
    return _Heads(x, dict(zip(_PARAMETERS, values, strict=True)), heads, mask)


def _layer(source: Source) -> Iterator[Trial]:
    case = _drawn(source)
    output, weights = right.multi_head(case.x, case.values, case.heads, case.mask)
    lines = case.lines()
    for more, shown, expected, label in (
        ([f"y = {case.call}"], "layer.attention", weights, "attention"),
        ([], f"{case.call}.data", output, ""),
    ):
        yield Trial(
            says=case.on.format(""),
            lines=(*lines, *more),
            shown=shown,
            right=expected,
            names=case.names,
            label=label,
            dtype="float32",
            kept={"x": case.x},
        )


def _layer_backward(source: Source) -> Iterator[Trial]:
    case = _drawn(source)
    seed = numbers(source, case.x.shape, (1.0, 0.0, 2.0))

    def total(x: Array, *values: Array) -> float:
        named = dict(zip(_PARAMETERS, values, strict=True))
        return float(np.sum(seed * right.multi_head(x, named, case.heads, case.mask)[0]))

    lines = [*case.lines(", requires_grad=True"), f"{case.call}.backward({literal(seed)})"]
    given = [case.x.copy(), *(array.copy() for array in case.values.values())]
    owners = ("x", *(f"layer.{name}" for name in _PARAMETERS))
    for owner, slope in zip(owners, oracle.slope(total, given), strict=True):
        yield Trial(
            says=case.on.format("backward "),
            lines=tuple(lines),
            shown=f"{owner}.grad",
            right=np.round(slope, 6),
            names=case.names,
            label="d" + owner.removeprefix("layer."),
            dtype="float32",
            tolerance=2e-3,
        )


def _kept(source: Source) -> Iterator[Trial]:
    for call, shown, expected, fault in (
        (
            "MultiHeadAttention(4, 2)",
            "sorted(name for name, _ in layer.named_parameters())",
            sorted(_PARAMETERS),
            "has other parameters",
        ),
        (
            "MultiHeadAttention(4, 2, bias=False)",
            "sorted(name for name, _ in layer.named_parameters())",
            ["out.weight", "qkv.weight"],
            "has other parameters",
        ),
        ("MultiHeadAttention(3, 2)", "layer", Raises("ValueError"), ""),
        ("MultiHeadAttention(2, 1)", "layer(Tensor([[1.0, 2.0]]))", Raises("ValueError"), ""),
    ):
        yield Trial(
            says=f"`{call}`" if fault or "(3" in call else f"`{call}` on a (1, 2) input",
            fault=fault,
            lines=(f"layer = {call}",),
            shown=shown,
            right=expected,
            names=_LAYER,
            label="the list" if fault else "",
        )


CLAIMS = [
    Claim("12 split_heads", "12", "12.heads", _heads, tries=16),
    Claim("12 MultiHeadAttention keeps", "12", "", _kept, tries=1),
    Claim("12 MultiHeadAttention", "12", "12.multihead", _layer, tries=12),
    Claim("12 MultiHeadAttention backward", "12", "12.multihead", _layer_backward, tries=6),
]
