"""Modules 00 and 01: notebooks run, tests tell right from wrong, the Tensor agrees with numpy."""

from __future__ import annotations

import ast
import json
import operator
import os
import shutil
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from nbclient import NotebookClient

from tests.mutants import Mutant
from tests.mutants import setup as setup_mutants
from tests.mutants import tensor as tensor_mutants
from tests.mutants.judge import REPOSITORY, verdicts
from tinytorch.core import tensor as exported
from tinytorch.core.tensor import Operation, Tensor, broadcast_shape
from tinytorch_milestones.catalog.tasks import (
    course_metadata,
    read_notebook,
    read_tasks,
    source_of,
    strip_solutions,
    tasks_of,
)

TARGETS = {"00_setup": "setup", "01_tensor": "core.tensor"}
MODULES = REPOSITORY / "modules"


def file_of(root: Path, module: str) -> Path:
    return root / "tinytorch" / (TARGETS[module].replace(".", "/") + ".py")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with a copy of the framework as far as modules 00 and 01 go, and nothing else."""
    for path in ("__init__.py", "core/__init__.py", "setup.py", "core/tensor.py"):
        target = tmp_path / "tinytorch" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / "tinytorch" / path, target)
    return tmp_path


@pytest.mark.parametrize("module", TARGETS)
def test_the_reference_passes(workspace: Path, module: str) -> None:
    found = verdicts(workspace, module, TARGETS[module])
    tasks = [task.id for task in read_tasks(MODULES / f"{module}.ipynb")]
    assert [name for name in found if not name.startswith("checkpoint-")] == tasks
    assert 4 <= len(found) - len(tasks) <= 8
    assert {status for status, _ in found.values()} == {"passed"}, found


# helpers that nothing public uses, and costs: the checkpoint sees the public package's results only
NOTEBOOK_ONLY = {
    "aligned-left",
    "larger-size-wins",
    "nothing-refused",
    "array-copied",
    "matmul-unchecked",
    "zeros-forgotten",
    "first-library",
    "version-none",
    "missing-package-unsaid",
}


@pytest.mark.parametrize(
    "mutant", setup_mutants.MUTANTS + tensor_mutants.MUTANTS, ids=lambda m: f"{m.module}-{m.name}"
)
def test_a_mistake_is_rejected(workspace: Path, mutant: Mutant) -> None:
    """By the notebook's tests, and by the checkpoint alone, since the two are independent."""
    file = file_of(workspace, mutant.module)
    file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
    found = verdicts(workspace, mutant.module, TARGETS[mutant.module])
    failed = {name: message for name, (status, message) in found.items() if status == "failed"}
    assert all(failed.values()), f"a failure without a reason: {failed}"
    noticed = {name.startswith("checkpoint-") for name in failed}
    assert False in noticed, f"the notebook's tests did not notice: {mutant.wrong}"
    if mutant.name not in NOTEBOOK_ONLY:
        assert True in noticed, f"the checkpoint did not notice: {mutant.wrong}"


@pytest.mark.parametrize("module", TARGETS)
def test_a_stub_is_not_yet_and_names_its_task(workspace: Path, module: str) -> None:
    cells = strip_solutions(read_notebook(MODULES / f"{module}.ipynb"))["cells"]
    exports = [source_of(cell) for cell in cells if source_of(cell).startswith("#| export")]
    source = "\n\n".join(exports)
    assert "BEGIN SOLUTION" not in source
    file_of(workspace, module).write_text(source, encoding="utf-8")
    found = verdicts(workspace, module, TARGETS[module])
    assert {status for status, _ in found.values()} == {"not_yet"}, found


def test_a_mutant_that_no_longer_applies_is_an_error() -> None:
    mutant = Mutant("gone", "01_tensor", "not in the source", "", "")
    with pytest.raises(ValueError, match=r"'gone'.*it stands 0 times"):
        mutant.applied("some source")


def execute(notebook: dict[str, Any], folder: Path) -> Any:
    """Run a notebook top to bottom in `folder`; any cell that raises fails the test."""
    made = nbformat.from_dict(notebook)
    for cell in made.cells:
        cell.source = source_of(cell)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(made, kernel_name="python3", timeout=120, resources=resources).execute()
    return made


@pytest.fixture
def modules_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`modules/` of a course of its own, so that nothing is recorded in the repository."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "tinytorch").mkdir()
    shutil.copyfile(REPOSITORY / "pyproject.toml", tmp_path / "pyproject.toml")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path / "modules"


def points(notebook: Any) -> dict[str, float]:
    """What each graded cell ended with."""
    found = {}
    for cell in notebook.cells:
        if task := course_metadata(cell).get("test"):
            results = [o for o in cell.outputs if o.output_type == "execute_result"]
            found[task] = float(results[-1].data["text/plain"])
            assert not [o for o in cell.outputs if o.get("name") == "stderr"], cell.id
    return found


