"""Models that write what they are told to, and one that learned a little: for tests of the box."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinytorch_milestones.corpora.functions import FAMILIES, Function, training_function
from tinytorch_milestones.training.author import Author, Bound, describe

WRITTEN = "\treturn count + 7\n\n"
FUNCTION = Function(next(f for f in FAMILIES if f.id == "add"), "add", ("count",), ("7",))


class Scripted:
    """In a GPT's place: writes `text` after any prompt, a letter at a time.

    With `gate` it waits for a release of it before each letter.
    """

    def __init__(self, tokenizer: Any, text: str, gate: threading.Semaphore | None = None) -> None:
        self.tokenizer, self.text, self.gate = tokenizer, text, gate
        self.asked: list[dict[str, Any]] = []
        self.closed = threading.Event()

    def stream(self, prompt: list[int], max_new_tokens: int, **options: Any) -> Iterator[int]:
        self.asked.append({"prompt": self.tokenizer.decode(prompt), **options})
        self.closed.clear()
        return self._tokens(max_new_tokens)

    def _tokens(self, most: int) -> Iterator[int]:
        try:
            for token in self.tokenizer.encode(self.text)[:most]:
                if self.gate is not None:
                    self.gate.acquire()
                yield token
        finally:
            self.closed.set()

    def next_probabilities(self, tokens: list[int], **options: Any) -> Any:
        """Most for the letter that comes, little for the others."""
        size = self.tokenizer.vocab_size
        asked = len(self.tokenizer.encode(self.asked[-1]["prompt"]))
        coming = self.tokenizer.encode(self.text)[len(tokens) - asked]
        shares = np.full(size, 0.4 / (size - 1))
        shares[coming] = 0.6
        return shares


def scripted(
    fw: Any,
    text: str = WRITTEN,
    kind: Any = "python",
    prompts: tuple[str, ...] = (FUNCTION.prompt,),
    gate: threading.Semaphore | None = None,
) -> Author:
    """An author whose model is `Scripted`."""
    tokenizer = fw.CharTokenizer(FUNCTION.text + text + "".join(prompts))
    bound = Bound(kind=kind, shape={}, tokenizer=describe(tokenizer), prompts=prompts)
    return Author(fw, Scripted(tokenizer, text, gate), tokenizer, bound)


def learner(fw: Any, steps: int = 150) -> Author:
    """An author that learned from one family of functions for a few seconds."""
    import random

    rng = random.Random(0)
    family = FUNCTION.family
    text = "".join(training_function(family, rng).text for _ in range(400)) + FUNCTION.text
    tokenizer = fw.CharTokenizer(text)
    tokens = np.array(tokenizer.encode(text))
    fw.manual_seed(0)
    shape = {
        "vocab_size": tokenizer.vocab_size,
        "context_length": 64,
        "embed_dim": 32,
        "num_heads": 2,
        "num_layers": 1,
    }
    model = fw.GPT(**shape)
    optimizer = fw.AdamW(model.parameters(), lr=0.005)
    loss_fn = fw.CrossEntropyLoss()
    draw = np.random.default_rng(0)
    for _ in range(steps):
        starts = draw.integers(0, len(tokens) - 65, size=16)[:, None] + np.arange(65)
        windows = tokens[starts]
        logits = model(windows[:, :-1]).reshape(-1, tokenizer.vocab_size)
        loss = loss_fn(logits, fw.Tensor(windows[:, 1:].reshape(-1)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    prompts = (FUNCTION.prompt, FUNCTION.prompt.replace("7", "12"))
    bound = Bound(kind="python", shape=shape, tokenizer=describe(tokenizer), prompts=prompts)
    return Author(fw, model, tokenizer, bound)


def slow_writer(fw: Any) -> Author:
    """An author that knows nothing, and is large enough to be stopped while it writes."""
    text = "Once upon a time there was a fox. abcdefghijklmnopqrstuvwxyz"
    tokenizer = fw.CharTokenizer(text)
    fw.manual_seed(0)
    shape = {
        "vocab_size": tokenizer.vocab_size,
        "context_length": 256,
        "embed_dim": 192,
        "num_heads": 4,
        "num_layers": 6,
    }
    bound = Bound(kind="text", shape=shape, tokenizer=describe(tokenizer))
    return Author(fw, fw.GPT(**shape), tokenizer, bound)
