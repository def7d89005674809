"""What `%milestone timeline`, `test`, `start` and `status --detailed` show."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from tinytorch_milestones.milestone_words import checkpoints_text, missing, numbers
from tinytorch_milestones.state import (
    AttemptState,
    Completion,
    GateState,
    MilestoneState,
    NextStep,
    State,
)
from tinytorch_milestones.timeline import Stop, across, fits_across, rows_between, written
from tinytorch_milestones.widgets.blocks import duration
from tinytorch_milestones.widgets.html import bundle, notebook_link, required_text
from tinytorch_milestones.widgets.screen import this_screen

_WIDTH = 80  # of text where there is no HTML
_MARKS = {
    "complete": "\u2713",
    "passed": "\u2713",
    "ready": "\u25cf",
    "running": "\u25cf",
    "failed": "\u2717",
    "locked": "\u25cb",
    "coming": "\u00b7",
}
_STYLES = """
.tinytorch-block :is(ol.tinytorch-line, ol.tinytorch-across) { list-style: none; margin: 8px 0;
  padding: 0; }
.tinytorch-block ol.tinytorch-line { max-width: 720px; }
.tinytorch-line > li { display: grid; grid-template-columns: 40px 20px minmax(0, 1fr); margin: 0; }
.tinytorch-line > li > span:nth-child(2) { text-align: center; background:
  linear-gradient(var(--jp-border-color2, #e0e0e0), var(--jp-border-color2, #e0e0e0))
  center 22px / 2px calc(100% - 24px) no-repeat; }
.tinytorch-line > li:last-child > span:nth-child(2) { background: none; }
.tinytorch-line p { margin: 0; }
.tinytorch-line > li > div { padding-left: 8px; }
.tinytorch-block ol.tinytorch-across { display: grid; max-width: 960px; overflow-x: auto; }
.tinytorch-across > li { display: block; margin: 0; }
.tinytorch-across > li > * { display: block; padding-right: 14px; }
.tinytorch-across > li > .tinytorch-mark { padding: 0; margin: 4px 0; line-height: 18px; background:
  linear-gradient(var(--jp-border-color2, #e0e0e0), var(--jp-border-color2, #e0e0e0))
  20px center / 100% 2px no-repeat; }
.tinytorch-across > li:last-child > .tinytorch-mark { background: none; }
:is(.tinytorch-line, .tinytorch-across) .tinytorch-year { font-variant-numeric: tabular-nums;
  margin: 0; }
:is(.tinytorch-line, .tinytorch-across) [data-status="complete"] {
  color: var(--jp-success-color1, #1b5e20); }
:is(.tinytorch-line, .tinytorch-across) :is([data-status="ready"], [data-status="running"]) {
  color: var(--jp-brand-color1, #1565c0); }
"""
_STYLE = "<style>" + " ".join(_STYLES.split()) + "</style>"
_NARROWEST = 120  # pixels of a station side by side with others


class Page:
    """HTML and text that grow side by side."""

    def __init__(self) -> None:
        self._html: list[str] = []
        self._text: list[str] = []

    def add(self, html: str, text: str) -> None:
        """A piece, in both forms."""
        self._html.append(html)
        self._text.append(text)

    def title(self, words: str, kind: str = "") -> None:
        """What follows."""
        self.add(f'<p class="tinytorch-title {kind}">{escape(words)}</p>', words)

    def heading(self, words: str) -> None:
        """A part of it."""
        html = f'<p style="margin-top: 12px"><b>{escape(words)}</b></p>'
        self.add(html, f"\n{words}")

    def line(self, words: str, *, quiet: bool = False, indent: int = 0) -> None:
        """A paragraph."""
        space = " " * indent
        kind = ' class="tinytorch-muted"' if quiet else ""
        wrapped = textwrap.fill(words, _WIDTH, initial_indent=space, subsequent_indent=space)
        self.add(f"<p{kind}>{escape(words)}</p>", wrapped)

    def table(self, rows: Sequence[Sequence[str]], *, indent: int = 2) -> None:
        """Columns of words."""
        if not rows:
            return
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
        )
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            " " * indent
            + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        self.add(f'<table class="tinytorch-table">{body}</table>', "\n".join(lines))

    def next(self, step: NextStep) -> None:
        """The one next step."""
        open_it = step.notebook and step.kind != "done"  # there is nothing to be done in it
        link = notebook_link(step.notebook, step.title) if open_it else escape(step.title)
        self.add(f"<p>Next: {link}. {escape(step.why)}</p>", f"\nNext: {step.title}. {step.why}")

    def show(self, style: str = "") -> None:
        """Put it where outputs go."""
        text = "\n".join(self._text).strip("\n")
        this_screen().put("page", bundle(style + "".join(self._html), text))


def words(milestone: MilestoneState) -> str:
    """The state of a station in words, with how far it is."""
    told: list[str] = [milestone.status]
    if milestone.status == "complete":
        told.append(milestone.score_text)
    else:
        far = checkpoints_text(milestone)
        if not far and milestone.parts_complete:
            far = f"{milestone.parts_complete} of {len(milestone.parts)} parts"
        told.append(far)
        if milestone.status == "locked" and milestone.missing:
            told.append(f"needs {numbers(milestone.missing)}")
    return ", ".join(word for word in told if word)


def show_timeline(state: State, *, lying: bool) -> None:
    """The track as a line of years."""
    page = Page()
    track = next((t.title for t in state.tracks if t.id == state.track), state.track)
    page.title(track)
    done = f"{state.milestones_complete} of {len(state.milestones)} milestones complete"
    page.line(done, quiet=True)
    milestones = state.milestones
    if lying and fits_across(len(milestones), _WIDTH):
        page.add(_lying_html(milestones), _lying_text(milestones))
    else:
        page.add(_upright_html(milestones), _upright_text(milestones))
    page.next(state.next)
    page.show(_STYLE)


def _lying_text(milestones: Sequence[MilestoneState]) -> str:
    stops = [Stop(m.year, _MARKS[m.status], m.title, words(m)) for m in milestones]
    return "\n" + written(across(stops, _WIDTH))


def _lying_html(milestones: Sequence[MilestoneState]) -> str:
    stations = "".join(
        f'<li><span class="tinytorch-year">{m.year}</span>'
        f'<span class="tinytorch-mark" data-status="{m.status}" aria-hidden="true">'
        f"{_MARKS[m.status]}</span><b>{escape(m.title)}</b>"
        f'<span class="tinytorch-muted">{escape(words(m))}</span></li>'
        for m in milestones
    )
    gaps = [max(0, after.year - before.year) for before, after in pairwise(milestones)]
    shares = " ".join(f"minmax({_NARROWEST}px, {gap}fr)" for gap in [*gaps, 0])
    return f'<ol class="tinytorch-across" style="grid-template-columns: {shares}">{stations}</ol>'


def _upright_text(milestones: Sequence[MilestoneState]) -> str:
    lines: list[str] = [""]
    empty = rows_between([m.year for m in milestones])
    for place, milestone in enumerate(milestones):
        rail = "\u2502" if place < len(empty) else " "
        era = f"  {milestone.era}" if milestone.era else ""
        lines.append(f"{milestone.year}  {_MARKS[milestone.status]}  {milestone.title}{era}")
        for text in (milestone.headline, words(milestone)):
            lines += [f"      {rail}  {line}" for line in textwrap.wrap(text, _WIDTH - 9)]
        if place < len(empty):
            lines += [f"      {rail}"] * max(1, empty[place])
    return "\n".join(line.rstrip() for line in lines)


def _upright_html(milestones: Sequence[MilestoneState]) -> str:
    empty = [*rows_between([m.year for m in milestones]), 0]
    stations = "".join(
        f'<li><span class="tinytorch-year">{m.year}</span>'
        f'<span data-status="{m.status}" aria-hidden="true">{_MARKS[m.status]}</span>'
        f'<div style="padding-bottom: {10 + 8 * rows}px"><b>{escape(m.title)}</b>'
        f'<p>{escape(m.headline)}</p><p class="tinytorch-muted">{escape(words(m))}'
        f"{' · ' + escape(m.era) if m.era else ''}</p></div></li>"
        for m, rows in zip(milestones, empty, strict=True)
    )
    return f'<ol class="tinytorch-line">{stations}</ol>'


def show_not_won(milestone: MilestoneState, step: NextStep) -> None:
    """What a milestone that is not complete still asks for."""
    page = Page()
    page.title(f"{milestone.title} is not won yet")
    for sentence in missing(milestone):
        page.line(sentence)
    if milestone.status in ("ready", "running"):
        command = f"%milestone run {milestone.id}"
        page.add(f"<p>Run it: <code>{escape(command)}</code></p>", f"Run it: {command}")
    else:
        page.next(step)
    page.show()


def show_checks(milestone: MilestoneState, reports: Sequence[Completion]) -> None:
    """What came of checking the modules and checkpoints of a milestone."""
    page = Page()
    page.title(milestone.title)
    page.line("The checks of what it needs; nothing is trained.", quiet=True)
    page.table(
        [(_MARKS["passed" if r.complete else "failed"], r.title, _counted(r)) for r in reports]
    )
    for report in reports:
        for test in (t for t in report.tests if not t.passed):
            said = test.message or test.status.replace("_", " ")
            place = escape(test.id)
            if test.cell_id and not report.module.startswith("checkpoint"):
                place = notebook_link(f"modules/{report.module}.ipynb", test.id, test.cell_id)
            page.add(
                f"<p>{place} <b>{escape(test.title)}</b><br>{escape(said)}</p>",
                f"\n{test.id}  {test.title}\n" + textwrap.indent(said, "    "),
            )
    passed = sum(report.complete for report in reports)
    if not reports:
        page.heading("There is nothing to check for it.")
    elif passed < len(reports):
        page.heading(f"Not yet: {passed} of {len(reports)} pass.")
    elif milestone.missing:
        page.heading(f"What is there passes. It still needs {numbers(milestone.missing)}.")
    elif milestone.status == "complete":
        page.heading("All pass, and the milestone is complete.")
    else:
        page.heading("All pass. The run decides:")
        command = f"%milestone run {milestone.id}"
        page.add(f"<p><code>{escape(command)}</code></p>", command)
    page.show()


def _counted(report: Completion) -> str:
    return report.refused or f"{report.passed} of {report.total} tests"


def show_detailed(state: State) -> None:
    """Every milestone with its checkpoints, parts, gates and runs; modules with what fails."""
    page = Page()
    page.title(
        f"{state.milestones_complete} of {len(state.milestones)} milestones, "
        f"{state.modules_complete} of {state.modules_available} modules"
    )
    for milestone in state.milestones:
        page.heading(f"{_MARKS[milestone.status]} {milestone.year} {milestone.title}")
        page.line(", ".join(w for w in (words(milestone), milestone.era) if w), quiet=True)
        page.table([(_MARKS.get(c.status, ""), c.id, c.title) for c in milestone.checkpoints])
        for part in milestone.parts:
            page.line(f"{_MARKS[part.status]} {part.title} ({part.id}): {part.status}", indent=2)
            page.table([_gate(gate) for gate in part.gates], indent=4)
        if milestone.attempts:
            page.line("Runs", quiet=True, indent=2)
            page.table([_attempt(attempt) for attempt in milestone.attempts], indent=4)
    failing = [(module, test) for module in state.modules for test in module.failed]
    if failing:
        page.heading("Tests that do not pass")
    for module, test in failing:
        said = f"{test.title}: {test.message or test.status.replace('_', ' ')}"
        place = notebook_link(module.notebook, test.id, test.cell_id)
        page.add(f"<p>{place} {escape(said)}</p>", f"  {test.id} {said}")
    page.next(state.next)
    page.show()


def _gate(gate: GateState) -> tuple[str, ...]:
    if gate.passed is None:
        mark, word = "\u2026", "waiting"
    else:
        mark, word = (_MARKS["passed"], "passed") if gate.passed else (_MARKS["failed"], "failed")
    return mark, word, gate.measured or "-", required_text(gate.required), gate.title


def _attempt(attempt: AttemptState) -> tuple[str, ...]:
    return (
        _clock(attempt.started),
        attempt.part,
        attempt.result + ("" if attempt.credited else ", no credit"),
        "" if attempt.score is None else f"{100 * attempt.score:.1f} %",
        duration(attempt.seconds),
    )


def show_track(state: State) -> None:
    """Which track is shown, and which others there are."""
    shown = next(t for t in state.tracks if t.id == state.track)
    page = Page()
    page.title(shown.title)
    page.line(shown.description or shown.id, quiet=True)
    others = [t.id for t in state.tracks if t.id != state.track]
    if others:
        names = ", ".join(others)
        page.add(
            f"<p>Other tracks: {escape(names)} (<code>%milestone list --track NAME</code>)</p>",
            f"Other tracks: {names} (%milestone list --track NAME)\n",
        )
    page.show()


def show_welcome(state: State) -> None:
    """What this is, where you are, and what to do first."""
    page = Page()
    page.title("Welcome to TinyTorch Milestones")
    page.line(
        "You build a small PyTorch in numpy, one notebook at a time, and your own code recreates "
        "famous results of AI. A milestone is won by what a run measures, never by a promise."
    )
    page.heading("How it goes")
    page.table(
        [
            ("1", "Open a module's notebook and solve its tasks."),
            ("2", "Save it: your code is exported to tinytorch/ and checked."),
            ("3", "When a milestone is unlocked, run it: %milestone run NAME"),
        ]
    )
    page.line("Curious first? %milestone demo NAME shows any of them with our code.")
    if len(state.tracks) > 1:
        page.heading("Ways through, chosen with %milestone list --track NAME")
        page.table(
            [("\u25cf" if t.id == state.track else " ", t.id, t.description) for t in state.tracks]
        )
    page.heading("Where you are")
    page.line(
        f"{state.milestones_complete} of {len(state.milestones)} milestones, "
        f"{state.modules_complete} of {state.modules_available} modules complete."
    )
    page.next(state.next)
    page.show()


def _clock(moment: str) -> str:
    """An ISO time as local date and time."""
    from datetime import datetime

    try:
        return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return moment
