"""`core/embeddings.py` beside torch's, where torch is installed; the product never imports it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinytorch as tt

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")


def close(got: Any, expected: Any, what: str) -> None:
    assert got.dtype == np.float32, what
    np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-4, atol=1e-5, err_msg=what)


@pytest.mark.parametrize("shape", [(6,), (2, 9), (3, 1, 4), (32, 64), ()], ids=str)
def test_the_table_and_its_gradient(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    ours, theirs = tt.Embedding(11, 5), torch.nn.Embedding(11, 5)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    indices = np.array(rng.integers(0, 11, size=shape))
    got, expected = ours(indices), theirs(torch.tensor(indices))
    close(got.data, expected, "output")
    g = rng.normal(size=got.shape).astype(np.float32)
    got.backward(g)
    expected.backward(torch.tensor(g))
    close(ours.weight.grad, theirs.weight.grad, "gradient")


def test_places_and_their_gradient() -> None:
    rng = np.random.default_rng(1)
    layer = tt.PositionalEncoding(8, 3)
    table = torch.tensor(layer.weight.data.copy(), requires_grad=True)
    x = rng.normal(size=(4, 6, 3)).astype(np.float32)
    mine, peer = tt.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    got, expected = layer(mine), peer + table[:6]
    close(got.data, expected, "output")
    g = rng.normal(size=x.shape).astype(np.float32)
    got.backward(g)
    expected.backward(torch.tensor(g))
    close(layer.weight.grad, table.grad, "gradient of the places")
    close(mine.grad, peer.grad, "gradient of x")


def test_a_bigram_model_trains_alike() -> None:
    """Ten steps of Adam on the next token: the same losses."""
    rng = np.random.default_rng(2)
    tokens = rng.integers(0, 9, size=(8, 12))
    ours, theirs = tt.Embedding(9, 9), torch.nn.Embedding(9, 9)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    mine = tt.Adam(ours.parameters(), lr=0.05)
    peer = torch.optim.Adam(theirs.parameters(), lr=0.05)
    for _ in range(10):
        mine.zero_grad()
        peer.zero_grad()
        loss = tt.CrossEntropyLoss()(ours(tokens[:, :-1]), tt.Tensor(tokens[:, 1:]))
        answer = theirs(torch.tensor(tokens[:, :-1])).reshape(-1, 9)
        other = torch.nn.functional.cross_entropy(answer, torch.tensor(tokens[:, 1:].ravel()))
        assert abs(loss.item() - other.item()) < 1e-4
        loss.backward()
        other.backward()
        mine.step()
        peer.step()
