"""`core/tokenization.py` on arbitrary text: there and back, and the definition of byte pairs."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinytorch.core import tokenization
from tinytorch.core.tensor import Tensor
from tinytorch.core.tokenization import (
    BPETokenizer,
    CharTokenizer,
    PairIndex,
    count_pairs,
    learn_merges,
    list_tokens,
    merge_pair,
    merge_word,
    split_words,
    to_bytes,
    to_text,
)

# every character there is, halves of surrogate pairs included, which text() leaves out
anything = st.lists(st.integers(0, sys.maxunicode), max_size=60).map(lambda c: "".join(map(chr, c)))
few = st.text("ab é\n\ud800", max_size=60)
any_text = st.one_of(st.text(max_size=80), anything, few)
word_lists = st.lists(st.tuples(st.text("abc", min_size=1, max_size=9), st.integers(1, 4)))


def plainly(text: str, end: int) -> list[tuple[tuple[int, int], int]]:
    """The definition, over all words of the text, by replacing characters in strings."""
    words = ["".join(map(chr, to_bytes(word))) for word in split_words(text)]
    merges = []
    # tokens are characters here; 0x100 + i stays clear of the surrogates for a few thousand merges
    for token in range(256, end):
        counts = Counter(word[i : i + 2] for word in words for i in range(len(word) - 1))
        best = min(counts, key=lambda pair: (-counts[pair], pair), default="")
        if counts[best] < 2:
            break
        merges.append(((ord(best[0]), ord(best[1])), counts[best]))
        words = [word.replace(best, chr(token)) for word in words]
    return merges


@given(any_text)
@example("\ud83d\ude00 \ude00\ud83d")
@example("e\u0301\u200d\ufeff\ufffd\x00\r\n\u2028")
def test_bytes_bring_text_back(text: str) -> None:
    assert to_text(to_bytes(text)) == text


@given(st.binary(max_size=40))
def test_any_bytes_give_some_text(data: bytes) -> None:
    text = to_text(data)
    assert "\ufffd" in text or to_bytes(text) == data


@given(any_text, any_text)
def test_characters_bring_text_back(known: str, text: str) -> None:
    tokenizer = CharTokenizer(known)
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == text
    assert all(0 <= token < tokenizer.vocab_size for token in tokens)
    assert len(tokenizer.encode(known)) == len(known)
    assert CharTokenizer("".join(tokenizer.characters)).encode(text) == tokens


@given(any_text)
def test_words_together_are_the_text(text: str) -> None:
    words = split_words(text)
    assert "".join(words) == text
    assert all(1 <= len(word) <= (32 if word.isspace() else 17) for word in words)


def test_a_long_run_is_cut() -> None:
    assert [len(word) for word in split_words("a" * 100)] == [16] * 6 + [4]
    assert [len(word) for word in split_words(" " * 70 + "a")] == [32, 32, 5, 2]


@settings(max_examples=60)
@given(any_text, any_text, st.integers(256, 300))
def test_byte_pairs_bring_text_back(training: str, text: str, size: int) -> None:
    tokenizer = BPETokenizer()
    tokenizer.train(training * 2, size)
    for given_text in (text, training, text):
        tokens = tokenizer.encode(given_text)
        assert tokenizer.decode(tokens) == given_text
        assert all(0 <= token < tokenizer.vocab_size for token in tokens)
    assert BPETokenizer(tokenizer.merges).encode(text) == tokens


@settings(max_examples=60)
@given(st.one_of(any_text, st.text("ab ", max_size=120)), st.integers(256, 280))
@example("aaaa aaa aa aaaaaaaa", 270)
def test_training_is_the_definition(text: str, end: int) -> None:
    tokenizer, told = BPETokenizer(), []
    tokenizer.train(text, end, on_merge=lambda token, count: told.append((token, count)))
    expected = plainly(text, end)
    assert list(tokenizer.merges) == [pair for pair, _ in expected]
    assert told == [(256 + i, count) for i, (_, count) in enumerate(expected)]
    assert tokenizer.vocab_size == 256 + len(expected) <= end


def long_text(seed: int, size: int) -> str:
    """Enough pairs that their counts fall behind each other; hypothesis' own texts are short."""
    return "".join(np.random.default_rng(seed).choice(list("aabbcde "), size))


@settings(max_examples=30)
@given(st.integers(0, 999))
def test_long_training_is_the_definition(seed: int) -> None:
    text = long_text(seed, 500)
    tokenizer = BPETokenizer()
    tokenizer.train(text, 320)
    assert list(tokenizer.merges) == [pair for pair, _ in plainly(text, 320)]


