"""Knock-outs of modules 10 to 13, attention and language, and of what a GPT is asked for.

They use public names and what module 12 offers to be replaced (`kernels`), so that they fit any
right solution. What a check on a few tokens cannot see shows in long sentences only.
"""

from __future__ import annotations

from dataclasses import replace

from tests.knockouts.gradients import GRADIENTS
from tests.knockouts.making import (
    ACTIVATIONS,
    AUTOGRAD,
    DATA,
    LOSSES,
    OPTIMIZERS,
    TRAINING,
    after,
)
from tests.knockouts.rules import Knockout
from tests.knockouts.transformers import BLOCKS

SEQUENCES = ("copy", "reverse")
EMBEDDINGS, ATTENTION = "core/embeddings.py", "core/attention.py"

# what spoils every recipe that learns by gradients spoils these too
_SHARED = {
    "the mean divides by one too few": "tensor",
    "Linear forgets its bias": "layer",
    "a bias is not listed": "parameters",
    "the loss is summed, not averaged": "formula",
    "softmax over the batch": "formula",
    "the last batch is lost": "loader",
    "inputs are shuffled without their labels": "loader",
    "every epoch has the same order": "loader",
    "the weight's gradient is transposed": "gradients",
    "broadcast axes are not summed up": "gradients",
    "gradients are not cleared": "trainer",
    "a step before the gradients": "trainer",
    "the loss of large batches is halved": "running",
    "large batches leave no gradient": "alive",
    "labels shuffled, gradients right": "loss",
}


def _shared() -> list[Knockout]:
    by_name = {knockout.name: knockout for knockout in GRADIENTS}
    return [
        replace(by_name[name], name=f"{name}, in sequences", fails=dict.fromkeys(SEQUENCES, gate))
        for name, gate in _SHARED.items()
    ]


def _after(name: str, module: str, file: str, code: str, gate: str, *more: str) -> Knockout:
    return after(name, module, file, code, gate, (*SEQUENCES, *more))


def _adapted(of_sgd: str, name: str) -> Knockout:
    """A knock-out of SGD, done to AdamW."""
    (found,) = [knockout for knockout in GRADIENTS if knockout.name == of_sgd]
    ((file, _, new),) = found.changes
    return _after(name, "07", file, new.replace("SGD", "AdamW"), "update")


_FOUNDATIONS = [
    _after(
        "GELU lets everything through",
        "02",
        ACTIVATIONS,
        "gelu.forward = lambda x: x",
        "activation",
    ),
    _after(
        "the loss takes the first places only",
        "04",
        LOSSES,
        """
        _right = cross_entropy.forward

        def _first(x, t, **options):
            few = slice(0, 500)
            return _right(x.reshape(-1, x.shape[-1])[few], t.reshape(-1)[few], **options)

        cross_entropy.forward = _first
        """,
        "running",
    ),
    _after(
        "targets are off by one place",
        "05",
        DATA,
        """
        class DataLoader(DataLoader):
            def __iter__(self):
                for x, y in super().__iter__():
                    yield x, Tensor(np.roll(y.data, 1, axis=1)) if y.ndim > 1 else y
        """,
        "loader",
    ),
    _after(
        "the gradient of GELU is forgotten",
        "06",
        AUTOGRAD,
        "gelu.derivative = (lambda g, y, x: g,)",
        "gradients",
    ),
    _adapted("the step goes uphill", "AdamW goes uphill"),
    _adapted("the last parameter is skipped", "AdamW skips the last parameter"),
    _after(
        "large tables never move",
        "07",
        OPTIMIZERS,
        """
        class AdamW(AdamW):
            def step(self):
                kept = [(p, p.data.copy()) for p in self.parameters if p.size > 600]
                super().step()
                for p, values in kept:
                    p.data[...] = values
        """,
        "moved",
    ),
    _after(
        "gradients are never shortened",
        "08",
        TRAINING,
        "clip_grad_norm = lambda parameters, max_norm: 1.0",
        "trainer",
    ),
]

