"""Pieces of HTML in JupyterLab's own style. Everything that came from a file is escaped here."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import Any

from tinytorch_milestones.catalog.model import Module

Bundle = dict[str, Any]

_STYLE = """
.tinytorch-block { font-family: var(--jp-ui-font-family, system-ui, sans-serif);
  font-size: var(--jp-ui-font-size1, 13px); line-height: 1.45; max-width: 960px;
  color: var(--jp-ui-font-color1, #212121); }
.tinytorch-block p { margin: 4px 0; }
.tinytorch-head { display: flex; align-items: flex-start; gap: 16px; padding-top: 4px; }
.tinytorch-head > div { flex: 1; min-width: 0; }
.tinytorch-title { font-size: 18px; line-height: 1.3; font-weight: 600; }
.tinytorch-year { font-weight: 400; color: var(--jp-ui-font-color2, #616161); margin-right: 8px; }
.tinytorch-muted, .tinytorch-block .tinytorch-muted { color: var(--jp-ui-font-color2, #616161); }
.tinytorch-path { font-family: var(--jp-code-font-family, monospace); font-size: 12px;
  overflow-wrap: anywhere; }
.tinytorch-block button.tinytorch-stop { flex: none; font: inherit; font-weight: 600;
  cursor: pointer; padding: 4px 14px; border-radius: 4px; background: transparent;
  color: var(--jp-error-color1, #b71c1c); border: 1px solid var(--jp-error-color1, #b71c1c); }
.tinytorch-block button.tinytorch-stop:hover { background: var(--jp-layout-color2, #eeeeee); }
.tinytorch-block button.tinytorch-stop:focus-visible { outline: 2px solid
  var(--jp-brand-color1, #1976d2); outline-offset: 2px; }
.tinytorch-track { height: 4px; border-radius: 2px; background: var(--jp-border-color2, #e0e0e0);
  margin: 4px 0; overflow: hidden; }
.tinytorch-track > div { height: 100%; background: var(--jp-brand-color1, #1976d2); }
.tinytorch-row { display: flex; justify-content: space-between; flex-wrap: wrap; gap: 0 16px;
  font-size: 12px; font-variant-numeric: tabular-nums; color: var(--jp-ui-font-color2, #616161); }
.tinytorch-chips { display: flex; flex-wrap: wrap; gap: 6px; padding: 2px 0; }
.tinytorch-chip { border: 1px solid var(--jp-border-color1, #bdbdbd); border-radius: 12px;
  padding: 1px 10px; font-variant-numeric: tabular-nums;
  color: var(--jp-ui-font-color2, #616161); }
.tinytorch-chip small { font-size: 11px; }
.tinytorch-passed { color: var(--jp-success-color1, #1b5e20);
  border-color: var(--jp-success-color1, #1b5e20); }
.tinytorch-failed { color: var(--jp-error-color1, #b71c1c);
  border-color: var(--jp-error-color1, #b71c1c); font-weight: 600; }
.tinytorch-card { border-left: 4px solid var(--jp-brand-color1, #1976d2); margin: 8px 0 4px;
  padding: 6px 14px; background: var(--jp-layout-color1, #fafafa);
  border-radius: 0 4px 4px 0; }
.tinytorch-card.tinytorch-won { border-color: var(--jp-success-color1, #1b5e20); }
.tinytorch-card.tinytorch-lost { border-color: var(--jp-error-color1, #b71c1c); }
.tinytorch-block a.tinytorch-open { color: var(--jp-content-link-color, #1565c0); }
.tinytorch-block pre, .tinytorch-block code { font-family: var(--jp-code-font-family, monospace);
  font-size: 12px; }
.tinytorch-block pre { white-space: pre-wrap; margin: 4px 0; background: transparent;
  color: inherit; }
.tinytorch-block table.tinytorch-table { border-collapse: collapse; margin: 4px 0; }
.tinytorch-block table.tinytorch-table td { border: 0; text-align: left; vertical-align: top;
  padding: 3px 18px 3px 0; background: transparent; }
.tinytorch-block p.tinytorch-says { font-size: 16px; line-height: 1.4; margin: 6px 0; }
.tinytorch-block table.tinytorch-work { font-size: 12px; width: 100%; max-width: 520px;
  color: inherit; table-layout: auto; }
.tinytorch-block table.tinytorch-work tr { background: transparent !important; }
.tinytorch-block table.tinytorch-work td { padding: 1px 14px 1px 0; white-space: nowrap;
  vertical-align: middle; }
.tinytorch-block table.tinytorch-work td.tinytorch-count { text-align: right;
  font-variant-numeric: tabular-nums; }
.tinytorch-block table.tinytorch-work td.tinytorch-bar { width: 100%; padding-right: 0; }
.tinytorch-bar > div { height: 6px; border-radius: 3px;
  background: var(--jp-brand-color1, #1976d2); opacity: 0.7; }
.tinytorch-figure { max-width: 960px; overflow-x: auto; }
.tinytorch-figure img { width: 100%; min-width: 620px; height: auto; margin: 0; }
.tinytorch-figure img.tinytorch-light { background-color: transparent !important; }
.tinytorch-figure img.tinytorch-dark { display: none; }
[data-jp-theme-light="false"] .tinytorch-figure img.tinytorch-dark { display: block !important; }
[data-jp-theme-light="false"] .tinytorch-figure img.tinytorch-light { display: none; }
@media print {
  .tinytorch-figure img { min-width: 0; }
  .tinytorch-figure img.tinytorch-light,
  [data-jp-theme-light="false"] .tinytorch-figure img.tinytorch-light { display: block !important; }
  .tinytorch-figure img.tinytorch-dark,
  [data-jp-theme-light="false"] .tinytorch-figure img.tinytorch-dark { display: none !important; }
  .tinytorch-block button.tinytorch-stop { display: none; }
}
"""
STYLE = "<style>" + " ".join(_STYLE.split()) + "</style>"


def bundle(html: str, text: str, *, styled: bool = True) -> Bundle:
    """A MIME bundle of one block: HTML for a notebook, text for everything else."""
    block = f'<div class="tinytorch-block">{html}</div>'
    return {"text/html": (STYLE if styled else "") + block, "text/plain": text}


def module_link(module: Module, cell: str = "", words: str = "") -> str:
    """A link that opens a module's notebook, at `cell` where the Lab extension is installed."""
    return notebook_link(
        f"modules/{module.id}.ipynb", words or f"{module.number} {module.title}", cell
    )


def notebook_link(path: str, words: str, cell: str = "") -> str:
    """A link to a notebook of the course; `path` is below its folder.

    The plain href serves front ends without the extension: notebooks lie one folder deep.
    """
    return (
        f'<a class="tinytorch-open" href="../{escape(path)}" data-notebook="{escape(path)}" '
        f'data-cell="{escape(cell)}">{escape(words)}</a>'
    )


def twin_picture(light: bytes, dark: bytes, description: str) -> str:
    """One picture in two variants, of which the theme at hand shows one.

    Without the style sheet (an output that is not trusted yet) the light one alone is shown.
    """
    alt = escape(description)
    return (
        f'{STYLE}<div class="tinytorch-figure">'
        f'<img class="tinytorch-light" style="background-color: #ffffff" alt="{alt}" '
        f'src="{_data(light)}">'
        f'<img class="tinytorch-dark" style="display: none" alt="{alt}" src="{_data(dark)}"></div>'
    )


def _data(png: bytes) -> str:
    return "data:image/png;base64," + b64encode(png).decode("ascii")


def required_text(required: str) -> str:
    """A requirement as it is printed: `≥ 90 %`."""
    return required.replace(">=", "\u2265").replace("<=", "\u2264")
