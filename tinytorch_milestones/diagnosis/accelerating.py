"""Claims about module 17: whatever is faster gives the numbers of modules 01, 02 and 09.

Blocks and parts are made so small that a few numbers need several of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.sliding import Window, pair_text, sizes, two
from tinytorch_milestones.diagnosis.source import Array, Source, numbers, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal, size_text
from tinytorch_milestones.training import language_oracle, oracle
from tinytorch_milestones.training import spatial_oracle as right

_FILE = "perf.acceleration"
_FEW = (1.0, 0.0, 2.0, -1.0)


def _knobs(source: Source, function: str) -> tuple[str, str]:
    """How many workers, and how many bytes a block may have: as a line and in words."""
    workers, cache = source.pick((1, 2)), source.pick((1 << 19, 64, 1))
    line = f"{function}.__globals__.update(SMALL=0, workers={workers}, CACHE={cache})"
    told = f"{workers} worker" + "s" * (workers > 1)
    return line, told if cache > 64 else f"{told}, blocks of {cache} bytes"


# products


def _product(source: Source) -> Iterator[Trial]:
    n, k, m = size(source), source.pick((1, 2, 3, 0)), size(source)
    a, b = numbers(source, (n, k), _FEW), numbers(source, (k, m), _FEW)
    tile = source.pick((1, 2, 64))
    lines = (
        f"a = np.array({literal(a)}, dtype=np.float32).reshape({n}, {k})",
        f"b = np.array({literal(b)}, dtype=np.float32).reshape({k}, {m})",
    )
    for call in ("vectorized_matmul(a, b)", f"tiled_matmul(a, b, {tile})"):
        name, _, more = call.removesuffix(")").partition("(a, b")
        in_tiles = f", in tiles of {more[2:]}," if more else ""
        yield Trial(
            says=f"`{name}` of {size_text(a)} and {size_text(b)}{in_tiles}",
            lines=lines,
            shown=call,
            right=a @ b,
            names=(name,),
            dtype="float32",
            kept={"a": a, "b": b},
        )


def _vectorized(source: Source) -> Iterator[Trial]:
    for trial in _product(source):
        if trial.names == ("vectorized_matmul",):
            yield trial


def _tiled(source: Source) -> Iterator[Trial]:
    for trial in _product(source):
        if trial.names == ("tiled_matmul",):
            yield trial


def _misfits(source: Source) -> Iterator[Trial]:
    for name in ("vectorized_matmul", "tiled_matmul"):
        yield Trial(
            says=f"`{name}` of a (2, 3) and a (4, 2)",
            lines=(),
            shown=f"{name}(np.ones((2, 3)), np.ones((4, 2)))",
            right=Raises("ValueError"),
            names=(name,),
        )


# convolutions


@dataclass(frozen=True)
class _Case:
    """Images, kernels, and how they slide."""

    x: Array
    weight: Array
    window: Window

    @property
    def options(self) -> str:
        """Stride and padding as arguments."""
        return f"{self.window.stride}, {self.window.padding}"

    @property
    def places(self) -> tuple[int, int]:
        """How many, down and to the right."""
        return self.window.outputs(*self.x.shape[2:])

    def lines(self, **more: Array) -> list[str]:
        """The lines that make the arrays."""
        given = {"x": self.x, "weight": self.weight, **more}
        return [f"{n} = np.array({literal(a)}, dtype=np.float32)" for n, a in given.items()]

    def on(self, kernel: bool = True) -> str:
        """`a (1, 1, 2, 2) input with a (1, 1, 2, 2) kernel, stride 2`."""
        told = f"{size_text(self.x)} input"
        told += f" with {size_text(self.weight)} kernel" if kernel else ""
        for name, pair, usual in (
            ("stride", self.window.stride, (1, 1)),
            ("padding", self.window.padding, (0, 0)),
        ):
            told += f", {name} {pair_text(pair)}" if pair != usual else ""
        return told


def _case(source: Source) -> _Case:
    window = Window(two(source, (1, 2)), two(source, (1, 2)), two(source, (0, 1)))
    n, c, o = size(source, 2), size(source, 2), size(source, 2)
    x = numbers(source, (n, c, *sizes(source, window)), _FEW)
    return _Case(x, numbers(source, (o, c, *window.size), _FEW), window)


def _columns(case: _Case) -> Array:
    """Each window as a column: rows by channels and kernel, columns by places, then images."""
    (n, c), (kh, kw), (oh, ow) = case.x.shape[:2], case.window.size, case.places
    found = np.zeros((c, kh, kw, oh, ow, n))
    for at in np.ndindex(c, kh, kw):
        kernel = np.zeros((1, c, kh, kw))
        kernel[(0, *at)] = 1.0
        seen = right.convolve(case.x, kernel, None, case.window.stride, case.window.padding)
        found[at] = seen[:, 0].transpose(1, 2, 0)
    return found.reshape(c * kh * kw, oh * ow * n)


def _im2col(source: Source) -> Iterator[Trial]:
    case = _case(source)
    yield Trial(
        says=f"`im2col` of {case.on(kernel=False)}, for a kernel of {case.window.size},",
        lines=(case.lines()[0],),
        shown=f"im2col(x, {case.window.size}, {case.options})",
        right=_columns(case),
        names=("im2col",),
        dtype="float32",
        kept={"x": case.x},
    )


def _col2im(source: Source) -> Iterator[Trial]:
    """Every number is added to the pixel it was copied from."""
    case = _case(source)
    numbered = _Case(np.arange(1.0, case.x.size + 1).reshape(case.x.shape), *_rest(case))
    came = _columns(numbered).astype(int)  # 0: from the padding
    given = numbers(source, came.shape, _FEW)
    total = np.zeros(case.x.size + 1)
    np.add.at(total, came, given)
    yield Trial(
        says=f"`col2im` to {size_text(case.x)} of what `im2col` made for {case.window.size}"
        f"{case.on(kernel=False).partition(' input')[2]},",
        lines=(f"columns = np.array({literal(given)}, dtype=np.float32)",),
        shown=f"col2im(columns, {case.x.shape}, {case.window.size}, {case.options})",
        right=total[1:].reshape(case.x.shape),
        names=(f"{_FILE}.col2im",),
        dtype="float32",
        kept={"columns": given},
    )


def _rest(case: _Case) -> tuple[Array, Window]:
    return case.weight, case.window


def _convolve(source: Source) -> Iterator[Trial]:
    case = _case(source)
    knobs, told = _knobs(source, "convolve")
    o = len(case.weight)
    bias = numbers(source, (o,), _FEW) if source.pick((False, True)) else None
    lines = case.lines() if bias is None else case.lines(bias=bias)
    given = "None" if bias is None else "bias"
    yield Trial(
        says=f"`convolve` on {case.on()}, {told},",
        lines=(*lines, knobs),
        shown=f"convolve(x, weight, {given}, {case.options})",
        right=right.convolve(case.x, case.weight, bias, case.window.stride, case.window.padding),
        names=(f"{_FILE}.convolve",),
        dtype="float32",
        kept={"x": case.x, "weight": case.weight},
    )


def _convolve_backward(source: Source) -> Iterator[Trial]:
    case = _case(source)
    knobs, told = _knobs(source, "convolve_backward")
    g = numbers(source, (len(case.x), len(case.weight), *case.places), (1.0, 0.0, 2.0))
    slide = (case.window.stride, case.window.padding)
    dx, dweight, _ = right.convolve_back(g, case.x, case.weight, *slide)
    shape = f"{case.window.size}, {case.options}"
    for label, call, slope in (
        ("dx", f"convolve_backward(g, x, weight, {case.options})[0]", dx),
        ("dweight", f"convolve_backward(g, x, weight, {case.options})[1]", dweight),
        ("dweight", f"convolve_weight(g, x, {shape})", dweight),
    ):
        name = call.partition("(")[0]
        yield Trial(
            says=f"`{name}` on {case.on()}, {told},",
            lines=(*case.lines(g=g), knobs.replace("convolve_backward", name)),
            shown=call,
            right=slope,
            names=(f"{_FILE}.{name}",),
            label=label,
            dtype="float32",
            kept={"x": case.x, "weight": case.weight, "g": g},
        )


# curves, and a Linear as one node


def _gelu(source: Source) -> Iterator[Trial]:
    """What its slope will need, and what it gives, both written to arrays that are there."""
    x = numbers(source, (size(source, 2), size(source)), (0.0, 1.0, -1.0, 2.0, -3.0, 30.0))
    inner = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    lines = (
        f"x = np.array({literal(x)}, dtype=np.float32)",
        "t, y = np.zeros_like(x), np.zeros_like(x)",
        "gelu_block(x, t, y)",
    )
    for label, expected in (("t", inner), ("y", language_oracle.gelu(x))):
        yield Trial(
            says=f"`gelu_block({literal(x)}, t, y)`",
            lines=lines,
            shown=label,
            right=expected,
            names=(f"{_FILE}.gelu_block",),
            label=label,
            kept={"x": x},
        )


def _affine(source: Source) -> Iterator[Trial]:
    """With and without bias and curve: what comes out, and every gradient."""
    n, inputs, outputs = size(source), size(source, 2), size(source, 2)
    curve, knobs = source.pick((False, True)), _knobs(source, "Affine.forward")
    arrays = {"x": numbers(source, (n, inputs), _FEW)}
    arrays["weight"] = numbers(source, (outputs, inputs), _FEW)
    if source.pick((False, True)):
        arrays["bias"] = numbers(source, (outputs,), _FEW)
    seed = numbers(source, (n, outputs), (1.0, 0.0, 2.0))

    def expected(x: Array, weight: Array, bias: float | Array = 0.0) -> Array:
        y = x @ weight.T + bias
        return np.asarray(language_oracle.gelu(y)) if curve else np.asarray(y)

    lines = [f"{name} = Tensor({literal(a)}, requires_grad=True)" for name, a in arrays.items()]
    call = f"Affine.apply({', '.join(arrays)}, curve={curve})"
    about = f"{' and '.join(map(size_text, arrays.values()))}, curve={curve}, {knobs[1]},"
    names = ("Tensor", f"{_FILE}.Affine")
    yield Trial(
        says=f"`Affine` of {about}",
        lines=(*lines, knobs[0]),
        shown=f"{call}.data",
        right=expected(*arrays.values()),
        names=names,
        dtype="float32",
        kept=arrays,
        tolerance=1e-3,
    )
    slopes = oracle.slope(
        lambda *at: float(np.sum(seed * expected(*at))), [a.copy() for a in arrays.values()]
    )
    for name, slope in zip(arrays, slopes, strict=True):
        yield Trial(
            says=f"`Affine` backward on {about}",
            lines=(*lines, knobs[0], f"{call}.backward({literal(seed)})"),
            shown=f"{name}.grad",
            right=np.round(slope, 7),
            names=names,
            label=f"d{name}",
            dtype="float32",
            kept=arrays,
            tolerance=2e-3,
        )


# not only right, but in the way that the task is about

_OPERATIONS = (
    "class Counted(np.ndarray):",
    "    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):",
    "        used.append(ufunc.__name__)",
    "        if out: options['out'] = tuple(map(np.asarray, out))",
    "        found = getattr(ufunc, method)(*map(np.asarray, inputs), **options)",
    "        return out[0] if out else found.view(Counted)",
    "used = []",
    "vectorized_matmul(np.ones((20, 3)).view(Counted), np.ones((3, 20)).view(Counted))",
)
_PIECES = (
    "sizes, knobs = [], tiled_matmul.__globals__",
    "inner = knobs['vectorized_matmul']",
    "def noted(a, b): return sizes.extend(a.shape + b.shape) or inner(a, b)",
    "knobs['vectorized_matmul'] = noted",
    "tiled_matmul(np.ones((5, 4)), np.ones((4, 3)), 2)",
    "knobs['vectorized_matmul'] = inner",
)
_MEMORY = (
    "import tracemalloc",
    "x = np.ones((128, 1024), dtype=np.float32)",
    "t, y = np.empty_like(x), np.empty_like(x)",
    "tracemalloc.start()",
    "gelu_block(x, t, y)",
    "extra = tracemalloc.get_traced_memory()[1]",
    "tracemalloc.stop()",
)


def _vectorized_how(source: Source) -> Iterator[Trial]:
    for shown, expected, fault, label in (
        ("'matmul' in used", False, "uses numpy's own product", "that it is used"),
        ("len(used) <= 16", True, "needs more than a few operations a turn", "that it does not"),
    ):
        yield Trial(
            says="`vectorized_matmul` of a (20, 3) and a (3, 20)",
            fault=fault,
            lines=_OPERATIONS,
            shown=shown,
            right=expected,
            names=("vectorized_matmul",),
            label=label,
        )


def _tiled_how(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`tiled_matmul` of a (5, 4) and a (4, 3), in tiles of 2,",
        fault="does not multiply pieces of at most 2 by 2",
        lines=_PIECES,
        shown="0 < max(sizes, default=0) <= 2",
        right=True,
        names=("tiled_matmul",),
        label="that it does",
    )


def _gelu_how(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`gelu_block`",
        fault="makes new arrays where t and y are there to be written to",
        lines=_MEMORY,
        shown="extra < x.nbytes / 2",
        right=True,
        names=(f"{_FILE}.gelu_block",),
        label="that it does not",
    )


CLAIMS = [
    Claim("17 vectorized_matmul", "17", "17.vectorized", _vectorized, tries=16),
    Claim("17 vectorized_matmul, how", "17", "17.vectorized", _vectorized_how, tries=1),
    Claim("17 tiled_matmul", "17", "17.tiled", _tiled, tries=24),
    Claim("17 tiled_matmul, how", "17", "17.tiled", _tiled_how, tries=1),
    Claim("17 products refuse", "17", "", _misfits, tries=1),
    Claim("17 im2col", "17", "17.im2col", _im2col, tries=16),
    Claim("17 col2im", "17", "17.col2im", _col2im, tries=16),
]
KERNELS = [
    Claim("17 convolve", "17", "17.convolve", _convolve, tries=24),
    Claim("17 convolve_backward", "17", "17.convolve_backward", _convolve_backward, tries=24),
    Claim("17 gelu_block", "17", "17.gelu", _gelu, tries=16),
    Claim("17 gelu_block, how", "17", "17.gelu", _gelu_how, tries=1),
    Claim("17 Affine", "17", "17.affine", _affine, tries=30),
]
