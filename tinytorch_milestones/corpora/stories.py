"""Short stories for children, made from the tables of `world.py` and the plots of `plots.py`.

Each says what somebody wants, what comes in between and how they feel because of it. Combinations
are held out: that {hero} of a held-out story never meets this fear in the training text, though
both are in it.
"""

from __future__ import annotations

import random
import re
import zlib
from typing import Any, NamedTuple

from tinytorch_milestones.corpora import world
from tinytorch_milestones.corpora.plots import PLOTS, Plot

END = "\n\n"
"""What follows a story's last sentence."""

# of the pairs that a plot turns on, such as a thing and a place, one in so many is held out
_ONE_IN = 10


class Story(NamedTuple):
    """One story and the pair of things that it turns on."""

    plot: str
    key: str
    text: str


class Stories(NamedTuple):
    """The corpus."""

    training: str
    """One text: stories with an empty line after each."""
    held_out: str
    """As long as the held-out stories are; every pair in it is new, every word is not."""
    words: frozenset[str]
    """The words of the training text, in small letters."""


def stories(characters: int = 1_500_000, seed: int = 1, held_out: int = 100_000) -> Stories:
    """Make the corpus: at least so many characters to train on, and so many held out.

    The same arguments give the same corpus on every machine.
    """
    rng = random.Random(seed)
    training: list[str] = []
    held: list[str] = []
    told: set[str] = set()
    missing = {False: characters, True: held_out}
    while missing[False] > 0 or missing[True] > 0:
        story = tell(rng.choice(PLOTS), rng)
        is_held = is_held_out(story)
        if missing[is_held] <= 0 or story.text in told:
            continue
        told.add(story.text)
        (held if is_held else training).append(story.text + END)
        missing[is_held] -= len(story.text) + len(END)
    text = "".join(training)
    return Stories(text, "".join(held), frozenset(words(text)))


def tell(plot: Plot, rng: random.Random) -> Story:
    """One story with this plot."""
    cast = _cast(rng)
    sentences = [rng.choice(step).format_map(cast) for step in plot.steps]
    first, second = (cast[part] for part in plot.key)
    return Story(plot.id, f"{first!r} {second!r}", " ".join(sentences))


def is_held_out(story: Story) -> bool:
    """Whether the pair that a story turns on is in no training story of its plot."""
    return zlib.crc32(f"{story.plot} {story.key}".encode()) % _ONE_IN == 0


def words(text: str) -> set[str]:
    """The different words of a text, in small letters."""
    return set(re.findall(r"[a-z]+", text.lower()))


def _cast(rng: random.Random) -> dict[str, Any]:
    """Who and what a story is about."""
    hero, friend = rng.sample(world.CHILDREN, 2)
    place = rng.choice(world.PLACES)
    spot, other_spot = rng.sample(place.spots, 2)
    indoors, fun = rng.choice(world.INDOORS)
    loves, gift, enjoys = rng.choice(world.GIFTS)
    noise, source = rng.choice(world.NOISES)
    return {
        "hero": hero,
        "friend": friend,
        "adult": rng.choice(world.GROWN_UPS),
        "thing": world.Thing(rng.choice(world.LOOKS), rng.choice(world.TOYS)),
        "place": place,
        "spot": spot,
        "other_spot": other_spot,
        "game": rng.choice(place.games),
        "fear": rng.choice(world.FEARS),
        "skill": rng.choice(world.SKILLS),
        "making": rng.choice(world.MAKINGS),
        "trouble": rng.choice(world.TROUBLES),
        "mishap": rng.choice(world.MISHAPS),
        "plan": rng.choice(world.PLANS),
        "indoors": indoors,
        "fun": fun,
        "loves": loves,
        "gift": gift,
        "enjoys": enjoys,
        "noise": noise,
        "source": source,
        "seed": rng.choice(world.SEEDS),
    }
