"""Claims about `BatchNorm2d` of module 09: training, gradients, what is remembered, and use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.sliding import distinct
from tinytorch_milestones.diagnosis.source import NONZERO, Array, Source, numbers
from tinytorch_milestones.diagnosis.trial import Trial, literal, size_text
from tinytorch_milestones.training import oracle
from tinytorch_milestones.training import spatial_oracle as right

_NAMES = ("BatchNorm2d", "Tensor")


_TWO = ((1, 1, 2), (2, 1, 1), (1, 2, 2), (2, 1, 2), (3, 2, 1))
_THREE = ((1, 1, 3), (3, 1, 1), (1, 2, 2), (2, 1, 2), (3, 2, 1))
"""Images, rows and columns: there is no variance of one pixel, and hardly a gradient of two."""


def _shape(
    source: Source, options: tuple[tuple[int, int, int], ...] = _TWO
) -> tuple[int, int, int, int]:
    channels = source.pick((1, 2))
    n, h, w = source.pick(options)
    return n, channels, h, w


def _scaled(source: Source, channels: int) -> tuple[Array, Array, list[str]]:
    """A weight and a bias of the layer, and the lines that make it with them."""
    lines = [f"layer = BatchNorm2d({channels})"]
    weight, bias = np.ones(channels), np.zeros(channels)
    if source.pick((False, True)):
        weight, bias = numbers(source, (channels,), NONZERO), numbers(source, (channels,))
        lines.append(f"layer.weight.data[...] = {literal(weight)}")
        lines.append(f"layer.bias.data[...] = {literal(bias)}")
    return weight, bias, lines


def _training(source: Source) -> Iterator[Trial]:
    shape = _shape(source)
    weight, bias, lines = _scaled(source, shape[1])
    x = numbers(source, shape)
    yield Trial(
        says=f"`BatchNorm2d` in training, on {size_text(x)} input,",
        lines=(*lines, f"x = Tensor({literal(x)})"),
        shown="layer(x).data",
        right=right.normalize(x, weight, bias, *right.statistics(x)),
        names=_NAMES,
        dtype="float32",
        kept={"x": x},
        tolerance=1e-3,
    )


def _gradients(source: Source) -> Iterator[Trial]:
    """Against finite differences; no two pixels are equal, so that every channel has a variance."""
    shape = _shape(source, _THREE)
    weight, bias, lines = _scaled(source, shape[1])
    x = distinct(source, shape)
    seed = numbers(source, shape, (1.0, 0.0, 2.0))

    def total(x: Array, weight: Array, bias: Array) -> float:
        return float(np.sum(seed * right.normalize(x, weight, bias, *right.statistics(x))))

    lines = [
        *lines,
        f"x = Tensor({literal(x)}, requires_grad=True)",
        f"layer(x).backward({literal(seed)})",
    ]
    slopes = oracle.slope(total, [x.copy(), weight.copy(), bias.copy()])
    for owner, slope in zip(("x", "layer.weight", "layer.bias"), slopes, strict=True):
        yield Trial(
            says=f"`BatchNorm2d` backward on {size_text(x)} input",
            lines=tuple(lines),
            shown=f"{owner}.grad",
            right=np.round(slope, 6),
            names=_NAMES,
            label="d" + owner.removeprefix("layer."),
            dtype="float32",
            kept={"x": x},
            tolerance=2e-3,
        )


def _running(source: Source) -> Iterator[Trial]:
    """After one batch and after two."""
    shape = _shape(source)
    count = shape[0] * shape[2] * shape[3]
    mean, variance = np.zeros(shape[1]), np.ones(shape[1])
    lines = [f"layer = BatchNorm2d({shape[1]})"]
    for words in ("one batch", "two batches"):
        x = numbers(source, shape)
        now, spread = right.statistics(x)
        mean = 0.9 * mean + 0.1 * now
        variance = 0.9 * variance + 0.1 * spread * count / (count - 1)
        lines.append(f"layer(Tensor({literal(x)}))")
        for name, expected in (("running_mean", mean), ("running_var", variance)):
            yield Trial(
                says=f"`BatchNorm2d` after {words} of shape {shape}",
                lines=tuple(lines),
                shown=f"layer.{name}.data",
                right=expected,
                names=_NAMES,
                label=name,
                dtype="float32",
            )


def _use(source: Source) -> Iterator[Trial]:
    """After `eval()`, with what is remembered and not with the batch's own."""
    n, channels, h, w = _shape(source)
    shape = source.pick(((n, channels, h, w), (1, channels, 1, 1)))
    weight, bias, lines = _scaled(source, channels)
    mean = numbers(source, (channels,))
    # where nothing varies, eps is all there is
    variance = numbers(source, (channels,), (1.0, 4.0, 0.25, 0.0))
    x = numbers(source, shape)
    lines = [
        *lines,
        f"layer.running_mean.data[...] = {literal(mean)}",
        f"layer.running_var.data[...] = {literal(variance)}",
        "layer.eval()",
        f"x = Tensor({literal(x)})",
    ]
    says = f"`BatchNorm2d` after `eval()`, on {size_text(x)} input,"
    yield Trial(
        says=says,
        lines=tuple(lines),
        shown="layer(x).data",
        right=right.normalize(x, weight, bias, mean, variance),
        names=_NAMES,
        dtype="float32",
        kept={"x": x},
        tolerance=1e-3,
    )
    yield Trial(
        says=says,
        fault="goes on changing its running statistics",
        lines=(*lines, "y = layer(x)"),
        shown="layer.running_mean.data",
        right=mean,
        names=_NAMES,
    )


def _kept(source: Source) -> Iterator[Trial]:
    for shown, expected, fault in (
        (
            "sorted(name for name, _ in layer.named_parameters())",
            ["bias", "weight"],
            "has other parameters",
        ),
        (
            "sorted(layer.state_dict())",
            ["bias", "running_mean", "running_var", "weight"],
            "keeps something else in its `state_dict()`",
        ),
    ):
        yield Trial(
            says="`BatchNorm2d(2)`",
            fault=fault,
            lines=("layer = BatchNorm2d(2)",),
            shown=shown,
            right=expected,
            names=("BatchNorm2d",),
            label="the list",
        )


CLAIMS = [
    Claim("09 BatchNorm2d keeps", "09", "09.batch_norm", _kept, tries=1),
    Claim("09 BatchNorm2d in training", "09", "09.batch_norm", _training),
    Claim("09 BatchNorm2d backward", "09", "09.batch_norm", _gradients),
    Claim("09 BatchNorm2d running", "09", "09.batch_norm", _running),
    Claim("09 BatchNorm2d in use", "09", "09.batch_norm", _use, tries=16),
]
