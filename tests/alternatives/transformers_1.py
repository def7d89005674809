"""`core/transformers.py` from recorded operations: no Function of its own, no kernels, no helpers
for rows; a norm that autograd differentiates, one text at a time, tokens drawn by adding up."""

import math

import numpy as np

from .activations import GELU
from .attention import MultiHeadAttention, causal_mask  # noqa: F401
from .autograd import no_grad
from .embeddings import Embedding, PositionalEncoding, normal_parameter
from .layers import Dropout, Layer, Linear, set_training
from .tensor import Tensor


def normalize(x, weight, bias, eps=1e-5):
    z, scale = np.empty_like(x), np.empty((len(x), 1), dtype=x.dtype)
    for i, row in enumerate(x):
        scale[i] = (row.var() + x.dtype.type(eps)) ** -0.5
        z[i] = (row - row.mean()) * scale[i]
    return weight * z + bias, z, scale


def normalize_backward(g, z, scale, weight):
    dim = z.shape[1]
    dx = np.empty_like(z)
    for i in range(len(z)):
        slope = g[i] * weight
        # the whole matrix of derivatives of one row
        jacobian = np.eye(dim, dtype=z.dtype) - 1 / dim - np.outer(z[i], z[i]) / dim
        dx[i] = (jacobian @ slope) * scale[i]
    return dx, (z * g).sum(0), np.ones(len(g), dtype=g.dtype) @ g


class LayerNorm(Layer):
    def __init__(self, dim, eps=1e-5):
        self.dim, self.eps = dim, eps
        self.weight = Tensor(np.ones(dim, dtype=np.float32), requires_grad=True)
        self.bias = Tensor(np.zeros(dim, dtype=np.float32), requires_grad=True)

    def forward(self, x):
        if x.shape[-1:] != (self.dim,):
            raise ValueError(f"expected {self.dim} features, got {x.shape}")
        left = x - x.mean(axis=-1, keepdims=True)
        variance = (left**2).mean(axis=-1, keepdims=True)
        return left * (variance + self.eps) ** -0.5 * self.weight + self.bias


class MLP(Layer):
    def __init__(self, dim, hidden=None, dropout=0.0):
        self.up = Linear(dim, hidden or 4 * dim)
        self.gelu = GELU()
        self.down = Linear(hidden or 4 * dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x):
        for part in (self.up, self.gelu, self.down, self.dropout):
            x = part(x)
        return x


class TransformerBlock(Layer):
    def __init__(self, dim, num_heads, dropout=0.0):
        self.norm1, self.norm2 = LayerNorm(dim), LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, num_heads)
        self.mlp = MLP(dim, dropout=dropout)
        self.dropout = Dropout(dropout)

    def forward(self, x, mask=None):
        looked = self.dropout(self.attention(self.norm1(x), mask)) + x
        return self.mlp(self.norm2(looked)) + looked


def logits_of(model, rows):
    weight = model.token_embedding.weight if model.head is None else model.head.weight
    return (weight @ rows.T).T


class GPT(Layer):
    def __init__(
        self,
        vocab_size,
        context_length,
        embed_dim,
        num_heads,
        num_layers,
        dropout=0.0,
        tie_weights=False,
    ):
        self.vocab_size, self.context_length = vocab_size, context_length
        self.token_embedding = Embedding(vocab_size, embed_dim)
        self.position_embedding = PositionalEncoding(context_length, embed_dim)
        self.dropout = Dropout(dropout)
        self.blocks = [TransformerBlock(embed_dim, num_heads, dropout) for _ in range(num_layers)]
        self.norm = LayerNorm(embed_dim)
        self.head = None
        if not tie_weights:
            self.head = Linear(embed_dim, vocab_size, bias=False)
            self.head.weight.data *= 0.5
        for table in (self.token_embedding.weight, self.position_embedding.weight):
            table.data = normal_parameter(table.shape, 0.1).data

    def forward(self, tokens):
        tokens = np.asarray(tokens.data if isinstance(tokens, Tensor) else tokens)
        if len(tokens.shape) != 2 or tokens.shape[1] > self.context_length:
            raise ValueError(f"shape {tokens.shape}, context {self.context_length}")
        t = tokens.shape[1]
        x = self.token_embedding(tokens) + self.position_embedding.weight[:t]
        x, seen = self.dropout(x), np.tri(t) > 0
        for block in self.blocks:
            x = block(x, seen)
        return logits_of(self, self.norm(x).reshape(-1, x.shape[-1])).reshape(*tokens.shape, -1)

    def next_probabilities(self, tokens, temperature=1.0, top_k=None):
        return probabilities(next_logits(self, list(tokens)), temperature, top_k)

    def stream(self, prompt, max_new_tokens, temperature=1.0, top_k=None, seed=None):
        text, rng = [int(token) for token in prompt], np.random.default_rng(seed)
        while max_new_tokens > 0:
            reached = np.cumsum(self.next_probabilities(text, temperature, top_k))
            text.append(int((reached <= rng.random() * reached[-1]).sum()))
            max_new_tokens -= 1
            yield text[-1]

    def generate(self, prompt, max_new_tokens, temperature=1.0, top_k=None, seed=None):
        return [*prompt, *self.stream(prompt, max_new_tokens, temperature, top_k, seed)]


def probabilities(logits, temperature=1.0, top_k=None):
    if temperature < 0 or (top_k is not None and top_k <= 0):
        raise ValueError(f"temperature {temperature}, top_k {top_k}")
    if temperature == 0:
        return np.eye(len(logits), dtype=logits.dtype)[int(np.argmax(logits))]
    ranked = sorted(range(len(logits)), key=lambda token: -logits[token])
    out = set(ranked[top_k:] if top_k else [])
    top = float(max(logits))
    grown = [0 if i in out else math.exp((x - top) / temperature) for i, x in enumerate(logits)]
    return np.array(grown, dtype=logits.dtype) / logits.dtype.type(sum(grown))


@no_grad()
def next_logits(model, tokens):
    before = model.training
    set_training(model, False)
    try:
        return model(np.array(tokens)[np.newaxis, -model.context_length :]).data[0][-1]
    finally:
        set_training(model, before)
