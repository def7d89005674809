"""Whole words as tokens, for a recipe that does without module 10: a text of few words needs no
more."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinytorch_milestones.errors import TinyTorchError

_PIECES = re.compile(r" ?[A-Za-z]+|[^A-Za-z]")


class Words:
    """Every word of a text is a token, with the blank before it; so is every sign.

    Single letters are tokens too, so that a word that is not known can be spelled.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.known = list(tokens)
        self._numbers = {token: number for number, token in enumerate(self.known)}

    @classmethod
    def of(cls, text: str) -> Words:
        """All words and signs that occur in a text, and every letter."""
        return cls(sorted({*_PIECES.findall(text), *string.ascii_letters, " "}))

    @property
    def vocab_size(self) -> int:
        return len(self.known)

    def encode(self, text: str) -> list[int]:
        """The numbers of its pieces. Raises `TinyTorchError` for a sign that was never seen."""
        numbers = self._numbers
        found: list[int] = []
        for piece in _PIECES.findall(text):
            try:
                found += [numbers[piece]] if piece in numbers else [numbers[one] for one in piece]
            except KeyError as error:
                raise TinyTorchError(
                    f"{error.args[0]!r} does not occur in the texts it was trained on.",
                    "Write with plain letters, blanks, full stops, commas and quotation marks.",
                ) from None
        return found

    def decode(self, tokens: Any) -> str:
        return "".join(self.known[int(token)] for token in np.asarray(tokens).reshape(-1))

    def describe(self) -> dict[str, Any]:
        return {"kind": "words", "words": self.known}
