"""A robot student: from an empty folder through every module to every milestone, with `tito` alone.

    python -m tests.journey.robot            the whole course as it is; some six minutes
    python -m tests.journey.robot --quick    long milestones only begun, without credit for them

In each notebook it puts the solutions where a student writes them, completes the module, and runs
what that unlocked. It prints a table: seconds to check each module, and of each milestone the wall
time, the score and the gates. CIFAR-10 is looked for in TINYTORCH_DATA and in the user's cache.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from tinytorch_milestones.catalog import Catalog, Module, load

MASTER = Path(__file__).resolve().parents[2] / "modules"
TITO = str(Path(sys.executable).with_name("tito"))
_LITTLE = ["--epochs", "1", "--set", "width=16", "--set", "heads=2", "--set", "layers=1"]
# milestones that take more than some ten seconds, and how they are only begun
BEGUN = {
    "full-training": ["--quick"],
    "advanced-vision": ["--quick"],
    "train-real-ai": ["--quick"],
    "language-generation": [*_LITTLE, "--set", "characters=20000"],
    "built-gpt": [*_LITTLE, "--set", "functions=64", "--set", "prompts=1"],
}


@dataclass
class Checked:
    """A module that was completed."""

    module: str
    passed: int
    total: int
    seconds: float  # of wall time, from the command to its answer


@dataclass
class Won:
    """A part of a milestone that was run."""

    milestone: str
    part: str
    passed: bool
    credited: bool
    score: str
    seconds: float  # of training
    gates: int
    failed: list[str] = field(default_factory=list)  # gates, or the error that ended the run
    begun: bool = False  # in quick mode: not meant to reach its score


@dataclass
class Course:
    """What the robot did."""

    modules: list[Checked] = field(default_factory=list)
    parts: list[Won] = field(default_factory=list)
    walls: dict[str, float] = field(default_factory=dict)  # of all runs of a milestone, wall time
    seconds: float = 0.0
    statuses: dict[str, str] = field(default_factory=dict)  # of every milestone, at the end
    checkpoints: dict[str, str] = field(default_factory=dict)


class Robot:
    """Works in `folder`, which it makes; `home` is where its person's progress is kept."""

    def __init__(
        self, folder: Path, home: Path, *, quick: bool, say: Callable[[str], None] = print
    ) -> None:
        self.folder, self.quick, self._say = folder, quick, say
        self._environment = {**os.environ, "TINYTORCH_HOME": str(home)}
        self._catalog: Catalog = load()
        self.done = Course()

    def tito(self, *words: str) -> tuple[dict[str, Any], float]:
        """What a command of `tito` answers as JSON, and the seconds that took."""
        began = time.perf_counter()
        ran = subprocess.run(
            [TITO, *words, "--json"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        try:
            return json.loads(ran.stdout), seconds
        except ValueError:
            told = f"`tito {' '.join(words)}` ended with {ran.returncode}"
            raise RuntimeError(f"{told}:\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}") from None

    def go(self) -> Course:
        """The whole way."""
        began = time.perf_counter()
        self._enrol()
        for module in self._catalog.modules:
            if not module.coming:
                self._study(module)
        self.done.seconds = time.perf_counter() - began
        for track in self._catalog.tracks:
            for milestone in self.tito("milestone", "list", "--track", track.id)[0]:
                self.done.statuses[milestone["id"]] = milestone["status"]
        checkpoints, _ = self.tito("checkpoint", "list")
        self.done.checkpoints = {entry["id"]: entry["status"] for entry in checkpoints}
        return self.done

    def _enrol(self) -> None:
        subprocess.run(
            [TITO, "init", str(self.folder)],
            env=self._environment,
            capture_output=True,
            check=True,
        )

    def _study(self, module: Module) -> None:
        """Write the solutions into the student's own copy, and have it checked."""
        own = self.folder / "modules" / f"{module.id}.ipynb"
        notebook = nbformat.read(own, as_version=4)
        solutions = {
            cell.id: cell.source
            for cell in nbformat.read(MASTER / own.name, as_version=4).cells
            if "task" in cell.metadata.get("tinytorch", {})
        }
        for cell in notebook.cells:
            if cell.id in solutions:
                cell.source = solutions[cell.id]
        nbformat.write(notebook, own)
        report, seconds = self.tito("module", "complete", module.number)
        self.done.modules.append(Checked(module.id, report["passed"], report["total"], seconds))
        self._say(f"{module.id}: {report['passed']} of {report['total']} in {seconds:.1f} s")
        if not report["complete"]:
            raise RuntimeError(f"{module.id} is not complete: {report['message']}")
        for milestone in report["newly_unlocked"]:
            self._run(milestone)

    def _run(self, milestone: str) -> None:
        begun = self.quick and milestone in BEGUN
        report, seconds = self.tito(
            "milestone", "run", milestone, *(BEGUN[milestone] if begun else [])
        )
        walls = self.done.walls
        walls[milestone] = walls.get(milestone, 0.0) + seconds
        for part in report["parts"]:
            verdicts = part["verdicts"]
            failed = [verdict["id"] for verdict in verdicts if verdict["passed"] is not True]
            won = Won(
                milestone,
                part["part"],
                part["passed"],
                part["credited"],
                part["score_text"],
                part["seconds"],
                len(verdicts),
                [part["error"]] if part["error"] else failed,
                begun,
            )
            self.done.parts = [p for p in self.done.parts if (p.milestone, p.part) != _key(won)]
            self.done.parts.append(won)
            told = "passed" if won.passed else f"not passed: {', '.join(won.failed)}"
            self._say(f"  {milestone}/{won.part}: {told}, {won.score or '-'}, {won.seconds:.1f} s")


def _key(won: Won) -> tuple[str, str]:
    return won.milestone, won.part


def table(course: Course) -> str:
    """What was done, as Markdown."""
    lines = ["| module | tests | time to check |", "|---|---:|---:|"]
    lines += [
        f"| {m.module} | {m.passed} of {m.total} | {m.seconds:.1f} s |" for m in course.modules
    ]
    lines += ["", "| milestone, part | score | gates | training | credited |"]
    lines += ["|---|---:|---:|---:|---|"]
    for won in course.parts:
        held = won.gates - len(won.failed)
        note = "yes" if won.credited else "only begun" if won.begun else "no"
        lines.append(
            f"| {won.milestone}, {won.part} | {won.score} | {held} of {won.gates} | "
            f"{won.seconds:.1f} s | {note} |"
        )
    lines += ["", "| milestone | wall time, all its runs | at the end |", "|---|---:|---|"]
    lines += [
        f"| {name} | {course.walls.get(name, 0.0):.1f} s | {status} |"
        for name, status in course.statuses.items()
    ]
    passed = sum(status == "passed" for status in course.checkpoints.values())
    checking = sum(m.seconds for m in course.modules)
    whole = (
        f"milestones {sum(course.walls.values()):.0f} s, the whole course {course.seconds:.0f} s."
    )
    checks = f"{passed} of {len(course.checkpoints)} checkpoints pass."
    lines += ["", f"{checks} Modules took {checking:.0f} s, {whole}"]
    return "\n".join(lines)


def main() -> int:
    """Run the robot in a folder of its own and print the table; 0 when all was won."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only begin what takes long")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = (chosen.keep or Path(temporary)).resolve()
        robot = Robot(
            place / "course",
            place / "home",
            quick=chosen.quick,
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
        course = robot.go()
    print(table(course))
    lost = [name for name, status in course.statuses.items() if status != "complete"]
    return 0 if not lost or chosen.quick else 1


if __name__ == "__main__":
    sys.exit(main())
