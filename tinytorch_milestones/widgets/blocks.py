"""What stands around the figure of a run: head, progress, gates, ending. HTML and text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from tinytorch_milestones.catalog.model import Milestone, Module, Part
from tinytorch_milestones.milestone_words import kept_epochs
from tinytorch_milestones.state import PartReport, VerdictState
from tinytorch_milestones.widgets.html import Bundle, bundle, module_link, required_text

if TYPE_CHECKING:
    from tinytorch_milestones.tracker import Run

_SHAPES = {None: "\u2026", True: "\u2713", False: "\u2717"}
_WORTH_TELLING = 10.0  # seconds of training from which on its memory is told at the end
_WORDS = {None: "waiting", True: "passed", False: "failed"}


def head(milestone: Milestone, part: Part, run: Run, run_id: str | None) -> Bundle:
    """Year, headline, story and whose code runs; with a Stop button while `run_id` is given."""
    yours = run.implementation == "yours"
    whose = "Your code runs" if yours else "The reference code runs"
    epochs = run.evidence.epochs
    goes_on = f"Going on after epoch {run.resumed} of {epochs}." if run.resumed else ""
    path = str(run.path).replace(str(Path.home()), "~", 1)
    stop = (
        f'<button class="tinytorch-stop" data-run="{escape(run_id)}" type="button" '
        f'title="Stop this run. Nothing is credited.">\u25a0 Stop</button>'
        if run_id
        else ""
    )
    html = (
        f'<div class="tinytorch-head"><div><div class="tinytorch-title">'
        f'<span class="tinytorch-year">{milestone.year}</span> '
        f"{escape(milestone.headline)}: {escape(_lower(part.title))}</div>"
        f"<p>{escape(part.story)}</p>{goes_on and f'<p>{goes_on}</p>'}"
        f'<p class="tinytorch-muted">{whose}: '
        f'<span class="tinytorch-path">{escape(path)}</span></p></div>{stop}</div>'
    )
    text = f"{milestone.year}  {milestone.headline}: {_lower(part.title)}\n{whose}: {path}"
    if goes_on:
        text += f"\n{goes_on}"
    return bundle(html, text)


def progress(run: Run, seconds_left: float | None, *, complete: bool = False) -> Bundle:
    """The bar, where the run is, and how fast; full when it is `complete`, however early."""
    evidence = run.evidence
    planned = max(evidence.steps if complete else evidence.planned, 1)
    share = min(1.0, evidence.steps / planned)
    where = f"step {evidence.steps:,} of {planned:,}"
    if complete:
        where = f"done after {evidence.steps:,} steps"
    elif evidence.epochs > 1:
        where = f"epoch {evidence.epoch} of {evidence.epochs} \u00b7 {where}"
    facts = []
    if run.samples_per_second:
        facts.append(f"{_rounded(run.samples_per_second)} {evidence.noun}/s")
    if seconds_left is not None:
        facts.append(f"{duration(seconds_left)} left")
    if memory := run.memory:
        facts.append(f"peak {memory / 1e6:,.0f} MB")
    how = " \u00b7 ".join(facts)
    html = (
        f'<div class="tinytorch-track" role="progressbar" aria-label="progress of the run" '
        f'aria-valuemin="0" aria-valuemax="{planned}" aria-valuenow="{evidence.steps}">'
        f'<div style="width: {100 * share:.1f}%"></div></div>'
        f'<div class="tinytorch-row"><span>{where}</span> <span>{how}</span></div>'
    )
    return bundle(html, f"{where}  {how}", styled=False)


def chips(verdicts: Sequence[VerdictState]) -> Bundle:
    """One chip a gate: shape and word say what colour repeats."""
    parts, lines = [], []
    for verdict in verdicts:
        shape, word = _SHAPES[verdict.passed], _WORDS[verdict.passed]
        kind = "" if verdict.passed is None else f" tinytorch-{word}"
        required = required_text(verdict.required)
        measured = f" {verdict.measured}" if verdict.measured else ""
        parts.append(
            f'<span class="tinytorch-chip{kind}" role="listitem" '
            f'aria-label="{escape(f"{word}: {verdict.title}{measured}, required {required}")}">'
            f"{shape} {escape(verdict.title)}{escape(measured)} "
            f"<small>{escape(required)}</small></span>"
        )
        lines.append(f"  {word:<7}  {verdict.title}{measured} ({verdict.required})")
    html = f'<div class="tinytorch-chips" role="list">{" ".join(parts)}</div>'
    return bundle(html, "\n".join(lines), styled=False)


def ending(
    report: PartReport, planned: int, shown_seconds: float, modules: Mapping[str, Module]
) -> Bundle:
    """The summary of a part, with the root cause when it did not pass."""
    paced = shown_seconds > 1.5 * report.seconds + 1
    facts = [f"{report.steps:,} steps in {duration(report.seconds)} of training"]
    if report.passed and report.steps < planned:
        facts[0] += f", until every gate held (of {planned:,} at most)"
    if paced:
        facts[0] += f" (shown in {duration(shown_seconds)})"
    if report.samples_per_second:
        facts.append(f"{_rounded(report.samples_per_second)} {report.noun}/s")
    if report.memory and report.seconds > _WORTH_TELLING:
        facts.append(f"at most {report.memory / 1e6:,.0f} MB")
    if report.resumed_epoch:
        facts.append(f"gone on with after epoch {report.resumed_epoch}")
    summary = ", ".join([*facts, f"seed {report.seed}"])
    kept = _kept(report)
    if report.interrupted:
        said = f"Stopped after step {report.steps:,} of {planned:,}; not credited."
        html = f'{kept[0]}<p class="tinytorch-muted">{summary}</p>'
        return card("", said, html, f"{kept[1]}{summary}")
    blame = _blame(report)
    if report.error:
        link = _hint_link(report.error_module, modules)
        return card(
            "tinytorch-lost",
            "The run ended with an error; not credited.",
            f"<pre>{escape(report.error)}</pre>{kept[0]}{link[0]}{blame[0]}",
            f"{report.error}\n{kept[1]}{link[1]}{blame[1]}",
        )
    if report.passed:
        said = "Every gate passed."
        if report.why_not_credited:
            said += f" Not credited: {report.why_not_credited}."
        return card("tinytorch-won", said, f'<p class="tinytorch-muted">{summary}</p>', summary)
    failed = next((v for v in report.verdicts if v.passed is False), None)
    if failed is None:
        waiting = ", ".join(v.title for v in report.verdicts if v.passed is None)
        said = f"Not passed: never measured: {waiting}."
        return card("tinytorch-lost", said, f'<p class="tinytorch-muted">{summary}</p>', summary)
    link = _hint_link(failed.module, modules)
    said = (
        f"Not passed: {failed.title} {failed.measured}, required {required_text(failed.required)}."
    )
    html = (
        f'<p>{escape(failed.hint)}</p>{link[0]}{blame[0]}<p class="tinytorch-muted">{summary}</p>'
    )
    return card("tinytorch-lost", said, html, f"{failed.hint}\n{link[1]}{blame[1]}\n{summary}")


def waiting(width: float, height: float) -> Bundle:
    """The place of the figure, before the first step gives something to draw."""
    html = (
        f'<div class="tinytorch-muted" style="aspect-ratio: {width} / {height}; display: flex; '
        f'align-items: center; justify-content: center">The first step is under way.</div>'
    )
    return bundle(html, "", styled=False)


def card(kind: str, said: str, html: str, text: str) -> Bundle:
    """A few lines with a coloured edge: `tinytorch-won`, `tinytorch-lost`, or plain."""
    return bundle(
        f'<div class="tinytorch-card {kind}"><p><b>{escape(said)}</b></p>{html}</div>',
        f"{said}\n{text}".strip(),
    )


def _kept(report: PartReport) -> tuple[str, str]:
    """How to go on with a run that was cut off, where that is possible."""
    kept = kept_epochs(report)
    if not kept:
        return "", ""
    command = f"%milestone run {report.milestone} --resume"
    return (
        f"<p>{kept} Go on with it: <code>{escape(command)}</code></p>",
        f"{kept} Go on with it: {command}\n",
    )


def _blame(report: PartReport) -> tuple[str, str]:
    """How to find the module to blame, where the student's own code ran."""
    if report.implementation != "yours" or (report.error and not report.error_in_code):
        return "", ""
    command = f"%milestone diagnose {report.milestone} --part {report.part}"
    return (
        f"<p>Find the module to blame: <code>{escape(command)}</code></p>",
        f"\nFind the module to blame: {command}",
    )


def _hint_link(number: str, modules: Mapping[str, Module]) -> tuple[str, str]:
    module = modules.get(number)
    if module is None:
        return "", ""
    words = f"Open {module.number} {module.title}"
    return f"<p>{module_link(module, words=words)}</p>", f"{words}: modules/{module.id}.ipynb"


def duration(seconds: float) -> str:
    """A duration for people: `4 ms`, `0.42 s`, `21 s`, `3 min 20 s`."""
    if not math.isfinite(seconds):
        return "a while"
    if 0 < seconds < 0.1:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.001 else "less than 1 ms"
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _rounded(value: float) -> str:
    if value < 100:
        return f"{value:.1f}"
    digits = 10 ** (len(str(int(value))) - 3)
    return f"{int(round(value / digits) * digits):,}"


def _lower(title: str) -> str:
    """A title within a sentence: only an ordinary first word loses its capital."""
    first = title.split(" ")[0]
    return title[:1].lower() + title[1:] if first[1:].islower() or len(first) == 1 else title
