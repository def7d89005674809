"""Two writers side by side: the same text, as far as each of them has come."""

from __future__ import annotations

from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tinytorch_milestones.widgets.letters import ADVANCE, FAMILY, wrapped, written
from tinytorch_milestones.widgets.theme import Theme
from tinytorch_milestones.widgets.tiles import measured

_SIZE = 6.8  # points
_PITCH = 0.128  # inches from line to line
_HEAD, _BAR = 0.2, 0.06  # inches of a lane's heading, and of its bar
_BETWEEN = 0.16
_LANES = 2


class Race:
    """One lane a writer: its name and pace, how far it has come, and the end of its text."""

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self._wide, high = measured(axes)
        self._letters = max(8, int(72 * self._wide / (ADVANCE * _SIZE)))
        lane = (high - (_LANES - 1) * _BETWEEN) / _LANES
        self._rows = max(1, int((lane - _HEAD - _BAR - 0.08) / _PITCH))
        self._lanes = [self._lane(number * (lane + _BETWEEN)) for number in range(_LANES)]

    def _lane(self, top: float) -> dict[str, Any]:
        axes, theme = self.axes, self.theme
        head = top + 0.12
        name = axes.text(0, head, "", fontsize=8.0, fontweight="bold", color=theme.text)
        pace = axes.text(self._wide, head, "", fontsize=7.5, ha="right", color=theme.muted)
        ground, bar = (
            Rectangle((0, top + _HEAD), width, _BAR, linewidth=0, color=colour)
            for width, colour in ((self._wide, theme.faint), (0.0, theme.loss))
        )
        first = top + _HEAD + _BAR + 0.06
        lines = [
            axes.text(
                0,
                first + number * _PITCH,
                "",
                fontsize=_SIZE,
                family=FAMILY,
                va="top",
                color=theme.text,
                parse_math=False,
            )
            for number in range(self._rows)
        ]
        for patch in (ground, bar):
            axes.add_patch(patch)
        artists: list[Artist] = [name, pace, ground, bar, *lines]
        for artist in artists:
            artist.set_animated(True)
        self.moving += artists
        return {"name": name, "pace": pace, "bar": bar, "lines": lines}

    def update(self, picture: dict[str, Any]) -> None:
        """Show how far both have come."""
        prompt = str(picture.get("prompt", ""))
        lanes = list(picture.get("lanes") or ())[:_LANES]
        slowest = max((seconds_of(lane) for lane in lanes), default=0.0)
        over = all(lane.get("rate") for lane in lanes)
        for drawn, lane in zip(self._lanes, lanes, strict=False):
            done = lane["tokens"] >= lane["of"]
            # how far it is; once the race is over, how long it took
            share = seconds_of(lane) / slowest if over else lane["tokens"] / max(1, lane["of"])
            share = min(1.0, share)
            drawn["name"].set_text(str(lane["name"]))
            drawn["pace"].set_text(pace_text(lane))
            drawn["bar"].set_width(share * self._wide)
            drawn["bar"].set_color(self.theme.accuracy if done else self.theme.loss)
            pieces = lines_of(prompt, str(lane["text"]), self._letters)
            # the beginning stays in sight until the page is full; then the end does
            shown = pieces[-self._rows :]
            for words, piece in zip(drawn["lines"], shown + [""] * self._rows, strict=False):
                words.set_text(piece)


def lines_of(prompt: str, text: str, width: int) -> list[str]:
    """The lines of what was given and what was written after it; empty ones are left out."""
    lines = [line for line in written(prompt + text) if line.strip()]
    return [piece for line in lines for piece in wrapped(line, width)]


def seconds_of(lane: dict[str, Any]) -> float:
    """How long it has written; where its rate was measured by itself, what follows from that."""
    rate = float(lane.get("rate") or 0.0)
    return int(lane["tokens"]) / rate if rate > 0 else float(lane["seconds"])


def pace_text(lane: dict[str, Any]) -> str:
    """`120 of 256 tokens, 0.34 s`, and at the end how many a second."""
    tokens, seconds = int(lane["tokens"]), seconds_of(lane)
    if tokens >= lane["of"]:
        rate = tokens / seconds if seconds > 0 else 0.0
        return f"{seconds:.2g} s, {rate:,.0f} tokens a second"
    return f"{tokens} of {lane['of']} tokens, {seconds:.2f} s"
