"""Checkpoint 15, its part on `core/tokenization.py`: text to tokens and back.

Only the two public tokenizers are used. The oracle for byte pair encoding is its definition: every
pair of the whole text counted anew for each merge, and all merges made one after the other. Texts
here are plain words with one space before each, so that there is only one way to cut them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

Pair = tuple[int, int]


def _student() -> Any:
    return import_module("tinytorch")


def _texts() -> list[str]:
    """Texts of every kind: alphabets, signs, halves of surrogate pairs, random characters."""
    rng = np.random.default_rng(1501)
    texts = ["", " ", "a", "\n\n\t x\r\n", "don't  stop_now 1234567890!?", "Straße, żółw, ἀρχή"]
    texts += ["中文字符 한국어 עברית", "e\u0301\u200d\ufeff\ufffd", "👩‍👩‍👧 \U0010ffff\x00"]
    texts += ["\ud800", "a\udfffb", "\ud83d\ude00 \ude00\ud83d", "z" * 300, "_ " * 40, " " * 90]
    for size in (1, 2, 3, 10, 50, 200):
        for limit in (128, 256, 3000, 0x10000, 0x110000):
            texts.append("".join(map(chr, rng.integers(0, limit, size))))
    return texts


def _words(rng: Any, count: int) -> list[str]:
    """Words of few syllables, some much more frequent than others."""
    syllables = ["an", "ti", "o", "se", "rain", "mm", "ana", "sss"]
    stock = ["".join(rng.choice(syllables, rng.integers(1, 4))) for _ in range(30)]
    return [" " + stock[min(29, int(rng.exponential(6)))] for _ in range(count)]


def _joined(word: list[int], pair: Pair, token: int) -> list[int]:
    found: list[int] = []
    for number in word:
        # a joined token is larger than both halves, so it is never joined a second time
        if found and (found[-1], number) == pair:
            found[-1] = token
        else:
            found.append(number)
    return found


def _definition(text: list[str], end: int) -> tuple[list[tuple[Pair, int]], list[list[int]]]:
    """Each merge with its count, and the words after all of them."""
    words = [list(word.encode()) for word in text]
    merges: list[tuple[Pair, int]] = []
    for token in range(256, end):
        counts: dict[Pair, int] = {}
        for word in words:
            for i in range(1, len(word)):
                counts[word[i - 1], word[i]] = counts.get((word[i - 1], word[i]), 0) + 1
        pair = max(counts, key=lambda p: (counts[p], -p[0], -p[1]), default=(0, 0))
        if counts.get(pair, 0) < 2:
            break
        merges.append((pair, counts[pair]))
        words = [_joined(word, pair, token) for word in words]
    return merges, words


def _came_back(tokenizer: Any, text: str, name: str) -> list[int]:
    """The tokens of `text`, after checking them and the way back."""
    tokens = [int(token) for token in tokenizer.encode(text)]
    size = tokenizer.vocab_size
    outside = [token for token in tokens if not 0 <= token < size]
    assert not outside, f"{name}: tokens {outside[:3]} of {text[:20]!r} are not in 0..{size - 1}"
    got = tokenizer.decode(tokens)
    assert got == text, (
        f"{name}: {text[:60]!r} came back as {got[:60]!r}: what a tokenizer changes, no model can "
        "learn to write"
    )
    return tokens


def brings_text_back() -> None:
    """Any text at all comes back from both tokenizers; any tokens give some text."""
    student = _student()
    trained = student.BPETokenizer()
    trained.train("Straße an Straße, 中文字符 中文字符 👩‍👩‍👧👩‍👩‍👧 a\udfffb a\udfffb", 290)
    assert trained.vocab_size > 256, "nothing was learned from words that occur twice"
    tokenizers = {
        "CharTokenizer()": student.CharTokenizer(),
        "CharTokenizer('naïve 中\\ud83d')": student.CharTokenizer("naïve 中\ud83d"),
        "BPETokenizer()": student.BPETokenizer(),
        "a trained BPETokenizer": trained,
        "a copy of it": student.BPETokenizer(trained.merges),
    }
    rng = np.random.default_rng(1502)
    for name, tokenizer in tokenizers.items():
        for text in _texts():
            first = _came_back(tokenizer, text, name)
            tokenizer.encode(text).append(-1)  # a caller may do what it likes with its own list
            again = [int(token) for token in tokenizer.encode(text)]
            assert first == again, f"{name}: {text[:20]!r} is {first[:9]} first, {again[:9]} later"
        for size in range(0, 60, 3):
            tokens = rng.integers(0, tokenizer.vocab_size, size)
            try:
                found = tokenizer.decode(tokens)
            except UnicodeDecodeError:
                raise AssertionError(
                    f"{name}: decode raised UnicodeDecodeError: a model may write any tokens, also "
                    "bytes that are no text, and must be able to go on"
                ) from None
            assert isinstance(found, str), f"{name}: expected a str, got {type(found).__name__}"
        for wrong in (-1, tokenizer.vocab_size):
            try:
                tokenizer.decode([wrong])
            except ValueError:
                continue
            raise AssertionError(f"{name}: token {wrong} does not exist and was decoded")
    damaged = student.BPETokenizer().decode([116, 195, 97, 195, 169])
    assert damaged == "t\ufffdaé", (
        f"the bytes 116, 195, 97, 195, 169: expected t, the sign U+FFFD for damage, a, é, got "
        f"{damaged!r}"
    )


def spells_characters() -> None:
    """A known character is one token, another one two for each of its bytes."""
    student = _student()
    for known in ("hello world", "zebra", "éß中", ""):
        tokenizer = student.CharTokenizer(known)
        order = sorted(set(known))
        assert tokenizer.vocab_size == len(order) + 16, (
            f"{known!r} has {len(order)} characters, and 16 tokens spell all others: expected "
            f"{len(order) + 16}, got {tokenizer.vocab_size}"
        )
        for text in ("hold", "ß", "中é", "h\ud800o", known[::-1]):
            expected = []
            for character in text:
                data = character.encode("utf-8", "surrogatepass")
                digits = [len(order) + int(digit, 16) for digit in data.hex()]
                expected += [order.index(character)] if character in order else digits
            got = [int(token) for token in tokenizer.encode(text)]
            assert got == expected, f"{text!r} with {known!r} known: expected {expected}, got {got}"


def learns_merges() -> None:
    """Merges, their order and counts are those of the definition, and encoding makes them all."""
    student = _student()
    rng = np.random.default_rng(1503)
    tokenizer = student.BPETokenizer()
    for count, end in ((4, 256), (60, 262), (400, 300), (150, 600)):
        text = _words(rng, count)
        told: list[tuple[int, int]] = []
        tokenizer.train("".join(text), end, on_merge=lambda *merge: told.append(merge))  # noqa: B023
        expected, words = _definition(text, end)
        said = f"{count} words, up to {end} tokens"
        got = list(tokenizer.merges)
        for i, (mine, (pair, times)) in enumerate(zip(got, expected, strict=False)):
            assert tuple(mine) == pair, (
                f"{said}: merge {i} should join {pair}, which occurs {times} times then (of "
                f"several pairs the smallest), got {mine}"
            )
        assert len(got) == len(expected), (
            f"{said}: expected {len(expected)} merges, got {len(got)}: go on while tokens are left "
            "and a pair occurs twice"
        )
        assert tokenizer.vocab_size == 256 + len(expected), f"{said}: got {tokenizer.vocab_size}"
        counts = [(256 + i, times) for i, (_, times) in enumerate(expected)]
        assert told == counts, f"{said}: on_merge was told {told[:4]}, expected {counts[:4]}"
        tokens = [int(token) for token in tokenizer.encode("".join(text))]
        assert tokens == [token for word in words for token in word], (
            f"{said}: the text trained on must be encoded as training left it"
        )
        for word in [*_words(rng, 40), "tirain", "anananan", "mmmmm", " sssosss"]:
            pieces = list(word.encode())
            for i, (pair, _) in enumerate(expected):
                pieces = _joined(pieces, pair, 256 + i)
            got_word = [int(token) for token in tokenizer.encode(word)]
            assert got_word == pieces, (
                f"{word!r}: all merges in the order learned give {pieces}, got {got_word}"
            )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-15.text": ("Brings any text back", brings_text_back),
    "checkpoint-15.characters": ("Spells characters it does not know", spells_characters),
    "checkpoint-15.merges": ("Learns byte pairs as defined", learns_merges),
}
