"""A model that writes: a piece for each token, and how it is kept and made again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.author import Author, Bound, Symbols, describe
from tinytorch_milestones.training.implementation import Framework, Implementation
from tinytorch_milestones.training.weights import pack, rebuild

SIZES = {"context_length": 14, "embed_dim": 8, "num_heads": 2, "num_layers": 1}


@pytest.fixture
def fw() -> Iterator[Framework]:
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        framework.manual_seed(1)
        yield framework


def author(fw: Framework, tokenizer: Any, kind: Any = "text", **more: Any) -> Author:
    shape = {**SIZES, "vocab_size": tokenizer.vocab_size}
    bound = Bound(kind=kind, shape=shape, tokenizer=describe(tokenizer), **more)
    return Author(fw, fw.GPT(**shape), tokenizer, bound, {"seed": 5})


def test_an_author_writes_a_piece_for_each_token(fw: Framework) -> None:
    writer = author(fw, fw.CharTokenizer("abcdefgh \n"))
    pieces = list(writer.stream("bad", 30, seed=4))
    assert len(pieces) == 30
    assert "".join(piece.text for piece in pieces) == writer.write("bad", 30, seed=4)
    for piece in pieces:
        chances = [chance for _, chance in piece.best]
        assert len(chances) == 5
        assert chances == sorted(chances, reverse=True)
    sure = list(writer.stream("bad", 5, temperature=0.0))
    letters = set("abcdefgh \n")
    assert all(piece.best == [(piece.text, 1.0)] for piece in sure if piece.text in letters)
    assert list(writer.stream("", 2, seed=1))
    endless = writer.stream("bad", 10**9)
    next(endless)
    endless.close()


def test_an_author_stops_at_its_end(fw: Framework) -> None:
    writer = author(fw, fw.CharTokenizer("ab"), ends="a")
    said = writer.write("b", 500, seed=2)
    assert said.count("a") == 1
    assert said.endswith("a")
    short = author(fw, fw.CharTokenizer("ab"), longest=7)
    assert len(list(short.stream("b", 500))) == 7


@pytest.mark.parametrize("name", ["characters", "merges", "symbols"])
def test_an_author_is_kept_with_its_tokenizer(fw: Framework, name: str) -> None:
    tokenizer: Any = Symbols("abcd", 3)
    if name == "characters":
        tokenizer = fw.CharTokenizer("abcdé")
    if name == "merges":
        tokenizer = fw.BPETokenizer()
        tokenizer.train("abcd abcd abcd abc", 262)
    writer = author(fw, tokenizer, "text", prompts=("abc",))
    data = pack(writer, "transformer:copy")
    assert data is not None
    again = rebuild(fw, data, "kept.npz", {})
    assert isinstance(again, Author)
    assert again.bound == writer.bound
    assert again.model is not writer.model
    assert again.write("abc", 12, seed=6) == writer.write("abc", 12, seed=6)
    own = Author(fw, writer.model, tokenizer, writer.bound, {"own_model": True})
    assert pack(own, "transformer:copy") is None


def test_symbols_take_their_letters_only() -> None:
    symbols = Symbols("abcd", 3)
    assert symbols.encode(" dab ") == [3, 0, 1, 4]
    assert symbols.decode([3, 0, 1, 4]) == "dab|"
    for wrong in ("da", "dabc", "dax", ""):
        with pytest.raises(TinyTorchError, match="cannot be written on from"):
            symbols.encode(wrong)
