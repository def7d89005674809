"""Claims about module 14: what is counted of a model without a clock, and the roof over it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Source, shape, size
from tinytorch_milestones.diagnosis.trial import Trial, literal

_FILE = "perf.profiling"
_KINDS = (("float32", 4), ("float64", 8), ("int8", 1))


def _sizes(source: Source) -> Iterator[Trial]:
    """Tensors of several types, some of them given twice, some equal to others."""
    lines, told, counts = [], [], []
    for name in ("a", "b")[: source.pick((1, 2))]:
        (kind, width), sizes = source.pick(_KINDS), shape(source, 1, 2)
        lines.append(f"{name} = Tensor(np.zeros({sizes}, dtype=np.{kind}))")
        told.append(f"{name} {sizes} of {kind}")
        counts.append((math.prod(sizes), math.prod(sizes) * width))
    names = ["a", "b"][: len(lines)]
    given = ", ".join(names + [source.pick(names) for _ in range(source.pick((0, 1, 2)))])
    numbers, taken = (sum(each) for each in zip(*counts, strict=True))
    yield Trial(
        says=f"`size_of([{given}])` with {' and '.join(told)}",
        lines=tuple(lines),
        shown=f"tuple(size_of([{given}]))",
        right=(numbers, taken),
        names=("Tensor", f"{_FILE}.size_of"),
        label="numbers and bytes",
    )


def _products(source: Source) -> Iterator[Trial]:
    """A row of additions and products for each number that comes out."""
    inputs, outputs, bias = size(source), size(source), source.pick((False, True))
    rows = shape(source, 0, 2)
    yield _counted(
        "Linear",
        f"Linear({inputs}, {outputs}{'' if bias else ', bias=False'})",
        "linear_flops",
        ((*rows, inputs), (*rows, outputs)),
        math.prod(rows) * outputs * (2 * inputs + bias),
    )


def _windows(source: Source) -> Iterator[Trial]:
    n, c, o, bias = size(source, 2), size(source), size(source), source.pick((False, True))
    kernel, places = (size(source), size(source)), (size(source), size(source))
    made = f"Conv2d({c}, {o}, {kernel}{'' if bias else ', bias=False'})"
    x = (n, c, places[0] + kernel[0] - 1, places[1] + kernel[1] - 1)
    each = 2 * c * math.prod(kernel) + bias
    right = n * o * math.prod(places) * each
    yield _counted("Conv2d", made, "conv2d_flops", (x, (n, o, *places)), right)


def _pairs(source: Source) -> Iterator[Trial]:
    """Two dot products for each pair of words in each head, and six more operations."""
    b, t, heads, features = size(source, 2), size(source, 4), size(source), size(source)
    dim = heads * features
    right = b * heads * t * t * (4 * features + 6)
    made = f"MultiHeadAttention({dim}, {heads})"
    yield _counted("MultiHeadAttention", made, "attention_flops", ((b, t, dim),) * 2, right)


def _counted(
    kind: str, made: str, function: str, shapes: tuple[tuple[int, ...], ...], right: int
) -> Trial:
    x, y = shapes
    return Trial(
        says=f"`{function}` of `{made}`, which makes {y} of {x},",
        lines=(f"layer = {made}",),
        shown=f"{function}(layer, {x}, {y})",
        right=right,
        names=(kind, f"{_FILE}.{function}"),
        label="FLOPs",
    )


_GRAPHS = (
    ("x * 2.0", 1),
    ("(x * 2.0).exp()", 2),
    ("y.exp() + y", 3),
    ("y * y + y", 3),
    ("y.exp() + 1.0", 3),
)
"""What is computed of x, and how many arrays of its size that keeps; y stands for x * 2.0."""


def _kept(source: Source) -> Iterator[Trial]:
    """Every array once, and none that was seen before."""
    expression, arrays = source.pick(_GRAPHS)
    sizes, seen = shape(source, 1, 2), source.pick((True, False))
    known = "{id(x.data): x.data}" if seen else "{}"
    told = "x is known" if seen else "nothing is known"
    given = [f"x = Tensor(np.ones({sizes}, dtype=np.float32), requires_grad=True)"]
    before = " with y = x * 2.0" if "y" in expression else ""
    if before:
        given.append("y = x * 2.0")
    each = 4 * math.prod(sizes)
    names = ("Tensor", f"{_FILE}.kept_bytes")
    says = f"`kept_bytes` of `{expression}`{before} for x of shape {sizes}, where {told},"
    yield Trial(
        says=says,
        lines=tuple(given),
        shown=f"kept_bytes({expression}, {known})",
        right=each * (arrays + (not seen)),
        names=names,
        label="bytes",
    )
    yield Trial(
        says=says.removesuffix(",") + ", asked a second time,",
        lines=(*given, f"seen, z = {known}, {expression}", "kept_bytes(z, seen)"),
        shown="kept_bytes(z, seen)",
        right=0,
        names=names,
        label="bytes",
    )


def _own(source: Source) -> Iterator[Trial]:
    """A Function's own arrays, whole and as views of what is known; a long chain."""
    count = source.pick((1, 2, 10))
    for kept, more, told in (
        (f"np.zeros({count})", 8 * count, f"{count} float64 of its own"),
        ("a[:1], a.reshape(1, -1)", 0, "views of its input"),
    ):
        yield Trial(
            says=f"`kept_bytes` of a Function that keeps {told}",
            lines=(
                "class Double(Function):",
                "    def forward(self, a):",
                f"        self.kept = [{kept}]",
                "        return 2 * a",
                "x = Tensor([1.0, 2.0], requires_grad=True)",
                "seen = {id(x.data): x.data}",
            ),
            shown="kept_bytes(Double.apply(x), seen)",
            right=more + 8,
            names=("Function", "Tensor", f"{_FILE}.kept_bytes"),
            label="bytes",
        )
    yield Trial(
        says="`kept_bytes` of 2000 sums, each of the one before,",
        lines=(
            "x = y = Tensor([1.0], requires_grad=True)",
            "for _ in range(2000): y = y + 1.0",
        ),
        shown="kept_bytes(y, {id(x.data): x.data})",
        right=8000,
        names=("Tensor", f"{_FILE}.kept_bytes"),
        label="bytes",
    )


