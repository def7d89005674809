"""Recipes for a GPT that writes: stories in plain English, and Python functions that are run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from tinytorch_milestones.corpora.counting import bits_per_character
from tinytorch_milestones.corpora.functions import END, HELD_OUT, fitting, held_out_functions
from tinytorch_milestones.corpora.stories import stories as corpus_of_stories
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import programs
from tinytorch_milestones.training.author import Author, Bound, Tokenizer, describe
from tinytorch_milestones.training.clouds import Examples
from tinytorch_milestones.training.fitting import examined, refused
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.marking import Marker, Teller
from tinytorch_milestones.training.mechanism import Design
from tinytorch_milestones.training.programs import filled
from tinytorch_milestones.training.sequences import (
    OPTIONS as LEARNING,
)
from tinytorch_milestones.training.sequences import (
    Shape,
    Task,
    design_of,
    learn,
    settled,
)
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step

_OWN = (*LEARNING, "vocabulary")
OPTIONS: dict[str, tuple[str, ...]] = {
    "stories": (*_OWN, "characters"),
    "python": (*_OWN, "functions", "invented", "characters", "prompts"),
}

_TEXT = 300_000  # characters that the tokenizer of stories learns from
_BYTES = 256  # tokens before anything is learned
_HELD = 30_000  # characters of held-out stories
_HEIGHT = 0.1  # of the waves that places begin as; other weights are about 0.02


class Waves(Shape, frozen=True, kw_only=True):
    """A GPT whose places begin as waves, not at random: from one place to the next is then the same
    turn everywhere, so that looking one place back, which copying begins with, is learned at once.
    """

    def build(self, fw: Framework) -> Any:
        model = super().build(fw)
        waves = fw.sinusoidal_positions(self.context_length, self.embed_dim)
        model.position_embedding.weight.data[...] = _HEIGHT * waves
        return model


def stories(fw: Framework, settings: Settings) -> Iterator[Step]:
    """Short stories for children, with a vocabulary that is small and closed."""
    yield from _learned(fw, settings, _stories)


def python(fw: Framework, settings: Settings) -> Iterator[Step]:
    """Python functions, completed from signature and docstring, then run on hidden examples."""
    yield from _learned(fw, settings, _python)


def _learned(
    fw: Framework, settings: Settings, prepare: Callable[[Framework, Settings, Design], Task]
) -> Iterator[Step]:
    """Check what is to learn, prepare the task, learn."""
    settings = settled(settings)
    design = design_of(settings, ("BPETokenizer",))
    judge = examined(fw, settings, design)
    if judge.failed:  # before the tokenizer is let loose on the text
        yield refused(judge)
        return
    yield from learn(fw, settings, prepare(fw, settings, design), judge)


def _stories(fw: Framework, settings: Settings, design: Design) -> Task:
    corpus = corpus_of_stories(settings.whole("characters", 1_500_000), held_out=_HELD)
    tokenizer = fw.BPETokenizer()
    tokenizer.train(corpus.training[:_TEXT], _vocabulary(settings, 1024))
    shape = Waves.of(
        settings,
        vocab_size=tokenizer.vocab_size,
        context_length=144,
        embed_dim=64,
        num_heads=4,
        num_layers=2,
        tie_weights=True,
    )
    training = _rows(corpus.training, tokenizer, shape.context_length)
    held_out = _rows(corpus.held_out, tokenizer, shape.context_length)
    counted = {
        name: bits_per_character(corpus.training, corpus.held_out, order)
        for name, order in (("bigram", 2), ("trigram", 3))
    }
    characters = programs.characters(held_out, tokenizer)
    each = characters / int((held_out.labels >= 0).sum())  # characters a token
    bound = _bound("text", shape, tokenizer, END, Teller.prompts)
    author = partial(_author, tokenizer=tokenizer, bound=bound, settings=settings)
    teller = Teller(corpus, counted, tokenizer, characters, settings.seed)
    return Task(
        training,
        held_out,
        design,
        shape,
        author=author,
        characters=characters,
        lines={name: bits * each * math.log(2) for name, bits in counted.items()},
        picture=teller.picture,
        judged=teller.judged,
        resumable=True,
        looks=2,
    )


def _python(fw: Framework, settings: Settings, design: Design) -> Task:
    families = fitting(settings.whole("characters", 110))
    tokenizer = programs.tokenizer(fw, _vocabulary(settings, 640))
    functions = programs.exercises(
        settings.whole("functions", 20_000),
        settings.seed,
        families,
        settings.fraction("invented", 0.5),
    )
    count = settings.whole("prompts", 100)
    asked = {kind: held_out_functions(kind, count, families=families) for kind in HELD_OUT}
    shape = Waves.of(
        settings,
        vocab_size=tokenizer.vocab_size,
        context_length=64,
        embed_dim=64,
        num_heads=4,
        num_layers=3,
        tie_weights=True,
    )
    training = programs.examples(functions, tokenizer, shape.context_length)
    everything = [function for kind in HELD_OUT for function in asked[kind]]
    held_out = programs.examples(everything, tokenizer, shape.context_length)
    offered = tuple(function.prompt for kind in HELD_OUT for function in asked[kind][:4])
    bound = _bound("python", shape, tokenizer, END, offered)
    author = partial(_author, tokenizer=tokenizer, bound=bound, settings=settings)
    marker = Marker(asked, tokenizer, settings.rounds)
    return Task(
        training,
        held_out,
        design,
        shape,
        author=author,
        characters=programs.characters(held_out, tokenizer),
        exact=True,
        picture=marker.picture,
        judged=marker.judged,
        resumable=True,
        looks=2,
    )


def _vocabulary(settings: Settings, default: int) -> int:
    """How many tokens there may be. Raises TinyTorchError where the bytes alone are more."""
    number = settings.whole("vocabulary", default)
    if number <= _BYTES:
        raise TinyTorchError(
            f"vocabulary is {number}.",
            f"Give more than {_BYTES}: so many tokens are the bytes alone.",
        )
    return number


def _rows(text: str, tokenizer: Tokenizer, length: int) -> Examples:
    """One story a row, from its beginning, so that whoever it is about has been named."""
    return filled([tokenizer.encode(story + END) for story in text.split(END) if story], length)


def _bound(
    kind: Any, shape: Shape, tokenizer: Tokenizer, ends: str, prompts: tuple[str, ...]
) -> Bound:
    return Bound(
        kind=kind,
        shape=msgspec.structs.asdict(shape),
        tokenizer=describe(tokenizer),
        ends=ends,
        prompts=prompts,
    )


def _author(
    fw: Framework, model: Any, tokenizer: Tokenizer, bound: Bound, settings: Settings
) -> Author:
    return Author(fw, model, tokenizer, bound, settings.options())
