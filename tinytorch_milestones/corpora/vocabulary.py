"""The names and constants that generated Python functions are made of, and which are held out.

A held-out name or constant appears nowhere in the training text: whoever completes a function that
uses one has learned to copy, not to remember.
"""

from __future__ import annotations

from typing import NamedTuple


class Pool(NamedTuple):
    """Words of one kind: those to learn from, and those kept back."""

    known: tuple[str, ...]
    held: tuple[str, ...]


def _pool(known: str, held: str = "") -> Pool:
    return Pool(tuple(known.split()), tuple(held.split()))


# Not here, because bodies use them for themselves: v w c i t r.
NAMES = {
    "number": _pool(
        "x y n m a b p q size age price score speed level weight height width depth steps days "
        "years coins points stars hours miles pages rows seats bricks cups eggs goals jumps laps "
        "meals nights bills boats cards chairs drops frames hats keys lamps nails parts plates",
        "k h apples boxes cents doors floors marks wheels sheep",
    ),
    "text": _pool(
        "s text word name title line label phrase message note reply song street town color answer "
        "letter tag page role sign state sound shout animal fruit flower",
        "u poem city verse motto riddle",
    ),
    "list": _pool(
        "xs ys values nums scores prices sizes ages grades counts sums terms costs speeds ranks "
        "votes levels dates depths bids loads temps gaps gifts",
        "zs gains fines taxes widths",
    ),
    "words": _pool(
        "words names lines titles labels towns songs notes letters colors animals fruits tags "
        "streets replies",
        "cities poems flowers",
    ),
    "table": _pool(
        "d table stock shop menu bank store basket garden zoo box tray shelf room bag desk",
        "e farm fridge pantry",
    ),
}

_HELD_NUMBERS = (13, 21, 27, 34, 42, 48, 56, 61, 69, 75, 83, 90, 97)

CONSTANTS = {
    "number": Pool(
        tuple(str(n) for n in range(2, 100) if n not in _HELD_NUMBERS),
        tuple(str(n) for n in _HELD_NUMBERS),
    ),
    "size": Pool(tuple(str(n) for n in range(2, 31) if n not in _HELD_NUMBERS), ("13", "21", "27")),
    # single digits: each must have been seen, or there is nothing to copy from
    "small": _pool("2 3 4 5 6 7 8 9"),
    "word": _pool(
        "red sun cat dog sea tea ice oak fox owl bee cup hat jam key map pen sky toy van yes no hi "
        "ok end top low big new old hot cold east west left fast slow moon rain snow wind",
        "pie ant log ring blue gem star frog",
    ),
    "letter": _pool("a b c d e f h i j l m n o p r s t u v x y z", "g k w"),
    "mark": _pool("- + * / : . _ # = ! ~ ,"),
}