@settings(max_examples=30)
@given(st.integers(0, 999))
def test_encoding_makes_every_merge_in_order(seed: int) -> None:
    tokenizer = BPETokenizer()
    tokenizer.train(long_text(seed, 300), 300)
    text = long_text(seed + 1000, 300)
    expected = []
    for word in split_words(text):
        tokens = list(to_bytes(word))
        for pair, token in tokenizer.merges.items():
            tokens = merge_pair(tokens, pair, token)
        assert merge_word(list(to_bytes(word)), tokenizer.merges) == tokens
        expected += tokens
    assert tokenizer.encode(text) == expected


@given(st.lists(st.integers(0, 2), max_size=20), st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_merging_is_replacing(tokens: list[int], pair: tuple[int, int]) -> None:
    before = list(tokens)
    text = "".join(map(chr, tokens)).replace(chr(pair[0]) + chr(pair[1]), chr(9))
    assert merge_pair(tokens, pair, 9) == [ord(character) for character in text]
    assert tokens == before


@given(word_lists, st.randoms(use_true_random=False))
def test_the_index_stays_true(words: list[tuple[str, int]], random: object) -> None:
    index = PairIndex([list(word.encode()) for word, _ in words], [times for _, times in words])
    for merged in range(256, 262):
        pairs = sorted(pair for pair, count in index.counts.items() if count)
        if not pairs:
            break
        before = dict(index.counts)
        changed = index.merge(random.choice(pairs), merged)  # type: ignore[attr-defined]
        counts = count_pairs(index.words, index.repeats)
        assert {pair: count for pair, count in index.counts.items() if count} == counts
        for number, word in enumerate(index.words):
            assert all(number in index.places[pair] for pair in pairwise(word))
        every = {*before, *counts}
        assert set(changed) == {p for p in every if before.get(p, 0) != counts.get(p, 0)}


def test_a_merge_leaves_other_words_alone() -> None:
    index = PairIndex([[1, 2, 3], [2, 3], [3, 1]], [1, 1, 1])
    kept = [index.words[1], index.words[2]]
    index.merge((1, 2), 256)
    assert index.words[0] == [256, 3]
    assert index.words[1] is kept[0]
    assert index.words[2] is kept[1]


def test_merges_can_be_watched_as_they_happen() -> None:
    index = PairIndex([[1, 2, 1, 2]], [3])
    merges = learn_merges(index, 256, 300)
    assert next(merges) == ((1, 2), 6)
    assert index.words == [[256, 256]]
    assert list(merges) == [((256, 256), 3)]


def test_training_again_forgets() -> None:
    tokenizer = BPETokenizer()
    tokenizer.train("tea tea", 300)
    tokenizer.encode("tea")
    tokenizer.train("pot pot", 300)
    assert tokenizer.encode("tea") == list(b"tea")
    assert tokenizer.decode(tokenizer.encode("pot")) == "pot"
    assert len(tokenizer.encode("pot")) == 1


def test_the_cache_begins_anew_when_it_is_full() -> None:
    tokenizer = BPETokenizer()
    tokenizer.most_cached = 3
    for word in "abcdefg":
        assert tokenizer.encode(word) == [ord(word)]
        assert word in tokenizer.cache
        assert len(tokenizer.cache) <= 3


def test_a_list_of_tokens_belongs_to_the_caller() -> None:
    tokenizer = BPETokenizer()
    tokenizer.encode("tea").append(256)
    assert tokenizer.encode("tea") == list(b"tea")


def test_words_are_merged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(tokenization, "merge_word", lambda t, merges: calls.append(t) or list(t))
    BPETokenizer().encode("tea tea tea tea")
    assert calls == [list(b"tea"), list(b" tea")]


@pytest.mark.parametrize("tokens", [[3], (3,), iter([3]), np.array([3], np.uint8), {3: "x"}])
def test_tokens_in_many_shapes(tokens: object) -> None:
    assert list_tokens(tokens, 4) == [3]  # type: ignore[arg-type]


def test_tokens_in_a_tensor() -> None:
    assert list_tokens(Tensor(np.array([3, 0])), 4) == [3, 0]
    assert list_tokens(Tensor(np.array([], np.int64)), 4) == []


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ([4], "no token 4: they go from 0 to 3"),
        ([0, -1], "no token -1"),
        ([1.0], "whole numbers, got float64"),
        ([[1]], r"int64\(1, 1\)"),
        (["a"], "whole numbers"),
    ],
)
def test_tokens_that_are_none(tokens: list[object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list_tokens(tokens, 4)  # type: ignore[arg-type]


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="255 is too few"):
        BPETokenizer().train("tea", 255)
    with pytest.raises(ValueError, match="no token 256"):
        BPETokenizer([(116, 256)])
    with pytest.raises(ValueError, match="merged already"):
        BPETokenizer([(1, 2), (1, 2)])


@given(st.lists(st.integers(0, 18), max_size=30))
def test_any_tokens_give_some_text(tokens: list[int]) -> None:
    assert isinstance(CharTokenizer("abc").decode(tokens), str)
    # a half alone disturbs nothing around it
    assert CharTokenizer("abc").decode([0, 15, *[1, 2]]) == "abc"
