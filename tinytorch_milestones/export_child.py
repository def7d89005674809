"""The child's side of `export.py`: nbdev, in a folder where it can do no harm.

nbdev reads its configuration from the current folder, writes in place and follows whatever target
a directive names. So it runs in a process and a folder of its own, and only on directives that our
parser and nbdev's own read the same way.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import msgspec
from nbdev.config import get_config
from nbdev.export import nb_export
from nbdev.process import NBProcessor


class ExportJob(msgspec.Struct, kw_only=True):
    """One notebook in a staging folder laid out like a course."""

    staging: str
    notebook: str  # path below staging
    # what our parser found, cell by cell: directives with their values
    directives: list[dict[str, str]]


def run(job: object, send: Callable[[object], None]) -> None:
    """Entry for the sandbox. Sends {"problem": ""} when nbdev wrote its file, else why not."""
    wanted = msgspec.convert(job, ExportJob)
    staging = Path(wanted.staging)
    notebook = staging / wanted.notebook
    seen = [dict(cell.directives) for cell in NBProcessor(notebook, rm_directives=False).nb.cells]
    if seen != wanted.directives:
        cell = next(
            i for i, (a, b) in enumerate(zip(seen, wanted.directives, strict=True)) if a != b
        )
        send({"problem": "nbdev reads its directives differently than expected", "cell": cell})
        return
    # nbdev keeps nothing between calls but reads this once per folder
    if Path(get_config().config_path).resolve() != staging.resolve():
        send({"problem": "nbdev did not find the staging folder's pyproject.toml", "cell": None})
        return
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            nb_export(notebook, lib_path=staging / "tinytorch")
        except Exception as error:
            send({"problem": f"nbdev failed: {type(error).__name__}: {error}", "cell": None})
            return
    send({"problem": "", "cell": None})
