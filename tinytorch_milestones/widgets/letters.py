"""Text that a model read or wrote, made fit for a figure: nothing in it can harm the drawing.

Whatever a model writes may come here: control characters, letters of any script, signs that turn
the direction of writing. What the figures' font cannot draw is shown as a box.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

FAMILY = "DejaVu Sans Mono"  # comes with matplotlib
ADVANCE = 0.602  # of its size, that each letter of it is wide
_BOX = "\u25af"
_SEEN = {" ": "\u2423", "\n": "\u21b5", "\t": "\u21e5"}  # blanks in a label
_TAB = 4


def written(text: str) -> list[str]:
    """The lines of a text, in letters that the font has; blanks at their ends are gone."""
    lines = str(text).replace("\r\n", "\n").expandtabs(_TAB).split("\n")
    return ["".join(map(_drawable, line)).rstrip() for line in lines]


def label(token: str, most: int = 8) -> str:
    """A token as a label: blanks are seen, and it has at most so many letters."""
    # first cut, for a token may be a whole file
    shown = "".join(_SEEN.get(c) or _drawable(c) for c in str(token)[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}\u2026"


def wrapped(line: str, width: int) -> list[str]:
    """A line in pieces of at most `width` letters, broken at blanks where there are some.

    Pieces after the first of an indented line are indented two blanks more.
    """
    if len(line) <= width:
        return [line]
    indent = len(line) - len(line.lstrip(" "))
    again = " " * min(indent + 2, width // 2) if indent else ""
    pieces, rest = [], line
    while len(rest) > width:
        begin = len(rest) - len(rest.lstrip(" "))
        at = rest.rfind(" ", begin + 1, width + 1)
        at = at if at > begin else width
        pieces.append(rest[:at].rstrip())
        rest = again + rest[at:].lstrip(" ")
    return [*pieces, rest] if rest.strip() else pieces


@cache
def _drawable(character: str) -> str:
    """The character itself, or a box where the font has no picture of it."""
    if character == " ":
        return " "
    if unicodedata.category(character)[0] in "CZ" or unicodedata.combining(character):
        return _BOX
    return character if _font().get_char_index(ord(character)) else _BOX


@cache
def _font() -> Any:
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont(FAMILY))
