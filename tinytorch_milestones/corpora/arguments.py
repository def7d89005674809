"""Arguments to try a generated function with: values around its constants, and some others.

An example is worth something when a slightly wrong function gives another answer, so numbers lie on
both sides of each constant, strings begin and end with it, lists hold it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tinytorch_milestones.corpora.vocabulary import CONSTANTS

Constants = tuple[int | str, ...]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PLAIN = ("level", "noon", "ABcba", "storm", "Maple", "a", "tree", "tot")
_WORDS = CONSTANTS["word"].known


def _numbers(constants: Constants) -> list[int]:
    return [c for c in constants if isinstance(c, int)]


def _strings(constants: Constants) -> list[str]:
    return [c for c in constants if isinstance(c, str)]


def number(rng: random.Random, turn: int, constants: Constants) -> int:
    """A whole number; the first turns are one below, at and above each constant.

    With two constants, those follow where the sum, difference, product or quotient of both lies.
    """
    known = _numbers(constants)
    near = [c + step for c in known for step in (1, 0, -1)]
    if len(known) == 2:
        k, m = known
        near += [m - k, m - k + 1, m + k, m + k + 1, m // k, m // k + 1, m * k + k - 1, m * k + k]
    near = near or [0, 1, -1, 2, -2]
    if turn < len(near):
        return near[turn]
    wide = rng.choice(known or [5]) * rng.randint(2, 9)
    return rng.choice((rng.choice(near), wide, rng.randint(-60, 150), rng.randint(-9, 9), 0))


def count(rng: random.Random, turn: int, constants: Constants) -> int:
    """How many times to do something."""
    return rng.randint(1, 12)


def amount(rng: random.Random, turn: int, constants: Constants) -> int:
    """A number above 0; powers of the constants are among them."""
    known = _numbers(constants) or [7]
    return rng.choice(known) ** rng.randint(0, 3) * rng.randint(1, 4) if turn else 308


def letters(rng: random.Random, length: int) -> str:
    """A string of letters, some of them capital."""
    made = "".join(rng.choices(_LETTERS, k=length))
    return made.title() if rng.random() < 0.3 else made


def text(rng: random.Random, turn: int, constants: Constants) -> str:
    """A string that begins with a constant, ends with it, holds it or is about as long."""
    sizes = [max(0, c + step) for c in _numbers(constants) for step in (1, 0, -1)]
    if turn < len(sizes):
        return letters(rng, sizes[turn])
    found = _strings(constants)
    if not found:
        return rng.choice((*_PLAIN, letters(rng, rng.randint(1, 9))))
    piece = found[turn % len(found)]
    front, back = letters(rng, rng.randint(1, 4)), letters(rng, rng.randint(1, 4))
    return (
        piece + back,
        front + piece,
        front + piece + back + piece,
        front + back,
        "".join(found) + back + found[0],
    )[turn % 5]


def long_text(rng: random.Random, turn: int, constants: Constants) -> str:
    """A string that is longer than every constant."""
    return letters(rng, max(_numbers(constants), default=3) + 1 + rng.randint(0, 5))


def phrase(rng: random.Random, turn: int, constants: Constants) -> str:
    """Some words with one blank between."""
    return " ".join(rng.choices(_WORDS, k=turn % 5 + 1))


def marked_text(rng: random.Random, turn: int, constants: Constants) -> str:
    """Some words with a constant between."""
    return _strings(constants)[0].join(rng.choices(_WORDS, k=turn % 4 + 1)) + "." * (turn == 3)


def numbers(rng: random.Random, turn: int, constants: Constants) -> list[int]:
    """A list that is never empty: about as long as a constant, above it, below it, holding it."""
    known = _numbers(constants)
    if not known:
        drawn = rng.choices(range(-9, 60), k=rng.randint(2, 6))
        return drawn + drawn[: turn % 3]
    sizes = [c + step for c in known for step in (1, 0, -1) if c <= 30]
    if turn < len(sizes) and turn % 2 == 0:
        return [rng.randint(-9, 99) for _ in range(max(1, sizes[turn]))]
    c = known[turn % len(known)]
    above = [c + rng.randint(1, 20) for _ in range(rng.randint(1, 3))]
    below = [c - rng.randint(1, 20) for _ in range(rng.randint(1, 3))]
    mixed = [*above, c, c * rng.randint(2, 5), *below, c, c + 1, c - 1, -c]
    rng.shuffle(mixed)
    return (mixed, [c + 1, *above], below, [*above, c], [*below, c + 1], [*below, c])[turn % 6]


def words(rng: random.Random, turn: int, constants: Constants) -> list[str]:
    """Some words, about as long as the constants."""
    sizes = [c + step for c in _numbers(constants) for step in (0, 1, 0, -1) if c < 10] or [3]
    return [letters(rng, rng.choice(sizes) + rng.randint(0, 2)) for _ in range(rng.randint(2, 4))]


def table(rng: random.Random, turn: int, constants: Constants) -> dict[str, int]:
    """Some words with numbers around the constants; it holds a constant key every other turn."""
    near = [c + step for c in _numbers(constants) for step in (-9, -1, 0, 1, 9)] or [1, 2, 5, 8]
    keys = rng.sample(_WORDS, rng.randint(2, 4))
    if turn % 2 == 0:
        keys += _strings(constants)[:1]
    else:
        keys = [key for key in keys if key not in constants]
    rng.shuffle(keys)
    return {key: rng.choice(near) + rng.choice((0, 0, 10)) for key in keys}


MAKERS: dict[str, Callable[[random.Random, int, Constants], Any]] = {
    "number": number,
    "count": count,
    "amount": amount,
    "text": text,
    "long_text": long_text,
    "phrase": phrase,
    "marked_text": marked_text,
    "list": numbers,
    "words": words,
    "table": table,
}
