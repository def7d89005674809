"""Every mistake, what catches it, and what a milestone run on it says.

    python -m tests.mutants [--module 06] [--jobs 2] [--diagnose]

Prints a table: the module, the mistake, the tests of the notebook and of the checkpoint that fail,
and the first gate of a milestone that fails with the module its hint names. The last lines count.
Returns 1 when a mistake was caught by nothing, or a milestone named the wrong module.

Only milestones that take minutes lean on module 10. Of language-generation nothing but the
beginning is run, on a little text: what it asks of every module before its first step.

With --diagnose it diagnoses, for every mistake that breaks a milestone, the part that failed, and
prints the module that was named, by what (operations, swap, both), and the first finding. The last
line is the share that is right; it returns 1 when that is below 90 %. What is made smaller, faster
or measured (module 14 and later) takes a milestone minutes: there the results of all these modules
are examined, every mistake counts, also one that only makes the code slower, and nothing is run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import Mutant, all_mutants
from tests.mutants.judge import REPOSITORY, verdicts
from tinytorch_milestones.catalog import load
from tinytorch_milestones.diagnosis.book import claims
from tinytorch_milestones.diagnosis.diagnose import diagnose
from tinytorch_milestones.diagnosis.examination import examine
from tinytorch_milestones.diagnosis.swaps import BEGINNINGS, checks_of
from tinytorch_milestones.diagnosis.verdict import Facts, conclude
from tinytorch_milestones.errors import ImplementationError, TinyTorchError
from tinytorch_milestones.state import Diagnosis
from tinytorch_milestones.training.accounts import explain
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import Settled, judge_all
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.training.recipes import load_recipe

# the parts that together lean on every module there is, the cheapest first
PARTS = [
    ("history", "perceptron", "photo"),
    ("history", "xor", "crisis"),
    ("history", "xor", "learned"),
    ("history", "mlp", "digits"),
    ("history", "cnn", "digits"),
    ("history", "transformer", "reverse"),
    ("capabilities", "language-generation", "victory"),
]
DEPLOYMENT = "14"
"""The first module whose mistakes are only examined."""


@dataclass(frozen=True)
class Caught:
    """What came of one mistake."""

    mutant: Mutant
    tests: tuple[str, ...]
    where: str  # "mlp/digits: gradients", or "" when every run passed
    named: str  # the module number that the hint or the account of the error names


@dataclass(frozen=True)
class Diagnosed:
    """What a diagnosis of one mistake said."""

    mutant: Mutant
    where: str  # as in `Caught`
    diagnosis: Diagnosis | None  # none: every run passed, or it could not be diagnosed
    error: str = ""  # why not


def mutated(mutant: Mutant, folder: Path) -> Path:
    """A framework with the mistake in it; returns the folder."""
    module = load().module(mutant.module)
    shutil.copytree(REPOSITORY / "tinytorch", folder / "tinytorch")
    file = folder / "tinytorch" / module.exports
    file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


def first_failure(root: Path, number: str) -> tuple[str, str]:
    """The first gate that fails in the parts that need this module, and the module it names."""
    catalog = load()
    for track, milestone, name in PARTS:
        part = catalog.part(catalog.milestone(milestone, track), name)
        if number not in part.needs:
            continue
        recipe, beginning = load_recipe(part.recipe), BEGINNINGS.get(part.recipe)
        settings = recipe.settings({**part.settings, **(beginning or {})}, {})
        gates = part.gates if beginning is None else checks_of(part)
        evidence, settled = Evidence(), Settled(part.gates, settings.patience)
        implementation = Implementation.student(root)
        where = f"{milestone}/{name}"
        try:
            with implementation.active() as framework:
                for step in recipe.function(framework, settings):
                    evidence.fold(step)
                    if settled.after(evidence) or (beginning is not None and evidence.steps > 0):
                        break
        except ImplementationError as error:
            return f"{where}: {error.message}", _module_in(error.message)
        except Exception as error:
            return f"{where}: {type(error).__name__}", explain(error, implementation).module
        for verdict in judge_all(gates, evidence):
            if not verdict.passed:
                return f"{where}: {verdict.id}", verdict.module
    return "", ""


def _module_in(text: str) -> str:
    return next((m.number for m in load().modules if m.exports in text), "")


def look(mutant: Mutant) -> Caught:
    """Judge one mistake, then run milestones on it."""
    module = load().module(mutant.module)
    with tempfile.TemporaryDirectory() as folder:
        root = mutated(mutant, Path(folder))
        found = verdicts(root, module.id, module.target)
        failed = tuple(name for name, (status, _) in found.items() if status == "failed")
        where, named = first_failure(root, module.number)
    return Caught(mutant, failed, where, named)


def table(found: Iterable[Caught]) -> int:
    """Print what was found; 1 when something escaped."""
    print(
        f"{'module':<15} {'mistake':<28} {'caught by':<44} milestone: first failed gate -> module"
    )
    total = caught = broken = right = 0
    for one in found:
        number = one.mutant.module[:2]
        total += 1
        caught += bool(one.tests)
        broken += bool(one.where)
        right += bool(one.where) and one.named == number
        tests = ", ".join(one.tests[:2]) + (f" +{len(one.tests) - 2}" if len(one.tests) > 2 else "")
        unseen = f"no gate sees it; the run is refused until {number} passes its tests"
        hint = f"{one.where} -> {one.named or '?'}" if one.where else unseen
        print(f"{one.mutant.module:<15} {one.mutant.name:<28} {tests or 'NOTHING':<44} {hint}")
        sys.stdout.flush()
    print(f"\n{caught} of {total} caught by their module's own tests or checkpoint")
    print(f"{broken} break a milestone; the first failed gate names the right module for {right}")
    return int(caught < total or right < broken)


def diagnosed(mutant: Mutant) -> Diagnosed:
    """Run milestones on one mistake, and diagnose the first part that fails."""
    catalog = load()
    number = catalog.module(mutant.module).number
    with tempfile.TemporaryDirectory() as folder:
        root = mutated(mutant, Path(folder))
        if number >= DEPLOYMENT:
            return examined(mutant, root)
        where, _ = first_failure(root, number)
        if not where:
            return Diagnosed(mutant, where, None)
        milestone, _, part = where.partition(":")[0].partition("/")
        track = next(track for track, one, _ in PARTS if one == milestone)
        found = catalog.milestone(milestone, track)
        try:
            diagnosis = diagnose(root, catalog, found, [catalog.part(found, part)])
        except TinyTorchError as error:
            return Diagnosed(mutant, where, None, error.message)
        return Diagnosed(mutant, where, diagnosis)


def examined(mutant: Mutant, root: Path) -> Diagnosed:
    """Examine the last modules of the course; the first with something wrong is to blame."""
    catalog = load()
    written = {module.number for module in catalog.modules if not module.coming}
    numbers = sorted({claim.module for claim in claims() if claim.module >= DEPLOYMENT} & written)
    try:
        found = examine(root, numbers)
    except TinyTorchError as error:
        return Diagnosed(mutant, "examined", None, error.message)
    culprit = found.guilty()[:1]
    diagnosis = conclude(
        Facts(
            catalog=catalog,
            milestone=catalog.milestone("mlperf", "history"),
            part=None,
            own=[one for one in found.found if one.module in culprit],
            later=[one for one in found.found if one.module not in culprit],
            swaps=[],
            checked=found.checked,
            seconds=0.0,
        )
    )
    return Diagnosed(mutant, "examined", diagnosis)


def diagnosis_table(found: Iterable[Diagnosed]) -> int:
    """Print what the diagnoses said; 1 when fewer than nine in ten name the right module."""
    print(f"{'module':<15} {'mistake':<28} {'part':<16} {'named':<15} first finding")
    broken = right = total = 0
    for one in found:
        total += 1
        if not one.where:
            continue
        broken += 1
        named, sure, first = "", "", one.error
        if one.diagnosis is not None:
            named, sure = one.diagnosis.culprit, one.diagnosis.sure
            shown = [f.message for f in one.diagnosis.findings if f.module == named]
            first = shown[0] if shown else one.diagnosis.message
        hit = named == one.mutant.module[:2]
        right += hit
        told = f"{named or 'nobody'} {sure}" + ("" if hit else " WRONG")
        print(
            f"{one.mutant.module:<15} {one.mutant.name:<28} {one.where.partition(':')[0]:<16} "
            f"{told:<15} {first}"
        )
        sys.stdout.flush()
    share = right / broken if broken else 1.0
    print(f"\n{broken} of {total} diagnosed; the right module is named for {right}")
    print(f"{share:.1%}")
    return int(share < 0.9)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--module", default="", help="only this module's, by number")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--diagnose", action="store_true", help="who does diagnose name?")
    chosen = parser.parse_args()
    wanted = [m for m in all_mutants() if m.module.startswith(chosen.module)]
    with ProcessPoolExecutor(chosen.jobs) as pool:
        if chosen.diagnose:
            return diagnosis_table(pool.map(diagnosed, wanted))
        return table(pool.map(look, wanted))


if __name__ == "__main__":
    sys.exit(main())
