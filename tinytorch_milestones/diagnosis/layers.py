"""Claims about module 03: layers, their parameters, modes and states."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Array, Source, numbers, shape, size
from tinytorch_milestones.diagnosis.trial import Trial, literal, size_text
from tinytorch_milestones.training import oracle

_LINEAR = ("Linear", "Tensor")


def _weights(name: str, weight: Array, bias: Array) -> list[str]:
    outputs, inputs = weight.shape
    return [
        f"{name} = Linear({inputs}, {outputs})",
        f"{name}.weight.data[...] = {literal(weight)}",
        f"{name}.bias.data[...] = {literal(bias)}",
    ]


def _linear(source: Source) -> Iterator[Trial]:
    n, inputs, outputs = size(source), size(source), size(source)
    sizes = source.pick(((n, inputs), (inputs,), (2, n, inputs)))
    weight, bias = numbers(source, (outputs, inputs)), numbers(source, (outputs,))
    x = numbers(source, sizes)
    yield Trial(
        says=f"`Linear` on {size_text(x)} input",
        lines=(*_weights("layer", weight, bias), f"x = Tensor({literal(x)})"),
        shown="layer(x).data",
        right=x @ weight.T + bias,
        names=_LINEAR,
        dtype="float32",
        kept={"x": x},
    )
    yield Trial(
        says=f"`Linear(bias=False)` on {size_text(x)} input",
        lines=(
            f"layer = Linear({inputs}, {outputs}, bias=False)",
            f"layer.weight.data[...] = {literal(weight)}",
        ),
        shown=f"layer(Tensor({literal(x)})).data",
        right=x @ weight.T,
        names=_LINEAR,
    )


def _linear_backward(source: Source) -> Iterator[Trial]:
    n, inputs, outputs = size(source), size(source), size(source)
    weight, bias = numbers(source, (outputs, inputs)), numbers(source, (outputs,))
    x, seed = numbers(source, (n, inputs)), numbers(source, (n, outputs), (1.0, 0.0, 2.0))

    def total(w: Array, b: Array, x: Array) -> float:
        return float(np.sum(seed * (x @ w.T + b)))

    lines = _weights("layer", weight, bias)
    lines.append(f"x = Tensor({literal(x)}, requires_grad=True)")
    lines.append(f"layer(x).backward({literal(seed)})")
    slopes = oracle.slope(total, [weight.copy(), bias.copy(), x.copy()])
    owners = ("layer.weight", "layer.bias", "x")
    for owner, slope in zip(owners, slopes, strict=True):
        yield Trial(
            says=f"`Linear` backward on {size_text(x)} input",
            lines=tuple(lines),
            shown=f"{owner}.grad",
            right=np.round(slope, 6),
            names=_LINEAR,
            label="d" + owner.removeprefix("layer."),
            dtype="float32",
            tolerance=1e-3,
        )


def _start(source: Source) -> Iterator[Trial]:
    """Weights start random, around zero, as wide as PyTorch's."""
    inputs, outputs = source.pick((100, 25)), source.pick((40, 80))
    bound = 1.0 / math.sqrt(inputs)
    largest = "float(abs(layer.weight.data).max())"
    for shown, right, fault in (
        ("layer.weight.shape", (outputs, inputs), "has a weight of another shape"),
        ("layer.bias.shape", (outputs,), "has a bias of another shape"),
        ("layer.weight.data.dtype.name", "float32", "has weights of another type"),
        ("layer.weight.requires_grad", True, "has a weight that is not trained"),
        ("layer.bias.requires_grad", True, "has a bias that is not trained"),
        (f"{largest} <= {bound * 1.0001:.5g}", True, "starts with weights that are too large"),
        (f"{largest} >= {bound * 0.9:.5g}", True, "starts with weights that are too small"),
        (
            f"abs(float(layer.weight.data.mean())) < {bound * 0.2:.5g}",
            True,
            "starts with weights that do not lie around zero",
        ),
        ("len(np.unique(layer.weight.data)) > 100", True, "starts with weights that are alike"),
    ):
        yield Trial(
            says=f"`Linear({inputs}, {outputs})`",
            fault=fault,
            lines=("manual_seed(1)", f"layer = Linear({inputs}, {outputs})"),
            shown=shown,
            right=right,
            names=("Linear", "manual_seed"),
        )


def _seed(source: Source) -> Iterator[Trial]:
    for shown, right, fault in (
        (
            "np.array_equal(first.weight.data, again.weight.data)",
            True,
            "starts with other weights although `manual_seed` was given the same number",
        ),
        (
            "np.array_equal(first.weight.data, second.weight.data)",
            False,
            "starts with the weights of the layer before",
        ),
    ):
        yield Trial(
            says="`Linear`",
            fault=fault,
            lines=(
                "manual_seed(3)",
                "first, second = Linear(2, 2), Linear(2, 2)",
                "manual_seed(3)",
                "again = Linear(2, 2)",
            ),
            shown=shown,
            right=right,
            names=("Linear", "manual_seed"),
        )


def _flatten(source: Source) -> Iterator[Trial]:
    x = numbers(source, shape(source, 2, 4))
    yield Trial(
        says=f"`Flatten` of {size_text(x)}",
        lines=(f"x = Tensor({literal(x)})",),
        shown="Flatten()(x).data",
        right=x.reshape(len(x), -1),
        names=("Flatten", "Tensor"),
        kept={"x": x},
    )


