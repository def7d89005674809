"""What the tests of `diagnose` share: a framework to break, and what is found in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tests.mutants import all_mutants
from tests.mutants.judge import REPOSITORY
from tinytorch_milestones.catalog import load
from tinytorch_milestones.diagnosis import child
from tinytorch_milestones.diagnosis.child import Found
from tinytorch_milestones.diagnosis.diagnose import diagnose
from tinytorch_milestones.state import Diagnosis

CATALOG = load()
LAST = "20"  # the last module about which there are claims
MODULES = [m.number for m in CATALOG.modules if "01" <= m.number <= LAST and not m.coming]
MUTANTS = {(mutant.module[:2], mutant.name): mutant for mutant in all_mutants()}


@contextmanager
def imports_forgotten() -> Iterator[None]:
    """What is imported of a framework inside is forgotten afterwards."""
    before = dict(sys.modules)
    path = list(sys.path)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "tinytorch"]:
        del sys.modules[name]
    sys.modules.update({n: m for n, m in before.items() if n.split(".")[0] == "tinytorch"})
    sys.path[:] = path


def framework_in(folder: Path) -> Path:
    """Put a copy of the reference there, to be broken."""
    shutil.copytree(
        REPOSITORY / "tinytorch",
        folder / "tinytorch",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder


def file_of(root: Path, number: str) -> Path:
    """The exported file of a module."""
    return root / "tinytorch" / CATALOG.module(number).exports


def change(root: Path, number: str, old: str, new: str) -> None:
    """Replace a fragment that stands once in a module's file."""
    file = file_of(root, number)
    source = file.read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times"
    file.write_text(source.replace(old, new), encoding="utf-8")


def break_(root: Path, number: str, name: str) -> None:
    """Put a mutant's mistake in."""
    mutant = MUTANTS[number, name]
    file = file_of(root, number)
    file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")


def found_in(root: Path, modules: list[str] = MODULES) -> list[Found]:
    """What an examination in this process finds."""
    sent: list[Any] = []
    child.run({"root": str(root), "modules": modules}, sent.append)
    assert sent[-1] == {"done": True}, sent[-1]
    return [msgspec.convert(one["found"], Found) for one in sent if "found" in one]


def diagnosed(root: Path, milestone: str, part: str, track: str = "history") -> Diagnosis:
    """A diagnosis of one part."""
    entry = CATALOG.milestone(milestone, track)
    return diagnose(root, CATALOG, entry, [CATALOG.part(entry, part)])


def run_snippet(root: Path, snippet: str) -> str:
    """What a student sees who runs it in a notebook of that course."""
    done = subprocess.run(
        [sys.executable, "-c", snippet],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def numbers_in(text: str) -> list[float]:
    """The numbers of a printed array."""
    for sign in "[](),\n":
        text = text.replace(sign, " ")
    return [float(word) for word in text.split()]


def printed(root: Path, number: str, name: str) -> tuple[Found, str]:
    """What is found of a mutant, and what its snippet prints with the right code.

    With the wrong code it must print something else.
    """
    right = root / "right"
    shutil.copytree(root / "tinytorch", right / "tinytorch")
    break_(root, number, name)
    first = found_in(root, [number])[0]
    wrong, good = run_snippet(root, first.snippet), run_snippet(right, first.snippet)
    assert wrong != good
    return first, good


def check_snippet(root: Path, number: str, name: str) -> None:
    """A mutant's snippet prints with the right code what its comment says."""
    first, good = printed(root, number, name)
    told = first.snippet.rpartition("  # ")[2].removesuffix(" is right")
    # of what stands at a place, the comment says the place too
    if " at [" not in first.message:
        assert np.allclose(numbers_in(good), numbers_in(told), rtol=1e-3)
