"""Run a part with the reference's modules in place of some of the student's.

What runs then is an overlay: a copy of the student's package in a temporary folder, with files of
the reference in it. It is never credited: it lives outside every course.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from tinytorch_milestones import sandbox
from tinytorch_milestones.catalog import Catalog, Part
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.sandbox import Limits
from tinytorch_milestones.training import wire
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import judge_all
from tinytorch_milestones.training.implementation import reference_root
from tinytorch_milestones.training.origin import PACKAGE

_ENTRY = "tinytorch_milestones.training.child:run"
_OUTPUT = 32 << 20


class Outcome(msgspec.Struct, kw_only=True):
    """How a part ended."""

    passed: bool | None  # None: nobody can run it here
    failed: str = ""  # the first gate that failed, or what stopped it
    module: str = ""  # that this points to


@contextmanager
def overlay(root: Path, catalog: Catalog, modules: Sequence[str]) -> Iterator[Path]:
    """A root whose package is the student's, with these modules' files from the reference."""
    with tempfile.TemporaryDirectory(prefix="tinytorch-swap-") as folder:
        package = Path(folder) / PACKAGE
        shutil.copytree(root / PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
        for number in modules:
            file = catalog.module(number).exports
            target = package / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(reference_root() / PACKAGE / file, target)
        yield Path(folder)


def run_part(root: Path, part: Part, seconds: float) -> Outcome:
    """Run a part's recipe on the code at `root` and judge it; nothing is written down.

    Data that is not here is the outcome's `failed`. Raises `TinyTorchError` when the part's own
    settings cannot be used.
    """
    job = {
        "root": str(root),
        "kind": "yours",
        "recipe": part.recipe,
        "settings": dict(part.settings),
        "gates": msgspec.to_builtins(part.gates),
    }
    child = sandbox.take(_ENTRY, limits=Limits(seconds=seconds, output=_OUTPUT))
    evidence, done = Evidence(), False
    with closing(child.run(job, root)) as messages:
        for message in messages:
            if not isinstance(message, dict):
                continue
            if "steps" in message:
                for step in wire.decode(message["steps"]):
                    evidence.fold(step)
            elif "error" in message:
                error = message["error"]
                if error["kind"] == "data":
                    # its first sentence names the data; what to fetch is said by a run
                    return Outcome(passed=None, failed=_line(error["message"]).rstrip("."))
                if error["kind"] == "settings":
                    raise TinyTorchError(error["message"], error.get("remedy", ""))
                module = str(error.get("module", ""))
                return Outcome(passed=False, failed=_line(error["message"]), module=module)
            done = done or "done" in message
    if not done:
        late = child.ending.reason == "timeout"
        failed = f"not finished after {seconds:.0f} s" if late else "it ended Python"
        return Outcome(passed=False, failed=failed)
    verdicts = judge_all(part.gates, evidence)
    first = next((verdict for verdict in verdicts if not verdict.passed), None)
    if first is None:
        return Outcome(passed=bool(verdicts))
    return Outcome(passed=False, failed=first.title, module=first.module)


def _line(text: str, longest: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 4] + " ..."
