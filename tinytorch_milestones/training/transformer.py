"""Recipes of the Transformer, 2017: a GPT of one or two layers copies letters, and reverses them.

A sequence of letters, a separator, then the answer: what is asked is the answer only. To give it, a
place has to look back at the one place where its letter stands, so the attention that is learned
can be laid beside the attention that is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.author import Author, Bound, Symbols, describe
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.fitting import View
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.reading import Reader, Reading
from tinytorch_milestones.training.sequences import OPTIONS as LEARNING
from tinytorch_milestones.training.sequences import Shape, Task, design_of, learn
from tinytorch_milestones.training.sequences import settled as with_habits
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step

_OWN = (*(name for name in LEARNING if name != "context"), "length")
OPTIONS: dict[str, tuple[str, ...]] = {"copy": _OWN, "reverse": _OWN}

LETTERS = "abcdefghijklmnopqrst"
_LENGTH = 12
_SHORTEST, _LONGEST = 6, 40
_TRAINING, _HELD_OUT = 2048, 400
_WRITTEN = 32  # held-out sequences that the student's `generate` answers at every evaluation
_LOOKED_AT = 64  # of them on which attention is measured
_SHOWN = 5
_OFFERED = 5  # prompts to play with
_HEADS = 4  # maps shown, those that look most where they should


def copy(fw: Framework, settings: Settings) -> Iterator[Step]:
    """The letters again, in their order: every place looks back equally far."""
    yield from _train(fw, settings, turned=False)


def reverse(fw: Framework, settings: Settings) -> Iterator[Step]:
    """The letters from the last to the first: where to look runs against where it stands."""
    yield from _train(fw, settings, turned=True)


def _train(fw: Framework, settings: Settings, turned: bool) -> Iterator[Step]:
    settings = with_habits(settings)
    length = settings.whole("length", _LENGTH)
    if not _SHORTEST <= length <= _LONGEST:
        raise TinyTorchError(
            f"length is {length}.", f"Give {_SHORTEST} to {_LONGEST} letters in a sequence."
        )
    training, held_out = sequences(settings.seed, length, turned)
    symbols = Symbols(LETTERS, length)
    shape = Shape.of(
        settings,
        vocab_size=symbols.vocab_size,
        context_length=2 * length,
        embed_dim=32,
        num_heads=2,
        num_layers=1,
    )
    judge = _Judge(symbols, turned)
    task = Task(
        training,
        held_out,
        design_of(settings),
        shape,
        author=partial(_author, symbols=symbols, shape=shape, held_out=held_out, own=settings),
        exact=True,
        picture=judge.picture,
        judged=judge.measure,
        looks=6,
    )
    yield from learn(fw, settings, task)


def sequences(seed: int, length: int, turned: bool) -> tuple[Examples, Examples]:
    """Random letters with their answers, none of them twice, as windows of tokens.

    Tokens are 0 to 19 for the letters and 20 for the separator. What follows is asked from the
    separator on: the letters themselves cannot be known.
    """
    rng = np.random.default_rng([seed, 17])
    count = _TRAINING + _HELD_OUT
    letters = np.empty((0, length), np.int64)
    while len(letters) < count:
        more = rng.integers(0, len(LETTERS), (count, length))
        letters = np.unique(np.concatenate([letters, more]), axis=0)
    letters = rng.permutation(letters)[:count]
    answers = letters[:, ::-1] if turned else letters
    rows = np.concatenate([letters, np.full((count, 1), len(LETTERS)), answers], axis=1)
    labels = rows[:, 1:].copy()
    labels[:, :length] = -1
    cut = _TRAINING
    inputs = rows[:, :-1].copy()
    return Examples(inputs[:cut], labels[:cut]), Examples(inputs[cut:], labels[cut:])


def places(length: int, turned: bool) -> tuple[Array, Array]:
    """Where answers are written, and where each of them has to look: (length,) each."""
    source = np.arange(length)
    return length + np.arange(length), source[::-1] if turned else source


class _Judge:
    """Asks the student's `generate` for answers, and looks where the heads look."""

    def __init__(self, symbols: Symbols, turned: bool) -> None:
        self._symbols, self._turned = symbols, turned

    def measure(self, reader: Reader, reading: Reading) -> dict[str, float]:
        """`written`: the share of sequences that `generate` answers right; `looks`: the share of
        attention that the best head pays to the right place, wherever an answer is written.
        """
        return {
            "written": float(np.mean([right for _, _, right in self._written(reader, _WRITTEN)])),
            "looks": max((share for share, _, _ in self._heads(reader)), default=0.0),
        }

    def picture(self, reader: Reader, reading: Reading) -> View | None:
        """What the heads look at in one held-out sequence, and some answers."""
        count = self._symbols.count
        heads = sorted(self._heads(reader), key=lambda head: -head[0])[:_HEADS]
        heads.sort(key=lambda head: head[1])
        rows, columns = places(count, self._turned)
        asked = f"{len(reading.chosen):,}" + ("" if reading.whole else " asked")
        view = {
            "kind": "heads",
            "tokens": list(self._symbols.decode(reader.held_out.inputs[0])),
            "heads": np.array([maps[0] for _, _, maps in heads]),
            "names": [name for _, name, _ in heads],
            "expected": [
                (int(row), int(column)) for row, column in zip(rows, columns, strict=True)
            ],
            "title": f"{reading.exact:.1%} of {asked} held-out sequences right",
            "table": {
                "columns": ["sequence", "answer", ""],
                "rows": [
                    [sequence, answer, "right" if right else "wrong"]
                    for sequence, answer, right in self._written(reader, _SHOWN)
                ],
            },
        }
        return (lambda: view) if heads else None

    def _heads(self, reader: Reader) -> list[tuple[float, str, Array]]:
        """For every head the share it pays to the right places, its name, and its maps."""
        rows, columns = places(self._symbols.count, self._turned)
        maps = reader.maps(reader.held_out.inputs[:_LOOKED_AT])
        return [(float(map_[:, rows, columns].mean()), name, map_) for name, map_ in maps]

    def _written(self, reader: Reader, count: int) -> list[tuple[str, str, bool]]:
        """Held-out sequences, what the student's `generate` answers, and whether that is right."""
        length, held_out = self._symbols.count, reader.held_out
        found = []
        for row, labels in zip(held_out.inputs[:count], held_out.labels[:count], strict=True):
            prompt = row[: length + 1].tolist()
            text = reader.model.generate(prompt, length, temperature=0.0)
            answer = [int(token) for token in text][length + 1 :]
            right = answer == labels[length:].tolist()
            found.append((self._symbols.decode(row[:length]), self._symbols.decode(answer), right))
        return found


def _author(
    fw: Framework, model: Any, symbols: Symbols, shape: Shape, held_out: Examples, own: Settings
) -> Author:
    prompts = held_out.inputs[:_OFFERED, : symbols.count]
    bound = Bound(
        kind="sequence",
        shape=msgspec.structs.asdict(shape),
        tokenizer=describe(symbols),
        longest=symbols.count,
        prompts=tuple(symbols.decode(prompt) for prompt in prompts),
    )
    return Author(fw, model, symbols, bound, own.options())
