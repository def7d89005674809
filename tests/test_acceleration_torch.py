"""Accelerated layers beside torch's, where torch is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinytorch
from tinytorch import Tensor, accelerated, im2col

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")
nn = torch.nn


def _both(ours: Any, theirs: Any, x: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Outputs, and gradients of input and parameters, of two models with the same parameters."""
    given = [p.detach().numpy() for p in theirs.parameters()]
    for parameter, value in zip(ours.parameters(), given, strict=True):
        parameter.data[...] = value
    g = np.random.default_rng(1)
    with accelerated():
        mine = Tensor(x, requires_grad=True)
        y = ours(mine)
        slope = g.normal(size=y.shape).astype(np.float32)
        y.backward(slope)
    other = torch.from_numpy(x).requires_grad_()
    z = theirs(other)
    z.backward(torch.from_numpy(slope))
    found = [(y.data, z.detach().numpy()), (mine.grad, other.grad.numpy())]
    parameters = zip(ours.parameters(), theirs.parameters(), strict=True)
    return found + [(a.grad, b.grad.numpy()) for a, b in parameters]


def _images(tt: Any) -> Any:
    """The same network, of ours or of torch's layers."""
    return tt.Sequential(
        *(tt.Conv2d(3, 16, 3, padding=1), tt.ReLU(), tt.MaxPool2d(2)),
        *(tt.Conv2d(16, 24, 3, stride=2, bias=False), tt.BatchNorm2d(24), tt.ReLU()),
        *(tt.Flatten(), tt.Linear(24 * 49, 10)),
    )


def _words(tt: Any) -> Any:
    gelu = tt.GELU() if tt is tinytorch else tt.GELU(approximate="tanh")
    return tt.Sequential(tt.Linear(48, 192), gelu, tt.Linear(192, 48), tt.LayerNorm(48))


@pytest.mark.parametrize(
    ("make", "shape"), [(_images, (16, 3, 32, 32)), (_words, (32, 40, 48))], ids=["images", "words"]
)
def test_a_network(make: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for got, expected in _both(make(tinytorch), make(nn), x):
        assert got.shape == expected.shape
        assert np.allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(smoothing: float) -> None:
    rng = np.random.default_rng(2)
    logits, targets = rng.normal(size=(50, 10)).astype(np.float32) * 5, rng.integers(0, 10, 50)
    with accelerated():
        mine = Tensor(logits, requires_grad=True)
        loss = tinytorch.CrossEntropyLoss(smoothing)(mine, Tensor(targets))
        loss.backward()
    other = torch.from_numpy(logits).requires_grad_()
    theirs = nn.functional.cross_entropy(
        other, torch.from_numpy(targets), label_smoothing=smoothing
    )
    theirs.backward()
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-5)
    assert np.allclose(mine.grad, other.grad.numpy(), atol=1e-6)


def test_windows_as_columns() -> None:
    x = np.random.default_rng(3).normal(size=(4, 3, 7, 6)).astype(np.float32)
    theirs = nn.functional.unfold(torch.from_numpy(x), (3, 2), padding=(1, 0), stride=(2, 1))
    ours = im2col(x, (3, 2), (2, 1), (1, 0))
    assert np.array_equal(ours.reshape(18, -1, 4).transpose(2, 0, 1), theirs.numpy())
