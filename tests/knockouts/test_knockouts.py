"""Every gate against sabotaged code: it must fail, and point to the culprit.

The tables stand beside this file: `rules` for the milestones of 1958 and 1969 that know no
gradients, `gradients` for those that do.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from filelock import FileLock
from threadpoolctl import threadpool_limits

from tests.knockouts.deployment import DEPLOYMENT
from tests.knockouts.gradients import GRADIENTS
from tests.knockouts.language import LANGUAGE
from tests.knockouts.photographs import ON_PHOTOGRAPHS
from tests.knockouts.rules import RULES, Knockout
from tests.knockouts.vision import VISION
from tests.knockouts.writing import WHOLE, WRITING, WRITTEN
from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.state import VerdictState
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import Settled, judge_all
from tinytorch_milestones.training.implementation import Implementation, reference_root
from tinytorch_milestones.training.recipes import load_recipe

KNOCKOUTS = [*RULES, *GRADIENTS, *VISION, *ON_PHOTOGRAPHS, *LANGUAGE, *WRITTEN, *DEPLOYMENT]


def _named(milestone: str, part: str) -> str:
    """A part by its id; where a milestone has one only, by the milestone's; LeNet's by both."""
    return milestone if part == "victory" else f"cnn-{part}" if milestone == "cnn" else part


PARTS: dict[str, Part] = {
    _named(milestone.id, part.id): part
    for milestone in load().all_milestones()
    for part in milestone.parts
    if not part.coming
}


def run(
    implementation: Implementation, part: Part, overrides: dict[str, Any]
) -> list[VerdictState]:
    recipe = load_recipe(part.recipe)
    evidence = Evidence()
    # one BLAS thread, as wherever recipes run: a second one slows these small matrices down
    with threadpool_limits(1, "blas"), implementation.active() as framework:
        chosen = dict(overrides)
        if isinstance(chosen.get("model"), str):
            framework.manual_seed(1)  # its weights are drawn here, before the recipe's own
            chosen["model"] = eval(chosen["model"], framework.names())
        settings = recipe.settings(part.settings, chosen)
        settled = Settled(part.gates, settings.patience)
        for step in recipe.function(framework, settings):
            evidence.fold(step)
            if settled.after(evidence):
                break
    return judge_all(part.gates, evidence)


@pytest.fixture(autouse=True)
def _clean_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = {name: module for name, module in sys.modules.items() if name.startswith("tinytorch.")}
    yield
    for name in [n for n in sys.modules if n == "tinytorch" or n.startswith("tinytorch.")]:
        if name not in before:
            del sys.modules[name]


@cache
def failing(knockout: Knockout, part: str, folder: Path) -> tuple[VerdictState, ...]:
    """The verdicts that are not passed. Processes that share the tests share these too."""
    number = [*KNOCKOUTS, *WHOLE].index(knockout)
    kept = folder.parent / f"knockout-{number}-{part}.json"
    # whoever comes second waits: two that work in the same order would do everything twice
    with FileLock(kept.with_suffix(".lock")):
        if not kept.exists():
            writing = folder / kept.name
            writing.write_bytes(msgspec.json.encode(_failing(knockout, part, folder / str(number))))
            writing.replace(kept)
    return msgspec.json.decode(kept.read_bytes(), type=tuple[VerdictState, ...])


def _failing(knockout: Knockout, part: str, root: Path) -> tuple[VerdictState, ...]:
    if not root.exists():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(reference_root() / "tinytorch", root / "tinytorch", ignore=ignored)
        for file, old, new in knockout.changes:
            path = root / "tinytorch" / file
            source = path.read_text()
            if not old:
                path.write_text(f"{source}\n\n{new}")
                continue
            assert source.count(old) == 1, (
                f"{knockout.name}: {old!r} is in {file} {source.count(old)}x"
            )
            path.write_text(source.replace(old, new))
    verdicts = run(Implementation.student(root), PARTS[part], dict(knockout.settings))
    return tuple(verdict for verdict in verdicts if not verdict.passed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This process's own; what lies beside it belongs to all that run these tests together."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    mine = shared / "knockouts" / base.name
    mine.mkdir(parents=True, exist_ok=True)
    return mine


# parts that are judged like another one, by the same code with other settings: of these one
# knock-out for each gate is enough every time, the others are run by `make test-long`
ALIKE = {"basic-inference", "machines-can-see", "computer-vision", "reverse"}
ALIKE |= {"train-real-ai", "advanced-vision", "profile", "compress", "generate", "report"}
EVERY_CASE = [(k, part, gate) for k in KNOCKOUTS for part, gate in k.fails.items()]
FIRST = {(part, gate): k for k, part, gate in reversed(EVERY_CASE)}
CASES = [
    (k, part, gate) for k, part, gate in EVERY_CASE if part not in ALIKE or FIRST[part, gate] is k
]
LATER = [case for case in EVERY_CASE if case not in CASES]
LATER += [(k, part, gate) for k in WHOLE for part, gate in k.fails.items()]


def _params(cases: list[tuple[Knockout, str, str]], *marks: pytest.MarkDecorator) -> list[Any]:
    return [
        pytest.param(k, part, gate, id=f"{k.name}, {part}", marks=marks) for k, part, gate in cases
    ]


@pytest.mark.parametrize(
    ("knockout", "part", "gate"), [*_params(CASES), *_params(LATER, pytest.mark.long)]
)
def test_a_knockout_fails_and_its_hint_names_the_module(
    knockout: Knockout, part: str, gate: str, folder: Path
) -> None:
    failed = failing(knockout, part, folder)
    assert failed, f"{part} passed although {knockout.name}"
    assert failed[0].id == gate, [(v.id, v.measured) for v in failed]
    assert failed[0].module == knockout.module
    assert failed[0].hint
    assert not knockout.module or knockout.module in failed[0].hint


# how many seeds each part is tried with: MNIST takes more than a second each
SEEDS = {"mnist": 3, "digits": 8, "basic-inference": 2, "machines-can-see": 2}
# on made up photographs, which show that a run holds together, not how well it names real ones
SEEDS |= {"full-training": 2, "train-real-ai": 1, "advanced-vision": 1}
SEEDS |= {"cnn-digits": 5, "cnn-mnist": 1, "computer-vision": 1}
SEEDS |= {"copy": 2, "reverse": 1, "learned": 10, **dict.fromkeys(WRITING, 3)}
SEEDS |= {"profile": 1, "compress": 1, "generate": 1, "report": 1}


# what takes minutes is run by `make test-long`
@pytest.mark.parametrize(
    "part", [pytest.param(p, marks=[pytest.mark.long] if p in WRITING else []) for p in PARTS]
)
def test_correct_code_passes_whatever_the_seed(part: str) -> None:
    reference = Implementation.reference()
    for seed in range(SEEDS.get(part, 10)):
        failed = [v for v in run(reference, PARTS[part], {"seed": seed}) if not v.passed]
        assert not failed, f"{part}, seed {seed}: {[(v.id, v.measured) for v in failed]}"


SHUFFLED = {"trained": 10, "photo": 10, "crisis": 10, "learned": 5, "digits": 4, "mnist": 1}
SHUFFLED |= {"cnn-digits": 1, "cnn-mnist": 1, "copy": 1, "reverse": 1}
SHUFFLED |= {"profile": 1, "compress": 1}


@pytest.mark.parametrize("part", SHUFFLED)
def test_shuffled_labels_fail_whatever_the_seed(part: str) -> None:
    for seed in range(SHUFFLED[part]):
        chosen = {"seed": seed, "labels": "shuffled"}
        if "mnist" in part:
            chosen["epochs"] = 4
        verdicts = run(Implementation.reference(), PARTS[part], chosen)
        assert not all(v.passed for v in verdicts), f"seed {seed}"


def test_the_catalog_records_what_correct_and_broken_code_scored() -> None:
    for part in PARTS.values():
        for gate in part.gates:
            assert gate.correct, f"{part.id}.{gate.id} has no `correct`"
            assert gate.broken, f"{part.id}.{gate.id} has no `broken`"


def test_every_gate_was_seen_to_fail(folder: Path) -> None:
    """Measured and found wanting: a gate whose metric never came does not count.

    From the last knock-out to the first, since another process may be at the first ones.
    """
    seen = {
        (part, v.id)
        for k, part, _ in reversed(CASES)
        for v in failing(k, part, folder)
        if v.passed is False
    }
    every = {(name, gate.id) for name, part in PARTS.items() for gate in part.gates}
    assert every - seen == set()
