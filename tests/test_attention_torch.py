"""`core/attention.py` beside torch's, where torch is installed; the product never imports it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinytorch as tt

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")

SHAPES = [
    ((3, 4), (3, 4), (3, 4)),
    ((2, 5, 3), (2, 7, 3), (2, 7, 6)),
    ((2, 4, 64, 16), (2, 4, 64, 16), (2, 4, 64, 16)),
    ((1, 2, 1, 8), (1, 2, 33, 8), (1, 2, 33, 5)),
]


def close(got: Any, expected: Any, what: str) -> None:
    expected = expected.detach().numpy()
    assert got.dtype == np.float32, what
    largest = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * largest, err_msg=what)


@pytest.mark.parametrize("masked", [False, True], ids=["open", "masked"])
@pytest.mark.parametrize("shapes", SHAPES, ids=lambda shapes: str(shapes[0]))
def test_the_function_and_its_gradients(shapes: Any, masked: bool) -> None:
    rng = np.random.default_rng(0)
    arrays = [(2 * rng.normal(size=shape)).astype(np.float32) for shape in shapes]
    t, s = shapes[0][-2], shapes[1][-2]
    mask = rng.random((t, s)) < 0.5 if masked else None
    if mask is not None:
        mask[:, 0] = True
    mine = [tt.Tensor(array, requires_grad=True) for array in arrays]
    peers = [torch.tensor(array, requires_grad=True) for array in arrays]
    theirs = None if mask is None else torch.tensor(mask)
    y = tt.scaled_dot_product_attention(*mine, mask=mask)
    other = torch.nn.functional.scaled_dot_product_attention(*peers, attn_mask=theirs)
    close(y.data, other, "output")
    g = rng.normal(size=y.shape).astype(np.float32)
    y.backward(g)
    other.backward(torch.tensor(g))
    for name, tensor, peer in zip("qkv", mine, peers, strict=True):
        close(tensor.grad, peer.grad, f"gradient of {name}")


@pytest.mark.parametrize("causal", [False, True], ids=["open", "causal"])
@pytest.mark.parametrize(("dim", "heads", "bias"), [(8, 1, True), (12, 3, True), (64, 4, False)])
def test_the_layer_and_its_gradients(dim: int, heads: int, bias: bool, causal: bool) -> None:
    rng = np.random.default_rng(1)
    b, t = 3, 10
    ours = tt.MultiHeadAttention(dim, heads, bias)
    theirs = torch.nn.MultiheadAttention(dim, heads, bias=bias, batch_first=True)
    names = {"qkv.weight": "in_proj_weight", "out.weight": "out_proj.weight"}
    names |= {"qkv.bias": "in_proj_bias", "out.bias": "out_proj.bias"} if bias else {}
    state = ours.state_dict()
    theirs.load_state_dict({names[key]: torch.tensor(value) for key, value in state.items()})
    x = rng.normal(size=(b, t, dim)).astype(np.float32)
    mine, peer = tt.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    mask = tt.causal_mask(t) if causal else None
    turned = None if mask is None else torch.tensor(~mask)  # there True means: may not look
    y = ours(mine, mask=mask)
    other, weights = theirs(peer, peer, peer, attn_mask=turned, average_attn_weights=False)
    close(y.data, other, "output")
    close(ours.attention, weights, "weights")
    g = rng.normal(size=y.shape).astype(np.float32)
    y.backward(g)
    other.backward(torch.tensor(g))
    close(mine.grad, peer.grad, "gradient of x")
    parameters = dict(theirs.named_parameters())
    for key, parameter in ours.named_parameters():
        close(parameter.grad, parameters[names[key]].grad, f"gradient of {key}")


def test_a_row_that_may_look_nowhere() -> None:
    """Zeros, as torch says, and gradients that are numbers."""
    x = np.random.default_rng(2).normal(size=(1, 3, 4)).astype(np.float32)
    mask = np.array([[False, False, False], [True, False, False], [True, True, True]])
    mine, peer = tt.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = tt.scaled_dot_product_attention(mine, mine, mine, mask=mask)
    other = torch.nn.functional.scaled_dot_product_attention(
        peer, peer, peer, attn_mask=torch.tensor(mask)
    )
    close(y.data, other, "output")
    y.sum().backward()
    other.sum().backward()
    close(mine.grad, peer.grad, "gradient")


def test_it_trains_alike() -> None:
    """Ten steps of Adam on the same texts: the same losses."""
    ours, theirs = tt.MultiHeadAttention(8, 2), torch.nn.MultiheadAttention(8, 2, batch_first=True)
    names = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    theirs.load_state_dict(
        {
            name: torch.tensor(array)
            for name, array in zip(names, ours.state_dict().values(), strict=True)
        }
    )
    rng = np.random.default_rng(3)
    x, target = rng.normal(size=(2, 4, 6, 8)).astype(np.float32)
    mask = tt.causal_mask(6)
    mine = tt.Adam(ours.parameters(), lr=0.01)
    peer = torch.optim.Adam(theirs.parameters(), lr=0.01)
    texts = torch.tensor(x)
    for _ in range(10):
        mine.zero_grad()
        peer.zero_grad()
        loss = tt.MSELoss()(ours(tt.Tensor(x), mask=mask), tt.Tensor(target))
        answer, _ = theirs(texts, texts, texts, attn_mask=torch.tensor(~mask))
        other = torch.nn.functional.mse_loss(answer, torch.tensor(target))
        assert abs(loss.item() - other.item()) < 1e-4
        loss.backward()
        other.backward()
        mine.step()
        peer.step()
