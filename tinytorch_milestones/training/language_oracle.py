"""What numpy says about tokens, attention and a whole GPT, each by its definition.

Float64 and one step after another; gradients come from finite differences (`oracle.slope`), so that
nothing is shared with the code that is judged.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.clouds import Array

Pair = tuple[int, int]
Values = Mapping[str, Array]
"""Parameters by the names that module 13 gives them, "blocks.0.norm1.weight"."""

gelu = oracle.ACTIVATIONS["GELU"][0]


def words_of(text: str) -> list[str]:
    """Small letters cut into words, a space with the word after it."""
    return re.findall(r" ?[a-z]+", text)


def merges(words: Sequence[str], count: int) -> list[Pair]:
    """The pairs that byte pair encoding joins first: the most frequent, of equal ones the smallest.

    Everything is counted anew for every merge.
    """
    pieces = [(list(word.encode()), times) for word, times in Counter(words).items()]
    found: list[Pair] = []
    while len(found) < count:
        counts: Counter[Pair] = Counter()
        for tokens, times in pieces:
            for pair in pairwise(tokens):
                counts[pair] += times
        frequent = [pair for pair, times in counts.items() if times >= 2]
        if not frequent:
            break
        best = min(frequent, key=lambda pair: (-counts[pair], pair))
        pieces = [(joined(tokens, best, 256 + len(found)), times) for tokens, times in pieces]
        found.append(best)
    return found


def joined(tokens: Sequence[int], pair: Pair, token: int) -> list[int]:
    """`token` in place of every `pair`, from the left."""
    result: list[int] = []
    for each in tokens:
        result.append(each)
        # a token that came out of a merge is no half of the same pair
        if tuple(result[-2:]) == pair:
            result[-2:] = [token]
    return result


def encoded(words: Sequence[str], pairs: Sequence[Pair]) -> list[int]:
    """The tokens of words after all merges, in the order in which they were learned."""
    found: list[int] = []
    for word in words:
        tokens = list(word.encode())
        for number, pair in enumerate(pairs):
            tokens = joined(tokens, pair, 256 + number)
        found += tokens
    return found


def attention(q: Array, k: Array, v: Array, mask: Array | None = None) -> tuple[Array, Array]:
    """The output (..., t, e) and the weights (..., t, s); where the mask is False nobody looks."""
    scores = np.asarray(q, np.float64) @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = oracle.softmax(scores)
    return np.asarray(weights @ v), weights


def causal(length: int) -> Array:
    """(length, length): True where column <= row."""
    places = np.arange(length)
    return places[None, :] <= places[:, None]


def multi_head(
    x: Array, values: Values, heads: int, mask: Array | None = None
) -> tuple[Array, Array]:
    """Attention in several heads, one after the other; its weights (b, heads, t, t)."""
    rows = x @ values["qkv.weight"].T + values["qkv.bias"]
    dim = x.shape[-1]
    size = dim // heads
    outputs, weights = [], []
    for head in range(heads):
        # queries, keys and values follow each other, and within each of them the heads
        q, k, v = (
            rows[..., part * dim + head * size : part * dim + (head + 1) * size]
            for part in range(3)
        )
        output, shares = attention(q, k, v, mask)
        outputs.append(output)
        weights.append(shares)
    mixed = np.concatenate(outputs, axis=-1)
    return mixed @ values["out.weight"].T + values["out.bias"], np.stack(weights, axis=1)


def normalize(x: Array, weight: Array, bias: Array, eps: float = 1e-5) -> Array:
    """Every vector to mean 0 and variance 1, then scaled and moved."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + eps) * weight + bias)


def mlp(x: Array, values: Values) -> Array:
    """Up, GELU, down."""
    inner = gelu(x @ values["up.weight"].T + values["up.bias"])
    return np.asarray(inner @ values["down.weight"].T + values["down.bias"])


def block(x: Array, values: Values, heads: int, mask: Array | None = None) -> Array:
    """Attention and MLP, each on what was normalised, each added to what was there."""
    looked = normalize(x, values["norm1.weight"], values["norm1.bias"])
    x = x + multi_head(looked, within(values, "attention."), heads, mask)[0]
    thought = normalize(x, values["norm2.weight"], values["norm2.bias"])
    return np.asarray(x + mlp(thought, within(values, "mlp.")))


def gpt(tokens: Array, values: Values, heads: int, layers: int) -> Array:
    """Logits (n, t, vocabulary). Without "head.weight" the table of tokens stands in for it."""
    length = tokens.shape[1]
    x = values["token_embedding.weight"][tokens] + values["position_embedding.weight"][:length]
    for number in range(layers):
        x = block(x, within(values, f"blocks.{number}."), heads, causal(length))
    x = normalize(x, values["norm.weight"], values["norm.bias"])
    head = values.get("head.weight", values["token_embedding.weight"])
    return np.asarray(x @ head.T)


def within(values: Values, prefix: str) -> dict[str, Array]:
    """The parameters of one inner layer."""
    size = len(prefix)
    return {name[size:]: value for name, value in values.items() if name.startswith(prefix)}


def distribution(logits: Array, temperature: float, top_k: int | None) -> Array:
    """The probabilities of the next token; at temperature 0 all of it on the likeliest one."""
    if temperature == 0:
        return np.asarray(np.arange(len(logits)) == logits.argmax(), np.float64)
    scores = np.asarray(logits, np.float64) / temperature
    if top_k is not None and top_k < len(scores):
        scores = np.where(scores >= np.sort(scores)[-top_k], scores, -np.inf)
    return oracle.softmax(scores)
