"""What `%milestone list`, `info`, `status`, `next` and `check` and `%hint` show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from tinytorch_milestones.milestone_words import checkpoints_text, numbers
from tinytorch_milestones.state import (
    Completion,
    MilestoneState,
    ModuleState,
    NextStep,
    State,
)
from tinytorch_milestones.widgets.html import bundle, notebook_link, required_text
from tinytorch_milestones.widgets.screen import this_screen

if TYPE_CHECKING:
    pass

_MARKS = {
    "complete": "\u2713",
    "ready": "\u25b6",
    "running": "\u25b6",
    "locked": "\u00b7",
    "coming": "\u00b7",
    "in_progress": "\u2026",
    "recheck": "\u21bb",
    "checking": "\u21bb",
    "not_started": "\u00b7",
    "passed": "\u2713",
    "failed": "\u2717",
}


def _show(html: str, text: str) -> None:
    this_screen().put("listing", bundle(html, text))


def _table(rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="tinytorch-table">{body}</table>'


def _columns(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def show_next(step: NextStep) -> None:
    """What to do now."""
    where = f"\nOpen {step.notebook}" if step.notebook and step.kind != "done" else ""
    _show(
        f'<p class="tinytorch-title">{_next_title(step)}</p><p>{escape(step.why)}</p>',
        f"Next: {step.title}\n{step.why}{where}",
    )


def standing(milestone: MilestoneState) -> str:
    """Where a milestone stands, in words."""
    if milestone.status == "locked" and milestone.missing:
        needs = f"needs {numbers(milestone.missing)}"
        return ", ".join(word for word in (checkpoints_text(milestone), needs) if word)
    if milestone.status == "ready" and milestone.checkpoints:
        return checkpoints_text(milestone)
    if milestone.status == "ready" and milestone.parts_complete:
        return f"{milestone.parts_complete} of {len(milestone.parts)} parts"
    if milestone.status == "complete" and milestone.score_text:
        return f"complete, {milestone.score_text}"
    return milestone.status


def show_list(state: State) -> None:
    """Every milestone of the track in one line each."""
    rows = [(_MARKS[m.status], str(m.year), m.title, m.id, standing(m)) for m in state.milestones]
    html = _table(
        (mark, escape(year), f"<b>{escape(title)}</b>", f"<code>{escape(id_)}</code>", escape(say))
        for mark, year, title, id_, say in rows
    )
    more = "`%milestone info NAME` tells more; `%milestone demo NAME` shows any of them."
    _show(html + f'<p class="tinytorch-muted">{_code(more)}</p>', f"{_columns(rows)}\n\n{more}")


def show_info(milestone: MilestoneState) -> None:
    """A milestone's story, parts and gates."""
    head = f"{milestone.year}  {milestone.title}"
    html = [
        (
            f'<p class="tinytorch-title"><span class="tinytorch-year">{milestone.year}</span>'
            f"{escape(milestone.title)}</p>"
        ),
        f'<p class="tinytorch-muted">{escape(milestone.people)}</p>',
        f"<p>{escape(milestone.story)}</p>",
        f"<p>Now: {escape(standing(milestone))}.</p>",
    ]
    text = [head, milestone.people, "", milestone.story, "", f"Now: {standing(milestone)}.", ""]
    for part in milestone.parts:
        state: str = part.status
        if part.missing:
            state += f", needs {numbers(part.missing)}"
        html.append(
            f"<p>{_MARKS[part.status]} <b>{escape(part.title)}</b> "
            f"<code>{escape(part.id)}</code> "
            f'<span class="tinytorch-muted">{escape(state)}</span><br>{escape(part.story)}</p>'
        )
        text += [f"{_MARKS[part.status]} {part.title} ({part.id}): {state}", f"    {part.story}"]
        rows = []
        for gate in part.gates:
            measured = f"last {gate.measured}" if gate.measured else ""
            rows.append((gate.title, required_text(gate.required), measured))
        html.append(_table(tuple(escape(cell) for cell in row) for row in rows))
        text += [f"    {line}" for line in _columns(rows).splitlines()]
    _show("".join(html), "\n".join(text))


def module_standing(module: ModuleState) -> str:
    """Where a module stands, in words."""
    if module.problem:
        return "not exported"
    if module.status == "recheck":
        return "changed, needs a check"
    if module.status in ("in_progress", "complete") and module.tests_total:
        return f"{module.tests_passed}/{module.tests_total} tests"
    return module.status.replace("_", " ")


def show_status(state: State) -> None:
    """Modules and milestones at a glance."""
    summary = (
        f"{state.milestones_complete} of {len(state.milestones)} milestones, "
        f"{state.modules_complete} of {state.modules_available} modules"
    )
    html, text = [f'<p class="tinytorch-title">{summary}</p>'], [summary, ""]
    milestones = [(_MARKS[m.status], str(m.year), m.title, standing(m)) for m in state.milestones]
    shown = [m for m in state.modules if m.status != "coming"]
    modules = [(_MARKS[m.status], m.number, m.title, module_standing(m)) for m in shown]
    for title, rows in (("Milestones", milestones), ("Modules", modules)):
        html.append(f"<p><b>{title}</b></p>")
        html.append(_table(tuple(escape(cell) for cell in row) for row in rows))
        text += [title, _columns(rows), ""]
    _add_next(state.next, html, text)
    _show("".join(html), "\n".join(text).strip())


def show_completion(completion: Completion) -> None:
    """What came of exporting and checking a module."""
    html: list[str] = []
    text: list[str] = []
    first, *others = completion.messages or [completion.message]
    html.append(f'<p class="tinytorch-title">{escape(first)}</p>')
    text.append(first)
    for line in others:
        html.append(f"<p>{escape(line)}</p>")
        text.append(line)
    if completion.cell_id:
        path = f"modules/{completion.module}.ipynb"
        html.append(f"<p>{notebook_link(path, 'Show the cell', completion.cell_id)}</p>")
    if completion.output.strip():
        html.append(f"<p>Your code printed:</p><pre>{escape(completion.output.strip())}</pre>")
        text += ["Your code printed:", completion.output.strip()]
    for warning in completion.warnings:
        html.append(f'<p class="tinytorch-muted">{escape(warning)}</p>')
        text.append(warning)
    said = "The notebook was checked as it was last saved."
    html.append(f'<p class="tinytorch-muted">{said}</p>')
    text.append(said)
    _show("".join(html), "\n".join(text))


def show_hint(task: str, words: str, number: int, total: int) -> None:
    """One hint."""
    count = f"{task}, hint {number} of {total}"
    more = f"`%hint {task}` again shows the next one." if number < total else ""
    _show(
        f'<div class="tinytorch-card"><p><b>{escape(count)}</b></p><p>{_code(words)}</p>'
        f'<p class="tinytorch-muted">{_code(more)}</p></div>',
        f"{count}\n{words}" + (f"\n{more}" if more else ""),
    )


def _add_next(step: NextStep | None, html: list[str], text: list[str]) -> None:
    if step is None:
        return
    html.append(f"<p>Next: {_next_title(step)}. {escape(step.why)}</p>")
    text.append(f"Next: {step.title}. {step.why}")


def _next_title(step: NextStep) -> str:
    # where nothing is left to do there is nothing to open
    open_it = step.notebook and step.kind != "done"
    return notebook_link(step.notebook, step.title) if open_it else escape(step.title)


def _code(words: str) -> str:
    """Escaped words in which `backticks` mark code."""
    pieces = escape(words).split("`")
    return "".join(
        f"<code>{piece}</code>" if i % 2 and i < len(pieces) - 1 else piece
        for i, piece in enumerate(pieces)
    )
