"""`core/spatial.py` beside torch's, where torch is installed; the product never imports it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinytorch as tt

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")

LAYERS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = {
    "3x3": ("Conv2d", (3, 8, 3), {}, (2, 3, 9, 9)),
    "padding and stride": ("Conv2d", (4, 5, (3, 2)), {"stride": 2, "padding": 1}, (3, 4, 8, 7)),
    "uneven": ("Conv2d", (2, 3, (1, 4)), {"stride": (3, 1), "padding": (0, 3)}, (2, 2, 7, 6)),
    "wide padding": ("Conv2d", (2, 3, 2), {"padding": 3}, (2, 2, 4, 5)),
    "no bias": ("Conv2d", (6, 2, 5), {"bias": False}, (4, 6, 5, 5)),
    "many images": ("Conv2d", (3, 16, 3), {"padding": 1}, (64, 3, 32, 32)),
    "max": ("MaxPool2d", (2,), {}, (3, 4, 8, 8)),
    "max, overlapping": ("MaxPool2d", (3,), {"stride": 2, "padding": 1}, (2, 3, 9, 8)),
    "max, uneven": ("MaxPool2d", ((2, 3),), {"stride": (1, 2)}, (2, 3, 7, 9)),
    "mean": ("AvgPool2d", (2,), {}, (3, 4, 8, 8)),
    "mean, overlapping": ("AvgPool2d", (3,), {"stride": 2, "padding": 1}, (2, 3, 9, 8)),
    "norm": ("BatchNorm2d", (5,), {"eps": 1e-3, "momentum": 0.3}, (6, 5, 4, 3)),
}


def close(got: Any, expected: Any, what: str) -> None:
    expected = expected.detach().numpy()
    assert got.dtype == np.float32, what
    largest = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-5 * largest, err_msg=what)


def twins(name: str) -> tuple[Any, Any, np.ndarray]:
    """Our layer, torch's with the same state, and images: whole numbers, so that many tie."""
    kind, arguments, options, shape = LAYERS[name]
    ours, theirs = (getattr(home, kind)(*arguments, **options) for home in (tt, torch.nn))
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()}, strict=False)
    rng = np.random.default_rng(0)
    return ours, theirs, rng.integers(-3, 4, size=shape).astype(np.float32)


@pytest.mark.parametrize("images_last", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer(name: str, images_last: bool) -> None:
    ours, theirs, x = twins(name)
    if images_last:
        x = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    mine = tt.Tensor(x, requires_grad=True)
    peer = torch.tensor(np.ascontiguousarray(x), requires_grad=True)
    result, expected = ours(mine), theirs(peer)
    close(result.data, expected, "value")
    g = np.random.default_rng(1).normal(size=result.shape).astype(np.float32)
    result.backward(g)
    expected.backward(torch.tensor(g))
    close(mine.grad, peer.grad, "gradient of the images")
    for key, parameter in ours.named_parameters():
        close(parameter.grad, dict(theirs.named_parameters())[key].grad, f"gradient of {key}")
    for key, buffer in theirs.named_buffers():
        if key.startswith("running"):
            close(getattr(ours, key).data, buffer, key)
    ours.eval()
    theirs.eval()
    close(ours(mine).data, theirs(peer), "after eval()")


def test_a_network_trains_alike() -> None:
    """Ten steps of a small LeNet with batch normalization: the same losses."""

    def network(home: Any) -> Any:
        return home.Sequential(
            home.Conv2d(1, 6, 5, padding=2),
            home.MaxPool2d(2),
            home.BatchNorm2d(6),
            home.ReLU(),
            home.Conv2d(6, 8, 3, stride=2),
            home.ReLU(),
            home.AvgPool2d(2),
            home.Flatten(),
            home.Linear(32, 4),
        )

    ours, theirs = network(tt), network(torch.nn)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()}, strict=False)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(16, 1, 20, 20)).astype(np.float32), rng.integers(0, 4, 16)
    mine = tt.SGD(ours.parameters(), lr=0.05, momentum=0.9)
    peer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    for _ in range(10):
        mine.zero_grad()
        peer.zero_grad()
        loss = tt.CrossEntropyLoss()(ours(tt.Tensor(x)), tt.Tensor(labels))
        other = torch.nn.CrossEntropyLoss()(theirs(torch.tensor(x)), torch.tensor(labels))
        assert abs(loss.item() - other.item()) < 1e-3
        loss.backward()
        other.backward()
        mine.step()
        peer.step()
