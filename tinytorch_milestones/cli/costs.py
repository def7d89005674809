"""What a network costs, in a terminal: sizes as bars, layers under the roof, a race, a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tinytorch_milestones.cli.seen import safe

if TYPE_CHECKING:
    from rich.text import Text

_BAR, _REST = "\u2588", "\u2591"
_NAME = 20  # letters of a name, at most
_LONGEST = 16  # letters of a bar


def show_costs(picture: Mapping[str, Any], width: int, height: int) -> list[Text]:
    """The lines of a picture of one of these kinds, none wider than `width`."""
    from rich.text import Text

    made = _KINDS.get(str(picture.get("kind")))
    if made is None or height < 2:
        return []
    lines = [Text(safe(str(picture.get("title", "")))[:width], "dim")]
    lines += made(picture, width)
    for line in lines:
        line.truncate(width)
    return lines[:height]


def _pareto(picture: Mapping[str, Any], width: int) -> list[Text]:
    """A bar as long as the file is large for each version of the network."""
    from rich.text import Text

    points = list(picture.get("points") or ())
    largest = max((float(point["bytes"]) for point in points), default=1.0)
    lines = []
    for point in points:
        size = float(point["bytes"])
        bar = _bar(size / max(1.0, largest), min(_LONGEST, width // 6))
        said = f"{_size(size):>8} {100 * float(point['accuracy']):5.1f} % right"
        if point is not points[0]:
            said += f", {float(point['speed']):.1f}x as fast"
        lines.append(Text.assemble(_named(point["name"]), bar, " ", said))
    return lines


def _roofline(picture: Mapping[str, Any], width: int) -> list[Text]:
    """For each layer how much of what is possible it reaches, with the largest batch so far."""
    from rich.text import Text

    flops, bandwidth = float(picture["flops"]), float(picture["bandwidth"])
    last = {point["name"]: point for point in picture.get("points") or ()}
    lines = [Text(f"at best {flops / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.0f} GB/s", "dim")]
    for name, point in last.items():
        possible = min(flops, float(point["intensity"]) * bandwidth)
        limit = "memory" if possible < flops else "processor"
        share = float(point["flops"]) / possible if possible > 0 else 0.0
        bar = _bar(share, min(_LONGEST, width // 6))
        said = f"{100 * share:3.0f} % of the {limit} limit, batch {point['label']}"
        lines.append(Text.assemble(_named(name), bar, " ", said))
    return lines


def _race(picture: Mapping[str, Any], width: int) -> list[Text]:
    """A bar for each writer, and the end of what it wrote."""
    from rich.text import Text

    lines = []
    for lane in picture.get("lanes") or ():
        share = lane["tokens"] / max(1, lane["of"])
        seconds = lane["tokens"] / lane["rate"] if lane.get("rate") else lane["seconds"]
        said = f"{lane['tokens']} tokens, {seconds:.2f} s"
        if seconds > 0:
            said += f", {lane['tokens'] / seconds:,.0f} a second"
        bar = _bar(share, min(_LONGEST, width // 6))
        lines.append(Text.assemble(_named(lane["name"]), bar, " ", said))
        text = " ".join(safe(f"{picture.get('prompt', '')}{lane['text']}").split())
        lines.append(Text(text[-width:], "dim" if share < 1 else ""))
    return lines


def _table(picture: Mapping[str, Any], width: int) -> list[Text]:
    from rich.text import Text

    rows: list[Sequence[Any]] = [picture.get("columns") or (), *(picture.get("rows") or ())]
    cells = [[safe(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        Text(
            "  ".join(
                cell.ljust(wide) if number == 0 else cell.rjust(wide)
                for number, (cell, wide) in enumerate(zip(row, widths, strict=True))
            ),
            "" if place else "dim",
        )
        for place, row in enumerate(cells)
    ]


def _intervals(picture: Mapping[str, Any], width: int) -> list[Text]:
    """The table that belongs to them."""
    return _table(picture.get("table") or {}, width)


_KINDS = {
    "pareto": _pareto,
    "roofline": _roofline,
    "race": _race,
    "table": _table,
    "intervals": _intervals,
}


def _named(name: Any) -> str:
    return safe(str(name))[:_NAME].ljust(_NAME + 1)


def _bar(share: float, length: int) -> Text:
    from rich.text import Text

    filled = round(length * min(1.0, max(0.0, share)))
    return Text.assemble((_BAR * filled, "bright_blue"), (_REST * (length - filled), "dim"))


def _size(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 999_500 else f"{count / 1e3:.0f} kB"
