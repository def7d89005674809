"""Claims about module 13: rows that are normalized, what a word thinks by itself, and a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import NONZERO, Array, Source, numbers, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal, size_text
from tinytorch_milestones.training import language_oracle as right
from tinytorch_milestones.training import oracle

_FILE = "core.transformers"
_NORM = ("LayerNorm", "Tensor")
_MLP = ("MLP", "Tensor")
_BLOCK = ("Tensor", "TransformerBlock")


def fill(name: str) -> tuple[str, ...]:
    """The lines that give every parameter of a layer numbers that follow from its name."""
    return (
        f"for name, p in {name}.named_parameters():",
        "    row = np.cos(sum(name.encode()) * np.arange(1.0, p.size + 1) ** 2)",
        "    p.data[...] = row.reshape(p.shape)",
    )


def filled(shapes: Mapping[str, Sequence[int]]) -> dict[str, Array]:
    """The numbers that those lines give."""
    values = {}
    for name, shape in shapes.items():
        row = np.cos(sum(name.encode()) * np.arange(1.0, np.prod(shape) + 1) ** 2)
        # as the parameter keeps them
        values[name] = row.reshape(tuple(shape)).astype(np.float32).astype(np.float64)
    return values


def block_shapes(dim: int, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """The parameters of a block, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, inputs, outputs in (
        ("attention.qkv", dim, 3 * dim),
        ("attention.out", dim, dim),
        ("mlp.up", dim, 4 * dim),
        ("mlp.down", 4 * dim, dim),
    ):
        shapes[f"{prefix}{layer}.weight"] = (outputs, inputs)
        shapes[f"{prefix}{layer}.bias"] = (outputs,)
    for norm in ("norm1", "norm2"):
        shapes[f"{prefix}{norm}.weight"] = shapes[f"{prefix}{norm}.bias"] = (dim,)
    return shapes


# normalizing


def _row(source: Source, *, fewest: int = 2) -> Array:
    """Rows of at least so many features, not all alike: rounding decides about those that are."""
    n, dim = size(source, 2), source.pick(range(fewest, 5))
    x = numbers(source, (n, dim))
    x[:, 0] += np.ptp(x, axis=1) == 0
    # what is small and far from 0 as well, float32 itself cannot tell apart
    times, moved = source.pick(((1.0, 0.0), (0.01, 0.0), (10.0, 0.0), (1.0, 5.0)))
    return x * times + moved


def _scaled(source: Source, dim: int) -> tuple[Array, Array]:
    if source.pick((False, True)):
        return numbers(source, (dim,), NONZERO), numbers(source, (dim,))
    return np.ones(dim), np.zeros(dim)


def _spread(x: Array) -> tuple[Array, Array]:
    """Rows of mean 0 and variance 1, and what they were multiplied with."""
    left = x - x.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt((left * left).mean(axis=1, keepdims=True) + 1e-5)
    return left * scale, scale


def _normalize(source: Source) -> Iterator[Trial]:
    x = _row(source)
    weight, bias = _scaled(source, x.shape[1])
    z, scale = _spread(x)
    lines = [
        f"{name} = np.array({literal(array)}, dtype=np.float32)"
        for name, array in (("x", x), ("weight", weight), ("bias", bias))
    ]
    results = ((0, "y", z * weight + bias), (1, "z", z), (2, "scale", scale))
    for number, label, expected in results:
        yield Trial(
            says=f"`normalize` on {size_text(x)} array",
            lines=tuple(lines),
            shown=f"normalize(x, weight, bias)[{number}]",
            right=expected,
            names=(f"{_FILE}.normalize",),
            label=label,
            dtype="float32",
            kept={"x": x.astype(np.float32), "weight": weight, "bias": bias},
            tolerance=2e-3,
        )


def _normalize_backward(source: Source) -> Iterator[Trial]:
    x = _row(source, fewest=3)
    weight, bias = _scaled(source, x.shape[1])
    g = numbers(source, x.shape, (1.0, 0.0, 2.0))
    z, scale = _spread(x)
    given = {"g": g, "z": z, "scale": scale, "weight": weight}
    lines = tuple(f"{name} = np.array({literal(array)})" for name, array in given.items())
    slopes = oracle.slope(lambda *at: float(np.sum(g * right.normalize(*at))), [x, weight, bias])
    for number, (label, slope) in enumerate(zip(("dx", "dw", "db"), slopes, strict=True)):
        yield Trial(
            says=f"`normalize_backward` on {size_text(x)} array",
            lines=lines,
            shown=f"normalize_backward(g, z, scale, weight)[{number}]",
            right=np.round(slope, 6),
            names=(f"{_FILE}.normalize_backward",),
            label=label,
            dtype="float64",
            kept=given,
            tolerance=1e-4,
        )


