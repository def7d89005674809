"""`perf/memoization.py` beside a GPT of torch's parts; skips without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinytorch as tt

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")
functional = torch.nn.functional


def torch_logits(model: Any, tokens: Any, heads: int) -> Any:
    """The logits of the same weights, by torch's own functions, for a whole text."""
    state = {name: torch.from_numpy(array) for name, array in model.state_dict().items()}
    dim = state["norm.weight"].shape[0]

    def norm(x: Any, name: str) -> Any:
        return functional.layer_norm(x, (dim,), state[f"{name}.weight"], state[f"{name}.bias"])

    def linear(x: Any, name: str) -> Any:
        return functional.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))

    b, t = tokens.shape
    x = state["token_embedding.weight"][tokens] + state["position_embedding.weight"][:t]
    for i in range(len(model.blocks)):
        name = f"blocks.{i}"
        rows = linear(norm(x, f"{name}.norm1"), f"{name}.attention.qkv")
        q, k, v = rows.reshape(b, t, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(found.transpose(1, 2).reshape(b, t, dim), f"{name}.attention.out")
        inner = linear(norm(x, f"{name}.norm2"), f"{name}.mlp.up")
        x = x + linear(functional.gelu(inner, approximate="tanh"), f"{name}.mlp.down")
    return linear(norm(x, "norm"), "head").numpy()


@pytest.mark.parametrize(("heads", "layers"), [(1, 1), (4, 2), (2, 4)])
def test_every_place_is_torchs(heads: int, layers: int) -> None:
    tt.manual_seed(heads)
    model = tt.GPT(30, 24, 16, heads, layers)
    rng = np.random.default_rng(layers)
    for parameter in model.parameters():
        parameter.data += rng.normal(0, 0.1, size=parameter.shape).astype(np.float32)
    tokens = rng.integers(0, 30, size=(2, 24))
    expected = torch_logits(model, tokens, heads)
    cache = tt.KVCache(model, texts=2)
    got = [cache.read(tokens[:, :5])]
    got += [cache.read(tokens[:, i : i + 1]) for i in range(5, 24)]
    assert np.abs(np.concatenate(got, axis=1) - expected).max() < 1e-5 * max(
        1.0, float(np.abs(expected).max())
    )
