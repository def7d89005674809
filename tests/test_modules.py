"""Every module: its notebook runs, its tests accept the reference and reject mistakes."""

from __future__ import annotations

import ast
import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.mutants import Mutant, all_mutants
from tests.mutants.judge import REPOSITORY, verdicts
from tinytorch_milestones.catalog import Module, load
from tinytorch_milestones.catalog.tasks import (
    course_metadata,
    read_notebook,
    read_tasks,
    source_of,
    strip_solutions,
    tasks_of,
)

CATALOG = load()
WRITTEN = [module for module in CATALOG.modules if not module.coming]
MUTANTS = all_mutants()

# what costs time, or sits in a helper that nothing public uses: a checkpoint sees the results of
# the public package only
NOTEBOOK_ONLY = {
    "a-copy-each-time",
    "aligned-left",
    "all-read-again",
    "array-copied",
    "back-in-int8",
    "back-without-zero",
    "backward-float64",
    "backward-in-float64",
    "busy-helpers-awaited",
    "cache-empty",
    "cache-forgotten",
    "cache-grows",
    "columns-compared",
    "dot-product-only",
    "element-by-element",
    "first-library",
    "first-place",
    "gelu-in-new-arrays",
    "gelu-numpy-constant",
    "larger-size-wins",
    "length-squared",
    "lent-changed",
    "loops-bias-forgotten",
    "loops-by-d",
    "loops-kernel-flipped",
    "loops-last-value",
    "loops-mask-turned",
    "loops-one-channel",
    "loops-overflow",
    "loops-stride-ignored",
    "loops-unscaled",
    "lse-in-place",
    "matmul-unchecked",
    "mean-float64",
    "missing-package-unsaid",
    "not-in-place",
    "nothing-refused",
    "numpy-product",
    "one-after-the-other",
    "one-hot-counted",
    "one-hot-from-one",
    "one-length-for-all",
    "one-padding",
    "one-rng-for-all",
    "output-float64",
    "pieces-too-long",
    "results-not-awaited",
    "results-turned-round",
    "same-for-all",
    "shape-error-unnamed",
    "smoothing-over-examples",
    "sorted-row-by-row",
    "strip-not-tile",
    "taken-back-and-dropped",
    "version-none",
    "zeros-forgotten",
}
# asks only for what is given
TRUE_OF_STUBS = {"checkpoint-02.parameters"}

each_module = pytest.mark.parametrize("module", WRITTEN, ids=lambda module: module.id)


def has_checkpoint(module: Module) -> bool:
    """Whether one says something about it: about 14, whose results differ each time, none does."""
    if find_spec(f"tinytorch_milestones.checks.{Path(module.exports).stem}_tests") is not None:
        return True
    return any(module.number in c.needs for c in CATALOG.checkpoints if not c.coming)


def notebook_of(module: Module) -> Path:
    return REPOSITORY / "modules" / f"{module.id}.ipynb"


def framework(folder: Path, last: Module) -> Path:
    """A copy of the framework as far as module `last` goes: later modules are absent."""
    package = REPOSITORY / "tinytorch"
    wanted = [m.exports for m in WRITTEN if m.number <= last.number]
    for name in ("__init__.py", "core/__init__.py", "perf/__init__.py", *wanted):
        target = folder / "tinytorch" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(package / name, target)
    return folder / "tinytorch" / last.exports


@each_module
def test_the_reference_passes_with_later_modules_absent(module: Module, tmp_path: Path) -> None:
    framework(tmp_path, module)
    found = verdicts(tmp_path, module.id, module.target)
    tasks = [task.id for task in read_tasks(notebook_of(module))]
    assert [name for name in found if not name.startswith("checkpoint-")] == tasks
    least, most = (3, 8) if has_checkpoint(module) else (0, 0)
    assert least <= len(found) - len(tasks) <= most
    assert {status for status, _ in found.values()} == {"passed"}, found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.module}-{mutant.name}")
def test_a_mistake_is_rejected(mutant: Mutant, tmp_path: Path) -> None:
    """By the notebook's tests, and by the checkpoint alone, since the two are independent."""
    module = CATALOG.module(mutant.module)
    file = framework(tmp_path, module)
    file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
    found = verdicts(tmp_path, module.id, module.target)
    failed = {name: message for name, (status, message) in found.items() if status == "failed"}
    assert all(failed.values()), f"a failure without a reason: {failed}"
    by_checkpoint = {name for name in failed if name.startswith("checkpoint-")}
    assert set(failed) - by_checkpoint, f"the notebook's tests did not notice: {mutant.wrong}"
    if mutant.name not in NOTEBOOK_ONLY and has_checkpoint(module):
        assert by_checkpoint, f"the checkpoint did not notice: {mutant.wrong}"


