"""Checkpoint 04, dense networks: `core/layers.py` and `core/losses.py` together, against numpy.

Whole networks of random depth and width go in. The oracle computes them again in float64, with
targets written out as shares; slopes come from finite differences. The notebook's own tests look at
single functions, with Python's `math`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(size=shape).astype(np.float32)


def _dense(student: Any, widths: list[int]) -> Any:
    """Linear layers with a Tanh between any two of them."""
    layers: list[Any] = []
    for inputs, outputs in pairwise(widths):
        layers += [student.Linear(inputs, outputs), student.Tanh()]
    return student.Sequential(*layers[:-1])


def _outputs(model: Any, x: Array) -> Array:
    """What the network of `_dense` gives, in float64 numpy."""
    values = x.astype(np.float64)
    linear = [layer for layer in model.layers if hasattr(layer, "weight")]
    for i, layer in enumerate(linear):
        values = values @ layer.weight.data.astype(np.float64).T + layer.bias.data
        if i < len(linear) - 1:
            values = np.tanh(values)
    return values


def _softmax(logits: Array) -> Array:
    """Shares of each row, in extended precision; the logits of the oracle are moderate."""
    weights = np.exp(logits.astype(np.longdouble))
    shares: Array = weights / weights.sum(axis=-1, keepdims=True)
    return shares


def _shares(targets: Array, classes: int, smoothing: float = 0.0) -> Array:
    """The target written out: one row of shares for each example."""
    shares: Array = (1 - smoothing) * np.eye(classes)[targets] + smoothing / classes
    return shares


def _entropy(logits: Array, targets: Array, smoothing: float = 0.0) -> float:
    """Cross entropy by its definition: minus the sum of share times log probability."""
    shares = _shares(targets, logits.shape[-1], smoothing)
    return float(-(shares * np.log(_softmax(logits))).sum(axis=-1).mean())


def _number(what: str, loss: Any, dtype: str = "float32") -> float:
    """The loss as a Python number, after checking that it is one, of the right type."""
    tensor = _student().Tensor
    assert isinstance(loss, tensor), (
        f"{what}: expected a Tensor, got {type(loss).__name__}: derivatives start from it"
    )
    assert loss.shape == (), f"{what}: expected one number, shape (), got shape {loss.shape}"
    assert loss.dtype == dtype, (
        f"{what}: expected {dtype} as in the prediction, got {loss.dtype}: the whole way back "
        "through the network would have that type"
    )
    return float(loss.item())


def _same(what: str, got: float, expected: float, tolerance: float = 1e-4) -> None:
    assert abs(got - expected) <= tolerance * max(1.0, abs(expected)), (
        f"{what}: expected a loss of {expected:.6g}, got {got:.6g}: training looks at this number "
        "and at nothing else"
    )


def counts_what_acts() -> None:
    """Dense networks have inputs * outputs + outputs numbers a layer, and each acts on the loss."""
    student = _student()
    rng = np.random.default_rng(401)
    loss = student.CrossEntropyLoss()
    for depth in (1, 2, 4):
        widths = [int(width) for width in rng.integers(2, 9, size=depth + 1)]
        student.manual_seed(depth)
        model = _dense(student, widths)
        expected = sum(a * b + b for a, b in pairwise(widths))
        counted = sum(parameter.size for parameter in model.parameters())
        assert counted == expected, (
            f"a dense network of the widths {widths}: expected {expected} numbers to train, "
            f"counted {counted}"
        )
        for parameter in model.parameters():
            parameter.data = parameter.data.astype(np.float64)
        x = student.Tensor(rng.normal(size=(16, widths[0])))
        targets = student.Tensor(rng.integers(0, widths[-1], size=16))
        before = _number(f"widths {widths}", loss(model(x), targets), "float64")
        for name, parameter in model.named_parameters():
            place = tuple(int(rng.integers(0, size)) for size in parameter.shape)
            kept = parameter.data[place]
            parameter.data[place] = kept + 0.1
            after = loss(model(x), targets).item()
            parameter.data[place] = kept
            assert after != before, (
                f"widths {widths}: a change of {name}{list(place)} should change the loss "
                f"{before:.6f}: what does not act on the loss cannot be learned"
            )


def judges_classes() -> None:
    """Shapes through stacked layers, and the cross entropy of the result, against the oracle."""
    student = _student()
    rng = np.random.default_rng(402)
    cases: list[tuple[list[int], tuple[int, ...]]] = [
        ([4, 8, 3], (9,)),
        ([5, 5, 5], (5,)),  # as many examples as classes: a wrong axis does not show in shapes
        ([2, 16, 7, 10], (1,)),
        ([3, 6, 4], (2, 5)),
        ([6, 2], (33,)),
    ]
    for widths, batch in cases:
        student.manual_seed(len(widths))
        model = _dense(student, widths)
        x = 3 * _normal(rng, *batch, widths[0])
        targets = rng.integers(0, widths[-1], size=batch)
        logits = model(student.Tensor(x))
        assert logits.shape == (*batch, widths[-1]), (
            f"widths {widths}, input {x.shape}: expected logits of shape {(*batch, widths[-1])}, "
            f"got {logits.shape}"
        )
        outputs = _outputs(model, x)
        for smoothing in (0.0, 0.1, 0.5):
            what = f"cross entropy of {(*batch, widths[-1])} with label_smoothing={smoothing}"
            expected = _entropy(outputs, targets, smoothing)
            loss = student.CrossEntropyLoss(label_smoothing=smoothing)
            for given in (targets, targets.astype(np.float32), targets.astype(np.float64)):
                got = loss(logits, student.Tensor(given))
                _same(what, _number(f"{what}, targets of {given.dtype}", got), expected)


def judges_quantities_and_answers() -> None:
    """Squared error of a network, and binary cross entropy behind a sigmoid."""
    student = _student()
    rng = np.random.default_rng(403)
    for outputs, count in ((1, 8), (3, 3), (2, 17)):
        model = _dense(student, [4, 6, outputs])
        x = 2 * _normal(rng, count, 4)
        values = _outputs(model, x)
        wanted = rng.normal(size=values.shape)
        answers = rng.integers(0, 3, size=values.shape) / 2  # 0.5: both answers equally good
        chances = 1 / (1 + np.exp(-values))
        prediction = model(student.Tensor(x))
        certain = student.Sigmoid()(prediction)
        for dtype in ("float32", "float64", "int64"):
            target = (3 * wanted).astype(dtype)
            what = f"squared error of {values.shape}, a target of {dtype}"
            got = _number(what, student.MSELoss()(prediction, student.Tensor(target)))
            _same(what, got, float(((values - target.astype(np.float64)) ** 2).mean()))
            what = f"binary cross entropy of {values.shape}, a target of {dtype}"
            yes = answers.astype(dtype)
            surprise = -(yes * np.log(chances) + (1 - yes) * np.log(1 - chances)).mean()
            got = _number(what, student.BinaryCrossEntropyLoss()(certain, student.Tensor(yes)))
            _same(what, got, float(surprise))


def _item(loss: Any, prediction: Any, target: Any) -> float:
    tensor = _student().Tensor
    return float(loss(tensor(prediction), tensor(target)).item())


def _slopes(function: Callable[[], float], arrays: list[Array], step: float = 1e-5) -> list[Array]:
    """By finite differences: how `function` changes with each number of `arrays`."""
    found = []
    for array in arrays:
        slope = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            kept = array[place]
            array[place] = kept + step
            above = function()
            array[place] = kept - step
            below = function()
            array[place] = kept
            slope[place] = (above - below) / (2 * step)
        found.append(slope)
    return found


def points_the_way() -> None:
    """Slopes by finite differences are those of the formula; against them, the loss falls."""
    student = _student()
    rng = np.random.default_rng(404)
    logits, targets = rng.normal(size=(4, 3)), rng.integers(0, 3, size=4)
    chances, answers = rng.uniform(0.1, 0.9, size=(4, 3)), rng.integers(0, 2, size=(4, 3))
    formulas = {
        "MSELoss": (logits, answers, 2 * (logits - answers) / 12),
        "CrossEntropyLoss": (logits, targets, (_softmax(logits) - _shares(targets, 3)) / 4),
        "BinaryCrossEntropyLoss": (
            chances,
            answers,
            (chances - answers) / (chances * (1 - chances)) / 12,
        ),
    }
    for name, (prediction, target, expected) in formulas.items():
        loss = getattr(student, name)()
        (slope,) = _slopes(partial(_item, loss, prediction, target), [prediction])
        away = np.abs(slope - expected.astype(np.float64))
        i, j = divmod(int(away.argmax()), 3)
        assert away[i, j] < 1e-6, (
            f"{name}: when the prediction at {[i, j]} changes a little, the loss should change at "
            f"the rate {float(expected[i, j]):.4f}, it does at {slope[i, j]:.4f}: training follows "
            "these rates"
        )
    student.manual_seed(2)
    model = _dense(student, [2, 5, 3])
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    points = rng.normal(size=(12, 2))
    classes = (points[:, 0] > 0).astype(int) + (points[:, 1] > 0)
    x, target, loss = student.Tensor(points), student.Tensor(classes), student.CrossEntropyLoss()
    weights = [parameter.data for parameter in model.parameters()]
    losses = [loss(model(x), target).item()]
    for _ in range(12):
        slopes = _slopes(lambda: float(loss(model(x), target).item()), weights)
        for weight, slope in zip(weights, slopes, strict=True):
            weight -= 0.5 * slope
        losses.append(loss(model(x), target).item())
        assert losses[-1] < losses[-2], (
            f"all weights moved a little against the slope: expected the loss {losses[-2]:.4f} to "
            f"fall, it became {losses[-1]:.4f}"
        )
    assert 0 < losses[-1] < 0.8 * losses[0], (
        f"after 12 steps against the slope: expected a loss between 0 and 80 % of {losses[0]:.4f}, "
        f"got {losses[-1]:.4f}"
    )


def keeps_its_laws() -> None:
    """What must not change a loss: a constant on all logits, the order, a batch taken twice."""
    student = _student()
    rng = np.random.default_rng(405)
    for smoothing in (0.0, 0.2):
        loss = student.CrossEntropyLoss(label_smoothing=smoothing)
        entropy = partial(_item, loss)
        for n, classes in ((6, 4), (5, 5)):
            logits, targets = 2 * _normal(rng, n, classes), rng.integers(0, classes, size=n)
            before = logits.copy()
            expected = entropy(logits, targets)
            order, names = rng.permutation(n), rng.permutation(classes)
            renamed = np.empty_like(logits)
            renamed[:, names] = logits
            shifts = _normal(rng, n, 1) * 50
            laws = {
                "500 added to all logits": entropy(logits + 500, targets),
                "another constant added to each row": entropy(logits + shifts, targets),
                "the examples in another order": entropy(logits[order], targets[order]),
                "the classes renamed": entropy(renamed, names[targets]),
                "the batch taken twice": entropy(np.tile(logits, (2, 1)), np.tile(targets, 2)),
            }
            for law, got in laws.items():
                assert abs(got - expected) < 1e-3, (
                    f"{law}: expected the same loss {expected:.5f}, got {got:.5f}"
                )
            assert expected > 0, f"cross entropy is never below 0, got {expected:.5f}"
            assert np.array_equal(logits, before), "the loss changed the logits it was given"
    prediction, target = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))  # float64
    squared = student.MSELoss()
    once, zero = _item(squared, prediction, target), _item(squared, target, target)
    swapped = _item(squared, target, prediction)
    _same("MSELoss with prediction and target exchanged", swapped, once)
    assert zero == 0, f"MSELoss of a prediction that is right everywhere: expected 0, got {zero}"


def begins_in_ignorance() -> None:
    """A network with zero weights: log of the number of classes, log 2, and nothing below."""
    student = _student()
    rng = np.random.default_rng(406)
    for classes in (2, 3, 10, 100):
        model = _dense(student, [4, 7, classes])
        for parameter in model.parameters():
            parameter.data[...] = 0
        logits = model(student.Tensor(_normal(rng, 12, 4)))
        targets = student.Tensor(rng.integers(0, classes, size=12))
        for smoothing in (0.0, 0.1):
            loss = student.CrossEntropyLoss(label_smoothing=smoothing)
            what = f"equal scores for {classes} classes, label_smoothing={smoothing}"
            _same(what, _number(what, loss(logits, targets)), float(np.log(classes)))
        answers = student.Tensor(rng.integers(0, 2, size=(12, classes)).astype(np.float32))
        got = student.BinaryCrossEntropyLoss()(student.Sigmoid()(logits), answers)
        _same("every chance 0.5", _number("every chance 0.5", got), float(np.log(2)))
    # with smoothed targets the best a network can do is to give exactly those shares
    shares = _shares(np.arange(4), 4, 0.1)
    best = float(-(shares * np.log(shares)).sum(axis=1).mean())
    loss = student.CrossEntropyLoss(label_smoothing=0.1)
    logits = np.log(shares).astype(np.float32)
    exact, surer = _item(loss, logits, np.arange(4)), _item(loss, 2 * logits, np.arange(4))
    _same("label_smoothing=0.1 and a network that gives the smoothed shares", exact, best)
    assert surer > best, (
        f"label_smoothing=0.1: being surer than the shares should cost more than {best:.4f}, "
        f"got {surer:.4f}"
    )


def stays_finite_when_sure() -> None:
    """Logits of thousands and chances of exactly 0 and 1, right and wrong."""
    student = _student()
    logits = np.array([[5000, 0, -5000], [-5000, 0, 5000], [0, 300, 299]], dtype=np.float32)
    log_row = float(np.log(1 + np.exp(-1.0)))
    for targets, costs in (([0, 2, 1], [0, 0, log_row]), ([2, 1, 2], [10000, 5000, log_row + 1])):
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                got = student.CrossEntropyLoss()(student.Tensor(logits), student.Tensor(targets))
        except FloatingPointError as error:
            raise AssertionError(
                f"logits of 5000 with the targets {targets}: expected finite numbers all the way, "
                f"got {error}: one infinity ruins the training"
            ) from None
        expected = float(np.mean(costs))
        _same(f"logits {logits.tolist()}, targets {targets}", _number("the loss", got), expected)
    loss = student.BinaryCrossEntropyLoss()
    for chances, answers, expected in (
        ([0.0, 1.0, 1.0], [0.0, 1.0, 1.0], 0.0),
        ([0.0, 1.0, 0.5, 0.5], [1.0, 0.0, 1.0, 0.0], (200 + 2 * float(np.log(2))) / 4),
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            got = _item(loss, chances, answers)
        _same(f"chances {chances} with the answers {answers}", got, expected, 1e-3)


def refuses_what_does_not_fit() -> None:
    """Shapes that would broadcast, classes that are none, chances outside 0..1."""
    student = _student()
    four, column = np.full(4, 0.5, dtype=np.float32), np.full((4, 1), 0.5, dtype=np.float32)
    table, numbers = np.zeros((4, 3), dtype=np.float32), np.zeros(4, dtype=np.int64)
    cases: list[tuple[str, Array, Any, tuple[str, ...]]] = [
        ("MSELoss", column, four, ("(4, 1)", "(4,)")),
        ("MSELoss", four, column, ("(4,)", "(4, 1)")),
        ("MSELoss", table, four[:3], ("(4, 3)", "(3,)")),
        ("MSELoss", four, four[:1], ("(4,)", "(1,)")),
        ("BinaryCrossEntropyLoss", column, four, ("(4, 1)", "(4,)")),
        ("BinaryCrossEntropyLoss", four, column, ("(4,)", "(4, 1)")),
        ("BinaryCrossEntropyLoss", four + 1, four, ()),
        ("BinaryCrossEntropyLoss", four - 1, four, ()),
        ("CrossEntropyLoss", table, numbers[:3], ("(4, 3)", "(3,)")),
        ("CrossEntropyLoss", table, numbers[:, None], ("(4, 3)", "(4, 1)")),
        ("CrossEntropyLoss", table, table, ("(4, 3)",)),
        ("CrossEntropyLoss", table, numbers + 3, ()),
        ("CrossEntropyLoss", table, numbers - 1, ()),
        ("CrossEntropyLoss", table, numbers + 0.5, ()),
    ]
    # each works with what does fit
    for name, prediction, target in (
        ("MSELoss", column, column),
        ("BinaryCrossEntropyLoss", four, four),
        ("CrossEntropyLoss", table, numbers),
    ):
        _number(name, getattr(student, name)()(student.Tensor(prediction), student.Tensor(target)))
    for name, prediction, target, named in cases:
        what = f"{name} of shape {prediction.shape} and a target of shape {target.shape}"
        if not named:
            what = f"{name} of {prediction.ravel()[0]} with the target {target.ravel()[0]}"
        said = None
        try:
            getattr(student, name)()(student.Tensor(prediction), student.Tensor(target))
        except ValueError as error:
            said = str(error)
        assert said is not None, (
            f"{what}: expected a ValueError, nothing was raised: a network would be trained on a "
            "loss that means nothing"
        )
        assert all(shape in said for shape in named), (
            f"{what}: the error should name {' and '.join(named)}, it says: {said}"
        )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-04.parameters": ("Counts the parameters, and each one acts", counts_what_acts),
    "checkpoint-04.classes": ("Judges a dense network's classes", judges_classes),
    "checkpoint-04.quantities": (
        "Judges quantities and yes-or-no answers",
        judges_quantities_and_answers,
    ),
    "checkpoint-04.slopes": ("The loss falls against its slope", points_the_way),
    "checkpoint-04.laws": ("Keeps its laws", keeps_its_laws),
    "checkpoint-04.ignorance": ("Begins at the log of the number of classes", begins_in_ignorance),
    "checkpoint-04.sure": ("Stays finite when a network is sure", stays_finite_when_sure),
    "checkpoint-04.refuses": ("Refuses what does not fit", refuses_what_does_not_fit),
}
