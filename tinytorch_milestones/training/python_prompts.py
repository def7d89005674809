"""Read a prompt back: which of the generated functions it asks for, so that it can be judged."""

from __future__ import annotations

import re

from tinytorch_milestones.corpora.family import Family
from tinytorch_milestones.corpora.functions import FAMILIES, Function

_PROMPT = re.compile(r'def (\w+)\((\w+)(?:, (\w+))?\):\n\s+"""(.*)"""\n?', re.ASCII)
_CONSTANT = r"\w+|[^\w\s'\"\\]"  # a number, a word, or one sign
_NUMBERS = ("number", "size", "small", "range")  # kinds of constants that are whole numbers
_LARGEST = 99  # constant; what a function means is computed, and must be so in an instant
_LONGEST = 12  # letters of one that is a text


def function_of(prompt: str) -> Function | None:
    """The function that a prompt asks for, whatever its names and constants; None for any other.

    Blanks may stand for the tabs of the corpus.
    """
    found = _PROMPT.fullmatch(prompt)
    if found is None:
        return None
    name, first, second, says = found.groups()
    parameters = (first,) if second is None else (first, second)
    for family in FAMILIES:
        constants = _constants(family, parameters, says)
        if constants is None:
            continue
        function = Function(family, name, parameters, constants)
        try:
            function.examples()
        except (ArithmeticError, LookupError, TypeError, ValueError):
            continue  # constants that make no sense, such as a division by zero
        return function
    return None


def _constants(family: Family, parameters: tuple[str, ...], says: str) -> tuple[str, ...] | None:
    """The constants in a docstring, where it is this family's."""
    if len(family.takes) != len(parameters):
        return None
    pattern = re.escape(family.says)
    for slot, parameter in zip("ab", parameters, strict=False):
        pattern = pattern.replace(rf"\{{{slot}\}}", re.escape(parameter))
    count = sum(2 if kind == "range" else 1 for kind in family.constants)
    slots = "kmn"[:count]
    for slot in slots:
        pattern = pattern.replace(rf"\{{{slot}\}}", f"(?P<{slot}>{_CONSTANT})", 1)
        pattern = pattern.replace(rf"\{{{slot}\}}", f"(?P={slot})")
    match = re.fullmatch(pattern, says, re.ASCII)
    if match is None:
        return None
    constants = tuple(match[slot] for slot in slots)
    kinds = [kind for kind in family.constants for _ in range(2 if kind == "range" else 1)]
    for constant, kind in zip(constants, kinds, strict=True):
        if constant.isdecimal() != (kind in _NUMBERS):
            return None
        if int(constant) > _LARGEST if constant.isdecimal() else len(constant) > _LONGEST:
            return None
    return constants
