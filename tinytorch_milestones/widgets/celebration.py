"""What a run came to: the celebration of a win, whose code was at work, and what is next.

`celebration(state, step)` shows a milestone that was won earlier again, from its `MilestoneState`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape

from tinytorch_milestones.catalog.model import Milestone, Module
from tinytorch_milestones.milestone_words import at_work, checkpoints_text, to_play
from tinytorch_milestones.state import MilestoneState, NextStep, RunReport
from tinytorch_milestones.widgets.blocks import card, duration
from tinytorch_milestones.widgets.html import Bundle, notebook_link


class Lines:
    """HTML and text that grow side by side."""

    def __init__(self) -> None:
        self.html = ""
        self._text: list[str] = []

    def add(self, html: str, text: str = "") -> None:
        """A piece in both forms."""
        self.html += html
        if text:
            self._text.append(text)

    def paragraph(self, words: str) -> None:
        """A sentence or two, the same in both forms."""
        if words:
            self.add(f"<p>{escape(words)}</p>", words)

    def fact(self, name: str, value: str) -> None:
        """A short fact with its name in front."""
        if value:
            self.add(f"<p>{escape(name)}: <b>{escape(value)}</b></p>", f"{name}: {value}")

    def says(self, words: str) -> None:
        """What the student can say now."""
        if words:
            quoted = f"\u201c{words}\u201d"
            self.add(f'<p class="tinytorch-says">{escape(quoted)}</p>', quoted)

    @property
    def text(self) -> str:
        return "\n".join(self._text)


def conclusion(
    milestone: Milestone, report: RunReport, demo: bool, modules: Mapping[str, Module]
) -> Bundle | None:
    """What the whole run came to: the celebration, or what is left to do.

    None where the parts have said it all. `modules` are by number.
    """
    lines = Lines()
    if report.newly_complete:
        lines.says(milestone.says)
        lines.paragraph(report.changed_history)
        lines.fact("Badge", report.badge)
        _work(lines, report, modules)
        _draw(lines, milestone.id)
        _play(lines, milestone)
        _next(lines, report.next)
        said = f"Milestone complete: {milestone.title}, {milestone.era or milestone.year}"
        return card("tinytorch-won", said, lines.html, lines.text)
    if demo:
        if report.next and report.next.id == milestone.id:
            command = f"%milestone run {milestone.id}"
            lines.add(
                f"<p>Now with your own code: <code>{escape(command)}</code></p>",
                f"Now with your own code: {command}",
            )
        _next(lines, report.next)
        return card("", "That was the reference code. It will be yours.", lines.html, lines.text)
    if not report.parts or not all(part.passed for part in report.parts):
        return None
    _work(lines, report, modules)
    _next(lines, report.next)
    if not lines.html:
        return None
    said = f"{milestone.title} is complete." if report.complete else "On the way."
    return card("", said, lines.html, lines.text)


def celebration(state: MilestoneState, step: NextStep | None = None) -> Bundle:
    """A milestone that was won, shown again: the words of the win, its proof, and what is next."""
    lines = Lines()
    lines.says(state.says)
    lines.paragraph(state.changed)
    lines.fact("Badge", state.badge)
    took = "" if state.seconds is None else f"in {duration(state.seconds)} of training"
    lines.fact("Best run", " ".join(word for word in (state.score_text, took) if word))
    lines.fact("Checkpoints", checkpoints_text(state))
    lines.fact("Completed", _clock(state.completed))
    _draw(lines, state.id)
    _next(lines, step)
    said = f"Milestone complete: {state.title}, {state.era or state.year}"
    return card("tinytorch-won", said, lines.html, lines.text)


def _work(lines: Lines, report: RunReport, modules: Mapping[str, Module]) -> None:
    """Which modules the run went through, and how often."""
    calls: dict[str, int] = {}
    for part in report.parts:
        if part.implementation == "yours":
            for number, count in part.exercised.items():
                calls[number] = calls.get(number, 0) + count
    calls = {number: count for number, count in sorted(calls.items()) if count > 0}
    if not calls:
        return
    most = max(calls.values())
    rows = "".join(
        f"<tr><td>{escape(number)} {escape(modules[number].title if number in modules else '')}"
        f'</td><td class="tinytorch-count">{count:,}</td><td class="tinytorch-bar">'
        f'<div style="width: {max(1, round(100 * count / most))}%"></div></td></tr>'
        for number, count in calls.items()
    )
    lines.add(
        "<p><b>Your code at work</b> "
        '<span class="tinytorch-muted">calls counted in a sample of the steps</span></p>'
        f'<table class="tinytorch-table tinytorch-work">{rows}</table>',
        f"Your code at work, in a sample of the steps: {at_work(calls, list(modules.values()))}",
    )


def _draw(lines: Lines, milestone: str) -> None:
    """What there is to play with its network: to draw a digit, to go on with a text."""
    if found := to_play(milestone):
        words, command = found
        lines.add(f"<p>{words}: <code>{escape(command)}</code></p>", f"{words}: {command}")


def _play(lines: Lines, milestone: Milestone) -> None:
    line = f"%%milestone run {milestone.id}"
    lines.add(
        "<p>Play with it: put <code>learning_rate = 0.001</code> or a model of your own in a cell "
        f"that begins with <code>{escape(line)}</code>.</p>",
        f"Play with it: a cell that begins with {line} takes a model or settings of your own.",
    )


def _next(lines: Lines, step: NextStep | None) -> None:
    """The one next step, as something to click or to type whatever kind it is."""
    if step is None:
        return
    done = step.kind == "done"
    words = step.button if done and step.button else step.title
    if step.notebook:
        link = notebook_link(step.notebook, words)
        where = f" ({step.notebook})"
    elif step.kind == "milestone":
        link = f"<code>{escape(f'%milestone run {step.id}')}</code>"
        where = f" (%milestone run {step.id})"
    elif step.command:
        link = f"<code>{escape(step.command)}</code>"
        where = f" ({step.command})"
    else:
        link, where = "", ""
    if done:
        # nothing is left to do: the link is an offer
        lines.add(
            f"<p>{escape(step.title)}. {escape(step.why)} {link}</p>",
            f"{step.title}. {step.why}{where}",
        )
        return
    title = link if step.notebook else f"{escape(step.title)} {link}".strip()
    lines.add(f"<p>Next: {title}. {escape(step.why)}</p>", f"Next: {step.title}{where}. {step.why}")


def _clock(moment: str) -> str:
    """An ISO time as local date and time; what cannot be read stays as it is."""
    try:
        return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return moment