def _norm_lines(weight: Array, bias: Array) -> list[str]:
    lines = [f"layer = LayerNorm({len(weight)})"]
    if weight.any() and (np.ptp(weight) > 0 or weight[0] != 1 or bias.any()):
        lines.append(f"layer.weight.data[...] = {literal(weight)}")
        lines.append(f"layer.bias.data[...] = {literal(bias)}")
    return lines


def _layer_norm(source: Source) -> Iterator[Trial]:
    x = _row(source)
    weight, bias = _scaled(source, x.shape[1])
    x = x.reshape(source.pick((x.shape, (1, *x.shape), (*x.shape[:1], 1, x.shape[1]))))
    yield Trial(
        says=f"`LayerNorm` on {size_text(x)} input",
        lines=(*_norm_lines(weight, bias), f"x = Tensor({literal(x)})"),
        shown="layer(x).data",
        right=right.normalize(x, weight, bias),
        names=_NORM,
        dtype="float32",
        kept={"x": x.astype(np.float32)},
        tolerance=2e-3,
    )


def _layer_norm_backward(source: Source) -> Iterator[Trial]:
    """Three features at least: of two, mean and spread leave nothing to change."""
    x = _row(source, fewest=3)
    weight, bias = _scaled(source, x.shape[1])
    seed = numbers(source, x.shape, (1.0, 0.0, 2.0))
    lines = (
        *_norm_lines(weight, bias),
        f"x = Tensor({literal(x)}, requires_grad=True)",
        f"layer(x).backward({literal(seed)})",
    )
    slopes = oracle.slope(lambda *at: float(np.sum(seed * right.normalize(*at))), [x, weight, bias])
    for owner, slope in zip(("x", "layer.weight", "layer.bias"), slopes, strict=True):
        yield Trial(
            says=f"`LayerNorm` backward on {size_text(x)} input",
            lines=lines,
            shown=f"{owner}.grad",
            right=np.round(slope, 5),
            names=_NORM,
            label="d" + owner.removeprefix("layer."),
            dtype="float32",
            kept={"x": x.astype(np.float32)},
            tolerance=5e-3,
        )


def _norm_kept(source: Source) -> Iterator[Trial]:
    names = "sorted(name for name, _ in layer.named_parameters())"
    for shown, expected, fault in (
        (names, ["bias", "weight"], "has other parameters"),
        ("layer.weight.data", np.ones(2), "does not start with a weight of ones"),
        ("layer.bias.data", np.zeros(2), "does not start with a bias of zeros"),
        ("layer(Tensor([[1.0, 2.0, 3.0]])).data", Raises("ValueError"), ""),
    ):
        yield Trial(
            says="`LayerNorm(2)`" if fault else "`LayerNorm(2)` on a (1, 3) input",
            fault=fault,
            lines=("layer = LayerNorm(2)",),
            shown=shown,
            right=expected,
            names=_NORM,
            label="the list" if shown == names else "",
        )


# a block


def _mlp(source: Source) -> Iterator[Trial]:
    """One word or several, with a width of its own or four times the features."""
    dim, hidden = size(source, 2), source.pick((1, 2, 3))
    given = source.pick((f"{dim}, {hidden}", f"{dim}"))
    hidden = hidden if "," in given else 4 * dim
    x = numbers(source, source.pick(((1, dim), (1, 2, dim), (2, 1, dim))))
    shapes = {
        "up.weight": (hidden, dim),
        "up.bias": (hidden,),
        "down.weight": (dim, hidden),
        "down.bias": (dim,),
    }
    if "," in given:
        values = {name: numbers(source, shape) for name, shape in shapes.items()}
        lines = [f"layer.{name}.data[...] = {literal(value)}" for name, value in values.items()]
    else:
        values, lines = filled(shapes), list(fill("layer"))
    yield Trial(
        says=f"`MLP({given})` on {size_text(x)} input",
        lines=(f"layer = MLP({given})", *lines, f"x = Tensor({literal(x)})"),
        shown="layer(x).data",
        right=right.mlp(x, values),
        names=_MLP,
        dtype="float32",
        kept={"x": x},
        tolerance=1e-3,
    )


