"""`Author`: a trained model of language that writes on from a prompt, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.clouds import Array
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.player import Weighted
from tinytorch_milestones.training.wordlist import Words

Kind = Literal["text", "python", "sequence"]

_BEST = 5  # next tokens that are told with every piece
_DAMAGED = "\ufffd"  # what a tokenizer shows for bytes that are nobody's UTF-8


class Tokenizer(Protocol):
    """What turns text into tokens and back."""

    @property
    def vocab_size(self) -> int: ...

    def encode(self, text: str) -> list[int]: ...

    def decode(self, tokens: Any) -> str: ...


class Piece(NamedTuple):
    """What one token added, and what else might have stood there."""

    text: str  # may be "": a character can take several tokens
    best: list[tuple[str, float]]  # the likeliest next tokens as text, with their probabilities


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """How an author writes: what belongs to it beside its weights."""

    kind: Kind
    shape: dict[str, Any]  # what GPT was made with
    tokenizer: dict[str, Any]  # see `tokenizer_of`
    ends: str = ""  # it stops where what it wrote contains this; "": nowhere
    longest: int = 0  # tokens it writes at most, 0: as many as it is asked for
    prompts: tuple[str, ...] = ()  # prompts to offer, none of them trained on
    cached: bool = False  # whether it writes with the student's own cache


class Author(Weighted):
    """The model of one run, and the student's own code that writes with it."""

    writes = True
    drawable = False

    def __init__(
        self,
        fw: Framework,
        model: Any,
        tokenizer: Tokenizer,
        bound: Bound,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """`settings` are those of the run that trained it, JSON-able."""
        super().__init__(fw, model, settings)
        self.tokenizer = tokenizer
        self.bound = bound
        # made now, by the classes that the model is made of
        self._writer = fw.KVCache(model) if bound.cached else model

    @property
    def kind(self) -> Kind:
        return self.bound.kind

    @property
    def keepable(self) -> bool:
        """Whether its weights are worth a file: a model made in a cell nobody could make again."""
        return not self.settings.get("own_model")

    def stream(
        self,
        prompt: str,
        max_new_tokens: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int | None = None,
    ) -> Iterator[Piece]:
        """Write on from `prompt`, a piece for each token; closing the generator stops it.

        The student's own `stream` chooses the tokens. An empty prompt begins with a line break.
        Raises `TinyTorchError` for a prompt that the tokenizer does not take.
        """
        tokens = list(self.tokenizer.encode(prompt)) or list(self.tokenizer.encode("\n"))
        longest = self.bound.longest
        count = min(max_new_tokens, longest) if longest else max_new_tokens
        new: list[int] = []
        told = ""
        stream = self._writer.stream(tokens, count, temperature=temperature, top_k=top_k, seed=seed)
        try:
            while True:
                # what a generator has yet to say must not be asked of it after its last word
                best = self.best([*tokens, *new]) if len(new) < count else []
                token = next(stream, None)
                if token is None:
                    return
                new.append(int(token))
                whole = self.tokenizer.decode(new)
                # half of a character waits for its other half
                text = "" if whole.endswith(_DAMAGED) else whole[len(told) :]
                told += text
                yield Piece(text, best)
                if self.bound.ends and self.bound.ends in told:
                    return
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    def write(self, prompt: str, max_new_tokens: int = 200, **options: Any) -> str:
        """All of it at once: what is written after `prompt`."""
        return "".join(piece.text for piece in self.stream(prompt, max_new_tokens, **options))

    def best(
        self, tokens: list[int], temperature: float = 1.0, top_k: int | None = None
    ) -> list[tuple[str, float]]:
        """The likeliest tokens after these, as text, each with its probability."""
        found = np.asarray(
            self._writer.next_probabilities(tokens, temperature=temperature, top_k=top_k)
        )
        order = np.argsort(-found, kind="stable")[:_BEST]
        return [
            (self.tokenizer.decode([int(token)]), float(found[token]))
            for token in order
            if found[token] > 0.0
        ]


def describe(tokenizer: Any) -> dict[str, Any]:
    """A tokenizer as JSON values, from which `tokenizer_of` makes it again."""
    if hasattr(tokenizer, "describe"):
        found: dict[str, Any] = tokenizer.describe()
        return found
    if hasattr(tokenizer, "merges"):
        return {"kind": "merges", "merges": [[int(a), int(b)] for a, b in tokenizer.merges]}
    return {"kind": "characters", "characters": "".join(tokenizer.characters)}


def tokenizer_of(fw: Framework, about: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that `describe` told of: the student's own, or symbols of a recipe."""
    kind = about["kind"]
    if kind == "merges":
        made: Tokenizer = fw.BPETokenizer([(a, b) for a, b in about["merges"]])
        return made
    if kind == "characters":
        made = fw.CharTokenizer(about["characters"])
        return made
    if kind == "words":
        return Words(about["words"])
    return Symbols(str(about["letters"]), int(about["count"]))


class Symbols:
    """Single letters as tokens, and one more that separates a sequence from its answer.

    A prompt is `count` letters; the separator is put after them.
    """

    def __init__(self, letters: str, count: int) -> None:
        self.letters, self.count = letters, count

    @property
    def vocab_size(self) -> int:
        return len(self.letters) + 1

    @property
    def separator(self) -> int:
        return len(self.letters)

    def encode(self, text: str) -> list[int]:
        letters = text.strip()
        wrong = sorted(set(letters) - set(self.letters))
        if wrong or len(letters) != self.count:
            raise TinyTorchError(
                f"{letters!r} cannot be written on from.",
                f"Give {self.count} letters from {self.letters[0]} to {self.letters[-1]}.",
            )
        return [self.letters.index(letter) for letter in letters] + [self.separator]

    def decode(self, tokens: Any) -> str:
        return "".join(f"{self.letters}|"[int(token)] for token in np.asarray(tokens).reshape(-1))

    def describe(self) -> dict[str, Any]:
        return {"kind": "symbols", "letters": self.letters, "count": self.count}


def rebuilt(
    fw: Framework, bound: Bound, weights: Mapping[str, Array], settings: Mapping[str, Any]
) -> Author:
    """The author that was kept, made by the student's code as it is now.

    Raises `TinyTorchError` where the weights do not fit.
    """
    author = Author(fw, fw.GPT(**bound.shape), tokenizer_of(fw, bound.tokenizer), bound, settings)
    author.load(weights)
    return author


__all__ = ["Author", "Bound", "Piece", "Symbols", "describe", "rebuilt"]
