"""Gradients in float32 beside torch's, where torch is installed; the product never imports it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")

# name: the function of ours, the function of torch's, the inputs' shapes; positive inputs only
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "add": (lambda a, b: a + b, lambda a, b: a + b, ((4, 3), (3,))),
    "sub": (lambda a, b: a - b, lambda a, b: a - b, ((2, 1, 3), (4, 1))),
    "mul": (lambda a, b: a * b, lambda a, b: a * b, ((5, 1), (1, 4))),
    "div": (lambda a, b: a / b, lambda a, b: a / b, ((4, 3), (4, 1))),
    "pow": (lambda a, b: a**b, lambda a, b: a**b, ((3, 2), (2,))),
    "matmul": (lambda a, b: a @ b, lambda a, b: a @ b, ((2, 5, 4), (4, 3))),
    "matrix and vector": (lambda a, b: a @ b, lambda a, b: a @ b, ((3, 4), (4,))),
    "transpose": (lambda a: a.T * a.T, lambda a: a.T * a.T, ((3, 4),)),
    "reshape": (lambda a: a.reshape(2, -1) ** 2, lambda a: a.reshape(2, -1) ** 2, ((4, 3),)),
    "sum": (lambda a: a.sum(axis=0) ** 2, lambda a: a.sum(dim=0) ** 2, ((4, 3),)),
    "mean": (lambda a: a.mean(axis=1) ** 2, lambda a: a.mean(dim=1) ** 2, ((4, 3),)),
    "max": (lambda a: a.max(axis=1), lambda a: a.amax(dim=1), ((4, 3),)),
    "exp, log, sqrt": (
        lambda a: (a.exp() + a.log()).sqrt(),
        lambda a: (a.exp() + a.log()).sqrt(),
        ((4, 3),),
    ),
    "indexing": (lambda a: a[[0, 2, 2]], lambda a: a[[0, 2, 2]], ((4, 3),)),
}
LAYERS: dict[str, Callable[[Any], Any]] = {
    "ReLU": lambda nn: nn.ReLU(),
    "Sigmoid": lambda nn: nn.Sigmoid(),
    "Tanh": lambda nn: nn.Tanh(),
    "GELU": lambda nn: nn.GELU(approximate="tanh") if nn is torch.nn else nn.GELU(),
    "Softmax": lambda nn: nn.Softmax(-1),
    "LogSoftmax": lambda nn: nn.LogSoftmax(-1),
}


def agree(got: Any, expected: Any, what: str) -> None:
    difference = np.abs(np.asarray(got) - expected.detach().numpy()).max()
    assert difference <= 1e-5 * max(1.0, float(expected.detach().abs().max())), (
        f"{what}: {difference:.2g}"
    )


def compare(ours: Callable[..., Any], theirs: Callable[..., Any], arrays: list[Any]) -> None:
    """Values, and gradients of a weighed sum, which must be float32 too."""
    from tinytorch import Tensor

    mine = [Tensor(array, requires_grad=True) for array in arrays]
    peers = [torch.tensor(array, requires_grad=True) for array in arrays]
    result, peer = ours(*mine), theirs(*peers)
    agree(result.data, peer, "value")
    weights = np.random.default_rng(1).normal(size=result.shape).astype(np.float32)
    result.backward(weights)
    peer.backward(torch.tensor(weights))
    for number, (leaf, twin) in enumerate(zip(mine, peers, strict=True)):
        assert leaf.grad.dtype == np.float32
        agree(leaf.grad, twin.grad, f"gradient of input {number}")


@pytest.mark.parametrize("name", CASES)
def test_operations(name: str) -> None:
    ours, theirs, shapes = CASES[name]
    rng = np.random.default_rng(0)
    compare(ours, theirs, [rng.uniform(0.5, 2, shape).astype(np.float32) for shape in shapes])


@pytest.mark.parametrize("name", LAYERS)
def test_activations(name: str) -> None:
    import tinytorch

    array = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    compare(LAYERS[name](tinytorch), LAYERS[name](torch.nn), [array])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_network_with_cross_entropy(smoothing: float) -> None:
    import tinytorch as tt

    model = tt.Sequential(tt.Linear(6, 8), tt.ReLU(), tt.Linear(8, 4))
    twin = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
    twin.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(9, 6)).astype(np.float32), rng.integers(0, 4, 9)
    loss = tt.CrossEntropyLoss(label_smoothing=smoothing)(model(tt.Tensor(x)), tt.Tensor(labels))
    peer = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(
        twin(torch.tensor(x)), torch.tensor(labels)
    )
    loss.backward()
    peer.backward()
    agree(loss.data, peer, "loss")
    twins = dict(twin.named_parameters())
    for name, parameter in model.named_parameters():
        agree(parameter.grad, twins[name].grad, name)


def test_the_other_losses() -> None:
    import tinytorch as tt

    rng = np.random.default_rng(0)
    p, t = (rng.uniform(0.05, 0.95, (6, 2)).astype(np.float32) for _ in range(2))
    compare(
        lambda a: tt.MSELoss()(a, tt.Tensor(t)),
        lambda a: torch.nn.MSELoss()(a, torch.tensor(t)),
        [p],
    )
    compare(
        lambda a: tt.BinaryCrossEntropyLoss()(a, tt.Tensor(t)),
        lambda a: torch.nn.BCELoss()(a, torch.tensor(t)),
        [p],
    )
