"""The generated stories, and how well counting predicts a text."""

from __future__ import annotations

import math
import random
import re
from collections import Counter

import pytest

from tinytorch_milestones.corpora import world
from tinytorch_milestones.corpora.counting import bits_per_character
from tinytorch_milestones.corpora.plots import PLOTS
from tinytorch_milestones.corpora.stories import (
    END,
    Stories,
    is_held_out,
    stories,
    tell,
    words,
)


@pytest.fixture(scope="module")
def corpus() -> Stories:
    return stories()


def test_there_is_enough_text_from_few_words(corpus: Stories) -> None:
    assert len(corpus.training) >= 1_000_000
    assert len(corpus.held_out) >= 100_000
    assert 300 <= len(corpus.words) <= 700
    assert words(corpus.held_out) <= corpus.words
    assert len(set(corpus.training + corpus.held_out)) <= 64


def test_no_story_is_told_twice(corpus: Stories) -> None:
    told = (corpus.training + corpus.held_out).split(END)
    assert told.pop() == ""
    assert len(set(told)) == len(told) > 2000


def test_stories_are_whole_sentences(corpus: Stories) -> None:
    for story in corpus.training.split(END)[:-1]:
        assert re.fullmatch(r'["A-Z].*[.!?]"?', story), story
        assert not re.search(r"[{}<>\[\]()]|  | [.,!?]|\.\.|,\.", story), story
        assert story.count('"') % 2 == 0, story
        # a sentence begins with a capital letter
        assert not re.search(r"[.!?] [a-z]", story), story
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", story), story


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.id)
def test_every_way_to_say_it_can_be_said(plot: object) -> None:
    rng = random.Random(1)
    assert isinstance(plot, type(PLOTS[0]))
    for turn in range(60):
        chosen = plot._replace(steps=tuple((step[turn % len(step)],) for step in plot.steps))
        assert len(tell(chosen, rng).text) > 200


def test_pronouns_are_those_of_the_hero() -> None:
    rng = random.Random(2)
    gender = {child.name: child.he for child in world.CHILDREN}
    for _ in range(300):
        plot = next(plot for plot in PLOTS if plot.id == "afraid")
        story = tell(plot, rng).text
        name = next(word for word in re.findall(r"\w+", story) if word in gender)
        adult = next(a for a in world.GROWN_UPS if a.name in story)
        wrong = {"he": "She", "she": "He"}[gender[name]]
        assert wrong not in re.findall(r"\w+", story) or adult.he == wrong.lower(), story


def test_pairs_are_held_out_by_plot(corpus: Stories) -> None:
    # told anew, because a text no longer says what it turns on
    rng = random.Random(9)
    training: set[tuple[str, str]] = set()
    held: set[tuple[str, str]] = set()
    for _ in range(4000):
        story = tell(rng.choice(PLOTS), rng)
        (held if is_held_out(story) else training).add((story.plot, story.key))
    assert not training & held
    assert 0.04 < len(held) / len(training) < 0.2
    assert {plot for plot, _ in held} == {plot.id for plot in PLOTS}


def test_a_held_out_fear_is_new_to_its_hero(corpus: Stories) -> None:
    met = re.compile(r"(?:^|\n\n)(\w+) was afraid of ([a-z ]+)\.")
    trained = set(met.findall(corpus.training))
    held = set(met.findall(corpus.held_out))
    assert held
    assert not trained & held
    assert {name for name, _ in held} <= {name for name, _ in trained}
    assert {fear for _, fear in held} <= {fear for _, fear in trained}


def test_a_seed_gives_the_same_stories() -> None:
    one = stories(20_000, seed=3, held_out=5_000)
    assert stories(20_000, seed=3, held_out=5_000) == one
    assert stories(20_000, seed=4, held_out=5_000).training != one.training


def slow_bits(training: str, held_out: str, order: int) -> float:
    """The same with dictionaries, one character at a time."""
    size = max(256, len(set(training + held_out)))

    def chance(context: str, character: str) -> float:
        shorter = chance(context[1:], character) if context else 1 / size
        places = range(len(training) - len(context))
        after = Counter(
            training[i + len(context)] for i in places if training.startswith(context, i)
        )
        if not after:
            return shorter
        return (after[character] + len(after) * shorter) / (sum(after.values()) + len(after))

    asked = range(order - 1, len(held_out))
    bits = [-math.log2(chance(held_out[i - order + 1 : i], held_out[i])) for i in asked]
    return sum(bits) / len(bits)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_counting_agrees_with_a_dictionary(order: int) -> None:
    training, held_out = "the cat sat on the mat. the hat é", "a cat that sat on it? ü"
    expected = slow_bits(training, held_out, order)
    assert bits_per_character(training, held_out, order) == pytest.approx(expected, rel=1e-12)


def test_counting_more_context_helps(corpus: Stories) -> None:
    one, two, three = (
        bits_per_character(corpus.training[:400_000], corpus.held_out, order) for order in (1, 2, 3)
    )
    assert 4 < one < 5
    assert three < two - 0.5 < one - 1.0
    assert bits_per_character("ab" * 500, "ab" * 50, 2) < 0.05


def test_counting_refuses_what_it_cannot_count() -> None:
    with pytest.raises(ValueError, match="order"):
        bits_per_character("abc", "abc", 0)
    with pytest.raises(ValueError, match="more than 3"):
        bits_per_character("abcdef", "abc", 3)
