"""Checkpoint 03, layers: the exported `tinytorch/core/layers.py` against numpy.

Sizes and numbers are drawn at random from a fixed seed. The networks here are nested differently
from those of the notebook's own tests.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(size=shape).astype(np.float32)


def _nested(student: Any) -> Any:
    """A network with layers in attributes, in a list and in rows within rows."""
    layer_class: Any = student.Layer

    class Block(layer_class):  # type: ignore[misc]
        def __init__(self) -> None:
            self.inner = student.Sequential(student.Linear(4, 4), student.ReLU())
            self.gain = student.Tensor(np.ones(4, dtype=np.float32), requires_grad=True)

        def forward(self, x: Any) -> Any:
            return self.inner(x) * self.gain + x

    class Network(layer_class):  # type: ignore[misc]
        def __init__(self) -> None:
            self.entry = student.Linear(3, 4, bias=False)
            self.blocks = [Block(), Block()]
            self.exit = student.Sequential(student.Dropout(0.5), student.Linear(4, 2))

        def forward(self, x: Any) -> Any:
            x = self.entry(x)
            for block in self.blocks:
                x = block(x)
            return self.exit(x)

    return Network()


_NESTED_NAMES = {"entry.weight", "exit.1.weight", "exit.1.bias"} | {
    f"blocks.{i}.{name}" for i in (0, 1) for name in ("inner.0.weight", "inner.0.bias", "gain")
}


def multiplies_and_adds() -> None:
    """Linear is x @ weight.T + bias for random sizes."""
    student = _student()
    rng = np.random.default_rng(301)
    for _ in range(8):
        n, inputs, outputs = (int(size) for size in rng.integers(1, 9, size=3))
        x = _normal(rng, n, inputs)
        for bias in (True, False):
            layer = student.Linear(inputs, outputs, bias=bias)
            shape = layer.weight.shape
            assert shape == (outputs, inputs), (
                f"Linear({inputs}, {outputs}): expected a weight of shape {(outputs, inputs)}, one "
                f"row for each output, got {shape}"
            )
            expected = x.astype(np.float64) @ layer.weight.data.astype(np.float64).T
            if bias:
                layer.bias.data[...] = _normal(rng, outputs)
                expected = expected + layer.bias.data
            result = layer(student.Tensor(x))
            assert result.shape == (n, outputs), (
                f"{layer} of {x.shape}: expected the shape {(n, outputs)}, got {result.shape}"
            )
            assert result.dtype == np.float32, f"{layer}: expected float32, got {result.dtype}"
            assert np.allclose(result.data, expected, atol=1e-5), (
                f"{layer}: expected x @ weight.T + bias = {expected[0]}, got {result.data[0]}"
            )
    assert student.Dense is student.Linear, "Dense is another name for Linear"


def finds_every_parameter() -> None:
    """In attributes, lists and rows within rows, each with its name, each once."""
    student = _student()
    network = _nested(student)
    names = {name for name, _ in network.named_parameters()}
    assert names == _NESTED_NAMES, (
        f"parameters not found: {sorted(_NESTED_NAMES - names)}, unexpected: "
        f"{sorted(names - _NESTED_NAMES)}: what is not found is never trained"
    )
    found = network.parameters()
    assert len({id(p) for p in found}) == len(found) == len(_NESTED_NAMES), (
        f"expected {len(_NESTED_NAMES)} different parameters, got {len(found)}"
    )
    assert all(p.requires_grad for p in found), "every parameter needs requires_grad=True"
    weight = network.exit[1].weight
    assert any(p is weight for p in found), (
        "expected the tensors themselves, not copies: training changes them in place"
    )


def begins_at_random() -> None:
    """Weights fill +-1/sqrt(inputs) evenly; one seed gives one model, two seeds two."""
    student = _student()

    def weights(seed: int) -> Array:
        student.manual_seed(seed)
        layer = student.Linear(64, 300)
        for parameter in (layer.weight, layer.bias):
            assert parameter.dtype == np.float32, f"expected float32, got {parameter.dtype}"
        assert np.abs(layer.bias.data).max() <= 0.1251, "bias: expected at most 1/sqrt(inputs)"
        values: Array = np.concatenate([layer.weight.data.ravel(), layer.bias.data])
        return values

    first, again, other = weights(1), weights(1), weights(2)
    assert np.array_equal(first, again), "the same seed must give the same weights"
    assert not np.array_equal(first, other), "two seeds must give two sets of weights"
    assert 0.120 < np.abs(first).max() <= 0.1251, (
        f"64 inputs: expected numbers up to 1/sqrt(64) = 0.125, got {np.abs(first).max():.4f}: "
        "a signal would grow or fade from layer to layer"
    )
    assert abs(first.std() - 0.125 / 3**0.5) < 0.002, (
        f"expected numbers spread evenly, deviation 0.0722, got {first.std():.4f}"
    )
    student.manual_seed(1)
    one, two = student.Linear(5, 5), student.Linear(5, 5)
    assert not np.array_equal(one.weight.data, two.weight.data), "two layers must not start alike"


def passes_through_every_layer() -> None:
    """Sequential and Flatten: a small network equals the same lines in numpy."""
    student = _student()
    rng = np.random.default_rng(304)
    model = student.Sequential(
        student.Flatten(), student.Linear(12, 5), student.ReLU(), student.Linear(5, 3)
    )
    for batch in (6, 1, 0):
        images = _normal(rng, batch, 3, 2, 2)
        hidden = images.reshape(batch, 12) @ model[1].weight.data.T + model[1].bias.data
        expected = np.maximum(hidden, 0) @ model[3].weight.data.T + model[3].bias.data
        result = model(student.Tensor(images))
        assert result.shape == (batch, 3), (
            f"{batch} images: expected the shape {(batch, 3)}, got {result.shape}"
        )
        assert np.allclose(result.data, expected, atol=1e-5), (
            f"expected {expected[:1]} from the same network in numpy, got {result.data[:1]}"
        )
    assert len(model) == 4, f"len(model): expected 4, got {len(model)}"


def switches_all_layers() -> None:
    """train() and eval() reach the innermost layer, and dropout obeys."""
    student = _student()
    network = _nested(student)
    rng = np.random.default_rng(305)
    x = student.Tensor(_normal(rng, 64, 3))
    network.eval()
    for layer in (network, network.blocks[1], network.blocks[1].inner[0], network.exit[0]):
        assert layer.training is False, f"after eval(), {layer} still has training = True"
    assert np.array_equal(network(x).data, network(x).data), (
        "in eval a network must answer the same question in the same way twice"
    )
    network.train()
    assert network.exit[0].training is True, "after train(), a layer inside was not switched back"
    assert not np.array_equal(network(x).data, network(x).data), (
        "in training, dropout must draw a new mask at every call"
    )


def drops_the_right_share() -> None:
    """Dropout: share of zeros, unchanged mean, values 0 or x / (1 - p), identity in eval."""
    student = _student()
    rng = np.random.default_rng(306)
    for p in (0.1, 0.3, 0.8):
        x = rng.uniform(1, 2, size=(150, 200)).astype(np.float32)
        student.manual_seed(9)
        layer = student.Dropout(p)
        got = layer(student.Tensor(x))
        assert got.dtype == np.float32, f"Dropout({p}): expected float32, got {got.dtype}"
        zeros = got.data == 0
        assert abs(zeros.mean() - p) < 0.02, (
            f"Dropout({p}): expected about {p:.0%} zeros, got {zeros.mean():.1%}"
        )
        assert np.allclose(got.data[~zeros], x[~zeros] / (1 - p), rtol=1e-5), (
            f"Dropout({p}): expected what is kept to be divided by {1 - p:.1f}, so that the mean "
            f"stays {x.mean():.2f}; the mean is {got.data.mean():.2f}"
        )
        student.manual_seed(9)
        assert np.array_equal(layer(student.Tensor(x)).data, got.data), (
            f"Dropout({p}): the same seed must drop the same numbers, or no run can be repeated"
        )
        by_row, by_column = zeros.mean(axis=1).std(), zeros.mean(axis=0).std()
        assert 0 < by_row < 0.1, f"Dropout({p}) drops whole rows: each number is drawn by itself"
        assert 0 < by_column < 0.1, f"Dropout({p}) drops whole columns: draw for each number"
        layer.eval()
        assert np.array_equal(layer(student.Tensor(x)).data, x), (
            f"Dropout({p}) in eval: expected the input unchanged"
        )


def saves_and_loads() -> None:
    """A nested model's state goes through a file's worth of arrays into another model."""
    student = _student()
    rng = np.random.default_rng(307)
    x = student.Tensor(_normal(rng, 5, 3))
    student.manual_seed(1)
    source, target = _nested(student).eval(), _nested(student).eval()
    source.entry.weight.requires_grad = False
    state = source.state_dict()
    assert set(state) == _NESTED_NAMES, (
        f"state_dict: missing {sorted(_NESTED_NAMES - set(state))}, unexpected "
        f"{sorted(set(state) - _NESTED_NAMES)}: a frozen weight must be saved too"
    )
    saved = {name: np.array(value) for name, value in state.items()}
    answer = source(x).data.copy()
    for parameter in source.parameters():
        parameter.data += 1
    for name, value in state.items():
        assert np.array_equal(value, saved[name]), (
            f"training on changed the saved {name}: a state holds copies"
        )
    held = [(p, p.data) for p in target.parameters()]
    target.load_state_dict(state)
    assert np.allclose(target(x).data, answer, atol=1e-6), (
        "a model that was loaded must answer like the one that was saved"
    )
    assert all(p.data is array for p, array in held), (
        "expected values to be written in place: an optimizer holds on to these arrays"
    )
    for parameter in target.parameters():
        parameter.data += 1
    assert np.array_equal(state["exit.1.bias"], saved["exit.1.bias"]), (
        "training the loaded model changed the state it was loaded from"
    )


def refuses_what_does_not_fit() -> None:
    """Missing, unexpected or misshapen entries: a ValueError that names them, nothing changed."""
    student = _student()
    network = _nested(student)
    good = network.state_dict()
    for parameter in network.parameters():
        parameter.data += 1
    before = network.state_dict()
    without = {name: value for name, value in good.items() if name != "exit.1.bias"}
    cases = {
        "exit.1.bias": without,
        "head.weight": {**good, "head.weight": np.zeros((1, 1), dtype=np.float32)},
        "exit.1.weight": {**good, "exit.1.weight": np.zeros(4, dtype=np.float32)},
    }
    for name, state in cases.items():
        said = None
        try:
            network.load_state_dict(state)
        except ValueError as error:
            said = str(error)
        assert said is not None, f"a state that is wrong at {name}: expected a ValueError"
        assert name in said, f"the error should name {name}, it says: {said}"
        after = network.state_dict()
        assert all(np.array_equal(before[key], after[key]) for key in before), (
            f"a state that is wrong at {name} was refused, but part of the model was overwritten"
        )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-03.linear": ("Linear multiplies and adds", multiplies_and_adds),
    "checkpoint-03.parameters": ("Finds every parameter", finds_every_parameter),
    "checkpoint-03.begin": ("Begins at random, repeatably", begins_at_random),
    "checkpoint-03.sequential": ("Passes through every layer", passes_through_every_layer),
    "checkpoint-03.modes": ("Switches all layers", switches_all_layers),
    "checkpoint-03.dropout": ("Drops the right share", drops_the_right_share),
    "checkpoint-03.state": ("Saves and loads", saves_and_loads),
    "checkpoint-03.refuses": ("Refuses a state that does not fit", refuses_what_does_not_fit),
}
