"""Claims about modules 01, 02 and 04: every operation, as a formula in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch_milestones.diagnosis import inputs as make
from tinytorch_milestones.diagnosis.claims import Formula, Maker
from tinytorch_milestones.diagnosis.source import FAR, NONZERO, POSITIVE, WHOLE, Array

_SHARES = (0.5, 0.25, 0.75)
_CERTAIN = (0.5, 0.25, 0.75, 0.0, 1.0)


def _index(x: Array, index: str) -> Any:
    return eval(f"x[{index}]", {"x": x})


def _reshape(x: Array, sizes: str) -> Array:
    return x.reshape([int(size) for size in sizes.split(",")])


def _softmax(x: Array, axis: int = -1) -> Array:
    weights = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(weights / weights.sum(axis=axis, keepdims=True))


def _log_softmax(x: Array, axis: int = -1) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)))


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def _gelu(x: Array) -> Array:
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)
    return np.asarray(0.5 * x * (1.0 + np.tanh(inner)))


def _mse(x: Array, y: Array) -> Any:
    return np.mean((x - y) ** 2)


def _cross_entropy(x: Array, y: Array, smoothing: float = 0.0) -> Any:
    logs = _log_softmax(x)
    chosen = logs[np.arange(len(y)), y.astype(np.int64)]
    return -np.mean((1.0 - smoothing) * chosen + smoothing * logs.mean(axis=-1))


def _binary(x: Array, y: Array) -> Any:
    with np.errstate(divide="ignore"):
        yes, no = np.maximum(np.log(x), -100.0), np.maximum(np.log1p(-x), -100.0)
    return -np.mean(y * yes + (1.0 - y) * no)


def _tensor(
    task: str,
    says: str,
    expression: str,
    numpy: Callable[..., Any],
    maker: Maker,
    rule: str = "",
    *,
    sloped: Maker | None = None,
    about: str = "",
) -> Formula:
    key = f"01 {says} {about}".strip()
    return Formula("01", task, says, expression, numpy, maker, rule, sloped=sloped, id=key)


TENSORS = [
    _tensor("01.arithmetic", "`+`", "x + y", lambda x, y: x + y, make.pair(), "06.backward"),
    _tensor("01.arithmetic", "`-`", "x - y", lambda x, y: x - y, make.pair(), "06.arithmetic"),
    _tensor("01.arithmetic", "`*`", "x * y", lambda x, y: x * y, make.pair(), "06.backward"),
    _tensor(
        "01.arithmetic",
        "`/`",
        "x / y",
        lambda x, y: x / y,
        make.pair(second=NONZERO),
        "06.arithmetic",
    ),
    _tensor(
        "01.arithmetic",
        "`**`",
        "x ** y",
        lambda x, y: x**y,
        make.pair(POSITIVE, WHOLE),
        "06.arithmetic",
    ),
    _tensor("01.arithmetic", "unary `-`", "-x", lambda x: -x, make.one(), "06.arithmetic"),
    _tensor("01.arithmetic", "`1 - x`", "1 - x", lambda x: 1 - x, make.one(), "06.arithmetic"),
    _tensor("01.operation", "`0.3 * x`", "0.3 * x", lambda x: 0.3 * x, make.one(), "06.backward"),
    _tensor("01.arithmetic", "`x / 3`", "x / 3", lambda x: x / 3, make.one(), "06.arithmetic"),
    _tensor("01.arithmetic", "`x ** 2`", "x ** 2", lambda x: x**2, make.one(), "06.arithmetic"),
    _tensor("01.functions", "`exp`", "x.exp()", np.exp, make.one(), "06.arithmetic"),
    _tensor("01.functions", "`log`", "x.log()", np.log, make.one(POSITIVE), "06.arithmetic"),
    _tensor("01.functions", "`sqrt`", "x.sqrt()", np.sqrt, make.one(POSITIVE), "06.arithmetic"),
    *(
        _tensor(
            "01.broadcast",
            f"`{sign}`",
            f"x {sign} y",
            function,
            make.broadcast(second=NONZERO),
            "06.unbroadcast",
            about="broadcast",
        )
        for sign, function in (
            ("+", lambda x, y: x + y),
            ("-", lambda x, y: x - y),
            ("*", lambda x, y: x * y),
            ("/", lambda x, y: x / y),
        )
    ),
    _tensor("01.matmul", "`@`", "x @ y", lambda x, y: x @ y, make.matrices, "06.matmul"),
    _tensor(
        "01.matmul", "`@`", "x @ y", lambda x, y: x @ y, make.stacks, "06.matmul", about="stacks"
    ),
    _tensor(
        "01.shape",
        "`transpose({a}, {b})`",
        "x.transpose({a}, {b})",
        lambda x, a, b: np.swapaxes(x, a, b),
        make.swapped,
        "06.shapes",
    ),
    _tensor(
        "01.shape",
        "`.T`",
        "x.T",
        lambda x: np.swapaxes(x, -1, -2),
        make.one(fewest=2, most=3),
        "06.shapes",
    ),
    _tensor(
        "01.shape", "`reshape({sizes})`", "x.reshape({sizes})", _reshape, make.reshaped, "06.shapes"
    ),
    *(
        _tensor(
            "01.reduce",
            f"`{name}(axis={{axis}}, keepdims={{keepdims}})`",
            f"x.{name}(axis={{axis}}, keepdims={{keepdims}})",
            function,
            maker,
            "06.shapes",
        )
        for name, function, maker in (
            ("sum", np.sum, make.reduced),
            ("mean", np.mean, make.reduced),
            ("max", np.max, make.distinct),
        )
    ),
    *(
        _tensor("01.select", f"`{sign}`", f"x {sign} y", function, make.pair())
        for sign, function in (
            ("<", np.less),
            ("<=", np.less_equal),
            (">", np.greater),
            (">=", np.greater_equal),
            ("==", np.equal),
            ("!=", np.not_equal),
        )
    ),
    _tensor("01.select", "`x[{index}]`", "x[{index}]", _index, make.indexed, "06.shapes"),
]


def _activation(
    name: str,
    numpy: Callable[..., Any],
    maker: Maker | None = None,
    sloped: Maker | None = None,
    options: str = "",
) -> Formula:
    task = {"LogSoftmax": "log_softmax"}.get(name, name.lower())
    return Formula(
        "02",
        f"02.{task}",
        f"`{name}`" if not options else f"`{name}({options})`",
        f"{name}({options})(x)",
        numpy,
        maker or make.one(FAR, 1),
        "06.activations",
        ("Tensor", name),
        sloped or make.one(fewest=1),
        f"02 {name}",
    )


ACTIVATIONS = [
    _activation("Step", lambda x: (x >= 0) * 1.0, sloped=make.one(NONZERO, 1)),
    _activation("Sigmoid", _sigmoid),
    _activation("ReLU", lambda x: np.maximum(x, 0.0), sloped=make.one(NONZERO, 1)),
    _activation("Tanh", np.tanh),
    _activation("GELU", _gelu),
    _activation("Softmax", _softmax, make.scores(FAR), make.scores(), "axis={axis}"),
    _activation("LogSoftmax", _log_softmax, make.scores(FAR), make.scores(), "axis={axis}"),
]

LOSSES = [
    Formula(
        "04",
        "04.mse",
        "`MSELoss`",
        "MSELoss()(x, y)",
        _mse,
        make.pair(),
        "06.losses",
        ("Tensor", "MSELoss"),
        id="04 MSELoss",
    ),
    Formula(
        "04",
        "04.cross_entropy",
        "`CrossEntropyLoss`",
        "CrossEntropyLoss()(x, y)",
        _cross_entropy,
        make.logits(),
        "06.losses",
        ("Tensor", "CrossEntropyLoss"),
        id="04 CrossEntropyLoss",
    ),
    Formula(
        "04",
        "04.log_sum_exp",
        "`CrossEntropyLoss`",
        "CrossEntropyLoss()(x, y)",
        _cross_entropy,
        make.logits(FAR),
        "06.losses",
        ("Tensor", "CrossEntropyLoss"),
        make.logits((0.0, 1.0, 1000.0)),
        id="04 CrossEntropyLoss far",
    ),
    Formula(
        "04",
        "04.smoothed",
        "`CrossEntropyLoss(label_smoothing={smoothing})`",
        "CrossEntropyLoss(label_smoothing={smoothing})(x, y)",
        _cross_entropy,
        make.smoothed,
        "06.losses",
        ("Tensor", "CrossEntropyLoss"),
        id="04 CrossEntropyLoss smoothed",
    ),
    Formula(
        "04",
        "04.binary_cross_entropy",
        "`BinaryCrossEntropyLoss`",
        "BinaryCrossEntropyLoss()(x, y)",
        _binary,
        make.pair(_CERTAIN, (0.0, 1.0, 0.5)),
        "06.losses",
        ("Tensor", "BinaryCrossEntropyLoss"),
        make.pair(_SHARES, (0.0, 1.0, 0.5)),
        id="04 BinaryCrossEntropyLoss",
    ),
]
