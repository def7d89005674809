"""What is sabotaged in the knock-out tests of 1958 and 1969, and what must notice it.

A knock-out is a textual change of the reference package (or of a run's settings). It says for each
part which gate must be the first to fail, and so whose hint a student would see.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ALL = ("forward", "trained", "photo", "crisis", "by-hand")
LEARNING = ("trained", "photo", "crisis")


@dataclass(frozen=True)
class Knockout:
    """What is broken, and the first gate that must fail in each part, `part: gate`.

    A change is (file, old, new); where old is "", new is added at the end of the file.
    """

    name: str
    fails: dict[str, str]
    module: str  # that the failed gate points to, "" for none
    changes: tuple[tuple[str, str, str], ...] = ()  # (file, old, new)
    settings: dict[str, Any] = field(default_factory=dict, hash=False)

    def __hash__(self) -> int:
        return hash(self.name)


def _each(parts: tuple[str, ...], gate: str) -> dict[str, str]:
    return dict.fromkeys(parts, gate)


TENSOR, ACTIVATIONS, LAYERS = "core/tensor.py", "core/activations.py", "core/layers.py"
_STEP = "return (x >= 0).astype(x.dtype)"
_FORGET = "if isinstance(value, Tensor):\n            found"
_LIST = "found.append((prefix + name, value))"
_DRAW = "_generator.uniform(-bound, bound, size=shape)"
_PRODUCT = "product = x @ self.weight.T"
# what a layer that secretly looks at products of its inputs would compute
_CHEAT = (
    "if self.in_features == 2:\n"
    "            a, b = x.data[..., 0], x.data[..., 1]\n"
    "            x = Tensor(np.stack([abs(a - b), a * b], axis=-1))\n"
    f"        {_PRODUCT}"
)
_BUILT = {**_each(LEARNING, "update"), "forward": "product", "by-hand": "product"}

RULES = [
    Knockout(
        "subtraction turned round",
        _each(LEARNING, "error"),
        "01",
        ((TENSOR, "return a - b", "return b - a"),),
    ),
    Knockout(
        "mean adds up only",
        _each(LEARNING, "error"),
        "01",
        ((TENSOR, "return np.mean(a, axis", "return np.sum(a, axis"),),
    ),
    Knockout(
        "sum over the wrong axis",
        _each(LEARNING, "update"),
        "01",
        ((TENSOR, "return np.sum(a, axis=axis", "return np.sum(a, axis=-1"),),
    ),
    Knockout(
        "transpose without effect",
        _BUILT,
        "01",
        ((TENSOR, "return np.swapaxes(a, axis0, axis1)", "return a"),),
    ),
    Knockout(
        "matrix product loses its sign",
        _BUILT,
        "01",
        ((TENSOR, "return a @ b", "return abs(a @ b)"),),
    ),
    Knockout(
        "addition subtracts",
        _BUILT,
        "01",
        ((TENSOR, "return a + b", "return a - b"),),
    ),
    Knockout(
        "multiplication adds",
        _each(LEARNING, "error"),
        "01",
        ((TENSOR, "return a * b", "return a + b"),),
    ),
    Knockout(
        "Step always fires",
        _each(ALL, "step"),
        "02",
        ((ACTIVATIONS, _STEP, "return np.ones_like(x)"),),
    ),
    Knockout(
        "Step never fires",
        _each(ALL, "step"),
        "02",
        ((ACTIVATIONS, _STEP, "return np.zeros_like(x)"),),
    ),
    Knockout(
        "Step inverted",
        _each(ALL, "step"),
        "02",
        ((ACTIVATIONS, _STEP, "return (x < 0).astype(x.dtype)"),),
    ),
    Knockout(
        "Linear ignores its bias",
        _each(ALL, "layer"),
        "03",
        (
            (
                LAYERS,
                "return product if self.bias is None else product + self.bias",
                "return product",
            ),
        ),
    ),
    Knockout(
        "Linear forgets to transpose",
        _each(ALL, "layer"),
        "03",
        ((LAYERS, _PRODUCT, "product = x @ self.weight"),),
    ),
    Knockout(
        "Sequential skips its last layer",
        _each(ALL, "layer"),
        "03",
        ((LAYERS, "for layer in self.layers:", "for layer in self.layers[:-1]:"),),
    ),
    Knockout(
        "Sequential stops after two layers",
        {"by-hand": "stack"},
        "03",
        ((LAYERS, "for layer in self.layers:", "for layer in self.layers[:2]:"),),
    ),
    Knockout(
        "parameters() forgets the bias",
        _each(LEARNING, "moved"),
        "03",
        ((LAYERS, _FORGET, _FORGET.replace("Tensor)", 'Tensor) and name != "bias"')),),
    ),
    Knockout(
        "parameters() gives copies",
        _each(LEARNING, "moved"),
        "03",
        ((LAYERS, _LIST, "found.append((prefix + name, Tensor(value.data.copy(), True)))"),),
    ),
    Knockout(
        "parameters() does not look into inner layers",
        _each(LEARNING, "moved"),
        "03",
        ((LAYERS, 'found.extend(named_tensors(value, prefix + name + "."))', "pass"),),
    ),
    Knockout(
        "all initial weights alike",
        {"forward": "spread"},
        "03",
        ((LAYERS, _DRAW, "np.zeros(shape)"),),
    ),
    Knockout(
        "initial weights that know the answer",
        {"forward": "chance"},
        "03",
        (
            (
                LAYERS,
                _DRAW,
                "_generator.uniform(*((0.5, 1.0) if len(shape) == 2 else (-4.5, -1.5)), shape)",
            ),
        ),
    ),
    Knockout(
        "labels shuffled",
        {"trained": "loss", "photo": "loss", "crisis": "and"},
        "",
        settings={"labels": "shuffled"},
    ),
    Knockout(
        "a layer that looks at products of its inputs",
        {"crisis": "xor"},
        "02",
        ((LAYERS, _PRODUCT, _CHEAT),),
    ),
    Knockout(
        "a hidden unit that looks at products of its inputs",
        {"by-hand": "alone"},
        "03",
        ((LAYERS, _PRODUCT, _CHEAT),),
        settings={"hidden_weight": [[1, 0], [0, 1]]},
    ),
    Knockout(
        "weights by hand that say OR",
        {"by-hand": "accuracy"},
        "",
        settings={"output_weight": [[1, 0]]},
    ),
    Knockout(
        "one layer instead of two",
        {"by-hand": "layers"},
        "",
        settings={"model": "Sequential(Linear(2, 1), Step())"},
    ),
]