_WORDS = [
    _after(
        "a token that comes twice is learned from once",
        "11",
        EMBEDDINGS,
        """
        _right = Lookup.backward

        def _once(self, g):
            whole = np.zeros_like(_right(self, g))
            whole[self.indices] = g
            return whole

        Lookup.backward = _once
        """,
        "embedding",
    ),
    _after(
        "no position",
        "11",
        EMBEDDINGS,
        """
        class PositionalEncoding(PositionalEncoding):
            def forward(self, x):
                return x * 1.0
        """,
        "embedding",
    ),
    _after(
        "the places get no gradient",
        "11",
        EMBEDDINGS,
        "AddRows.backward = lambda self, g: (g, np.zeros(self.shape, g.dtype))",
        "embedding",
    ),
    _after(
        "the embedding is not listed",
        "11",
        EMBEDDINGS,
        """
        class Embedding(Embedding):
            def parameters(self):
                return []

            def named_parameters(self):
                return []
        """,
        "embedding",
    ),
    _after(
        "in long sentences every place is the first",
        "11",
        EMBEDDINGS,
        """
        _right = AddRows.forward

        def _first(self, x, table):
            result = _right(self, x, table)
            return x + table[:1] if x.shape[-2] > 8 else result

        AddRows.forward = _first
        """,
        "position",
    ),
]

_KERNEL = """
_right = kernels["attention"]

def _wrong(q, k, v, mask=None, out=None):
    {}

kernels["attention"] = _wrong
"""

_LOOKS = [
    _after(
        "the future leaks through the mask",
        "12",
        ATTENTION,
        "causal_mask = lambda length: np.tril(np.ones((length, length), dtype=bool), 1)",
        "attention",
    ),
    _after(
        "the mask is ignored",
        "12",
        ATTENTION,
        _KERNEL.format("return _right(q, k, v, None, out=out)"),
        "attention",
    ),
    _after(
        "softmax over the wrong axis",
        "12",
        ATTENTION,
        _KERNEL.format(
            """scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, np.float32(-1e9))
    weights = np.exp(scores - scores.max(axis=-2, keepdims=True))
    weights /= weights.sum(axis=-2, keepdims=True)
    return np.matmul(weights, v, out=out), weights"""
        ),
        "attention",
    ),
    _after(
        "scores are not scaled",
        "12",
        ATTENTION,
        _KERNEL.format(
            "return _right(q * np.float32(math.sqrt(q.shape[-1])), k, v, mask, out=out)"
        ),
        "attention",
    ),
    _after(
        "heads are mixed up",
        "12",
        ATTENTION,
        """
        _right = split_heads

        def split_heads(x, parts, heads):
            dealt = _right(x, parts, heads)
            return dealt if parts == 1 else dealt[:, :, ::-1]
        """,
        "attention",
    ),
    _after(
        "queries and keys are exchanged on the way back",
        "12",
        ATTENTION,
        """
        _right = kernels["attention_backward"]

        def _wrong(g, q, k, v, weights, out=(None, None, None)):
            return _right(g, k, q, v, weights, out=out)

        kernels["attention_backward"] = _wrong
        """,
        "attention",
    ),
    _after(
        "in long sentences the next word is seen",
        "12",
        ATTENTION,
        """
        _right = causal_mask

        def causal_mask(length):
            return np.tril(np.ones((length, length), bool), 1) if length > 8 else _right(length)
        """,
        "causal",
    ),
    _after(
        "of long sentences another attention is kept than was used",
        "12",
        ATTENTION,
        """
        class MultiHeadAttention(MultiHeadAttention):
            def forward(self, x, mask=None):
                result = super().forward(x, mask)
                if x.shape[1] > 8:
                    self.attention = self.attention[:, :, ::-1]
                return result
        """,
        "looks",
    ),
]

_CHOICES = [
    Knockout(
        "hardly trained on sequences",
        dict.fromkeys(SEQUENCES, "accuracy"),
        "",
        settings={"epochs": 2, "learning_rate": 0.004, "patience": 0},
    ),
]

LANGUAGE = [*_shared(), *_FOUNDATIONS, *_WORDS, *_LOOKS, *BLOCKS, *_CHOICES]

__all__ = ["LANGUAGE", "SEQUENCES"]
