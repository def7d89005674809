"""Checks of module 09 before a run that leans on it: single layers, then a small network of them.

They come after those of modules 01 to 08, so that what fails here is not theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinytorch_milestones.training import spatial_oracle as right
from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.spatial_network import examine_network

if TYPE_CHECKING:
    from tinytorch_milestones.training.mechanism import Mechanism

Shape = tuple[int, int, int]

# channels in and out, kernel, stride, padding, (images, height, width)
_CONVOLUTIONS: tuple[tuple[int, int, Any, Any, Any, Shape], ...] = (
    (1, 2, 3, 1, 0, (2, 5, 6)),
    (3, 4, 3, 1, 1, (3, 5, 7)),
    (2, 3, 5, 1, 2, (2, 6, 8)),
    (2, 3, 3, 2, 1, (2, 7, 6)),
    (2, 3, 2, 3, 0, (2, 9, 7)),  # a stride that leaves rows and columns out
    (3, 2, 1, 1, 0, (2, 4, 3)),
    (2, 3, (2, 3), (1, 2), (0, 1), (2, 5, 8)),
    (3, 6, 5, 1, 0, (33, 16, 14)),  # more than fits into one small piece of work
)
# window, stride (None: the window's own), padding, (images, height, width)
_POOLS: tuple[tuple[Any, Any, Any, Shape], ...] = (
    (2, None, 0, (2, 4, 6)),
    (2, None, 0, (3, 5, 7)),  # the last row and column do not fill a window
    (3, 2, 1, (2, 7, 6)),
    (2, 1, 0, (2, 4, 5)),
    ((2, 3), (1, 2), (0, 1), (2, 5, 8)),
)


def convolve(judge: Mechanism) -> None:
    """Every stage up to the first that fails."""
    used = judge.design.spatial
    stages: list[Callable[[], None]] = [
        partial(stage, judge) for stage in (_convolutions, _filters, _backward_of_convolutions)
    ]
    for kind, name in (("max", "MaxPool2d"), ("average", "AvgPool2d")):
        if name in used:
            stages.append(partial(_pools, judge, kind, name))
    if "MaxPool2d" in used:
        stages.append(partial(_ties, judge))
    if "BatchNorm2d" in used:
        stages.append(partial(_normalization, judge))
    stages.append(partial(examine_network, judge))
    for stage in stages:
        stage()
        if judge.failed:
            # a recipe has no gate of its own for what only a model of the user's uses
            worst = max(v for k, v in judge.metrics.items() if k.startswith("agree."))
            judge.metrics.setdefault("agree.network", worst)
            return


def examine_function(judge: Mechanism) -> None:
    """`agree.gradients` (module 06): `Function`, which the layers of module 09 are made of."""
    fw, metric = judge._fw, "agree.gradients"

    def build() -> Any:
        class Blend(fw.Function):  # type: ignore[misc, name-defined]
            """x * y * factor, and its derivatives."""

            def forward(self, x: Array, y: Array, factor: float = 1.0) -> Array:
                self.kept = x, y, factor
                return x * y * np.float32(factor)

            def backward(self, gradient: Array) -> tuple[Any, Any]:
                x, y, factor = self.kept
                outer = gradient * np.float32(factor)
                return outer * y if self.needs[0] else None, outer * x if self.needs[1] else None

        return Blend

    blend = judge.attempt(metric, "a Function", build)
    if blend is None:
        return
    a, b, outer = (judge.numbers(3, 2) for _ in range(3))
    for wanted in ((True, True), (False, True), (True, False)):
        x, y = (fw.Tensor(v, requires_grad=w) for v, w in zip((a, b), wanted, strict=True))

        def backward(x: Any = x, y: Any = y) -> Array:
            result = blend.apply(x, y, factor=2.0)
            (result * fw.Tensor(outer) + result).sum().backward()
            return array_of(result)

        got = judge.attempt(metric, "Function.apply", backward)
        judge.near(metric, "Function.apply", got, 2.0 * a * b)
        for leaf, other, place in ((x, b, 1), (y, a, 2)):
            if got is not None and leaf.requires_grad:
                judge.near(
                    metric,
                    f"the gradient of a Function, input {place}",
                    np.empty(0) if leaf.grad is None else array_of(leaf.grad),
                    2.0 * other * (outer + 1.0),
                )


def _two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _words(name: str, *values: Any) -> str:
    return f"{name}({', '.join(map(str, values))})"


def _images(judge: Mechanism, channels: int, shape: Shape) -> Array:
    count, height, width = shape
    return judge.numbers(count, channels, height, width)


def turned(x: Array) -> Array:
    """The same images with the channels last in memory, as results of module 09 may come."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _convolution(judge: Mechanism, metric: str, case: tuple[Any, ...], bias: bool = True) -> Any:
    """A Conv2d with known numbers, what it is called, its weight and bias as arrays."""
    inside, outside, kernel, stride, padding, _ = case
    what = f"Conv2d({inside}, {outside}, {kernel}, stride={stride}, padding={padding})"
    options = {} if bias else {"bias": False}
    layer = judge.attempt(
        metric,
        what,
        lambda: judge._fw.Conv2d(
            inside, outside, kernel, stride=stride, padding=padding, **options
        ),
    )
    if layer is None:
        return None
    weight, shift = judge.numbers(outside, inside, *_two(kernel)), judge.numbers(outside)
    if array_of(layer.weight).shape != weight.shape:
        judge.fault(
            metric, f"the weight of {what} has shape {layer.weight.shape}, not {weight.shape}"
        )
        return None
    layer.weight.data[...] = weight
    if bias:
        layer.bias.data[...] = shift
    elif layer.bias is not None:
        judge.fault(metric, "Conv2d with bias=False has a bias")
    return layer, what, weight, (shift if bias else None)


