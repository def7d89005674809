"""Makers of inputs: small arrays of the shapes that an operation must take."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinytorch_milestones.diagnosis.claims import Case, Maker
from tinytorch_milestones.diagnosis.source import SMALL, Source, fitting, numbers, shape, size

Options = Sequence[float]


def one(options: Options = SMALL, fewest: int = 0, most: int = 2) -> Maker:
    """One array of any shape."""

    def make(source: Source) -> Case:
        return Case({"x": numbers(source, shape(source, fewest, most), options)})

    return make


def pair(first: Options = SMALL, second: Options = SMALL) -> Maker:
    """Two arrays of one shape."""

    def make(source: Source) -> Case:
        same = shape(source, 0, 2)
        return Case({"x": numbers(source, same, first), "y": numbers(source, same, second)})

    return make


def broadcast(first: Options = SMALL, second: Options = SMALL) -> Maker:
    """Two arrays, one of which broadcasts to the other's shape."""

    def make(source: Source) -> Case:
        whole = tuple(size(source) for _ in range(source.pick((2, 1, 3))))
        part = fitting(source, whole)
        x, y = source.pick(((whole, part), (part, whole)))
        return Case({"x": numbers(source, x, first), "y": numbers(source, y, second)})

    return make


def matrices(source: Source) -> Case:
    """Two factors of a matrix product, also vectors."""
    n, k, m = size(source), size(source), size(source)
    x, y = source.pick((((n, k), (k, m)), ((k,), (k, m)), ((n, k), (k,)), ((k,), (k,))))
    return Case({"x": numbers(source, x), "y": numbers(source, y)})


def stacks(source: Source) -> Case:
    """Two factors of which one at least is a stack of matrices."""
    b, n, k, m = size(source), size(source), size(source), size(source)
    x, y = source.pick((((b, n, k), (k, m)), ((b, n, k), (b, k, m)), ((n, k), (b, k, m))))
    return Case({"x": numbers(source, x), "y": numbers(source, y)})


def reduced(source: Source) -> Case:
    """An array, and which of its axes are added up."""
    x = numbers(source, shape(source, 1, 3))
    axis = source.pick((None, *range(x.ndim), -1))
    return Case({"x": x}, {"axis": axis, "keepdims": source.pick((False, True))})


def distinct(source: Source) -> Case:
    """The same with numbers of which no two are equal, so that the largest has no tie."""
    sizes = shape(source, 1, 3)
    left = [float(i) for i in range(math.prod(sizes))]
    x = np.array([left.pop(source.pick(range(len(left)))) for _ in range(len(left))])
    axis = source.pick((None, *range(len(sizes))))
    options = {"axis": axis, "keepdims": source.pick((False, True))}
    return Case({"x": x.reshape(sizes) - source.pick((0.0, 30.0))}, options)


def reshaped(source: Source) -> Case:
    """A matrix, and another shape for it."""
    n, m = size(source), size(source)
    new = source.pick(((m, n), (n * m,), (-1,), (1, n, m), (n, -1)))
    return Case({"x": numbers(source, (n, m))}, {"sizes": ", ".join(map(str, new))})


def swapped(source: Source) -> Case:
    """An array, and two of its axes."""
    x = numbers(source, shape(source, 2, 3))
    a, b = source.pick((-2, *range(x.ndim))), source.pick((-1, *range(x.ndim)))
    return Case({"x": x}, {"a": a, "b": b})


def indexed(source: Source) -> Case:
    """A matrix, and a part of it, which may be read twice."""
    x = numbers(source, (source.pick((2, 3)), size(source)))
    return Case({"x": x}, {"index": source.pick(("0", "1:", ":, 0", "[1, 1, 0]", "-1, 0"))})


def scores(options: Options = SMALL) -> Maker:
    """Scores, and the axis along which they are compared."""

    def make(source: Source) -> Case:
        x = numbers(source, shape(source, 1, 3), options)
        return Case({"x": x}, {"axis": source.pick((-1, *range(x.ndim)))})

    return make


def logits(options: Options = SMALL) -> Maker:
    """Logits of a few examples, and their classes."""

    def make(source: Source) -> Case:
        n, classes = size(source), source.pick((2, 3, 4))
        y = [source.pick(range(classes)) for _ in range(n)]
        return Case({"x": numbers(source, (n, classes), options), "y": np.array(y)})

    return make


def smoothed(source: Source) -> Case:
    """The same with a share of label smoothing."""
    case = logits()(source)
    return Case(case.arrays, {"smoothing": source.pick((0.5, 0.1))})
