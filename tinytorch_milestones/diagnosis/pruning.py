"""Claims about module 16: weights that are left out, one by one and unit by unit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Array, Source, numbers, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal

_FILE = "perf.compression"
_NET = ("Linear", "Sequential")


def _row(source: Source, most: int = 3) -> tuple[list[Array], list[str]]:
    """Weights of a Linear or two, no two of one size, and the lines that make the model."""
    widths = [size(source, most) for _ in range(source.pick((2, 3)))]
    shapes = [(after, before) for before, after in pairwise(widths)]
    left = list(range(1, sum(map(math.prod, shapes)) + 1))
    weights = []
    for shape in shapes:
        picked = [left.pop(source.pick(range(len(left)))) for _ in range(math.prod(shape))]
        signs = [source.pick((1.0, -1.0)) for _ in picked]
        weights.append((np.array(picked) * signs).reshape(shape))
    layers = ", ".join(f"Linear({before}, {after})" for after, before in shapes)
    lines = [f"model = Sequential({layers})"]
    lines += [f"model[{i}].weight.data[...] = {literal(w)}" for i, w in enumerate(weights)]
    return weights, lines


def _told(weights: Sequence[Array]) -> str:
    return " and ".join(str(literal(weight)) for weight in weights)


# one by one


def _sparsity(source: Source) -> Iterator[Trial]:
    """Zeros among all weights, not what is small; biases do not count."""
    weights, lines = _row(source, most=2)
    for number, weight in enumerate(weights):
        weight *= numbers(source, weight.shape, (1.0, 0.0, 0.001))
        lines[number + 1] = f"model[{number}].weight.data[...] = {literal(weight)}"
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    yield Trial(
        says=f"`sparsity` of a model with the weights {_told(weights)}",
        lines=(*lines, "for layer in model.layers: layer.bias.data[...] = 0"),
        shown="sparsity(model)",
        right=np.float64(zeros / sum(weight.size for weight in weights)),
        names=(*_NET, f"{_FILE}.sparsity"),
    )


def _smallest(source: Source) -> Iterator[Trial]:
    """Exactly so many; of equal ones the first."""
    n, m = source.pick((1, 2)), size(source)
    sizes = numbers(source, (n, m), (1.0, 0.0, 2.0, 3.0))
    count = source.pick(range(n * m + 1))
    chosen = np.zeros(n * m, dtype=bool)
    chosen[np.argsort(sizes.ravel(), kind="stable")[:count]] = True
    yield Trial(
        says=f"`smallest({literal(sizes)}, {count})`",
        lines=(f"sizes = np.array({literal(sizes)})",),
        shown=f"smallest(sizes, {count})",
        right=chosen.reshape(n, m),
        names=(f"{_FILE}.smallest",),
        dtype="bool",
        kept={"sizes": sizes},
    )


def _cut_off(weights: Sequence[Array], amount: float, per_layer: bool) -> list[Array]:
    """The weights with the smallest at 0, of all of them or of each layer."""
    groups = [[weight] for weight in weights] if per_layer else [list(weights)]
    found = []
    for group in groups:
        ordered = np.sort(np.abs(np.concatenate([weight.ravel() for weight in group])))
        count = round(amount * len(ordered))
        edge = ordered[count - 1] if count else 0.0
        found += [np.where(np.abs(weight) > edge, weight, 0.0) for weight in group]
    return found


def _prune(source: Source) -> Iterator[Trial]:
    """Zeros, masks, and zeros again after a step."""
    weights, lines = _row(source)
    amount, per_layer = source.pick((0.5, 0.0, 1.0, 0.3, 0.9)), source.pick((False, True))
    call = f"magnitude_prune(model, {amount:g}{', per_layer=True' if per_layer else ''})"
    after = _cut_off(weights, amount, per_layer)
    again = (
        "for p in model.parameters(): p.data += 1",
        "masks.apply()",
    )
    moved = [np.where(weight == 0, 0.0, weight + 1) for weight in after]
    told = f"`{call}` of a model with the weights {_told(weights)}"
    for number, (weight, later) in enumerate(zip(after, moved, strict=True)):
        for says, more, right in (
            (told, (), weight),
            (f"{told}, after a step and `masks.apply()`,", again, later),
        ):
            yield Trial(
                says=says,
                lines=(*lines, f"masks = {call}", *more),
                shown=f"model[{number}].weight.data",
                right=right,
                names=(*_NET, f"{_FILE}.magnitude_prune"),
                label=f"the weight of layer {number}",
                dtype="float32",
            )
    yield Trial(
        says=told,
        fault="changes a bias",
        lines=(*lines, "model[0].bias.data[...] = 0.5", f"masks = {call}"),
        shown="model[0].bias.data",
        right=np.full(len(weights[0]), 0.5),
        names=(*_NET, f"{_FILE}.magnitude_prune"),
        label="that of layer 0",
    )


def _no_share(source: Source) -> Iterator[Trial]:
    for call in ("magnitude_prune(model, 1.5)", "structured_prune(model, 1.0)"):
        yield Trial(
            says=f"`{call}`",
            lines=("model = Sequential(Linear(2, 2), Linear(2, 1))",),
            shown=call,
            right=Raises("ValueError"),
            names=(*_NET, f"{_FILE}.{call.partition('(')[0]}"),
        )


def _tuned(source: Source) -> Iterator[Trial]:
    """While it is trained on, what is 0 stays 0, at every step."""
    lines = (
        "manual_seed(0)",
        "model = Sequential(Linear(3, 2))",
        "masks = magnitude_prune(model, 0.5)",
        "data = TensorDataset(np.ones((4, 3), dtype='float32'), np.ones((4, 2), dtype='float32'))",
        "trainer = Trainer(model, SGD(model.parameters(), lr=0.1), MSELoss())",
        "before, zeros = model[0].weight.data.copy(), []",
        "for step in fine_tune(trainer, masks, DataLoader(data, batch_size=2), 2):",
        "    zeros.append(int((model[0].weight.data == 0).sum()))",
    )
    names = ("DataLoader", "Linear", "MSELoss", "SGD", "Sequential", "TensorDataset", "Trainer")
    for shown, right, fault, label in (
        ("zeros", [3] * 4, "does not hold the zeros at 0", "how many there are, step by step"),
        (
            "bool(np.array_equal(model[0].weight.data, before))",
            False,
            "does not train",
            "that nothing moved",
        ),
    ):
        yield Trial(
            says="`fine_tune` of 3 weights that are 0, and 3 that are not,",
            fault=fault,
            lines=lines,
            shown=shown,
            right=right,
            names=(*names, "manual_seed", f"{_FILE}.fine_tune", f"{_FILE}.magnitude_prune"),
            label=label,
        )


# unit by unit


def _strongest(source: Source) -> Iterator[Trial]:
    """Those with the largest norms, in ascending order."""
    units = size(source, 4)
    sizes = (units, size(source, 2), *source.pick(((), (1, 2))))
    weight = numbers(source, sizes, (1.0, 0.0, 2.0, -3.0, 0.5))
    count = source.pick(range(1, units + 1))
    # what is no larger by rounding only is no clear case
    norms = (weight.reshape(units, -1) ** 2).sum(axis=1)
    order = sorted(range(units), key=lambda unit: (norms[unit], unit))
    yield Trial(
        says=f"`strongest({literal(weight)}, {count})`",
        lines=(f"weight = np.array({literal(weight)}, dtype=np.float32)",),
        shown=f"strongest(weight, {count})",
        right=np.array(sorted(order[units - count :])),
        names=(f"{_FILE}.strongest",),
        kept={"weight": weight},
    )


def _columns(source: Source) -> Iterator[Trial]:
    area, channels = source.pick((1, 2, 4)), source.pick(([0], [1], [0, 2], [1, 2], [3]))
    yield Trial(
        says=f"`columns_of({channels}, {area})`",
        lines=(f"channels = np.array({channels})",),
        shown=f"columns_of(channels, {area})",
        right=np.array([channel * area + i for channel in channels for i in range(area)]),
        names=(f"{_FILE}.columns_of",),
    )


def _cut(source: Source) -> Iterator[Trial]:
    """A copy with some outputs and inputs; the layer itself stays."""
    outputs, inputs = source.pick(([0], [1], [0, 1], [1, 2])), source.pick(([0], [1], [0, 2]))
    weight, bias = np.arange(1.0, 10.0).reshape(3, 3), np.array([1.0, 2.0, 3.0])
    lines = (
        "linear = Linear(3, 3)",
        f"linear.weight.data[...] = {literal(weight)}",
        f"linear.bias.data[...] = {literal(bias)}",
        f"small = cut(linear, np.array({outputs}), np.array({inputs}))",
        "small.weight.data *= 1.0",
    )
    for shown, right, fault in (
        ("small.weight.data", weight[np.ix_(outputs, inputs)], ""),
        ("small.bias.data", bias[outputs], ""),
        (
            "small.weight.requires_grad, small.bias.requires_grad",
            (True, True),
            "cannot be trained",
        ),
        (
            "np.shares_memory(small.weight.data, linear.weight.data)",
            False,
            "shares its numbers with the layer",
        ),
        ("linear.weight.data", weight, "changes the layer itself"),
    ):
        yield Trial(
            says=f"`cut` of a Linear(3, 3) to outputs {outputs} and inputs {inputs}",
            fault=fault,
            lines=lines,
            shown=shown,
            right=right,
            names=("Linear", f"{_FILE}.cut"),
            label=shown.rpartition(".data")[0] or shown,
        )


def _structured(source: Source) -> Iterator[Trial]:
    """Units that are nearly silent are left out, and the answers stay."""
    amount = source.pick((0.5, 0.25, 0.0))
    weak, units = source.pick(((0, 2), (1, 3), (0, 1))), 4
    left = units - round(amount * units)
    silent = list(weak)[: units - left]
    muted = [f"for i in {silent}: model[0].weight.data[i] = model[0].bias.data[i] = 0"]
    if source.pick((False, True)):
        names: tuple[str, ...] = ("BatchNorm2d", "Conv2d", "Flatten", "Linear", "ReLU")
        made, out = "Conv2d(1, 4, 2), BatchNorm2d(4), ReLU(), Flatten(), Linear(16, 2)", 4
        x = "Tensor(np.cos(np.arange(9.0)).reshape(1, 1, 3, 3).astype('float32'))"
        means = [0.0 if unit in silent else unit + 1.0 for unit in range(units)]
        muted.append(f"model[1].running_mean.data[...] = {means}")
    else:
        made, out = "Linear(3, 4), ReLU(), Linear(4, 2)", 2
        x = "Tensor([[1.0, -2.0, 0.5]])"
        names = ("Linear", "ReLU")
    lines = (
        "manual_seed(1)",
        f"model = Sequential({made})",
        *muted,
        f"small = structured_prune(model, {amount:g})",
        f"x = {x}",
        "model.eval(), small.eval()",
    )
    about = f"`structured_prune(model, {amount:g})` of {made}, units {silent} silent,"
    for shown, right, fault, label in (
        (
            "len(small[0].weight.data)",
            left,
            "leaves another number of units",
            "the number",
        ),
        (
            f"small[{out}].weight.shape[0], model[0].weight.shape[0]",
            (2, units),
            "cuts the outputs of the last layer, or the model itself",
            "their outputs",
        ),
        (
            "bool(np.allclose(small(x).data, model(x).data, atol=1e-5))",
            True,
            "does not say what the model says",
            "that they agree",
        ),
        (
            "len(small.parameters()) == len(model.parameters())",
            True,
            "has lost parameters that could be trained",
            "that it has all",
        ),
    ):
        yield Trial(
            says=about,
            fault=fault,
            lines=lines,
            shown=shown,
            right=right,
            names=(*names, "Sequential", "Tensor", "manual_seed", f"{_FILE}.structured_prune"),
            label=label,
        )


CLAIMS = [
    Claim("16 sparsity", "16", "16.sparsity", _sparsity, tries=12),
    Claim("16 smallest", "16", "16.smallest", _smallest, tries=30),
    Claim("16 magnitude_prune", "16", "16.prune", _prune, tries=24),
    Claim("16 pruning refuses", "16", "", _no_share, tries=1),
    Claim("16 fine_tune", "16", "16.tune", _tuned, tries=1),
    Claim("16 strongest", "16", "16.units", _strongest, tries=24),
    Claim("16 cut", "16", "16.cut", _cut, tries=8),
    Claim("16 columns_of", "16", "16.cut", _columns, tries=12),
    Claim("16 structured_prune", "16", "16.cut", _structured, tries=12),
]
