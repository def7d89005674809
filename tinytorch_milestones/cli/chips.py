"""Gates side by side in a terminal, as many to a line as fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinytorch_milestones.cli.views import gate_mark

if TYPE_CHECKING:
    from rich.text import Text

    from tinytorch_milestones.state import VerdictState


def gate_chips(verdicts: list[VerdictState], width: int, most: int) -> list[Text]:
    """Gates side by side, as many to a line as fit; what passed shrinks to a number when there
    are too many lines, and then what waits."""
    from rich.text import Text

    chips = {id(verdict): _chip(verdict) for verdict in verdicts}
    lines = _flow(list(chips.values()), width)
    summary: list[Text] = []
    for passed, word in ((True, "passed"), (None, "waiting")):
        some = [verdict for verdict in verdicts if verdict.passed is passed]
        if len(lines) <= most or len(some) < 2:
            continue
        for verdict in some:
            del chips[id(verdict)]
        mark, _ = gate_mark(some[0])
        summary.append(Text.assemble(mark, f" {len(some)} gates {word}"))
        lines = _flow([*summary, *chips.values()], width)
    return lines[:most]


def _chip(verdict: VerdictState) -> Text:
    from rich.text import Text

    measured = f" {verdict.measured}" if verdict.measured else ""
    mark, _ = gate_mark(verdict)
    return Text.assemble(mark, f" {verdict.title}{measured}", (f" ({verdict.required})", "dim"))


def _flow(chips: list[Text], width: int) -> list[Text]:
    lines: list[Text] = []
    for chip in chips:
        if lines and lines[-1].cell_len + 3 + chip.cell_len <= width:
            lines[-1].append("   ")
            lines[-1].append_text(chip)
        else:
            line = chip.copy()
            line.truncate(width, overflow="ellipsis")
            lines.append(line)
    return lines
