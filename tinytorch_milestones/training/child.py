"""The child's side of a run in the sandbox: train there, send steps to the parent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones.catalog.model import Gate
from tinytorch_milestones.errors import ImplementationError, TinyTorchError
from tinytorch_milestones.training import wire
from tinytorch_milestones.training.accounts import explain
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import Settled
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.training.recipes import load_recipe, timed
from tinytorch_milestones.training.steps import Step

_STEPS_A_MESSAGE = 200
_SECONDS_A_MESSAGE = 0.05


def run(job: Mapping[str, Any], send: Callable[[object], None]) -> None:
    """Entry of the sandbox: train `job["recipe"]` with the code at `job["root"]`.

    job: root, kind ("yours" or "reference"), recipe, settings (plain values), and the part's gates
    if it may stop early. It stops here, instead of being closed by the parent, so that the origin
    of everything that was imported is checked once more before the parent believes any of it.
    Sends `{"steps": [...]}` as they come, then one `{"done": {...}}` or `{"error": {...}}`.
    """
    implementation = Implementation(job["kind"], Path(job["root"]))
    try:
        recipe = load_recipe(job["recipe"])
        settings = recipe.settings(job["settings"])
        with implementation.active() as framework:
            settled = Settled(msgspec.convert(job.get("gates", []), list[Gate]), settings.patience)
            _stream(timed(recipe.function(framework, settings)), settled, send)
        done = {"file": framework.path, "exercised": framework.exercised()}
    except TinyTorchError as error:
        kind = "implementation" if isinstance(error, ImplementationError) else "settings"
        send({"error": {"kind": kind, "message": error.message, "remedy": error.remedy}})
    except (Exception, SystemExit) as error:
        account = explain(error, implementation)
        send(
            {
                "error": {
                    "kind": "student" if account.file else "recipe",
                    "message": account.text,
                    "remedy": "",
                    "module": account.module,
                    "file": account.file,
                    "line": account.line,
                }
            }
        )
    else:
        send({"done": done})


def _stream(steps: Iterator[Step], settled: Settled, send: Callable[[object], None]) -> None:
    """Send steps a few at a time: a message for each would cost more than the step."""
    evidence = Evidence()
    waiting: list[Step] = []
    sent = 0.0
    try:
        for step in steps:
            waiting.append(step)
            moment = time.monotonic()
            if len(waiting) >= _STEPS_A_MESSAGE or moment - sent >= _SECONDS_A_MESSAGE:
                send({"steps": wire.encode(waiting)})
                waiting.clear()
                sent = moment
            evidence.fold(step)
            if settled.after(evidence):
                break
    finally:
        # also when the student's code raised: what came before it is evidence
        if waiting:
            send({"steps": wire.encode(waiting)})
