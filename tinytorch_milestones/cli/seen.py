"""What a model of language sees and says, in a terminal: attention in blocks, texts in lines.

What a model wrote is shown without anything that a terminal would obey.
"""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

_INK = " \u2591\u2592\u2593\u2588"  # from no attention to all of it
_MARK = "\u25c2"  # behind a place where a mechanism should look
_BOX = "\u25af"
_BETWEEN = 3
_LEAST_ROWS = 5  # below which a map says nothing
_SHOWN = 3  # texts

Grid = Sequence[Sequence[float]]


def show_seen(picture: Mapping[str, Any], width: int, height: int) -> list[Text]:
    """The lines of a picture of kind "heads" or "texts", none wider than `width`."""
    if height < 2:
        return []
    if picture.get("kind") == "texts":
        return texts(picture, width, height)
    return heads(picture, width, height) if picture.get("kind") == "heads" else []


def texts(picture: Mapping[str, Any], width: int, height: int) -> list[Text]:
    """Prompts, what was written after each, and whether it is right."""
    from rich.text import Text

    samples = list(picture.get("samples") or ())[:_SHOWN]
    lines = [Text(safe(str(picture.get("title", "")))[:width], "dim")]
    for left, sample in zip(range(len(samples), 0, -1), samples, strict=True):
        share = (height - len(lines)) // left
        good = sample.get("good")
        note = " ".join(safe(str(sample.get("note", ""))).split())
        if good is not None:
            note = f"{'✓' if good else '✗'} {note or ('right' if good else 'wrong')}"
        written = _lines(sample, width)
        most = share - bool(note)
        if most < 1:
            continue
        if len(written) > most:
            # the end of the prompt and the beginning of what was written are what matters
            first = next((i for i, line in enumerate(written) if line[1].strip()), 0)
            begin = min(max(0, first - 1), len(written) - most)
            written = written[begin : begin + most]
        lines += [Text.assemble((given, "dim"), added) for given, added in written]
        if note:
            style = "" if good is None else "green" if good else "red"
            lines.append(Text(note[:width], style))
    return lines


def heads(picture: Mapping[str, Any], width: int, height: int) -> list[Text]:
    """The maps that look best where they should, as many as there is room for."""
    from rich.text import Text

    maps = [[[_share(v) for v in row] for row in head] for head in picture.get("heads", ())]
    if not maps or not maps[0] or height < _LEAST_ROWS:
        return []
    expected = {(int(row), int(column)) for row, column in picture.get("expected") or ()}
    names = [str(name) for name in picture.get("names") or ()]
    names += [f"head {i + 1}" for i in range(len(names), len(maps))]
    aims = [_aim(head, expected) for head in maps]
    order = sorted(range(len(maps)), key=lambda i: (-aims[i], i))
    factor = -(-len(maps[0]) // (height - 1))
    each = 2 * -(-len(maps[0][0]) // factor)
    if each > width:
        factor = -(-2 * len(maps[0][0]) // width)
        each = 2 * -(-len(maps[0][0]) // factor)
    count = max(1, min(len(maps), (width + _BETWEEN) // (each + _BETWEEN)))
    chosen = sorted(order[:count])
    titles = Text()
    for i in chosen:
        title = safe(names[i]) + (f" {100 * aims[i]:.0f} % {_MARK}" if expected else "")
        titles.append(title[:each].ljust(each + _BETWEEN), "dim")
    titles.rstrip()
    drawn = [_blocks(maps[i], expected, factor) for i in chosen]
    gap = Text(" " * _BETWEEN)
    return [titles, *(gap.join(rows) for rows in zip(*drawn, strict=True))]


def safe(text: str) -> str:
    """A text without control characters, whatever they are; line breaks and blanks stay."""
    return "".join(
        c if c in " \n" else _BOX if unicodedata.category(c)[0] in "CZ" else c
        for c in text.replace("\r\n", "\n").expandtabs(4)
    )


def _lines(sample: Mapping[str, Any], width: int) -> list[tuple[str, str]]:
    """The lines of prompt and text, each as what was given and what was written."""
    prompt = safe(str(sample.get("prompt", "")))
    left = len(prompt)
    found = []
    for line in safe(f"{prompt}{sample.get('text', '')}").rstrip().split("\n"):
        indent = " " * (len(line) - len(line.lstrip(" ")))
        given = min(len(line), left)
        left = max(0, left - len(line) - 1)
        pieces = textwrap.wrap(
            line, width, subsequent_indent=indent, drop_whitespace=False, break_long_words=True
        ) or [""]
        for piece in pieces:
            split = min(given, len(piece))
            found.append((piece[:split], piece[split:]))
            given -= split
    return found


def _share(value: Any) -> float:
    """A value from 0 to 1, whatever it was; what is no number counts as nothing."""
    number = float(value)
    return min(1.0, max(0.0, number)) if math.isfinite(number) else 0.0


def _aim(head: Grid, expected: set[tuple[int, int]]) -> float:
    """How much of the attention of the rows in question lies where it should."""
    rows = {row for row, _ in expected}
    found = sum(head[r][c] for r, c in expected if r < len(head) and c < len(head[r]))
    return found / len(rows) if rows else 0.0


def _blocks(head: Grid, expected: set[tuple[int, int]], factor: int) -> list[Text]:
    """A map in two characters a cell; a cell is the largest of `factor` by `factor` values."""
    from rich.text import Text

    lines = []
    for top in range(0, len(head), factor):
        line = Text()
        for left in range(0, len(head[0]), factor):
            places = [
                (r, c)
                for r in range(top, min(top + factor, len(head)))
                for c in range(left, min(left + factor, len(head[0])))
            ]
            value = max(head[r][c] for r, c in places)
            # a share of a twentieth is a lot among many, and is to be seen
            shade = _INK[round((len(_INK) - 1) * value**0.5)]
            if expected.isdisjoint(places):
                line.append(shade * 2, "bright_blue")
            else:
                line.append(shade, "bright_blue")
                line.append(_MARK, "yellow")
        lines.append(line)
    return lines
