"""Short Python functions with docstrings: a text to learn from, and prompts to be judged by.

The signature and the docstring say exactly what a function does; the body follows from them, so a
model has to copy names and constants. Names, constants and combinations are held out: a prompt of
the kind "constants", for example, asks for a number that no training function contains.
"""

from __future__ import annotations

import copy
import random
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinytorch_milestones.corpora.arguments import MAKERS
from tinytorch_milestones.corpora.families_collections import COLLECTIONS
from tinytorch_milestones.corpora.families_numbers import NUMBERS
from tinytorch_milestones.corpora.families_texts import TEXTS
from tinytorch_milestones.corpora.family import Family
from tinytorch_milestones.corpora.vocabulary import CONSTANTS, NAMES, Pool

FAMILIES: tuple[Family, ...] = (*NUMBERS, *TEXTS, *COLLECTIONS)
HELD_OUT = ("names", "constants", "combinations")
END = "\n\n"
"""What follows a function's last line: where this is written, the function is complete."""

# of the combinations of a family, its names and its constants, one in so many is held out
_ONE_IN = 10
_KIND_OF_NAME = {
    "count": "number",
    "amount": "number",
    "long_text": "text",
    "marked_text": "text",
    "phrase": "text",
}
_TRIES = 200


class Example(NamedTuple):
    """One call of a function and what it must return, as Python writes them."""

    arguments: str  # such as "(3, [1, 2])"
    returns: str


class Function(NamedTuple):
    """One generated function. A tab stands for four blanks of indentation."""

    family: Family
    name: str
    parameters: tuple[str, ...]
    constants: tuple[str, ...]  # as they are written, without quotes

    @property
    def prompt(self) -> str:
        """The signature and the docstring, up to the end of their line."""
        says = self._fill(self.family.says)
        return f'def {self.name}({", ".join(self.parameters)}):\n\t"""{says}"""\n'

    @property
    def body(self) -> str:
        """The lines that a model is to write, with the end of the last one."""
        return "\t" + self._fill(self.family.body).replace("\n", "\n\t") + "\n"

    @property
    def text(self) -> str:
        """Prompt and body, closed by an empty line as everywhere in the training text."""
        return f"{self.prompt}{self.body}\n"

    @property
    def source(self) -> str:
        """The function as people write it, indented by blanks."""
        return (self.prompt + self.body).expandtabs(4)

    def examples(self, count: int = 16) -> list[Example]:
        """Calls and what they return. What is right is computed without the body.

        They are the same each time, and there are `count` of them.
        """
        rng = random.Random(zlib.crc32(self.text.encode()))
        values = self.values
        found = []
        for turn in range(count):
            arguments = tuple(
                MAKERS[kind](rng, turn if place == 0 else rng.randrange(count), values)
                for place, kind in enumerate(self.family.takes)
            )
            written = repr(arguments)
            answer = self.family.means(*copy.deepcopy(arguments), *values)
            found.append(Example(written, repr(answer)))
        return found

    @property
    def values(self) -> tuple[int | str, ...]:
        """The constants as values."""
        return tuple(int(c) if c.isdecimal() else c for c in self.constants)

    def _fill(self, template: str) -> str:
        slots: dict[str, Any] = dict(zip("ab", self.parameters, strict=False))
        slots.update(zip("kmn", self.constants, strict=False))
        return template.format_map(slots)


class Functions(NamedTuple):
    """The corpus."""

    training: str
    """One text: functions with an empty line after each."""
    distinct: int
    """How many different functions `training` holds."""
    prompts: dict[str, list[Function]]
    """Held-out functions by what was held out: names, constants, combinations."""
    held_out: str
    """The held-out functions as one text, to measure bits per character on."""


def functions(
    count: int = 36_000,
    seed: int = 1,
    prompts: int = 100,
    families: Sequence[Family] = FAMILIES,
) -> Functions:
    """Make the corpus: `count` training functions, `prompts` of each held-out kind.

    Every family gets the same share. The same arguments give the same corpus on every machine.
    `fitting` chooses families for a model that sees only so many characters.
    """
    rng = random.Random(seed)
    seen = [family for family in families if not family.unseen]
    texts: list[str] = []
    for family in seen:
        share = count // len(seen) + (len(texts) % len(seen) < count % len(seen))
        texts += [training_function(family, rng).text for _ in range(share)]
    rng.shuffle(texts)
    held = {kind: held_out_functions(kind, prompts, seed, families) for kind in HELD_OUT}
    return Functions(
        training="".join(texts),
        distinct=len(set(texts)),
        prompts=held,
        held_out="".join(function.text for kind in HELD_OUT for function in held[kind]),
    )


