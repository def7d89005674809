"""Knock-outs of module 13: what a block, a GPT and its writing can get wrong."""

from __future__ import annotations

from tests.knockouts.making import after
from tests.knockouts.rules import Knockout

TRANSFORMERS = "core/transformers.py"


def _after(name: str, module: str, file: str, code: str, gate: str) -> Knockout:
    return after(name, module, file, code, gate, ("copy", "reverse"))


BLOCKS = [
    _after(
        "LayerNorm without its gain",
        "13",
        TRANSFORMERS,
        """
        class LayerNorm(LayerNorm):
            def forward(self, x):
                plain = LayerNorm.__mro__[1].forward(self, x)
                return (plain - self.bias) / self.weight + self.bias
        """,
        "transformer",
    ),
    _after(
        "the gain of LayerNorm gets no gradient",
        "13",
        TRANSFORMERS,
        """
        class LayerNorm(LayerNorm):
            def forward(self, x):
                kept = self.weight
                self.weight = Tensor(kept.data)
                try:
                    return LayerNorm.__mro__[1].forward(self, x)
                finally:
                    self.weight = kept
        """,
        "transformer",
    ),
    _after(
        "tied gradients are lost",
        "13",
        TRANSFORMERS,
        """
        _right = logits_of

        def logits_of(model, rows):
            if model.head is None:
                return rows @ Tensor(model.token_embedding.weight.data.copy()).T
            return _right(model, rows)
        """,
        "transformer",
    ),
    _after(
        "a block forgets what was there",
        "13",
        TRANSFORMERS,
        """
        class TransformerBlock(TransformerBlock):
            def forward(self, x, mask=None):
                return super().forward(x, mask) - x
        """,
        "transformer",
    ),
    _after(
        "GPT gives its blocks no mask",
        "13",
        TRANSFORMERS,
        """
        class TransformerBlock(TransformerBlock):
            def forward(self, x, mask=None):
                return super().forward(x, None if x.shape[1] == 5 else mask)
        """,
        "transformer",
    ),
    _after(
        "temperature works the other way round",
        "13",
        TRANSFORMERS,
        """
        _right = probabilities

        def probabilities(logits, temperature=1.0, top_k=None):
            return _right(logits, 1 / temperature if temperature else 0.0, top_k)
        """,
        "generation",
    ),
    _after(
        "top_k keeps one too many",
        "13",
        TRANSFORMERS,
        """
        _right = probabilities

        def probabilities(logits, temperature=1.0, top_k=None):
            return _right(logits, temperature, None if top_k is None else top_k + 1)
        """,
        "generation",
    ),
    _after(
        "dropout is on while it writes",
        "13",
        TRANSFORMERS,
        """
        class GPT(GPT):
            def eval(self):
                return self
        """,
        "generation",
    ),
    _after(
        "in long texts the likeliest token is never written",
        "13",
        TRANSFORMERS,
        """
        class GPT(GPT):
            def next_probabilities(self, tokens, temperature=1.0, top_k=None):
                found = super().next_probabilities(tokens, temperature, top_k)
                return np.roll(found, 1) if len(tokens) > 20 else found
        """,
        "written",
    ),
]