def _convolutions(judge: Mechanism) -> None:
    """`agree.convolution`: what comes out, whatever the stride, padding and memory order."""
    metric = "agree.convolution"
    judge.metrics[metric] = 0.0
    for number, case in enumerate(_CONVOLUTIONS):
        built = _convolution(judge, metric, case, bias=number != 1)
        if built is None:
            return
        layer, what, weight, bias = built
        stride, padding = _two(case[3]), _two(case[4])
        x = _images(judge, case[0], case[5])
        expected = right.convolve(x, weight, bias, stride, padding)
        judge.same(metric, what, layer, [x], expected)
        judge.same(
            metric,
            f"{what} of channels-last memory",
            lambda t, layer=layer: layer(judge._fw.Tensor(turned(array_of(t)))),
            [x],
            expected,
        )
        if judge.failed:
            return


def _filters(judge: Mechanism) -> None:
    """`agree.convolution` again: filters are listed, trainable, random and sensibly spread."""
    metric, fw = "agree.convolution", judge._fw
    fw.manual_seed(7)
    # much wider than deep, so that the two sides cannot be taken for each other
    one, two = fw.Conv2d(2, 128, 3), fw.Conv2d(2, 128, 3)
    listed = judge.attempt(metric, "parameters()", lambda: list(fw.Sequential(one).parameters()))
    if listed is None:
        return
    if {id(t) for t in listed} != {id(one.weight), id(one.bias)}:
        judge.fault(metric, "parameters() of a Conv2d lists not just its weight and bias", 1.0)
    if not (one.weight.requires_grad and one.bias.requires_grad):
        judge.fault(metric, "a parameter of Conv2d does not require a gradient", 1.0)
    weight = array_of(one.weight)
    if weight.dtype != np.float32:
        judge.fault(metric, f"filters are {weight.dtype}, float32 is right", 1.0)
    for layer, seen in ((one, 2 * 9), (fw.Conv2d(8, 16, 5), 8 * 25)):
        spread = float(array_of(layer.weight).std()) * math.sqrt(3 * seen)
        if not 0.25 <= spread <= 4.0:
            judge.fault(metric, f"initial filters are {spread:.2g} times as spread as usual", 1.0)
    if abs(float(weight.mean())) > float(weight.std()) / 2:
        judge.fault(metric, "initial filters do not lie around zero", 1.0)
    elif np.array_equal(weight, array_of(two.weight)):
        judge.fault(metric, "two convolutions start with the same filters", 1.0)
    fw.manual_seed(7)
    if not np.array_equal(weight, array_of(fw.Conv2d(2, 128, 3).weight)):
        judge.fault(metric, "the same manual_seed gives other filters", 1.0)


def compare_backward(
    judge: Mechanism,
    metric: str,
    what: str,
    function: Callable[..., Any],
    x: Array,
    parameters: Sequence[Any],
    expected: Callable[[Array], Sequence[Array]],
) -> None:
    """What backward() leaves in the images and the parameters of a layer.

    `expected` maps the gradient of the result to those of the images and of each parameter. Asked
    twice: the second time the images want none, as real images do.
    """
    fw = judge._fw
    for wanted in (True, False):
        images = fw.Tensor(turned(x) if wanted else x.copy(), requires_grad=wanted)
        for parameter in parameters:
            parameter.grad = None

        def backward(images: Any = images) -> Array:
            result = function(images)
            outer = judge.numbers(*result.shape)
            (result * fw.Tensor(outer)).sum().backward()
            return outer

        outer = judge.attempt(metric, f"{what} and its backward()", backward)
        if outer is None:
            return
        names = ["the images", "the weight", "the bias"]
        for name, leaf, numbers in zip(
            names, [images, *parameters], expected(outer.astype(np.float64)), strict=False
        ):
            if not leaf.requires_grad:
                continue
            got = np.empty(0, np.float32) if leaf.grad is None else array_of(leaf.grad)
            judge.near(metric, f"the gradient of {name} of {what}", got, numbers)
            if got.dtype != np.float32:
                judge.fault(metric, f"the gradient of {name} of {what} is {got.dtype}, not float32")
        if judge.failed or not parameters:
            return


