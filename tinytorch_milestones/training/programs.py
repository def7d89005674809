"""Python functions as a model of language reads them: its tokens, and which of them it is asked.

Names and constants are spelled by letters and digits, so that what is copied is copied piece by
piece, whether or not it was ever seen; most other words of the corpus are one token.
"""

from __future__ import annotations

import builtins
import keyword
import random
import re
from collections.abc import Iterator, Sequence

import numpy as np

from tinytorch_milestones.corpora.family import Family
from tinytorch_milestones.corpora.functions import FAMILIES, Function, training_function
from tinytorch_milestones.corpora.vocabulary import CONSTANTS, NAMES
from tinytorch_milestones.training.author import Tokenizer
from tinytorch_milestones.training.clouds import Examples
from tinytorch_milestones.training.implementation import Framework

NOTHING = -1  # the target of a token that is not asked for

_EDGE = "\0"  # stands where a name or a constant would
# how often the tokenizer reads the words alone, and in their places
_ALONE, _PLACED = 20, 2
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_OWN = "vwcitr"  # what bodies call their own variables


def tokenizer(fw: Framework, size: int) -> Tokenizer:
    """The student's BPETokenizer, trained on the words that all functions of a family share.

    Words come alone far more often than after a blank, so that a word is whole before a blank is
    joined to it: a name is spelled the same wherever it stands.
    """
    pieces = [piece for family in FAMILIES for piece in _shared(family)]
    words = [word for piece in pieces for word in re.findall(r"[a-zA-Z]+|[^\w\s]+", piece)]
    made = fw.BPETokenizer()
    made.train("\n".join(words * _ALONE + pieces * _PLACED), size)
    found: Tokenizer = made
    return found


def _shared(family: Family) -> list[str]:
    """What stands in every function of a family, around its names, constants and other numbers."""
    empty = dict.fromkeys("abkmn", _EDGE)
    says, body = family.says.format_map(empty), family.body.format_map(empty)
    parts = [f"def {name}(" for name in family.names]
    parts += [f'):\n\t"""{says}"""\n', "\t" + body.replace("\n", "\n\t") + "\n\n"]
    return [piece for part in parts for piece in re.split(rf"[\d{_EDGE}]+", part) if piece]


def exercises(
    count: int, seed: int, families: Sequence[Family] = FAMILIES, invented: float = 0.0
) -> list[Function]:
    """Functions to learn from, as many of each family, with nothing about them that is held out.

    In a share `invented` of them a parameter or a word got a name that was made up, so that copying
    is the only way to know it.
    """
    rng = random.Random(f"exercises {seed}")
    seen = [family for family in families if not family.unseen]
    found = [training_function(seen[i % len(seen)], rng) for i in range(count)]
    names = _inventions(rng)
    found = [_renamed(f, names) if rng.random() < invented else f for f in found]
    rng.shuffle(found)
    return found


def _inventions(rng: random.Random) -> Iterator[str]:
    """Names of one to nine letters, pieces of known words and of none; never one held out."""
    pools = [*NAMES.values(), *CONSTANTS.values()]
    known = sorted({name for pool in pools for name in pool.known if name.isalpha()})
    refused = {name for pool in pools for name in pool.held} | set(_OWN)
    refused |= set(keyword.kwlist) | set(dir(builtins))
    while True:
        name = ""
        for _ in range(rng.choice((1, 1, 2, 2, 2, 3))):
            word = rng.choice(known) if rng.random() < 0.7 else "".join(rng.choices(_LETTERS, k=3))
            length = rng.randint(1, 3)
            first = rng.randrange(max(1, len(word) - length + 1))
            name += word[first : first + length]
        if name not in refused:
            yield name


def _renamed(function: Function, names: Iterator[str]) -> Function:
    """The same function with made-up parameters, and made-up words where it has words."""
    kinds = function.family.constants
    parameters = tuple(next(names) for _ in function.parameters)
    constants = function.constants
    if "word" in kinds:
        pairs = zip(kinds, constants, strict=True)
        constants = tuple(next(names) if kind == "word" else value for kind, value in pairs)
    if len({*parameters, *constants}) < len(parameters) + len(constants):
        return function
    return function._replace(parameters=parameters, constants=constants)


def examples(functions: Sequence[Function], tokens: Tokenizer, length: int) -> Examples:
    """One function a row: its tokens, and what follows each of them where that can be known.

    Asked is the body, all of which follows from signature and docstring. A function
    that is longer than `length` is left out.
    """
    encoded = [(tokens.encode(f.text), len(tokens.encode(f.prompt))) for f in functions]
    kept = [(row, told) for row, told in encoded if len(row) <= length + 1]
    return filled([row for row, _ in kept], length, [told for _, told in kept])


def filled(rows: Sequence[list[int]], length: int, told: Sequence[int] | None = None) -> Examples:
    """Rows of tokens, each with what follows every token; cut or filled up to `length`.

    Nobody is asked about what fills a row, nor about its first `told` tokens.
    """
    inputs = np.zeros((len(rows), length), dtype=np.int64)
    labels = np.full((len(rows), length), NOTHING, dtype=np.int64)
    for place, row in enumerate(rows):
        row = row[: length + 1]
        first = told[place] - 1 if told else 0
        inputs[place, : len(row) - 1] = row[:-1]
        labels[place, first : len(row) - 1] = row[first + 1 :]
    return Examples(inputs, labels)


def characters(found: Examples, tokens: Tokenizer) -> int:
    """How many characters the asked tokens of windows stand for."""
    return len(tokens.decode(found.labels[found.labels != NOTHING]))