def test_every_module_has_mutants_and_every_exception_is_one() -> None:
    assert {mutant.module for mutant in MUTANTS} == {module.id for module in WRITTEN}
    assert {mutant.name for mutant in MUTANTS} >= NOTEBOOK_ONLY


def test_a_mutant_that_no_longer_applies_is_an_error() -> None:
    mutant = Mutant("gone", "01_tensor", "not in the source", "", "")
    with pytest.raises(ValueError, match=r"'gone'.*it stands 0 times"):
        mutant.applied("some source")


@each_module
def test_a_stub_is_not_yet_and_names_its_task(module: Module, tmp_path: Path) -> None:
    cells = strip_solutions(read_notebook(notebook_of(module)))["cells"]
    exports = [source_of(cell) for cell in cells if source_of(cell).startswith("#| export")]
    framework(tmp_path, module).write_text("\n\n".join(exports), encoding="utf-8")
    for name, (status, message) in verdicts(tmp_path, module.id, module.target).items():
        if name not in TRUE_OF_STUBS:
            assert status == "not_yet", f"{name}: {status}: {message}"


@pytest.fixture
def modules_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`modules/` of a course of its own, so that nothing is recorded in the repository."""
    (tmp_path / "modules").mkdir()
    shutil.copyfile(REPOSITORY / "pyproject.toml", tmp_path / "pyproject.toml")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path / "modules"


def execute(notebook: dict[str, Any], folder: Path) -> Any:
    """Run a notebook top to bottom in `folder`; any cell that raises fails the test."""
    made = nbformat.from_dict(notebook)
    for cell in made.cells:
        cell.source = source_of(cell)
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(made, kernel_name="python3", timeout=120, resources=resources)
    # other tests run beside it: the threads of several processes would wait for one another
    client.execute(env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    return made


def points(notebook: Any) -> dict[str, float]:
    """What each graded cell ended with."""
    found = {}
    for cell in notebook.cells:
        if task := course_metadata(cell).get("test"):
            results = [o for o in cell.outputs if o.output_type == "execute_result"]
            found[task] = float(results[-1].data["text/plain"])
            assert not [o for o in cell.outputs if o.get("name") == "stderr"], cell.id
    return found


@each_module
def test_the_solved_notebook_runs_and_earns_every_point(
    module: Module, modules_folder: Path
) -> None:
    framework(modules_folder.parent, module)
    done = execute(read_notebook(notebook_of(module)), modules_folder)
    assert set(points(done).values()) == {10.0}
    outputs = [o for cell in done.cells for o in cell.get("outputs", ())]
    assert any("image/png" in o.get("data", ()) for o in outputs)
    assert not [o for o in outputs if "waits for" in json.dumps(o)]


@each_module
def test_the_unsolved_notebook_runs_to_its_end_and_earns_nothing(
    module: Module, modules_folder: Path
) -> None:
    framework(modules_folder.parent, module)
    done = execute(strip_solutions(read_notebook(notebook_of(module))), modules_folder)
    assert set(points(done).values()) == {0.0}


@each_module
def test_the_notebook_is_what_the_course_expects(module: Module) -> None:
    notebook = read_notebook(notebook_of(module))
    nbformat.validate(nbformat.from_dict(notebook))
    cells = notebook["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert source_of(code[0]) == f"#| default_exp {module.target}"
    assert source_of(code[-1]) == "%milestone next"
    ids = [cell["id"] for cell in cells]
    assert all(name.startswith(f"{module.number}-") for name in ids)
    tasks = tasks_of(notebook)
    assert 2 <= len(tasks) <= 9
    for task in tasks:
        slug = task.id.replace(".", "-")
        assert (task.cell_id, task.test_cell_id) == (slug, f"{slug}-test")
        assert ids.index(task.test_cell_id) > ids.index(task.cell_id)
        assert all(len(hint) > 40 for hint in task.hints)
        assert "\n" not in task.todo
        assert task.points == 10.0
    assert len([c for c in cells if c["metadata"].get("nbgrader", {}).get("solution")]) == len(
        tasks
    )
    for cell in strip_solutions(notebook)["cells"]:
        source = source_of(cell)
        if cell["cell_type"] == "code" and not source.startswith(("%", "#| default_exp")):
            ast.parse(source)
