"""What `%milestone diagnose` shows."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from html import escape

from tinytorch_milestones.catalog.model import Module
from tinytorch_milestones.diagnosis_words import WAITING, besides, name_of, place, shown, swap_rows
from tinytorch_milestones.state import Diagnosis, Finding
from tinytorch_milestones.widgets.html import Bundle, bundle, notebook_link
from tinytorch_milestones.widgets.screen import this_screen

_WIDTH = 80
_CODE = 'style="padding: 6px 10px; border-left: 2px solid var(--jp-border-color2, #e0e0e0)"'


def show_diagnosis(look: Callable[[], Diagnosis], modules: Sequence[Module]) -> None:
    """Say that it takes a moment, look, and show what was found in the same place."""
    screen = this_screen()
    muted = f'<p class="tinytorch-muted">{escape(WAITING)}</p>'
    screen.put("diagnosis", bundle(muted, _wrapped(WAITING)))
    try:
        found = diagnosis(look(), modules)
    except BaseException:
        if screen.live:
            words = "The diagnosis was not finished."
            screen.put("diagnosis", bundle(f'<p class="tinytorch-muted">{words}</p>', words))
        raise
    screen.put("diagnosis", found)


def diagnosis(found: Diagnosis, modules: Sequence[Module]) -> Bundle:
    """The block: who is to blame, what shows it, what the swaps said, what to do next."""
    kind = "tinytorch-won" if found.clean else "tinytorch-lost"
    html = [f'<div class="tinytorch-card {kind}"><p><b>{escape(found.message)}</b></p>']
    text, module = [_wrapped(found.message)], ""
    for finding in shown(found):
        html.append(_finding(finding, modules))
        text += ["", name_of(finding.module, modules)] if finding.module != module else [""]
        text.append(_wrapped(finding.message, "  "))
        module = finding.module
        text += [f"      {line}" for line in finding.snippet.splitlines()]
        if where := place(finding):
            text.append(f"  look at {where}")
    if more := besides(found, modules):
        html.append(f'<p class="tinytorch-muted">{escape(more)}</p>')
        text += ["", _wrapped(more)]
    if len(found.swaps) > 1:
        rows = swap_rows(found, modules)
        html.append(_swaps(rows))
        text += ["", "Run again with the reference's module in place of yours"]
        width = max(len(row[0]) for row in rows)
        text += [_wrapped(f"{whose:<{width}}  {result}", "  ", width + 4) for whose, result in rows]
    if not found.clean:
        html.append(f"<p>Next: <code>{escape(found.next_command)}</code></p>")
        text += ["", f"Next: {found.next_command}"]
    return bundle("".join(html) + "</div>", "\n".join(text))


def _wrapped(words: str, indent: str = "", hang: int = 0) -> str:
    """For where there is no HTML: lines of at most 80 columns."""
    return textwrap.fill(
        words,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * hang or indent,
        break_long_words=False,
        drop_whitespace=True,
    )


def _finding(finding: Finding, modules: Sequence[Module]) -> str:
    where = ""
    if finding.notebook:
        words = f"Open {name_of(finding.module, modules)}"
        if finding.task:
            words += f" at {finding.task}"
        where = f"<p>{notebook_link(finding.notebook, words, finding.cell_id)}</p>"
    code = f"<pre {_CODE}>{escape(finding.snippet)}</pre>" if finding.snippet else ""
    return f"<p>{escape(finding.message)}</p>{code}{where}"


def _swaps(rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(f"<tr><td>{escape(a)}</td><td>{escape(b)}</td></tr>" for a, b in rows)
    return (
        "<p><b>Run again with the reference's module in place of yours</b></p>"
        f'<table class="tinytorch-table">{body}</table>'
    )
