"""`core/attention.py` from recorded operations, head by head: no Function, no kernels, slices."""

import numpy as np

from .activations import softmax
from .layers import Layer, Linear
from .tensor import Tensor


def attention_loops(q, k, v, mask=None):
    found = [_one(row, k, v, None if mask is None else mask[i]) for i, row in enumerate(q)]
    output, weights = zip(*found, strict=True)
    return np.array(output, dtype=q.dtype), np.array(weights, dtype=q.dtype)


def _one(query, keys, values, seen):
    scores = [sum(a * b for a, b in zip(query, key, strict=True)) for key in keys]
    scores = [float(score) / len(query) ** 0.5 for score in scores]
    seen = [True] * len(scores) if seen is None else list(seen)
    top = max(score for score, here in zip(scores, seen, strict=True) if here)
    grown = [np.exp(s - top) if here else 0.0 for s, here in zip(scores, seen, strict=True)]
    shares = [one / sum(grown) for one in grown]
    return sum(share * value for share, value in zip(shares, values, strict=True)), shares


def causal_mask(length):
    return np.array([[column <= row for column in range(length)] for row in range(length)])


def softmax_rows(scores, mask=None):
    seen = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    for place in np.ndindex(scores.shape[:-1]):
        row, here = scores[place], seen[place]
        shares = np.exp(row[here] - row[here].max()) if here.any() else row[here]
        row[:] = 0
        row[here] = shares / shares.sum()
    return scores


def attend(q, k, v, mask=None, out=None):
    weights = np.einsum("...id,...jd->...ij", q, k) / np.sqrt(q.shape[-1]).astype(q.dtype)
    softmax_rows(weights, mask)
    found = np.einsum("...ij,...je->...ie", weights, v)
    if out is None:
        return found, weights
    out[...] = found
    return out, weights


def attend_backward(g, q, k, v, weights, out=None):
    slope = np.einsum("...ie,...je->...ij", g, v)
    output = weights @ v
    slope = weights * (slope - (g * output).sum(axis=-1, keepdims=True))
    slope = slope / np.sqrt(q.shape[-1]).astype(q.dtype)
    found = (
        np.einsum("...ij,...jd->...id", slope, k),
        np.einsum("...ij,...id->...jd", slope, q),
        np.einsum("...ij,...ie->...je", weights, g),
    )
    for room, gradient in zip(out or (), found, strict=False):
        if room is not None:
            room[...] = gradient
    return found


def split_heads(x, parts, heads):
    b, t, width = x.shape
    cut = x.reshape(b, t, parts, heads, width // parts // heads)
    return np.moveaxis(np.swapaxes(cut, 1, 3), 2, 0)


def _bool(mask):
    array = mask.data if isinstance(mask, Tensor) else np.asarray(mask)
    if array.dtype.kind != "b":
        raise ValueError(f"expected a mask of bool, got {array.dtype}")
    return array


def _attended(q, k, v, mask):
    """(output, weights), both Tensors."""
    scores = q @ k.T * float(1 / np.sqrt(q.shape[-1]))
    if mask is None:
        weights = softmax(scores)
        return weights @ v, weights
    dtype = scores.dtype
    hidden = np.where(mask, 0, -1e30).astype(dtype)
    weights = softmax(scores * Tensor(mask.astype(dtype)) + Tensor(hidden))
    weights = weights * Tensor(mask.astype(dtype))  # zeros where a row may look nowhere
    return weights @ v, weights


def scaled_dot_product_attention(q, k, v, mask=None):
    q, k, v = (x if isinstance(x, Tensor) else Tensor(x) for x in (q, k, v))
    shapes = f"queries {q.shape}, keys {k.shape}, values {v.shape}"
    if q.shape[-1] != k.shape[-1] or k.shape[:-1] != v.shape[:-1] or q.shape[:-2] != k.shape[:-2]:
        raise ValueError(f"they do not fit: {shapes}")
    if mask is not None:
        mask, wanted = _bool(mask), (*q.shape[:-1], k.shape[-2])
        try:
            np.broadcast_to(mask, wanted)
        except ValueError:
            raise ValueError(f"mask {mask.shape} for scores {wanted}") from None
    return _attended(q, k, v, mask)[0]


class MultiHeadAttention(Layer):
    def __init__(self, embed_dim, num_heads, bias=True):
        if embed_dim % num_heads != 0:
            raise ValueError(f"{num_heads} heads cannot share {embed_dim} features")
        self.width, self.num_heads = embed_dim // num_heads, num_heads
        self.qkv = Linear(embed_dim, 3 * embed_dim, bias=bias)
        self.out = Linear(embed_dim, embed_dim, bias=bias)
        self.attention = None

    def forward(self, x, mask=None):
        dim, d = self.num_heads * self.width, self.width
        if len(x.shape) != 3 or x.shape[-1] != dim:
            raise ValueError(f"expected (texts, words, {dim}), got {x.shape}")
        mask = None if mask is None else _bool(mask)
        rows, total, maps = self.qkv(x), None, []
        for h in range(self.num_heads):
            start = h * d
            q, k, v = (rows[:, :, start + p * dim : start + p * dim + d] for p in range(3))
            seen = mask if mask is None or mask.ndim < 4 else mask[:, h % mask.shape[1]]
            output, weights = _attended(q, k, v, seen)
            maps.append(weights.data)
            part = output @ self.out.weight[:, start : start + d].T
            total = part if total is None else total + part
        self.attention = np.stack(maps, axis=1)
        return total if self.out.bias is None else total + self.out.bias