def _roof(source: Source) -> Iterator[Trial]:
    """The slower of two decides."""
    sizes = shape(source, 0, 2)
    picked = [source.pick((1.0, 2.0, 0.0, 0.5, 8.0)) for _ in range(math.prod(sizes))]
    intensity = np.array(picked).reshape(sizes)
    flops, bandwidth = source.pick((2.0, 1.0, 6.0)), source.pick((1.0, 2.0, 4.0))
    yield Trial(
        says=f"`attainable({literal(intensity)}, {flops:g}, {bandwidth:g})`",
        lines=(f"intensity = np.array({literal(intensity)})",),
        shown=f"attainable(intensity, {flops:g}, {bandwidth:g})",
        right=np.minimum(flops, intensity * bandwidth),
        names=(f"{_FILE}.attainable",),
        kept={"intensity": intensity},
    )


def _profile(source: Source) -> Iterator[Trial]:
    """The whole of it, on a model small enough to count by hand."""
    lines = (
        "model = Sequential(Linear(2, 3), ReLU(), Linear(3, 1))",
        "x = Tensor([[1.0, 2.0], [3.0, 4.0]])",
        "profile = Profiler(model, repeats=1, warmup=0).run(x)",
    )
    for shown, right in (
        ("profile.parameters", 13),
        ("profile.total_flops", 2 * 3 * 5 + 6 + 2 * 7),
        ("[row.name for row in profile.layers]", ["", "0", "1", "2"]),
        ("[p.grad for p in model.parameters()]", [None] * 4),
    ):
        yield Trial(
            says="`Profiler` of Linear(2, 3), ReLU, Linear(3, 1) and two rows",
            lines=lines,
            shown=shown,
            right=right,
            names=("Linear", "Profiler", "ReLU", "Sequential", "Tensor"),
            label=shown.removeprefix("profile."),
        )


CLAIMS = [
    Claim("14 size_of", "14", "14.parameters", _sizes, tries=40),
    Claim("14 linear_flops", "14", "14.products", _products, tries=16),
    Claim("14 conv2d_flops", "14", "14.products", _windows, tries=16),
    Claim("14 attention_flops", "14", "14.attention", _pairs, tries=16),
    Claim("14 kept_bytes", "14", "14.kept", _kept, tries=40),
    Claim("14 kept_bytes of a Function", "14", "14.kept", _own, tries=1),
    Claim("14 attainable", "14", "14.roof", _roof, tries=16),
]
WHOLE = [Claim("14 Profiler", "14", "", _profile, tries=1)]
