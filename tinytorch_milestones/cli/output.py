"""Words on the screen: plain in a pipe, at most 80 columns there, coloured in a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from tinytorch_milestones.tracker import Tracker

PLAIN_WIDTH = 80
_WIDEST = 100

Cell = str | tuple[str, str]
"""Words, or words with a rich style."""

_Command = TypeVar("_Command", bound=Callable[..., Any])

MARKS = {
    "complete": ("✓", "green"),
    "passed": ("✓", "green"),
    "ready": ("●", "bold cyan"),
    "running": ("…", "cyan"),
    "checking": ("…", "cyan"),
    "in_progress": ("◐", "bold"),
    "recheck": ("!", "yellow"),
    "failed": ("✗", "red"),
    "locked": ("○", "dim"),
    "not_started": ("○", ""),
    "coming": ("·", "dim"),
}
"""One shape for every state; the word always stands beside it."""


def json_option(command: _Command) -> _Command:
    """`--json`: print the result as JSON and nothing else on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def open_tracker(*, catch_up: bool = False) -> Tracker:
    """The tracker of the course at or above the current folder.

    With `catch_up` it first checks what changed while nobody watched, saying so on standard
    error. Raises `NoWorkspace`.
    """
    from tinytorch_milestones.tracker import Tracker

    tracker = Tracker.open()
    if catch_up and tracker.trusted and (stale := tracker.stale()):
        screen = Screen(error=True)
        names = ", ".join(name[:2] for name in stale)
        screen.line((f"Changed since the last check: {names}. Checking …", "dim"))
        for completion in tracker.reconcile():
            mark = "complete" if completion.complete else "failed"
            screen.line(MARKS[mark], " ", completion.message, indent=2)
    return tracker


def print_json(value: object) -> None:
    """A value of state.py as JSON on standard output."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def complain(message: str, remedy: str = "") -> None:
    """Say on standard error what is wrong and what to do."""
    screen = Screen(error=True)
    screen.line((message, "red" if remedy else ""))
    if remedy:
        screen.line(remedy)


class Screen:
    """One output stream, with the few layouts that `tito` uses."""

    def __init__(self, *, error: bool = False) -> None:
        from rich.console import Console

        stream = sys.stderr if error else sys.stdout
        self.terminal = stream.isatty()
        self.console: Console = Console(
            file=stream,
            force_terminal=self.terminal,
            force_jupyter=False,
            width=None if self.terminal else PLAIN_WIDTH,
            highlight=False,
            markup=False,
            emoji=False,
        )
        if not self.terminal:
            self.console.no_color = True

    @property
    def draws(self) -> bool:
        """Whether curves can be drawn here: a terminal that knows more than ASCII."""
        return (
            self.terminal
            and not self.console.is_dumb_terminal
            and self.console.encoding.lower().startswith("utf")
        )

    @property
    def width(self) -> int:
        """Columns to write in: the terminal's, but lines of text longer than 100 read badly."""
        return min(self.console.width, _WIDEST)

    def line(self, *cells: Cell, indent: int = 0, hang: int | None = None) -> None:
        """A paragraph, wrapped at words; `hang` is the indentation of its later lines.

        A word longer than the line (a path) stays whole, so that it can be copied.
        """
        self._wrapped(join(*cells), indent, indent if hang is None else hang)

    def heading(self, text: str) -> None:
        """A line that names what follows, after an empty one."""
        self.blank()
        self.line((text, "bold"))

    def blank(self) -> None:
        """An empty line."""
        self.console.print()

    def table(self, rows: Sequence[Sequence[Cell]], *, indent: int = 2, gap: int = 2) -> None:
        """Columns as wide as they need; the last one takes what is left and wraps there."""
        texts = [[join(cell) for cell in row] for row in rows]
        if not texts:
            return
        columns = max(map(len, texts))
        widths = [
            max((row[c].cell_len for row in texts if len(row) > c), default=0)
            for c in range(columns - 1)
        ]
        start = indent + sum(widths) + gap * len(widths)
        for row in texts:
            line = join("")
            for cell, width in zip(row[:-1], widths, strict=False):
                line.append_text(cell)
                line.append(" " * (width - cell.cell_len + gap))
            line.append_text(row[-1])
            self._wrapped(line, indent, start, first=start - indent)

    def _wrapped(self, text: Text, indent: int, hang: int, *, first: int = 0) -> None:
        # `first` columns of the first line are laid out already and must not be broken
        head, rest = (text[:first], text[first:]) if first < len(text) else (text, join(""))
        body = rest if first else text
        room = max(20, self.width - (hang if first else max(indent, hang)))
        for number, line in enumerate(_lines(body, room)):
            line.rstrip()
            whole = join(" " * (indent if number == 0 else hang))
            if first and number == 0:
                whole.append_text(head)
            whole.append_text(line)
            whole.rstrip()
            self.console.print(whole, overflow="ignore", no_wrap=True, crop=False)


def join(*cells: Cell) -> Text:
    """One rich text from words and styled words."""
    from rich.text import Text

    text = Text()
    for cell in cells:
        if isinstance(cell, str):
            text.append(cell)
        else:
            text.append(cell[0], cell[1])
    return text


def _lines(text: Text, width: int) -> list[Text]:
    """The text broken at spaces (and line ends) to this width; rich would cut long words."""
    from rich.cells import cell_len

    breaks, start, used = [], 0, 0
    for word in re.finditer(r"\S+|\n", text.plain):
        if word.group() == "\n":
            breaks.append(word.end())
            start, used = word.end(), 0
            continue
        length = cell_len(text.plain[start : word.end()])
        if used and length > width:
            breaks.append(word.start())
            start = word.start()
        used += 1
    return list(text.divide(breaks))


def duration(seconds: float | None) -> str:
    """`30 ms`, `0.4 s`, `21 s`, `3:05`, or nothing."""
    if seconds is None:
        return ""
    if 0 < seconds < 0.095:
        return f"{max(1.0, 1000 * seconds):.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def count(number: int, one: str, many: str = "") -> str:
    """`1 test`, `3 tests`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