def training_function(family: Family, rng: random.Random) -> Function:
    """A function of a family with nothing about it that is held out."""
    for _ in range(_TRIES):
        function = _draw(family, rng)
        if not is_held_combination(function):
            return function
    raise AssertionError(f"every combination of {family.id} is held out")


def fitting(characters: int) -> list[Family]:
    """The families of which every function has at most so many characters."""
    return [family for family in FAMILIES if longest(family) <= characters]


def held_out_functions(
    kind: str, count: int, seed: int = 1, families: Sequence[Family] = FAMILIES
) -> list[Function]:
    """`count` different functions, of as many families as there are, with something held out.

    `kind` is "names", "constants" or "combinations"; in each kind only that is new.
    """
    rng = random.Random(f"{kind} {seed}")
    found: dict[str, Function] = {}
    turn = 0
    order = list(families)
    while len(found) < count:
        if turn % len(order) == 0:
            rng.shuffle(order)
        function = _held(order[turn % len(order)], kind, rng)
        turn += 1
        if function is not None:
            found.setdefault(function.text, function)
    return list(found.values())


def is_held_combination(function: Function) -> bool:
    """Whether no training function has this family with these names and these constants."""
    if function.family.unseen:
        return True
    key = " ".join((function.family.id, *function.parameters, *function.constants))
    return zlib.crc32(key.encode()) % _ONE_IN == 0


def _held(family: Family, kind: str, rng: random.Random) -> Function | None:
    """A held-out function of a family, None where the family has nothing of that kind."""
    if kind == "combinations":
        for _ in range(_TRIES):
            function = _draw(family, rng)
            if is_held_combination(function):
                return function
        return None
    if family.unseen:
        return None
    drawn = _draw(family, rng)
    if kind == "names":
        place = rng.randrange(len(family.takes))
        held = _names(family.takes[place]).held
        parameters = list(drawn.parameters)
        parameters[place] = rng.choice(held)
        return drawn._replace(parameters=tuple(parameters))
    places = [i for i, k in enumerate(family.constants) if k != "range" and CONSTANTS[k].held]
    if not places:
        return None
    place = rng.choice(places)
    constants = list(drawn.constants)
    constants[place] = rng.choice(CONSTANTS[family.constants[place]].held)
    return drawn._replace(constants=tuple(constants))


def longest(family: Family) -> int:
    """How many characters the longest function of a family has, its empty line included."""
    parameters: list[str] = []
    for kind in family.takes:
        pool = _names(kind)
        free = [name for name in pool.known + pool.held if name not in parameters]
        parameters.append(max(free, key=len))
    constants: list[str] = []
    for kind in family.constants:
        pool = CONSTANTS["number" if kind == "range" else kind]
        width = 2 if kind == "range" else 1
        constants += [max(pool.known + pool.held, key=len)] * width
    name = max(family.names, key=len)
    return len(Function(family, name, tuple(parameters), tuple(constants)).text)


def _names(kind: str) -> Pool:
    return NAMES[_KIND_OF_NAME.get(kind, kind)]


def _draw(family: Family, rng: random.Random) -> Function:
    """Any function of a family whose names and constants are none that are held out."""
    if len(family.takes) == 1:
        parameters: tuple[str, ...] = (rng.choice(_names(family.takes[0]).known),)
    else:
        parameters = tuple(rng.choice(_names(kind).known) for kind in family.takes)
        if parameters[0] == parameters[1]:
            return _draw(family, rng)
    constants: list[str] = []
    for kind in family.constants:
        if kind == "range":
            low, high = sorted(rng.sample(CONSTANTS["number"].known, 2), key=int)
            constants += (low, high)
        else:
            constants.append(rng.choice(CONSTANTS[kind].known))
    if len(set(constants)) != len(constants):
        return _draw(family, rng)
    return Function(family, rng.choice(family.names), parameters, tuple(constants))
