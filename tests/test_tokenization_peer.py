"""`core/tokenization.py` beside the tokenizers package, where that is installed.

Characters are letters only, so that both number them in the same order and ties fall alike.
"""

from __future__ import annotations

import numpy as np
import pytest

from tinytorch.core.tokenization import BPETokenizer, split_words

tokenizers = pytest.importorskip(
    "tokenizers", reason="needs tokenizers, which is only a peer to compare with"
)

STOCK = ["banana", "bandana", "cabana", "cab", "abba", "baobab", "aaaaaaa", "mississippi", "potato"]


def peer(text: str, size: int) -> tokenizers.Tokenizer:
    """One that learns `size` merges from words that are separated by white space."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    letters = {character for character in text if not character.isspace()}
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=len(letters) + size, min_frequency=2, show_progress=False
    )
    made.train_from_iterator([text], trainer)
    return made


@pytest.mark.parametrize("size", [1, 5, 20, 200])
@pytest.mark.parametrize("seed", range(4))
def test_the_same_pieces_are_learned_and_used(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    text = "\n".join(rng.choice(STOCK, 300))
    ours, theirs = BPETokenizer(), peer(text, size)
    ours.train(text, 256 + size)
    pieces = [piece.decode() for piece in ours.pieces[256:]]
    vocabulary = theirs.get_vocab()
    learned = sorted((number, piece) for piece, number in vocabulary.items() if len(piece) > 1)
    assert pieces == [piece for _, piece in learned]
    unseen = "\n".join("".join(rng.choice(list("abnmsipto"), 9)) for _ in range(200))
    for given in (text, unseen):
        used = [ours.pieces[token].decode() for token in ours.encode(given)]
        assert [piece for piece in used if piece != "\n"] == theirs.encode(given).tokens


def test_the_same_words() -> None:
    """Our cut, given to the peer as a regular expression, gives the same words."""
    from tinytorch.core.tokenization import WORD

    cut = tokenizers.pre_tokenizers.Split(tokenizers.Regex(WORD.pattern), "isolated")
    for text in ("def brew(cups=2):\n    return 'tea'  # hot_tea\n", "naïve  東京 42!", "\t\n x"):
        assert [word for word, _ in cut.pre_tokenize_str(text)] == split_words(text)
