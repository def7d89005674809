"""Claims about the convolution of module 09: places, windows, results, gradients, the layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.sliding import Window, pair_text, sizes, two
from tinytorch_milestones.diagnosis.source import Array, Source, numbers
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal, size_text
from tinytorch_milestones.training import oracle
from tinytorch_milestones.training import spatial_oracle as right

_NAMES = ("Conv2d", "Tensor")
_FEW = (0.0, 1.0, 2.0, -1.0)
_SIZE, _WINDOWS = "core.spatial.output_size", "core.spatial.windows"


@dataclass(frozen=True)
class _Case:
    """A layer with known numbers, and images for it."""

    x: Array
    weight: Array
    bias: Array | None
    window: Window

    @property
    def on(self) -> str:
        """`a (1, 1, 2, 2) input with a (1, 1, 2, 2) kernel, stride 2`, and a comma to go on."""
        words = f"{size_text(self.x)} input with {size_text(self.weight)} kernel"
        told = [
            f"{name} {pair_text(pair)}"
            for name, pair, usual in (
                ("stride", self.window.stride, 1),
                ("padding", self.window.padding, 0),
            )
            if pair != (usual, usual)
        ]
        return f"{words}, {' and '.join(told)}," if told else words

    def layer(self) -> list[str]:
        """The lines that make it."""
        outputs, inputs = self.weight.shape[:2]
        bias = ", bias=False" if self.bias is None else ""
        lines = [f"layer = Conv2d({inputs}, {outputs}, {self.window.arguments()}{bias})"]
        lines.append(f"layer.weight.data[...] = {literal(self.weight)}")
        if self.bias is not None:
            lines.append(f"layer.bias.data[...] = {literal(self.bias)}")
        return lines

    def result(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """What comes out, for any numbers."""
        return right.convolve(x, weight, bias, self.window.stride, self.window.padding)


def _window(source: Source, *, moved: bool) -> Window:
    if not moved:
        return Window(two(source, (1, 2)))
    return Window(two(source, (1, 2, 3)), two(source, (1, 2, 3)), two(source, (0, 1)))


def _case(source: Source, *, moved: bool, bias: bool | None = None) -> _Case:
    """`moved`: with strides and paddings. `bias`: with one, without, or either."""
    window = _window(source, moved=moved)
    # no more than two of a kind: two examples, or two channels in, or two out
    n, inputs, outputs = source.pick(((1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2)))
    x = numbers(source, (n, inputs, *sizes(source, window)), _FEW)
    weight = numbers(source, (outputs, inputs, *window.size), _FEW)
    biased = source.pick((False, True)) if bias is None else bias
    return _Case(x, weight, numbers(source, (outputs,), _FEW) if biased else None, window)


def _output_size(source: Source) -> Iterator[Trial]:
    size, kernel = source.pick((1, 2, 3, 4, 5)), source.pick((1, 2, 3))
    stride, padding = source.pick((1, 2, 3)), source.pick((0, 1, 2))
    places = (size + 2 * padding - kernel) // stride + 1
    fits = size + 2 * padding >= kernel
    call = f"output_size({size}, {kernel}, stride={stride}, padding={padding})"
    yield Trial(
        says=f"`{call}`",
        lines=(),
        shown=call,
        right=places if fits else Raises("ValueError"),
        names=(_SIZE,),
    )


def _windows(source: Source) -> Iterator[Trial]:
    """Images last, as the notebook has it; from memory without gaps, and with."""
    window = Window(two(source, (1, 2, 3)), two(source, (1, 2, 3)))
    (kh, kw), (down, along) = window.size, window.stride
    channels, n, wide = source.pick((1, 2)), source.pick((1, 2)), source.pick((False, True))
    h, w = sizes(source, window)
    shape = (channels, h, w, n)
    oh, ow = window.outputs(h, w)
    whole = np.arange(math.prod(shape) * (1 + wide)).reshape(channels, h, w * (1 + wide), n)
    x = whole[:, :, :: 1 + wide]
    seen = np.empty((channels, kh, kw, oh, ow, n))
    for u, v, r, s in np.ndindex(kh, kw, oh, ow):
        seen[:, u, v, r, s] = x[:, r * down + u, s * along + v]
    part = "[:, :, ::2]" if wide else ""
    lines = (f"x = np.arange({whole.size}.0).reshape{whole.shape}{part}",)
    says = f"`windows` of a {shape} array, kernel {window.size} and stride {window.stride},"
    call = f"windows(x, {window.size}, {window.stride})"
    yield Trial(says=says, lines=lines, shown=call, right=seen, names=(_WINDOWS,))
    yield Trial(
        says=says,
        fault="copies x, where a view is right",
        lines=lines,
        shown=f"np.shares_memory({call}, x)",
        right=True,
        names=(_WINDOWS,),
    )


def _shape(source: Source) -> Iterator[Trial]:
    """Every option by itself, where nothing has to be rounded."""
    for window, size in (
        (Window((2, 2)), (3, 4)),
        (Window((2, 1)), (2, 3)),
        (Window((1, 1), (2, 2)), (3, 5)),
        (Window((1, 1), (2, 1)), (3, 2)),
        (Window((3, 3), (1, 1), (1, 1)), (2, 1)),
        (Window((1, 3), (1, 1), (0, 1)), (1, 2)),
    ):
        x = f"Tensor(np.zeros((1, 1, {size[0]}, {size[1]}), dtype=np.float32))"
        yield Trial(
            says=f"`Conv2d(1, 1, {window.arguments()})` on a {(1, 1, *size)} input",
            fault="gives a result of another shape",
            lines=(f"layer = Conv2d(1, 1, {window.arguments()})", f"x = {x}"),
            shown="layer(x).shape",
            right=(1, 1, *window.outputs(*size)),
            names=_NAMES,
            label="it",
        )


def _places(source: Source) -> Iterator[Trial]:
    """How many places there are, and an error where there is none."""
    window = _window(source, moved=True)
    h, w = source.pick((1, 2, 3, 4)), source.pick((1, 2, 3, 4))
    rows, columns = window.outputs(h, w)
    yield Trial(
        says=f"`Conv2d(1, 1, {window.arguments()})` on a {(1, 1, h, w)} input",
        fault="gives a result of another shape",
        lines=(
            f"layer = Conv2d(1, 1, {window.arguments()})",
            f"x = Tensor(np.zeros((1, 1, {h}, {w}), dtype=np.float32))",
        ),
        shown="layer(x).shape",
        right=(1, 1, rows, columns) if rows > 0 and columns > 0 else Raises("ValueError"),
        names=_NAMES,
        label="it",
    )


def _forward(source: Source, *, moved: bool) -> Iterator[Trial]:
    case = _case(source, moved=moved)
    given = f"x = Tensor({literal(case.x)})"
    if source.pick((False, True)):
        # as results of other layers of this module may lie in memory
        last = case.x.transpose(0, 2, 3, 1)
        array = f"np.array({literal(last)}, dtype=np.float32).transpose(0, 3, 1, 2)"
        given = f"x = Tensor({array})"
    yield Trial(
        says=f"`Conv2d` on {case.on}",
        lines=(*case.layer(), given),
        shown="layer(x).data",
        right=case.result(case.x, case.weight, case.bias),
        names=_NAMES,
        dtype="float32",
        kept={"x": case.x},
    )


def _plain(source: Source) -> Iterator[Trial]:
    yield from _forward(source, moved=False)


def _moved(source: Source) -> Iterator[Trial]:
    yield from _forward(source, moved=True)


def _backward(source: Source, wanted: str, bias: bool | None = None) -> Iterator[Trial]:
    """Gradients against finite differences; `wanted` says of what: x and weight, weight, bias."""
    case = _case(source, moved=source.pick((False, True)), bias=bias)
    arrays = [case.x, case.weight, *([] if case.bias is None else [case.bias])]
    seed = numbers(source, case.result(*arrays).shape, (1.0, 0.0, 2.0))

    def total(*moved: Array) -> float:
        return float(np.sum(seed * case.result(*moved)))

    slopes = oracle.slope(total, [array.astype(np.float64) for array in arrays])
    leaf = ", requires_grad=True" if "x" in wanted else ""
    lines = (
        *case.layer(),
        f"x = Tensor({literal(case.x)}{leaf})",
        f"layer(x).backward({literal(seed)})",
    )
    owners = ("x", "layer.weight", "layer.bias")
    for owner, slope in zip(owners, slopes, strict=False):
        name = owner.removeprefix("layer.")
        if name in wanted.split():
            yield Trial(
                says=f"`Conv2d` backward on {case.on}",
                lines=lines,
                shown=f"{owner}.grad",
                right=np.round(slope, 6),
                names=_NAMES,
                label=f"d{name}",
                dtype="float32",
                kept={"x": case.x},
                tolerance=1e-3,
            )


def _weight(source: Source) -> Iterator[Trial]:
    """Of images that want no gradient, as those of a data set."""
    yield from _backward(source, "weight")


def _input(source: Source) -> Iterator[Trial]:
    yield from _backward(source, "x weight")


def _bias(source: Source) -> Iterator[Trial]:
    yield from _backward(source, "bias", bias=True)


_SIDE = 400  # an image of so many rows and columns is more than one block of work


def _large(leaf: str, shown: str, label: str, expected: Array | np.float64) -> Iterator[Trial]:
    grown = ", requires_grad=True" if leaf else ""
    ones = f"np.ones((1, 1, {_SIDE}, {_SIDE}), dtype=np.float32)"
    on = f"a {(1, 1, _SIDE, _SIDE)} input of ones with a (1, 1, 1, 1) kernel of 1"
    yield Trial(
        says=f"`Conv2d` {'backward ' * (label != 'result')}on {on}",
        lines=(
            "layer = Conv2d(1, 1, 1, bias=False)",
            "layer.weight.data[...] = 1",
            f"x = Tensor({ones}{grown})",
            "y = layer(x)",
            "y.sum().backward()",
        ),
        shown=shown,
        right=expected,
        names=_NAMES,
        label=label,
    )


def _large_result(source: Source) -> Iterator[Trial]:
    yield from _large("", "y.data.min()", "the smallest number", np.float64(1.0))


def _large_weight(source: Source) -> Iterator[Trial]:
    yield from _large("", "layer.weight.grad", "dweight", np.full((1, 1, 1, 1), float(_SIDE**2)))


def _large_input(source: Source) -> Iterator[Trial]:
    yield from _large("x", "x.grad.min()", "a smallest dx", np.float64(1.0))
    yield from _large("x", "layer.weight.grad", "dweight", np.full((1, 1, 1, 1), float(_SIDE**2)))


def _start(source: Source) -> Iterator[Trial]:
    """Shapes, bounds and flags of what is trained."""
    inputs, outputs, (kh, kw) = source.pick((3, 8)), 64, two(source, (3, 2))
    bound = 1.0 / math.sqrt(inputs * kh * kw)
    call = f"Conv2d({inputs}, {outputs}, {pair_text((kh, kw))})"
    checks: list[tuple[str, object, str]] = [
        ("layer.weight.shape", (outputs, inputs, kh, kw), "has a weight of another shape"),
        ("layer.bias.shape", (outputs,), "has a bias of another shape"),
    ]
    for name in ("weight", "bias"):
        largest = f"float(np.abs(layer.{name}.data).max())"
        checks += [
            (f"layer.{name}.data.dtype.name", "float32", f"has a {name} of another type"),
            (f"layer.{name}.requires_grad", True, f"has a {name} that is not trained"),
            (f"{largest} <= {bound * 1.0001:.5g}", True, f"starts with too large a {name}"),
            (f"{largest} >= {bound * 0.8:.5g}", True, f"starts with too small a {name}"),
            (
                f"abs(float(layer.{name}.data.mean())) < {bound * 0.4:.5g}",
                True,
                f"starts with a {name} that does not lie around zero",
            ),
            (f"len(np.unique(layer.{name}.data)) > 50", True, f"starts with a {name} all alike"),
        ]
    for shown, expected, fault in checks:
        yield Trial(
            says=f"`{call}`",
            fault=fault,
            lines=("manual_seed(1)", f"layer = {call}"),
            shown=shown,
            right=expected,
            names=("Conv2d", "manual_seed"),
        )


def _listed(source: Source) -> Iterator[Trial]:
    for bias, expected in (("", ["bias", "weight"]), (", bias=False", ["weight"])):
        yield Trial(
            says=f"`Conv2d(1, 1, 1{bias})`",
            fault="has other parameters",
            lines=(f"layer = Conv2d(1, 1, 1{bias})",),
            shown="sorted(name for name, _ in layer.named_parameters())",
            right=expected,
            names=("Conv2d",),
            label="the list",
        )
    for what, same, fault in (
        ("again", True, "starts with other weights although `manual_seed` was given one number"),
        ("second", False, "starts with the weights of the layer before"),
    ):
        yield Trial(
            says="`Conv2d`",
            fault=fault,
            lines=(
                "manual_seed(3)",
                "first, second = Conv2d(1, 2, 3), Conv2d(1, 2, 3)",
                "manual_seed(3)",
                "again = Conv2d(1, 2, 3)",
            ),
            shown=f"np.array_equal(first.weight.data, {what}.weight.data)",
            right=same,
            names=("Conv2d", "manual_seed"),
        )


CLAIMS = [
    Claim("09 output_size", "09", "09.size", _output_size, tries=60),
    Claim("09 windows", "09", "09.windows", _windows),
    Claim("09 start", "09", "09.layer", _start, tries=2),
    Claim("09 listed", "09", "09.layer", _listed, tries=1),
    Claim("09 shape", "09", "09.layer", _shape, tries=1),
    Claim("09 places", "09", "09.size", _places, tries=30),
    Claim("09 conv2d", "09", "09.conv2d", _plain),
    Claim("09 conv2d with stride and padding", "09", "09.conv2d", _moved),
    Claim("09 large images", "09", "09.conv2d", _large_result, tries=1),
    Claim("09 backward for the weight", "09", "09.weight", _weight),
    Claim("09 backward for the weight of large images", "09", "09.weight", _large_weight, tries=1),
    Claim("09 backward for the input", "09", "09.input", _input),
    Claim("09 backward for large images", "09", "09.input", _large_input, tries=1),
    Claim("09 backward for the bias", "09", "09.layer", _bias, tries=4),
]