def _drops(kind: str, says: str, quiet: Sequence[str] = ()) -> Callable[[Source], Iterator[Trial]]:
    """While it learns something is dropped, in use nothing is; `quiet` keeps other parts still."""

    def trials(source: Source) -> Iterator[Trial]:
        lines = ("manual_seed(0)", f"layer = {kind}", *fill("layer"), *quiet)
        for more, expected, fault in (
            ([], False, f"drops nothing of {says} while it learns"),
            (["layer.eval()"], True, f"drops something of {says} after `eval()`"),
        ):
            yield Trial(
                says=f"`{kind}`",
                fault=fault,
                lines=(*lines, *more, "x = Tensor(np.cos(np.arange(100.0)).reshape(1, 50, 2))"),
                shown="np.array_equal(layer(x).data, layer(x).data)",
                right=expected,
                names=(kind.partition("(")[0], "Tensor", "manual_seed"),
                label="that two answers are equal",
            )

    return trials


def _block_parameters(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`TransformerBlock(2, 1)`",
        fault="has other parameters",
        lines=("block = TransformerBlock(2, 1)",),
        shown="sorted(name for name, _ in block.named_parameters())",
        right=sorted(block_shapes(2)),
        names=("TransformerBlock",),
        label="the list",
    )


def _block(source: Source) -> Iterator[Trial]:
    """What comes out, and the gradient of what went in."""
    dim, heads = source.pick(((3, 1), (2, 1), (4, 2)))
    x = numbers(source, (size(source, 2), size(source, 3), dim))
    x[..., 0] += np.ptp(x, axis=-1) == 0
    masked = source.pick((False, True))
    mask = right.causal(x.shape[1]) if masked else None
    values = filled(block_shapes(dim))
    about = f"{size_text(x)} input" + (" with a causal mask" if masked else "")
    call = f"block(x, causal_mask({x.shape[1]}))" if masked else "block(x)"
    names = (*_BLOCK, "causal_mask") if masked else _BLOCK
    lines = (f"block = TransformerBlock({dim}, {heads})", *fill("block"))
    yield Trial(
        says=f"`TransformerBlock({dim}, {heads})` on {about}",
        lines=(*lines, f"x = Tensor({literal(x)})"),
        shown=f"{call}.data",
        right=right.block(x, values, heads, mask),
        names=names,
        dtype="float32",
        kept={"x": x},
        tolerance=2e-3,
    )


def _block_backward(source: Source) -> Iterator[Trial]:
    x = numbers(source, (1, size(source, 2), 3))
    x[..., 0] += np.ptp(x, axis=-1) == 0
    seed = numbers(source, x.shape, (1.0, 0.0, 2.0))
    values = filled(block_shapes(3))
    (slope,) = oracle.slope(lambda at: float(np.sum(seed * right.block(at, values, 1))), [x.copy()])
    yield Trial(
        says=f"`TransformerBlock(3, 1)` backward on {size_text(x)} input",
        lines=(
            "block = TransformerBlock(3, 1)",
            *fill("block"),
            f"x = Tensor({literal(x)}, requires_grad=True)",
            f"block(x).backward({literal(seed)})",
        ),
        shown="x.grad",
        right=np.round(slope, 5),
        names=_BLOCK,
        label="dx",
        dtype="float32",
        tolerance=5e-3,
    )


_MLP_DROPS = _drops("MLP(2, dropout=0.5)", "what the MLP found")
_BLOCK_DROPS = _drops(
    "TransformerBlock(2, 1, dropout=0.5)", "what attention found", ["layer.mlp.eval()"]
)

CLAIMS = [
    Claim("13 normalize", "13", "13.normalize", _normalize, tries=16),
    Claim("13 normalize_backward", "13", "13.normalize_backward", _normalize_backward),
    Claim("13 LayerNorm keeps", "13", "", _norm_kept, tries=1),
    Claim("13 LayerNorm", "13", "13.normalize", _layer_norm, tries=16),
    Claim("13 LayerNorm backward", "13", "13.normalize_backward", _layer_norm_backward),
    Claim("13 MLP", "13", "13.mlp", _mlp),
    Claim("13 MLP drops", "13", "13.mlp", _MLP_DROPS, tries=1),
    Claim("13 block parameters", "13", "", _block_parameters, tries=1),
    Claim("13 block", "13", "13.block", _block, tries=8),
    Claim("13 block backward", "13", "13.block", _block_backward, tries=3),
    Claim("13 block drops", "13", "13.block", _BLOCK_DROPS, tries=1),
]