def _sequential(source: Source) -> Iterator[Trial]:
    """Every layer once, in order: `2 x` and `x + 1` do not commute."""
    x = numbers(source, (size(source),))
    steps = [source.pick(("x + 1", "2 * x")) for _ in range(source.pick((2, 1, 3)))]
    right = x
    for step in steps:
        right = right + 1 if step == "x + 1" else 2 * right
    given = ", ".join(f"lambda x: {step}" for step in steps)
    yield Trial(
        says=f"`Sequential` of {' then '.join(f'`{step}`' for step in steps)}",
        lines=(f"model = Sequential({given})", f"x = Tensor({literal(x)})"),
        shown="model(x).data",
        right=right,
        names=("Sequential", "Tensor"),
    )


_DEEP = "model = Sequential(Linear(2, 3), ReLU(), Sequential(Linear(3, 1)))"
_DEEP_NAMES = ("Linear", "ReLU", "Sequential")


def _parameters(source: Source) -> Iterator[Trial]:
    for shown, right, fault in (
        ("len(list(found))", 4, "does not list two weights and two biases"),
        (
            "sorted(p.shape for p in found)",
            [(1,), (1, 3), (3,), (3, 2)],
            "lists tensors of other shapes",
        ),
        ("any(p is model[0].bias for p in found)", True, "does not list the bias itself"),
        (
            "any(p is model[2][0].weight for p in found)",
            True,
            "does not list the weight of a layer inside a layer, the tensor itself",
        ),
        ("all(p.requires_grad for p in found)", True, "lists what is not trained"),
    ):
        yield Trial(
            says="`parameters()`",
            fault=fault,
            lines=(_DEEP, "found = model.parameters()"),
            shown=shown,
            right=right,
            names=_DEEP_NAMES,
        )
    yield Trial(
        says="`named_parameters()` of a model with a model inside",
        lines=(_DEEP,),
        shown="sorted(name for name, _ in model.named_parameters())",
        right=["0.bias", "0.weight", "2.0.bias", "2.0.weight"],
        names=_DEEP_NAMES,
    )


def _mode(source: Source) -> Iterator[Trial]:
    for lines, name, right in (
        (("model.eval()",), "eval()", False),
        (("model.eval()", "model.train()"), "train()", True),
    ):
        yield Trial(
            says=f"`{name}`",
            fault="does not switch the model, the layer in it and the layer deeper inside",
            lines=("model = Sequential(Dropout(0.5), Sequential(Dropout(0.5)))", *lines),
            shown="[model.training, model[0].training, model[1][0].training]",
            right=[right] * 3,
            names=("Dropout", "Sequential"),
        )


def _dropout(source: Source) -> Iterator[Trial]:
    p = source.pick((0.5, 0.2))
    lines = ("manual_seed(0)", f"layer, x = Dropout({p}), Tensor(np.ones((50, 40)))")
    kept = np.float64(1 / (1 - p))
    for more, shown, right, fault in (
        (
            (),
            f"bool(abs((layer(x).data == 0).mean() - {p}) < 0.06)",
            True,
            "drops another share than p",
        ),
        (
            (),
            "len(np.unique((layer(x).data == 0).sum(axis=1))) > 3",
            True,
            "drops the same number in every row",
        ),
        ((), "layer(x).data.max()", kept, "does not divide what it keeps by 1 - p"),
        (("layer.eval()",), "layer(x).data.min()", np.float64(1), "drops numbers in eval mode"),
    ):
        yield Trial(
            says=f"`Dropout({p})` of ones",
            fault=fault,
            lines=(*lines, *more),
            shown=shown,
            right=right,
            names=("Dropout", "Tensor", "manual_seed"),
        )


def _state(source: Source) -> Iterator[Trial]:
    names = ["0.bias", "0.weight", "2.0.bias", "2.0.weight"]
    saved = "saved['0.weight']"
    for shown, right, fault in (
        ("sorted(saved)", names, "has other names"),
        ("bool(np.allclose(moved, 1.0))", True, "changes when the model does: it is no copy"),
        (
            f"np.array_equal(model[0].weight.data, {saved})",
            True,
            "does not come back when it is loaded",
        ),
        (
            f"np.shares_memory(model[0].weight.data, {saved})",
            False,
            "is shared with the model after it was loaded",
        ),
    ):
        yield Trial(
            says="`state_dict()`",
            fault=fault,
            lines=(
                _DEEP,
                "saved = model.state_dict()",
                "model[0].weight.data += 1",
                f"moved = model[0].weight.data - {saved}",
                "model.load_state_dict(saved)",
            ),
            shown=shown,
            right=right,
            names=_DEEP_NAMES,
        )


CLAIMS = [
    Claim("03 linear", "03", "03.linear", _linear),
    Claim("03 start", "03", "03.init", _start, tries=2),
    Claim("03 seed", "03", "03.init", _seed, tries=1),
    Claim("03 flatten", "03", "03.flatten", _flatten, tries=8),
    Claim("03 sequential", "03", "03.sequential", _sequential, tries=8),
    Claim("03 parameters", "03", "03.named_tensors", _parameters, tries=1),
    Claim("03 mode", "03", "03.mode", _mode, tries=1),
    Claim("03 dropout", "03", "03.dropout", _dropout, tries=2),
    Claim("03 state", "03", "03.state_dict", _state, tries=1),
]
DERIVATIVE = Claim("06 backward of 03 linear", "06", "06.matmul", _linear_backward)
