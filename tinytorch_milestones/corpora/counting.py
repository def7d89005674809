"""How well counting alone predicts a text: the mark that a language model has to beat.

For each character of a held-out text, a bigram model knows the character before, a trigram model
the two before. Counts are blended with those of the shorter context by the rule of Witten
and Bell (1991), so that what was never counted has a small probability too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def bits_per_character(training: str, held_out: str, order: int) -> float:
    """Mean of -log2 p(character | the `order` - 1 before it) over `held_out`.

    `order` 1 is a unigram, 2 a bigram, 3 a trigram model, counted on `training`. A character that
    is not in `training` is as likely as a 256th of what was never seen.
    """
    if order < 1 or order > 8:
        raise ValueError(f"order is the number of characters counted together, 1 to 8: {order}")
    if len(training) <= order or len(held_out) <= order:
        raise ValueError(f"both texts must have more than {order} characters")
    counted, asked = _codes(training), _codes(held_out)
    alphabet, both = np.unique(np.concatenate([counted, asked]), return_inverse=True)
    counted, asked = both[: len(counted)], both[len(counted) :]
    size = len(alphabet)
    # every model is asked for the same characters: those that have order - 1 before them
    probability = np.full(len(asked) - order + 1, 1.0 / max(256, size))
    for length in range(1, order + 1):
        grams = _windows(counted, length, size)
        questions = _windows(asked, length, size)[order - length :]
        seen, counts = np.unique(grams, return_counts=True)
        contexts, first, kinds = np.unique(seen // size, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, first)
        hits = _lookup(seen, counts, questions)
        total = _lookup(contexts, totals, questions // size)
        kind = _lookup(contexts, kinds, questions // size)
        known = np.maximum(total + kind, 1)
        blended = (hits + kind * probability) / known
        probability = np.where(total > 0, blended, probability)
    return float(-np.log2(probability).mean())


def _codes(text: str) -> NDArray[np.int64]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)


def _windows(codes: NDArray[np.int64], length: int, size: int) -> NDArray[np.int64]:
    """A number for each run of `length` codes; its last code is the remainder by `size`."""
    count = len(codes) - length + 1
    number = np.zeros(count, dtype=np.int64)
    for place in range(length):
        number = number * size + codes[place : place + count]
    return number


def _lookup(
    keys: NDArray[np.int64], values: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The value of each asked key, 0 where it is not among the sorted keys."""
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0)