def _backward_of_convolutions(judge: Mechanism) -> None:
    """`agree.convolution_gradients`: of images, filters and biases."""
    metric = "agree.convolution_gradients"
    judge.metrics[metric] = 0.0
    for number, case in enumerate(_CONVOLUTIONS):
        built = _convolution(judge, metric, case, bias=number != 1)
        if built is None:
            return
        layer, what, weight, bias = built
        stride, padding = _two(case[3]), _two(case[4])
        x = _images(judge, case[0], case[5])
        compare_backward(
            judge,
            metric,
            what,
            layer,
            x,
            [layer.weight] if bias is None else [layer.weight, layer.bias],
            partial(right.convolve_back, x=x, weight=weight, stride=stride, padding=padding),
        )
        if judge.failed:
            return


def _pools(judge: Mechanism, kind: str, name: str) -> None:
    """`agree.pooling`: results and gradients, of images that are negative too."""
    metric = "agree.pooling"
    judge.metrics.setdefault(metric, 0.0)
    for size, stride, padding, shape in _POOLS:
        what = f"{name}({size}, stride={stride or size}, padding={padding})"
        layer = judge.attempt(
            metric,
            what,
            partial(getattr(judge._fw, name), size, stride=stride, padding=padding),
        )
        if layer is None:
            return
        x = _images(judge, 3, shape) - np.float32(1.5)
        how = (_two(size), _two(stride or size), _two(padding))
        judge.same(metric, what, layer, [x], right.pool(kind, x, *how))
        if not judge.failed:
            compare_backward(
                judge,
                metric,
                what,
                layer,
                x,
                [],
                partial(
                    right.pool_back, kind=kind, x=x, size=how[0], stride=how[1], padding=how[2]
                ),
            )
        if judge.failed:
            return


def _ties(judge: Mechanism) -> None:
    """`agree.pooling` again: equal largest numbers share one gradient, in whatever way."""
    metric = "agree.pooling"
    images = judge._fw.Tensor(np.zeros((2, 3, 4, 6), np.float32), requires_grad=True)
    outer = judge.numbers(2, 3, 2, 3)

    def backward() -> Array:
        (judge._fw.MaxPool2d(2)(images) * judge._fw.Tensor(outer)).sum().backward()
        shares = array_of(images.grad).reshape(2, 3, 2, 2, 3, 2)
        return np.asarray(shares.sum(axis=(3, 5)))

    what = "the gradient of a window of equal numbers"
    judge.near(metric, what, judge.attempt(metric, what, backward), outer)


def _normalization(judge: Mechanism) -> None:
    """`agree.normalization`: training, its gradients, and what is remembered for use."""
    metric = "agree.normalization"
    judge.metrics[metric] = 0.0
    layer = judge.attempt(metric, "BatchNorm2d(3)", lambda: judge._fw.BatchNorm2d(3))
    if layer is None:
        return
    listed = judge.attempt(metric, "parameters()", lambda: list(layer.parameters()))
    if listed is not None and {id(t) for t in listed} != {id(layer.weight), id(layer.bias)}:
        judge.fault(metric, "parameters() of a BatchNorm2d lists not just its weight and bias", 1.0)
        return
    mean, variance = np.zeros(3), np.ones(3)
    for number in (1, 2):
        weight, bias = judge.numbers(3), judge.numbers(3)
        layer.weight.data[...], layer.bias.data[...] = weight, bias
        # channels that differ in their middle and in their width
        scales = np.array([0.05, 1.0, 4.0], np.float32).reshape(1, 3, 1, 1)
        x = _images(judge, 3, (4, 3, 5)) * scales + scales[:, ::-1] * np.float32(2)
        now, spread = right.statistics(x)
        expected = right.normalize(x, weight, bias, now, spread)
        layer.train()
        judge.same(metric, "BatchNorm2d in training", layer, [x], expected)
        count = x.size // 3
        mean = 0.9 * mean + 0.1 * now
        variance = 0.9 * variance + 0.1 * spread * count / (count - 1)
        for name, numbers in (("running_mean", mean), ("running_var", variance)):
            kept = array_of(getattr(layer, name))
            judge.near(metric, f"{name} after {number} batches", kept, numbers)
        layer.eval()
        used = right.normalize(x[:1], weight, bias, mean, variance)
        judge.same(metric, "BatchNorm2d in use", layer, [x[:1]], used)
        before = np.array(array_of(layer.running_mean))
        judge.attempt(metric, "BatchNorm2d in use", partial(layer, judge._fw.Tensor(x)))
        if not np.array_equal(array_of(layer.running_mean), before):
            judge.fault(metric, "BatchNorm2d goes on counting in eval mode")
        if judge.failed:
            return
    # a channel that hardly varies is where eps counts
    variance = np.array([1e-5, 1.0, 4.0])
    layer.running_var.data[...] = variance
    mean = np.array(array_of(layer.running_mean), dtype=np.float64)
    x = _images(judge, 3, (2, 3, 4)) * np.float32(0.01)
    used = right.normalize(x, weight, bias, mean, variance)
    judge.same(metric, "BatchNorm2d in use, of a channel that hardly varies,", layer, [x], used)
    if judge.failed:
        return
    layer.train()
    compare_backward(
        judge,
        metric,
        "BatchNorm2d in training",
        layer,
        x,
        [layer.weight, layer.bias],
        partial(right.normalize_back, x=x, weight=weight),
    )
