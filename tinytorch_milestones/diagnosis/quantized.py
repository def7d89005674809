"""Claims about module 15: layers of int8, and the copy of a model in which they stand.

Weights and inputs are numbers that have a place on their grids, so that nothing is lost: what comes
out is what the Linear itself gives.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Source, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal, size_text

_FILE = "perf.quantization"
_RANGES = ((-1.28, 1.27), (-1.0, 1.55), (0.0, 2.55))
"""Ranges whose finest grid has a scale of 0.01."""


def _linear(source: Source) -> Iterator[Trial]:
    """With a range and without one, with a scale for each output and with one for all."""
    inputs, outputs = source.pick((2, 3)), size(source, 2)
    per_channel, ranged = source.pick((True, False)), source.pick((True, False))
    bias = source.pick((True, False))
    low, high = source.pick(_RANGES)
    weight = np.array([[source.pick((0.5, 0.0, -1.0, 0.25)) for _ in range(inputs)]] * outputs)
    weight[:, source.pick(range(inputs))] = 1.27
    if per_channel:
        weight *= np.array([[source.pick((1.0, 10.0))] for _ in range(outputs)])
    x = np.array([[source.pick((1.0, 0.5, 0.0, high)) for _ in range(inputs)]])
    if not ranged:
        x[0, :2] = low, high  # the range of the batch itself
    x = x.reshape(source.pick(((1, inputs), (1, 1, inputs))))
    given = f"({low:g}, {high:g})" if ranged else "None"
    options = f"linear, {given}" + ("" if per_channel else ", per_channel=False")
    lines = [
        f"linear = Linear({inputs}, {outputs}{'' if bias else ', bias=False'})",
        f"linear.weight.data[...] = {literal(weight)}",
    ]
    right = x @ weight.T
    if bias:
        lines.append("linear.bias.data[...] = 10")
        right = right + 10
    lines += [f"layer = QuantizedLinear({options})", f"x = Tensor({literal(x)})"]
    yield Trial(
        says=f"`QuantizedLinear({options})` on {size_text(x)} input",
        lines=tuple(lines),
        shown="layer(x).data",
        right=right,
        names=("Linear", "QuantizedLinear", "Tensor"),
        dtype="float32",
        kept={"x": x.astype(np.float32)},
        tolerance=1e-4,
    )
    yield Trial(
        says=f"`QuantizedLinear({options})`",
        fault="changes the Linear that it stands for",
        lines=tuple(lines),
        shown="linear.weight.data",
        right=weight.astype(np.float32),
        names=("Linear", "QuantizedLinear", "Tensor"),
        label="its weight",
    )


def _refused(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`QuantizedLinear` of `Linear(2, 1)` on a (1, 3) input",
        lines=("layer = QuantizedLinear(Linear(2, 1))",),
        shown="layer(Tensor([[1.0, 2.0, 3.0]])).data",
        right=Raises("ValueError"),
        names=("Linear", "QuantizedLinear", "Tensor"),
    )


# a tree of layers

_NET = (
    "class Block(Layer):",
    "    def __init__(self): self.inner = Linear(1, 1)",
    "class Net(Layer):",
    "    def __init__(self): self.blocks, self.head = [Block()], Linear(1, 1)",
    "model, other, asked = Net(), Linear(1, 1), []",
)
_ASK = "twin = replaced(model, lambda name, layer: asked.append(name))"


def _replaced(source: Source) -> Iterator[Trial]:
    """Which layers are asked about, and that copy and model have nothing in common."""
    for more, shown, right, fault, label in (
        (
            (_ASK,),
            "sorted(set(asked))",
            ["", "blocks.0", "blocks.0.inner", "head"],
            "does not ask about every layer by its name",
            "what it asked about",
        ),
        (
            ("twin = replaced(model, lambda name, layer: other if name == 'head' else None)",),
            "twin.head is other, model.head is other",
            (True, False),
            "does not exchange a layer in the copy, and only there",
            "where it is",
        ),
        (
            (
                "def swap(name, layer): return other if name == 'blocks.0.inner' else None",
                "twin = replaced(model, swap)",
            ),
            "twin.blocks[0].inner is other, model.blocks[0].inner is other",
            (True, False),
            "does not exchange a layer inside another in the copy, and only there",
            "where it is",
        ),
        (
            (_ASK, "twin.eval()"),
            "[layer.training for layer in (model, model.blocks[0], model.head)]",
            [True] * 3,
            "shares layers with the model: in eval mode is one as well as the other",
            "which of the model's still train",
        ),
        (
            (_ASK, "for t in twin.state_dict().values(): t += 1"),
            "[np.shares_memory(t.head.weight.data, model.head.weight.data) for t in (twin,)]",
            [False],
            "shares its numbers with the model",
            "that it does",
        ),
        (
            (_ASK,),
            "sorted(twin.state_dict()) == sorted(model.state_dict()), len(twin.parameters())",
            (True, 0),
            "has other tensors than the model, or goes on training them",
            "that they agree, and how many are trained",
        ),
        (
            ("model.head = model.blocks[0].inner", _ASK),
            "twin.head is twin.blocks[0].inner",
            True,
            "makes two layers of one that stands in two places",
            "that it is one",
        ),
    ):
        yield Trial(
            says="`replaced`",
            fault=fault,
            lines=(*_NET, *more),
            shown=shown,
            right=right,
            names=("Layer", "Linear", f"{_FILE}.replaced"),
            label=label,
        )


# a model

_MODEL = "model = Sequential(Conv2d(1, 2, 2), Flatten(), Linear(8, 2))"
_KINDS = "[type(small[i]).__name__ for i in (0, 2)]"


def _quantize_model(source: Source) -> Iterator[Trial]:
    """What becomes of each kind of layer; the model itself is left as it was."""
    both = ["QuantizedWeight", "QuantizedLinear"]
    for call, shown, right, fault, label in (
        ("model", _KINDS, both, "does not quantize Conv2d and Linear", "what they became"),
        (
            "model",
            "[type(model[i]).__name__ for i in (0, 2)]",
            ["Conv2d", "Linear"],
            "quantizes the model that it was given",
            "what its layers became",
        ),
        (
            "model",
            "[(model.training, model[2].training), (small.training, small[2].training)]",
            [(True, True), (False, False)],
            "leaves a copy that is not in eval mode, or a model that is",
            "model and copy",
        ),
        ("model", "small[2].scale.shape", (2, 1), "has no scale for each output", "the shape"),
        (
            "model, per_channel=False",
            "small[2].scale.shape, small[0].scale.shape",
            ((1, 1), (1, 1, 1, 1)),
            "has more than one scale",
            "the shapes",
        ),
        (
            "model, only=['2']",
            _KINDS,
            ["Conv2d", "QuantizedLinear"],
            "quantizes others than it is told",
            "what they became",
        ),
    ):
        yield Trial(
            says=f"`quantize_model({call})` of a Conv2d, Flatten and a Linear",
            fault=fault,
            lines=(_MODEL, f"small = quantize_model({call})"),
            shown=shown,
            right=right,
            names=("Conv2d", "Flatten", "Linear", "Sequential", "quantize_model"),
            label=label,
        )
    yield Trial(
        says="`quantize_model` of an Embedding",
        fault="leaves it as it was",
        lines=("small = quantize_model(Sequential(Embedding(3, 2)))",),
        shown="str(small[0].codes.dtype)",
        right="int8",
        names=("Embedding", "Sequential", "quantize_model"),
        label="the type of its codes",
    )


def _calibrated(source: Source) -> Iterator[Trial]:
    """The range of what went into a Linear."""
    low, high = source.pick(_RANGES)
    lines = (
        "model = Sequential(Linear(2, 1))",
        f"batch = Tensor([[{low:g}, {high:g}], [0.0, 1.0]])",
    )
    about = f"a Linear that reads {low:g} to {high:g}"
    yield Trial(
        says=f"`calibrate` of {about}",
        lines=lines,
        shown="calibrate(model, [batch])['0']",
        right=np.array([low, high]),
        names=("Linear", "Sequential", "Tensor", f"{_FILE}.calibrate"),
    )
    yield Trial(
        says=f"`quantize_model`, calibrated on {about},",
        fault="does not use the range that was found",
        lines=(*lines, "small = quantize_model(model, [batch])"),
        shown="None if small[0].input_scale is None else small[0].input_scale.item()",
        right=np.float64(0.01),
        names=("Linear", "Sequential", "Tensor", "quantize_model"),
        label="the scale for inputs",
    )


def _weights(source: Source) -> Iterator[Trial]:
    """Codes of int8 that stand for the weights, and a model that still says the same."""
    weight = np.array([[[[1.27, source.pick((0.0, 0.5, -1.0))]]]])
    x = np.array([[[[1.0, source.pick((2.0, -1.0))]]]])
    lines = (
        "model = Sequential(Conv2d(1, 1, (1, 2), bias=False))",
        f"model[0].weight.data[...] = {literal(weight)}",
        "small = quantize_model(model)",
    )
    for shown, right, label, kind in (
        ("small[0].codes.data", np.rint(weight * 100).astype(int), "codes", "int8"),
        (f"small(Tensor({literal(x)})).data", np.sum(weight * x).reshape(1, 1, 1, 1), "", ""),
    ):
        yield Trial(
            says=f"`quantize_model` of a Conv2d with the kernel {literal(weight[0, 0, 0])}",
            lines=lines,
            shown=shown,
            right=right,
            names=("Conv2d", "Sequential", "Tensor", "quantize_model"),
            label=label,
            dtype=kind,
            tolerance=1e-4,
        )


CLAIMS = [
    Claim("15 QuantizedLinear", "15", "15.linear", _linear, tries=40),
    Claim("15 QuantizedLinear refuses", "15", "", _refused, tries=1),
    Claim("15 replaced", "15", "15.tree", _replaced, tries=1),
    Claim("15 quantize_model", "15", "15.model", _quantize_model, tries=1),
    Claim("15 quantize_model of a kernel", "15", "15.model", _weights, tries=3),
    Claim("15 calibrate", "15", "15.model", _calibrated, tries=4),
]