@pytest.mark.parametrize("module", TARGETS)
def test_the_solved_notebook_runs_and_earns_every_point(module: str, modules_folder: Path) -> None:
    done = execute(read_notebook(MODULES / f"{module}.ipynb"), modules_folder)
    earned = points(done)
    assert set(earned.values()) == {10.0}, earned
    pictures = [
        o for c in done.cells for o in c.get("outputs", ()) if "image/png" in o.get("data", ())
    ]
    assert pictures
    waiting = [c.id for c in done.cells if "waits for" in json.dumps(c.get("outputs", []))]
    assert not waiting


@pytest.mark.parametrize("module", TARGETS)
def test_the_unsolved_notebook_runs_to_its_end_and_earns_nothing(
    module: str, modules_folder: Path
) -> None:
    done = execute(strip_solutions(read_notebook(MODULES / f"{module}.ipynb")), modules_folder)
    assert set(points(done).values()) == {0.0}


@pytest.mark.parametrize("module", TARGETS)
def test_the_notebook_is_what_the_course_expects(module: str) -> None:
    notebook = read_notebook(MODULES / f"{module}.ipynb")
    nbformat.validate(nbformat.from_dict(notebook))
    cells = notebook["cells"]
    assert source_of(cells[0]) or cells[0]["cell_type"] == "code"
    assert source_of(cells[0]) == f"#| default_exp {TARGETS[module]}"
    ids = [cell["id"] for cell in cells]
    assert all(name.startswith(f"{module[:2]}-") for name in ids)
    assert len(set(ids)) == len(ids)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)

    tasks = tasks_of(notebook)
    assert 2 <= len(tasks) <= 9
    for task in tasks:
        name = task.id.removeprefix(f"{module[:2]}.")
        assert (task.cell_id, task.test_cell_id) == (
            f"{module[:2]}-{name}",
            f"{module[:2]}-{name}-test",
        )
        assert len(task.hints) == 3
        assert all(len(hint) > 40 for hint in task.hints)
        assert "\n" not in task.todo
        assert ids.index(task.test_cell_id) > ids.index(task.cell_id)
        assert task.points == 10.0
    solutions = [c for c in cells if c["metadata"].get("nbgrader", {}).get("solution")]
    assert len(solutions) == len(tasks)
    stripped = strip_solutions(notebook)["cells"]
    for cell in stripped:
        source = source_of(cell)
        if cell["cell_type"] == "code" and not source.startswith(("%", "#| default_exp")):
            ast.parse(source)
        assert "BEGIN SOLUTION" not in source or cell["cell_type"] == "markdown"


@pytest.mark.parametrize("module", TARGETS)
def test_the_package_file_holds_exactly_the_exported_cells(module: str) -> None:
    cells = read_notebook(MODULES / f"{module}.ipynb")["cells"]
    exports = [source_of(cell) for cell in cells if source_of(cell).startswith("#| export")]
    package = file_of(REPOSITORY, module).read_text(encoding="utf-8")
    for source in exports:
        assert source.removeprefix("#| export\n").strip() in package


FLOATS = st.floats(-100, 100, width=32)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def arrays(shape: Any = SHAPES, dtype: Any = np.float32) -> st.SearchStrategy[Any]:
    return hnp.arrays(dtype, shape, elements=FLOATS)


@settings(deadline=None)
@given(
    st.lists(
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3), min_size=2, max_size=2
    )
)
def test_broadcast_shape_is_numpys_rule(shapes: list[tuple[int, ...]]) -> None:
    first, second = shapes
    try:
        expected = np.broadcast_shapes(first, second)
    except ValueError:
        with pytest.raises(ValueError, match="do not broadcast") as caught:
            broadcast_shape(first, second)
        assert str(first) in str(caught.value)
        assert str(second) in str(caught.value)
    else:
        assert broadcast_shape(first, second) == expected


@settings(deadline=None)
@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3),
    st.sampled_from([operator.add, operator.sub, operator.mul, operator.truediv]),
    st.sampled_from(["float32", "float64"]),
    st.data(),
)
def test_arithmetic_is_numpys(shapes: Any, function: Any, dtype: str, data: Any) -> None:
    a, b = (data.draw(arrays(shape, dtype)) for shape in shapes.input_shapes)
    with np.errstate(all="ignore"):
        expected = function(a, b)
        for got in (function(Tensor(a), Tensor(b)), function(Tensor(a), b), function(a, Tensor(b))):
            np.testing.assert_array_equal(
                got.data, expected, strict=isinstance(expected, np.ndarray)
            )
        number = data.draw(FLOATS)
        assert function(Tensor(a), number).dtype == a.dtype
        assert function(number, Tensor(a)).dtype == a.dtype
        assert function(np.float64(number), Tensor(a)).dtype == a.dtype
        np.testing.assert_array_equal(function(number, Tensor(a)).data, function(number, a))


