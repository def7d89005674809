"""Tokenizers beside their definitions: numbers of characters, merges of pairs, and the way back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tinytorch_milestones.training import language_oracle as right

if TYPE_CHECKING:
    from tinytorch_milestones.training.mechanism import Mechanism

_TEXTS = (
    "",
    "low lower",
    "Grüße, 東京!\n\tπ",
    "👩‍🚀 e\u0301 \u202eabc\x00\x7f",  # joined signs, an accent by itself, a change of direction
    "   two   spaces  ",
    "\ud800 half of a pair",
)
_LESSON = (
    "low low low lower lower lowest newer newer newest newest newest wider wider banana ananas"
)
_MERGES = 14


def _round_trip(judge: Mechanism, metric: str, name: str, tokenizer: Any) -> None:
    """`decode(encode(x)) == x`, with tokens that the vocabulary has."""
    for text in (*_TEXTS, _LESSON):
        tokens = judge.attempt(
            metric, f"{name}.encode({text!r})", partial(_encoded, tokenizer, text)
        )
        if tokens is None:
            return
        if not all(0 <= token < tokenizer.vocab_size for token in tokens):
            judge.fault(metric, f"{name}.encode({text!r}) gives tokens outside its vocab_size")
            return
        back = judge.attempt(metric, f"{name}.decode", partial(tokenizer.decode, tokens))
        if back is not None and back != text:
            judge.fault(metric, f"{name}: decode(encode({text!r})) gives {back!r}", 1.0)
            return


def _encoded(tokenizer: Any, text: str) -> list[int]:
    return [int(token) for token in tokenizer.encode(text)]


def examine_characters(judge: Mechanism) -> None:
    """`agree.tokens`: a token for every character, and any text comes back."""
    metric = "agree.tokens"
    judge.metrics[metric] = 0.0
    tokenizer = judge.attempt(metric, "CharTokenizer", lambda: judge._fw.CharTokenizer("banana!"))
    if tokenizer is None:
        return
    if tokenizer.vocab_size != 4 + 16:
        said = f"{tokenizer.vocab_size}, 20 is right: 4 characters and 16 halves of a byte"
        judge.fault(metric, f"the vocab_size of CharTokenizer('banana!') is {said}", 1.0)
        return
    # the characters are numbered in their order: ! a b n
    for text, expected in (("nab!", [3, 1, 2, 0]), ("né", [3, 4 + 12, 4 + 3, 4 + 10, 4 + 9])):
        tokens = judge.attempt(metric, "encode", partial(_encoded, tokenizer, text))
        if tokens is not None and tokens != expected:
            said = f"gives {tokens} for {text!r}, {expected} is right"
            judge.fault(metric, f"encode of CharTokenizer('banana!') {said}", 1.0)
            return
    _round_trip(judge, metric, "CharTokenizer", tokenizer)


def examine_pairs(judge: Mechanism) -> None:
    """`agree.tokens` again: byte pair encoding by its definition, and any text comes back."""
    metric = "agree.tokens"
    judge.metrics.setdefault(metric, 0.0)
    tokenizer = judge.attempt(metric, "BPETokenizer", lambda: judge._fw.BPETokenizer())
    if tokenizer is None:
        return
    _round_trip(judge, metric, "BPETokenizer before training", tokenizer)
    train = partial(tokenizer.train, _LESSON, 256 + _MERGES)
    if judge.failed or judge.attempt(metric, "train", lambda: (train(), 1)) is None:
        return
    words = right.words_of(_LESSON)
    expected = right.merges(words, _MERGES)
    learned = [(int(a), int(b)) for a, b in tokenizer.merges]
    for number, (got, pair) in enumerate(zip(learned, expected, strict=False), start=1):
        if got != pair:
            said = f"merge {number} of BPETokenizer joins {got}, {pair} is the most frequent pair"
            judge.fault(metric, said, 1.0)
            return
    if len(learned) != len(expected) or tokenizer.vocab_size != 256 + len(expected):
        said = f"learned {len(learned)} merges where {len(expected)} are right"
        judge.fault(metric, f"BPETokenizer {said}", 1.0)
        return
    tokens = judge.attempt(metric, "encode", partial(_encoded, tokenizer, _LESSON))
    if tokens is not None and tokens != right.encoded(words, expected):
        judge.fault(metric, "encode of BPETokenizer does not merge in the order learned", 1.0)
        return
    _round_trip(judge, metric, "BPETokenizer", tokenizer)
