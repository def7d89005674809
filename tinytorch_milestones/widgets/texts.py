"""What a model writes after fixed prompts, as it grows better."""

from __future__ import annotations

from typing import Any, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tinytorch_milestones.widgets.letters import ADVANCE, FAMILY, wrapped, written
from tinytorch_milestones.widgets.theme import Theme
from tinytorch_milestones.widgets.tiles import measured

_SIZE = 7.2  # points
_PITCH = 0.136  # inches from line to line
_BETWEEN = 0.13  # and between two samples, more
_BESIDE = 0.1  # inches that the bar at the left takes
_FEWEST = 2  # lines that a sample gets at least
_NOTE = 2  # and of what is said of it at most
_ALL = 1 << 30
_SIGNS = {True: "\u2713", False: "\u2717"}


class Line(NamedTuple):
    """One line of a sample: what was given, and what was written after it."""

    given: str
    added: str


class Texts:
    """Samples one below the other, in letters of one width, with their indentation.

    What the model was given is quiet, what it wrote stands out; a sign and a word say whether it
    is right. What does not fit is cut with a mark; nothing flows out of the figure.
    """

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []  # nothing: texts change now and then, and stand meanwhile
        self.still = 0  # how often they changed
        self._shown: list[Any] = []
        self._wide, self._high = measured(axes)
        self._letters = max(8, int(72 * (self._wide - _BESIDE) / (ADVANCE * _SIZE)))
        self._given: list[Any] = []
        self._added: list[Any] = []
        self._bars: list[Rectangle] = []

    def update(self, picture: dict[str, Any]) -> None:
        """Write the samples of this moment."""
        samples = list(picture.get("samples") or ())
        if samples == self._shown:
            return
        self._shown = samples
        self.still += 1
        room = int((self._high - (len(samples) - 1) * _BETWEEN) / _PITCH)
        most = max(1, (room + 1) // (_FEWEST + 1))
        blocks = [lines_of(sample, self._letters) for sample in samples[:most]]
        notes = [self._said(sample) for sample in samples[:most]]
        needs = [len(block) + len(note) for block, note in zip(blocks, notes, strict=True)]
        shares = shared(needs, room)
        self._reserve(sum(shares), len(shares))
        used = 0
        top = 0.0
        for number, (block, note, share) in enumerate(zip(blocks, notes, shares, strict=True)):
            begin = top
            good = samples[number].get("good")
            for line in cut(block, share - len(note)):
                self._write(used, top, line)
                used, top = used + 1, top + _PITCH
            for words in note[:share]:
                self._note(used, top, words, good)
                used, top = used + 1, top + _PITCH
            self._bar(number, begin, top, good)
            top += _BETWEEN
        for unused in (*self._given[used:], *self._added[used:]):
            unused.set_text("")
        for bar in self._bars[len(shares) :]:
            bar.set_visible(False)

    def _said(self, sample: dict[str, Any]) -> list[str]:
        note = note_of(sample)
        return wrapped(note, self._letters)[:_NOTE] if note else []

    def _write(self, number: int, top: float, line: Line) -> None:
        given, added = self._given[number], self._added[number]
        given.set_text(line.given)
        given.set_y(top)
        given.set_color(self.theme.muted)
        added.set_text(line.added)
        added.set_position((_BESIDE + len(line.given) * ADVANCE * _SIZE / 72, top))
        added.set_color(self.theme.text)
        added.set_fontweight("normal")

    def _note(self, number: int, top: float, note: str, good: bool | None) -> None:
        words = self._added[number]
        self._given[number].set_text("")
        words.set_text(note)
        words.set_position((_BESIDE, top))
        words.set_color(self._colour(good))
        words.set_fontweight("bold")

    def _bar(self, number: int, top: float, bottom: float, good: bool | None) -> None:
        bar = self._bars[number]
        bar.set_bounds(0, top - 0.01, 0.025, bottom - top)
        bar.set_color(self._colour(good))
        bar.set_visible(True)

    def _colour(self, good: bool | None) -> str:
        theme = self.theme
        return theme.faint if good is None else theme.accuracy if good else theme.gate

    def _reserve(self, lines: int, samples: int) -> None:
        """As many words and bars as are needed: they are made once."""
        while len(self._given) < lines:
            for kind in (self._given, self._added):
                words = self.axes.text(
                    _BESIDE,
                    0,
                    "",
                    fontsize=_SIZE,
                    family=FAMILY,
                    va="top",
                    parse_math=False,
                    zorder=3,
                )
                kind.append(words)
        while len(self._bars) < samples:
            bar = Rectangle((0, 0), 0, 0, linewidth=0, zorder=2)
            self.axes.add_patch(bar)
            self._bars.append(bar)


def lines_of(sample: dict[str, Any], width: int) -> list[Line]:
    """The lines of a prompt and of the text after it, none wider than so many letters."""
    prompt = written(str(sample.get("prompt", "")))
    both = written(str(sample.get("prompt", "")) + str(sample.get("text", "")))
    while both and not both[-1].strip():
        both.pop()
    found: list[Line] = []
    for number, line in enumerate(both):
        last = number == len(prompt) - 1
        # where the prompt ends within a line, the rest of it was written
        given = _ALL if number < len(prompt) - 1 else len(prompt[-1]) if last else 0
        for place, piece in enumerate(wrapped(line, width)):
            # a piece after the first is indented anew, which is none of the line's letters
            indent = len(piece) - len(piece.lstrip(" ")) if place else 0
            split = min(given + indent if given else 0, len(piece))
            found.append(Line(piece[:split], piece[split:]))
            given = max(0, given - (len(piece) - indent + 1))
    return found


def note_of(sample: dict[str, Any]) -> str:
    """A sign and words for right and wrong; empty where nobody judged."""
    good = sample.get("good")
    said = " ".join(written(" ".join(str(sample.get("note", "")).split())))
    if good is None:
        return said
    return f"{_SIGNS[bool(good)]} {said or ('right' if good else 'wrong')}"


def shared(needs: list[int], room: int) -> list[int]:
    """How many lines each sample gets: those that need few leave theirs to the others."""
    shares = [0] * len(needs)
    order = sorted(range(len(needs)), key=lambda i: needs[i])
    for place, i in enumerate(order):
        shares[i] = min(needs[i], max(1, (room - sum(shares)) // (len(order) - place)))
    return shares


def cut(lines: list[Line], most: int) -> list[Line]:
    """At most so many lines: of those that are too many, the first ones of what was given go.

    What a model wrote last is cut too where even that does not fit.
    """
    if len(lines) <= most:
        return lines
    if most < 1:
        return []
    first = next((i for i, line in enumerate(lines) if line.added.strip()), len(lines))
    # the last line of the prompt stays, so that it is seen what was answered
    begin = min(max(0, first - 1), len(lines) - most)
    shown = list(lines[begin : begin + most])
    if begin + most < len(lines):
        last = shown[-1]
        shown[-1] = last._replace(added=f"{last.added[:-2]} \u2026" if last.added else " \u2026")
    return shown
