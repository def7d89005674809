"""Every gate of the history track against sabotaged code: it must fail, and point to the culprit.

A knock-out is a textual change of the reference package (or of a run's settings). The table says
for each part which gate must be the first to fail, and so whose hint a student would see.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.state import VerdictState
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import Settled, judge_all
from tinytorch_milestones.training.implementation import Implementation, reference_root
from tinytorch_milestones.training.recipes import load_recipe

ALL = ("forward", "trained", "photo", "crisis", "by-hand")
LEARNING = ("trained", "photo", "crisis")


@dataclass(frozen=True)
class Knockout:
    """What is broken, and the first gate that must fail in each part, `part: gate`."""

    name: str
    fails: dict[str, str]
    module: str
    changes: tuple[tuple[str, str, str], ...] = ()  # (file, old, new)
    settings: dict[str, Any] = field(default_factory=dict, hash=False)

    def __hash__(self) -> int:
        return hash(self.name)


def _each(parts: tuple[str, ...], gate: str) -> dict[str, str]:
    return dict.fromkeys(parts, gate)


TENSOR, ACTIVATIONS, LAYERS = "core/tensor.py", "core/activations.py", "core/layers.py"
_STEP = "return (x >= 0).astype(x.dtype)"
_FORGET = "if isinstance(value, Tensor):\n            found"
_LIST = "found.append((prefix + name, value))"
_DRAW = "_generator.uniform(-bound, bound, size=shape)"
_PRODUCT = "product = x @ self.weight.T"
# what a layer that secretly looks at products of its inputs would compute
_CHEAT = (
    "if self.in_features == 2:\n"
    "            a, b = x.data[..., 0], x.data[..., 1]\n"
    "            x = Tensor(np.stack([abs(a - b), a * b], axis=-1))\n"
    f"        {_PRODUCT}"
)
_BUILT = {**_each(LEARNING, "update"), "forward": "product", "by-hand": "product"}

KNOCKOUTS = [
    Knockout(
        "subtraction turned round",
        _each(LEARNING, "error"),
        "01",
        ((TENSOR, "return a - b", "return b - a"),),
    ),
    Knockout(
        "mean adds up only",
        _each(LEARNING, "error"),
        "01",
        ((TENSOR, "return np.mean(a, axis", "return np.sum(a, axis"),),
    ),
    Knockout(
        "sum over the wrong axis",
        _each(LEARNING, "update"),
        "01",
        ((TENSOR, "return np.sum(a, axis=axis", "return np.sum(a, axis=-1"),),
    ),
    Knockout(
        "transpose without effect",
        _BUILT,
        "01",
        ((TENSOR, "return np.swapaxes(a, axis0, axis1)", "return a"),),
    ),
    Knockout(
        "matrix product loses its sign",
        _BUILT,
        "01",
        ((TENSOR, "return a @ b", "return abs(a @ b)"),),
    ),
    Knockout(
        "addition subtracts",
        _BUILT,
        "01",
        ((TENSOR, "return a + b", "return a - b"),),
    ),
    Knockout(
        "multiplication adds",
        _each(LEARNING, "error"),
        "01",
        ((TENSOR, "return a * b", "return a + b"),),
    ),
    Knockout(
        "Step always fires",
        _each(ALL, "step"),
        "02",
        ((ACTIVATIONS, _STEP, "return np.ones_like(x)"),),
    ),
    Knockout(
        "Step never fires",
        _each(ALL, "step"),
        "02",
        ((ACTIVATIONS, _STEP, "return np.zeros_like(x)"),),
    ),
    Knockout(
        "Step inverted",
        _each(ALL, "step"),
        "02",
        ((ACTIVATIONS, _STEP, "return (x < 0).astype(x.dtype)"),),
    ),
    Knockout(
        "Linear ignores its bias",
        _each(ALL, "layer"),
        "03",
        (
            (
                LAYERS,
                "return product if self.bias is None else product + self.bias",
                "return product",
            ),
        ),
    ),
    Knockout(
        "Linear forgets to transpose",
        _each(ALL, "layer"),
        "03",
        ((LAYERS, _PRODUCT, "product = x @ self.weight"),),
    ),
    Knockout(
        "Sequential skips its last layer",
        _each(ALL, "layer"),
        "03",
        ((LAYERS, "for layer in self.layers:", "for layer in self.layers[:-1]:"),),
    ),
    Knockout(
        "Sequential stops after two layers",
        {"by-hand": "stack"},
        "03",
        ((LAYERS, "for layer in self.layers:", "for layer in self.layers[:2]:"),),
    ),
    Knockout(
        "parameters() forgets the bias",
        _each(LEARNING, "moved"),
        "03",
        ((LAYERS, _FORGET, _FORGET.replace("Tensor)", 'Tensor) and name != "bias"')),),
    ),
    Knockout(
        "parameters() gives copies",
        _each(LEARNING, "moved"),
        "03",
        ((LAYERS, _LIST, "found.append((prefix + name, Tensor(value.data.copy(), True)))"),),
    ),
    Knockout(
        "parameters() does not look into inner layers",
        _each(LEARNING, "moved"),
        "03",
        ((LAYERS, 'found.extend(named_tensors(value, prefix + name + "."))', "pass"),),
    ),
    Knockout(
        "all initial weights alike",
        {"forward": "spread"},
        "03",
        ((LAYERS, _DRAW, "np.zeros(shape)"),),
    ),
    Knockout(
        "initial weights that know the answer",
        {"forward": "chance"},
        "03",
        (
            (
                LAYERS,
                _DRAW,
                "_generator.uniform(*((0.5, 1.0) if len(shape) == 2 else (-4.5, -1.5)), shape)",
            ),
        ),
    ),
    Knockout(
        "labels shuffled",
        {"trained": "loss", "photo": "loss", "crisis": "and"},
        "",
        settings={"labels": "shuffled"},
    ),
    Knockout(
        "a layer that looks at products of its inputs",
        {"crisis": "xor"},
        "02",
        ((LAYERS, _PRODUCT, _CHEAT),),
    ),
    Knockout(
        "a hidden unit that looks at products of its inputs",
        {"by-hand": "alone"},
        "03",
        ((LAYERS, _PRODUCT, _CHEAT),),
        settings={"hidden_weight": [[1, 0], [0, 1]]},
    ),
    Knockout(
        "weights by hand that say OR",
        {"by-hand": "accuracy"},
        "",
        settings={"output_weight": [[1, 0]]},
    ),
    Knockout(
        "one layer instead of two",
        {"by-hand": "layers"},
        "",
        settings={"model": "Sequential(Linear(2, 1), Step())"},
    ),
]

PARTS: dict[str, Part] = {
    part.id: part
    for milestone in load().track("history").milestones
    for part in milestone.parts
    if not part.coming
}


def run(
    implementation: Implementation, part: Part, overrides: dict[str, Any]
) -> list[VerdictState]:
    recipe = load_recipe(part.recipe)
    evidence = Evidence()
    with implementation.active() as framework:
        chosen = dict(overrides)
        if isinstance(chosen.get("model"), str):
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
    import sys

    before = {name: module for name, module in sys.modules.items() if name.startswith("tinytorch.")}
    yield
    for name in [n for n in sys.modules if n == "tinytorch" or n.startswith("tinytorch.")]:
        if name not in before:
            del sys.modules[name]


@cache
def failing(knockout: Knockout, part: str, folder: Path) -> tuple[VerdictState, ...]:
    root = folder / str(KNOCKOUTS.index(knockout))
    if not root.exists():
        shutil.copytree(reference_root() / "tinytorch", root / "tinytorch")
        for file, old, new in knockout.changes:
            path = root / "tinytorch" / file
            source = path.read_text()
            assert source.count(old) == 1, (
                f"{knockout.name}: {old!r} is in {file} {source.count(old)}x"
            )
            path.write_text(source.replace(old, new))
    verdicts = run(Implementation.student(root), PARTS[part], dict(knockout.settings))
    return tuple(verdict for verdict in verdicts if not verdict.passed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("knockouts")


CASES = [(k, part, gate) for k in KNOCKOUTS for part, gate in k.fails.items()]


@pytest.mark.parametrize(
    ("knockout", "part", "gate"), CASES, ids=[f"{k.name}, {part}" for k, part, _ in CASES]
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


def test_every_gate_was_seen_to_fail(folder: Path) -> None:
    """Measured and found wanting: a gate whose metric never came does not count."""
    seen = {
        (part, v.id) for k, part, _ in CASES for v in failing(k, part, folder) if v.passed is False
    }
    every = {(part.id, gate.id) for part in PARTS.values() for gate in part.gates}
    assert every - seen == set()


@pytest.mark.parametrize("seed", range(20))
def test_correct_code_passes(seed: int) -> None:
    reference = Implementation.reference()
    for part in PARTS.values():
        failed = [v for v in run(reference, part, {"seed": seed}) if not v.passed]
        assert not failed, f"{part.id}: {[(v.id, v.measured) for v in failed]}"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("part", ["trained", "photo", "crisis"])
def test_shuffled_labels_fail_whatever_the_seed(part: str, seed: int) -> None:
    verdicts = run(Implementation.reference(), PARTS[part], {"seed": seed, "labels": "shuffled"})
    assert not all(v.passed for v in verdicts)


def test_the_catalog_records_what_correct_and_broken_code_scored() -> None:
    for part in PARTS.values():
        for gate in part.gates:
            assert gate.correct, f"{part.id}.{gate.id} has no `correct`"
            assert gate.broken, f"{part.id}.{gate.id} has no `broken`"
