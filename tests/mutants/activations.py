"""Mistakes in `core/activations.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_SIGMOID = (
    "small = np.exp(-np.abs(x))  # between 0 and 1, whatever the sign of x\n"
    "    return np.exp(np.minimum(x, 0)) / (1 + small)"
)
_SOFTMAX = "weights = np.exp(x - x.max(axis=axis, keepdims=True))"
_LOG_SOFTMAX = "return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))"

_DEFINITIONS = [
    ("step-above-only", "(x >= 0).astype(x.dtype)", "(x > 0).astype(x.dtype)", "silent at zero"),
    ("step-bool", "(x >= 0).astype(x.dtype)", "x >= 0", "gives booleans"),
    ("step-sign", "(x >= 0).astype(x.dtype)", "np.sign(x)", "gives -1, 0, 1"),
    (
        "step-constant",
        "(x >= 0).astype(x.dtype)",
        "np.ones_like(x)",
        "always fires: a constant activation",
    ),
    (
        "sigmoid-naive",
        _SIGMOID,
        "return np.exp(x) / (1 + np.exp(x))",
        "infinity divided by infinity at 1000",
    ),
    (
        "sigmoid-warns",
        _SIGMOID,
        "return 1 / (1 + np.exp(-x))",
        "overflows on the way at -1000, though the result is right",
    ),
    ("sigmoid-mirrored", "np.minimum(x, 0)", "np.minimum(-x, 0)", "falls instead of rising"),
    ("sigmoid-constant", _SIGMOID, "return 0.5 + 0 * x", "a constant activation"),
    ("relu-minimum", "np.maximum(x, 0)", "np.minimum(x, 0)", "keeps the negative side"),
    ("relu-absolute", "np.maximum(x, 0)", "np.abs(x)", "mirrors negative numbers"),
    ("relu-clipped", "np.maximum(x, 0)", "np.clip(x, 0, 1)", "cuts off large numbers"),
    (
        "relu-in-place",
        "return np.maximum(x, 0)",
        "x[x < 0] = 0\n    return x",
        "changes its input",
    ),
    (
        "tanh-from-sigmoid",
        "return np.tanh(x)",
        "return 2 / (1 + np.exp(-2 * np.clip(x, -40, 40))) - 1",
        "loses all digits near zero",
    ),
    (
        "tanh-unstretched",
        "return np.tanh(x)",
        "return np.tanh(x / 2)",
        "a sigmoid that was stretched in one direction only",
    ),
    (
        "gelu-numpy-constant",
        "math.sqrt(2 / math.pi)",
        "np.sqrt(2 / np.pi)",
        "a numpy number drags float32 to float64 inside",
    ),
    ("gelu-cube", "0.044715 * x * x * x", "0.044715 * x * x", "a square for the cube"),
    ("gelu-half", "return 0.5 * x * (1", "return x * (1", "twice too large"),
    ("gelu-sigmoid-form", "scale = math.sqrt(2 / math.pi)", "scale = 0.851", "another constant"),
    (
        "softmax-wrong-axis",
        "return weights / weights.sum(axis=axis, keepdims=True)",
        "return weights / weights.sum(axis=0, keepdims=True)",
        "columns sum to 1, not rows",
    ),
    (
        "softmax-all",
        "return weights / weights.sum(axis=axis, keepdims=True)",
        "return weights / weights.sum()",
        "the whole batch sums to 1",
    ),
    ("softmax-overflow", _SOFTMAX, "weights = np.exp(x)", "exp of the scores overflows"),
    (
        "softmax-last-axis-only",
        "softmax(x, axis=self.axis)\n\n# %% ../../modules/02_activations.ipynb #02-log_softmax",
        "softmax(x)\n\n# %% ../../modules/02_activations.ipynb #02-log_softmax",
        "the class ignores its axis",
    ),
    (
        "log-of-softmax",
        _LOG_SOFTMAX,
        "return np.log(np.exp(shifted) / np.exp(shifted).sum(axis=axis, keepdims=True))",
        "the log of a probability that became 0",
    ),
    ("log-softmax-unnormalised", _LOG_SOFTMAX, "return shifted", "the sum is missing"),
]

MUTANTS = [
    Mutant(name, "02_activations", old, new, wrong) for name, old, new, wrong in _DEFINITIONS
]
