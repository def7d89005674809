"""The mistakes of tests/mutants before a milestone's run: what is noticed is named rightly.

Not every mistake concerns a milestone: one in `RandomCrop` does not touch digits. But where the
checks before training fail, they must point to the module in which the mistake is.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from threadpoolctl import threadpool_limits

from tests.mutants import Mutant, all_mutants
from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.errors import ImplementationError
from tinytorch_milestones.training.accounts import explain
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import judge_all
from tinytorch_milestones.training.implementation import Implementation, reference_root
from tinytorch_milestones.training.mechanism import Design, Mechanism
from tinytorch_milestones.training.steps import Step

MODULES = ["01_tensor", "02_activations", "03_layers", "04_losses"]
MODULES += ["05_dataloader", "06_autograd", "07_optimizers", "08_training", "09_convolutions"]
MODULES += ["11_embeddings", "12_attention", "13_transformers"]
DESIGNS = {
    "mnist": Design(
        activation="ReLU",
        loss="CrossEntropyLoss",
        images=True,
        momentum=0.9,
        weight_decay=0.0005,
        schedule="cosine",
    ),
    "learned": Design(activation="Tanh", loss="BinaryCrossEntropyLoss", momentum=0.9),
}
# asks what "mnist" asks, and then for everything of module 09
DESIGNS["cnn"] = msgspec.structs.replace(
    DESIGNS["mnist"],
    augmented=True,
    spatial=("Conv2d", "MaxPool2d", "AvgPool2d", "BatchNorm2d"),
)
DESIGNS["language"] = Design(
    activation="GELU",
    loss="CrossEntropyLoss",
    optimizer="adamw",
    schedule="onecycle",
    clip=1.0,
    language=("GPT",),
)
PARTS = {"mnist": ("mlp", "mnist"), "learned": ("xor", "learned"), "cnn": ("cnn", "mnist")}
PARTS["language"] = ("transformer", "reverse")
# activations, losses and their derivatives differ between the designs; the rest is asked once
EACH = ("02_activations", "04_losses", "06_autograd")
OF_EACH = ("mnist", "learned", "cnn")  # what "language" adds to these is GELU
LATE = ("11_embeddings", "12_attention", "13_transformers")
ENOUGH = 2  # mistakes in each half of a module's that stop a milestone


@pytest.fixture(autouse=True)
def _no_tinytorch_left() -> Iterator[None]:
    yield
    for name in [n for n in sys.modules if n.partition(".")[0] == "tinytorch"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutants")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(reference_root() / "tinytorch", folder / "tinytorch", ignore=ignored)
    return folder


def part_of(name: str) -> Part:
    milestone, part = PARTS[name]
    found = next(m for m in load().all_milestones() if m.id == milestone)
    return next(p for p in found.parts if p.id == part)


def blamed(implementation: Implementation, name: str) -> str | None:
    """The module that the first failed gate of a part points to; None where nothing was found."""
    try:
        with threadpool_limits(1, "blas"), implementation.active() as framework:
            judge = Mechanism(framework, 1, DESIGNS[name])
            judge.examine()
    except ImplementationError as error:
        return next((m[:2] for m in MODULES if f"{m[3:]}.py" in str(error)), str(error))
    except Exception as error:
        return explain(error, implementation).module
    if not judge.failed:
        return None
    evidence = Evidence()
    evidence.fold(
        Step(
            epoch=1, epochs=1, step=1, steps=1, loss=1.0, metrics=judge.metrics, symptom=judge.note
        )
    )
    failed = next(v for v in judge_all(part_of(name).gates, evidence) if v.passed is False)
    assert judge.note[1:] in failed.hint
    return failed.module


# of its mistakes every other one is tried each time, the rest by `make test-long`
@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("module", MODULES)
def test_what_stops_a_milestone_is_named_rightly(module: str, half: int, root: Path) -> None:
    mutants: list[Mutant] = [m for m in all_mutants() if m.module == module][half::2]
    assert len(mutants) >= 4
    file = root / "tinytorch" / load().module(module).exports
    source = file.read_text()
    noticed = 0
    try:
        for turn, mutant in enumerate(mutants):
            file.write_text(mutant.applied(source))
            names = OF_EACH if module in EACH else ("language" if module in LATE else "cnn",)
            # each mistake before one of the designs, each design before some of the mistakes
            names = (names[turn % len(names)],)
            if module == "02_activations":  # each of these has its own design
                names = ("learned", "cnn", "language")
            found = [blamed(Implementation.student(root), name) for name in names]
            named = {number for number in found if number is not None}
            noticed += bool(named)
            assert named <= {module[:2]}, f"{mutant.name}: {found}"
    finally:
        file.write_text(source)
    assert noticed >= ENOUGH, f"{noticed} of {len(mutants)} noticed"