@settings(deadline=None)
@given(arrays(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)), st.booleans(), st.data())
def test_reductions_are_numpys(a: Any, keepdims: bool, data: Any) -> None:
    axis = data.draw(st.none() | st.integers(-a.ndim, a.ndim - 1) | hnp.valid_tuple_axes(a.ndim))
    for name in ("sum", "mean", "max"):
        expected = np.asarray(getattr(a, name)(axis=axis, keepdims=keepdims))
        got = getattr(Tensor(a), name)(axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(got.data, expected, strict=True)


@settings(deadline=None)
@given(arrays(), st.data())
def test_indexing_is_numpys(a: Any, data: Any) -> None:
    index = data.draw(hnp.basic_indices(a.shape, allow_newaxis=True))
    np.testing.assert_array_equal(Tensor(a)[index].data, np.asarray(a[index]), strict=True)
    np.testing.assert_array_equal(Tensor(a)[Tensor(a) > 0].data, a[a > 0], strict=True)


@settings(deadline=None)
@given(arrays(hnp.array_shapes(min_dims=2, max_dims=4, max_side=4)), st.data())
def test_shapes_are_numpys(a: Any, data: Any) -> None:
    first, second = (data.draw(st.integers(-a.ndim, a.ndim - 1)) for _ in range(2))
    swapped = Tensor(a).transpose(first, second)
    np.testing.assert_array_equal(swapped.data, np.swapaxes(a, first, second), strict=True)
    np.testing.assert_array_equal(swapped.transpose(first, second).data, a)
    np.testing.assert_array_equal(swapped.reshape(-1).data, swapped.data.ravel(), strict=True)
    assert np.shares_memory(Tensor(a).T.data, a) or a.size == 0


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.data())
def test_matmul_is_numpys(n: int, k: int, m: int, data: Any) -> None:
    left = data.draw(arrays(data.draw(st.sampled_from([(n, k), (k,), (2, n, k)]))))
    right = data.draw(arrays(data.draw(st.sampled_from([(k, m), (k,), (1, k, m)]))))
    expected = np.asarray(left @ right)
    np.testing.assert_allclose(
        (Tensor(left) @ Tensor(right)).data, expected, rtol=1e-6, strict=True
    )


def test_float64_leaves_only_if_it_entered() -> None:
    whole = Tensor(np.array([1, 2, 4]))
    assert (whole / 2).dtype == np.float32
    assert whole.mean().dtype == np.float32
    assert whole.sqrt().dtype == np.float32
    assert (whole + Tensor([0.5, 0.5, 0.5])).dtype == np.float32
    assert (whole + 1).dtype == np.int64
    assert (Tensor(np.zeros(3)) + Tensor([1.0, 1.0, 1.0])).dtype == np.float64


def test_a_tensor_behaves_like_a_value_where_python_expects_one() -> None:
    x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.data.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert float(x.sum()) == 10.0
    assert bool(Tensor(1.0) < 2.0)
    assert (x == None) is False  # noqa: E711 - what is tested is the operator
    assert x in {x: 1}
    assert repr(x) == "Tensor([[1., 2.],\n        [3., 4.]], shape=(2, 2), float32)"
    np.testing.assert_array_equal(np.asarray(x), x.data)
    with pytest.raises(ValueError, match=r"\(2, 2\) is neither true nor false"):
        bool(x == x)
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        x.item()
    with pytest.raises(TypeError, match="no length"):
        list(Tensor(1.0))
    with pytest.raises(RuntimeError, match="module 06"):
        x.backward()
    with pytest.raises(TypeError):
        np.exp(x)


def test_a_tape_is_told_everything_and_can_run_backward() -> None:
    class Tape:
        def __init__(self) -> None:
            self.told: list[str] = []

        def __call__(self, operation: Operation, inputs: Any, options: Any, result: Tensor) -> None:
            self.told.append(operation.name)

        def backward(self, tensor: Tensor, gradient: Any) -> None:
            self.told.append("backward")

    x = Tensor([[1.0, 2.0]])
    operations = [v for v in vars(exported).values() if isinstance(v, Operation)]
    Operation.tape = tape = Tape()
    try:
        (-(x + 1 - x) * 2 / 3) ** 2
        x @ x.T
        for name in ("sum", "mean", "max", "exp", "log", "sqrt"):
            getattr(x, name)()
        x.reshape(2)[0]
        for compare in (
            operator.eq,
            operator.ne,
            operator.lt,
            operator.le,
            operator.gt,
            operator.ge,
        ):
            compare(x, 1)
        x.backward()
    finally:
        Operation.tape = None
    assert {op.name for op in operations} | {"backward"} == set(tape.told)


def test_this_file_runs_the_repositorys_own_code() -> None:
    assert Path(os.path.realpath(str(exported.__file__))) == file_of(REPOSITORY, "01_tensor")
