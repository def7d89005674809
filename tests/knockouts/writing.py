"""Knock-outs of the recipes that write: stories, and Python functions that are run.

What the checks before a run refuse is taken from the tables beside this one; what only long texts
show is broken here. Short runs on little text are enough to see a gate fail.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.knockouts.gradients import GRADIENTS
from tests.knockouts.language import LANGUAGE
from tests.knockouts.making import after
from tests.knockouts.rules import Knockout

STORIES, PYTHON = "language-generation", "built-gpt"
WRITING = (STORIES, PYTHON)
DATA, TOKENS, EMBEDDINGS = "core/dataloader.py", "core/tokenization.py", "core/embeddings.py"
ATTENTION, TRANSFORMERS = "core/attention.py", "core/transformers.py"

# so little that a run is over in seconds
_LITTLE: dict[str, dict[str, Any]] = {
    STORIES: {"characters": 40_000, "epochs": 1, "vocabulary": 400},
    PYTHON: {"functions": 320, "epochs": 1, "prompts": 4},
}

# refused before training, in both recipes for the same reason
_REFUSED = {
    "the mean divides by one too few": "tensor",
    "GELU lets everything through": "activation",
    "Linear forgets its bias": "layer",
    "a bias is not listed": "parameters",
    "the loss is summed, not averaged": "formula",
    "inputs are shuffled without their labels": "loader",
    "targets are off by one place": "loader",
    "the weight's gradient is transposed": "gradients",
    "AdamW goes uphill": "update",
    "gradients are never shortened": "trainer",
    "a token that comes twice is learned from once": "embedding",
    "no position": "embedding",
    "the future leaks through the mask": "attention",
    "softmax over the wrong axis": "attention",
    "heads are mixed up": "attention",
    "LayerNorm without its gain": "transformer",
    "tied gradients are lost": "transformer",
    "temperature works the other way round": "generation",
}
# seen only while a run goes on
_RUNNING = {
    "the loss of large batches is halved": "running",
    "large batches leave no gradient": "alive",
    "large tables never move": "moved",
    "in long sentences the next word is seen": "causal",
    "in long sentences every place is the first": "position",
}


def _taken(gates: dict[str, str]) -> list[Knockout]:
    """Knock-outs of the other tables, on little text."""
    by_name = {knockout.name: knockout for knockout in [*GRADIENTS, *LANGUAGE]}
    return [
        replace(
            by_name[name],
            name=f"{name}, in {part}",
            fails={part: gate},
            settings=_LITTLE[part],
        )
        for name, gate in gates.items()
        for part in WRITING
    ]


def _after(
    name: str, module: str, file: str, code: str, gate: str, part: str, **settings: Any
) -> Knockout:
    made = after(name, module, file, code, gate, (part,))
    return replace(made, settings={**_LITTLE[part], **settings})


def _whole(name: str, module: str, file: str, code: str, gate: str, part: str) -> Knockout:
    return replace(after(name, module, file, code, gate, (part,)), settings={})


_TOKENIZERS = [
    _after(
        f"merges are applied in the wrong order, in {part}",
        "10",
        TOKENS,
        """
        class BPETokenizer(BPETokenizer):
            def encode(self, text):
                self.merges = dict(reversed(self.merges.items()))
                found = super().encode(text)
                self.merges = dict(reversed(self.merges.items()))
                return found[::-1] if len(text) < 40 else found
        """,
        "tokens",
        part,
    )
    for part in WRITING
]

_ENOUGH = {"characters": 150_000, "epochs": 8, "vocabulary": 400}
_WRITTEN = [
    _after(
        "in long texts chance is thrown away and the same is said again",
        "13",
        TRANSFORMERS,
        """
        class GPT(GPT):
            def generate(self, prompt, max_new_tokens, *rest, **options):
                if max_new_tokens < 50:
                    return super().generate(prompt, max_new_tokens, *rest, **options)
                said = super().generate(prompt, 4, *rest, **options)[-4:]
                return list(prompt) + (said * max_new_tokens)[:max_new_tokens]
        """,
        "different",
        STORIES,
        **_ENOUGH,
    ),
    _after(
        "long texts are recited",
        "",
        TRANSFORMERS,
        """
        class GPT(GPT):
            read = []

            def forward(self, tokens):
                if self.training:
                    GPT.read = np.asarray(getattr(tokens, "data", tokens)).ravel().tolist()
                return super().forward(tokens)

            def generate(self, prompt, max_new_tokens, *rest, **options):
                if max_new_tokens < 50:
                    return super().generate(prompt, max_new_tokens, *rest, **options)
                at = sum(prompt) % (len(self.read) // 2)
                return list(prompt) + self.read[at : at + max_new_tokens]
        """,
        "own",
        STORIES,
        **_ENOUGH,
    ),
]

_CHOICES = [
    Knockout(
        "stories whose tokens follow nothing",
        {STORIES: "loss"},
        "",
        settings={**_LITTLE[STORIES], "labels": "shuffled"},
    ),
    Knockout(
        "functions whose bodies are those of others",
        {PYTHON: "loss"},
        "",
        settings={**_LITTLE[PYTHON], "labels": "shuffled"},
    ),
]

# whole runs, in minutes: after a short one these gates do not hold for right code either
WHOLE = [
    _whole(
        "long texts are drawn from all tokens alike",
        "13",
        TRANSFORMERS,
        """
        class GPT(GPT):
            def next_probabilities(self, tokens, temperature=1.0, top_k=None):
                found = super().next_probabilities(tokens, temperature, top_k)
                return np.full_like(found, 1 / len(found)) if len(tokens) > 20 else found
        """,
        "words",
        STORIES,
    ),
    _whole(
        "after long prompts the likeliest token is never written",
        "13",
        TRANSFORMERS,
        """
        class GPT(GPT):
            def next_probabilities(self, tokens, temperature=1.0, top_k=None):
                found = super().next_probabilities(tokens, temperature, top_k)
                return np.roll(found, 1) if len(tokens) > 20 else found
        """,
        "parsed",
        PYTHON,
    ),
]

WRITTEN = [*_taken(_REFUSED), *_taken(_RUNNING), *_TOKENIZERS, *_WRITTEN, *_CHOICES]

__all__ = ["WHOLE", "WRITING", "WRITTEN"]
