"""`core/transformers.py` beside torch's, where torch is installed; the product never imports it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinytorch as tt

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")
functional = torch.nn.functional


def close(got: Any, expected: Any, what: str) -> None:
    expected = expected.detach().numpy()
    assert got.dtype == np.float32, what
    largest = max(1e-3, float(np.abs(expected).max()))
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=2e-4 * largest, err_msg=what)


def stirred(model: Any, seed: int = 0, spread: float = 0.1) -> Any:
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.data += rng.normal(0, spread, size=parameter.shape).astype(np.float32)
    return model


def leaves(model: Any) -> dict[str, Any]:
    return {
        name: torch.tensor(array, requires_grad=True) for name, array in model.state_dict().items()
    }


def peer_block(x: Any, state: dict[str, Any], name: str, heads: int) -> Any:
    """A block of explicit attention, from torch's operations and our names."""
    b, t, dim = x.shape

    def linear(x: Any, layer: str) -> Any:
        return functional.linear(x, state[f"{name}{layer}.weight"], state[f"{name}{layer}.bias"])

    def norm(x: Any, layer: str) -> Any:
        weight, bias = state[f"{name}{layer}.weight"], state[f"{name}{layer}.bias"]
        return functional.layer_norm(x, (dim,), weight, bias)

    q, k, v = (
        part.view(b, t, heads, dim // heads).transpose(1, 2)
        for part in linear(norm(x, "norm1"), "attention.qkv").split(dim, dim=2)
    )
    scores = q @ k.transpose(-2, -1) / math.sqrt(dim // heads)
    future = torch.triu(torch.ones(t, t, dtype=torch.bool), diagonal=1)
    weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)
    x = x + linear((weights @ v).transpose(1, 2).reshape(b, t, dim), "attention.out")
    curve = functional.gelu(linear(norm(x, "norm2"), "mlp.up"), approximate="tanh")
    return x + linear(curve, "mlp.down")


def peer_logits(tokens: Any, state: dict[str, Any], heads: int, layers: int) -> Any:
    table = state["token_embedding.weight"]
    x = table[tokens] + state["position_embedding.weight"][: tokens.shape[1]]
    for layer in range(layers):
        x = peer_block(x, state, f"blocks.{layer}.", heads)
    x = functional.layer_norm(x, x.shape[-1:], state["norm.weight"], state["norm.bias"])
    return x @ state.get("head.weight", table).T


@pytest.mark.parametrize("shape", [(3,), (5, 8), (4, 64, 64), (2, 3, 2, 7)], ids=str)
def test_the_norm_and_its_gradients(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    ours = stirred(tt.LayerNorm(shape[-1]))
    weight, bias = leaves(ours).values()
    x, g = (3 * rng.normal(size=(2, *shape)) + 1).astype(np.float32)
    mine, peer = tt.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, other = ours(mine), functional.layer_norm(peer, shape[-1:], weight, bias)
    close(y.data, other, "output")
    y.backward(g)
    other.backward(torch.tensor(g))
    close(mine.grad, peer.grad, "gradient of x")
    close(ours.weight.grad, weight.grad, "gradient of weight")
    close(ours.bias.grad, bias.grad, "gradient of bias")


@pytest.mark.parametrize("tied", [False, True], ids=["own head", "tied"])
@pytest.mark.parametrize(
    ("vocab", "context", "dim", "heads", "layers", "batch"),
    [(5, 4, 8, 2, 1, 3), (70, 64, 64, 4, 2, 8), (30, 16, 24, 3, 4, 2)],
)
def test_the_whole_gpt_and_all_its_gradients(
    vocab: int, context: int, dim: int, heads: int, layers: int, batch: int, tied: bool
) -> None:
    tt.manual_seed(0)
    model = stirred(tt.GPT(vocab, context, dim, heads, layers, tie_weights=tied))
    state = leaves(model)
    tokens = np.random.default_rng(1).integers(0, vocab, size=(batch, context + 1))
    logits = model(tokens[:, :-1])
    other = peer_logits(torch.tensor(tokens[:, :-1]), state, heads, layers)
    close(logits.data, other, "logits")
    loss = tt.CrossEntropyLoss()(logits, tt.Tensor(tokens[:, 1:]))
    theirs = functional.cross_entropy(
        other.reshape(-1, vocab), torch.tensor(tokens[:, 1:]).reshape(-1)
    )
    assert abs(loss.item() - theirs.item()) < 1e-4
    loss.backward()
    theirs.backward()
    for name, parameter in model.named_parameters():
        close(parameter.grad, state[name].grad, f"gradient of {name}")


def test_they_train_alike() -> None:
    """Thirty steps of AdamW on the same texts: the same losses, within 1 in 1,000."""
    tt.manual_seed(1)
    model = tt.GPT(20, 16, 32, 4, 2)
    state = leaves(model)
    mine = tt.AdamW(model.parameters(), lr=0.003)
    peer = torch.optim.AdamW(list(state.values()), lr=0.003, weight_decay=0.01)
    rng = np.random.default_rng(2)
    texts = np.cumsum(rng.integers(0, 3, size=(200, 17)), axis=1) % 20
    for _ in range(30):
        batch = texts[rng.integers(0, 200, size=16)]
        loss = tt.CrossEntropyLoss()(model(batch[:, :-1]), tt.Tensor(batch[:, 1:]))
        other = peer_logits(torch.tensor(batch[:, :-1]), state, 4, 2)
        theirs = functional.cross_entropy(
            other.reshape(-1, 20), torch.tensor(batch[:, 1:]).reshape(-1)
        )
        assert abs(loss.item() / theirs.item() - 1) < 1e-3
        for optimizer, value in ((mine, loss), (peer, theirs)):
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    assert loss.item() < 2.0
