"""`diagnose`: it names the right module, shows it on a small input, and accuses nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alternatives import alternatives, applied
from tests.diagnosing import (
    CATALOG,
    MODULES,
    break_,
    change,
    diagnosed,
    file_of,
    found_in,
    framework_in,
    imports_forgotten,
    printed,
)
from tests.test_alternatives import module_of
from tinytorch_milestones.diagnosis.book import claims
from tinytorch_milestones.diagnosis.diagnose import diagnose
from tinytorch_milestones.diagnosis.examination import examine
from tinytorch_milestones.errors import ImplementationError


@pytest.fixture(autouse=True)
def own_imports() -> Iterator[None]:
    with imports_forgotten():
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A framework to break."""
    return framework_in(tmp_path)


# examining


def test_the_reference_is_clean(root: Path) -> None:
    assert found_in(root) == []


def test_claims_have_names_of_their_own_and_tasks_that_exist() -> None:
    from tinytorch_milestones.catalog.tasks import read_tasks
    from tinytorch_milestones.workspace import master_notebook

    ids = [claim.id for claim in claims()]
    assert len(set(ids)) == len(ids)
    tasks = {task.id for n in MODULES for task in read_tasks(master_notebook(CATALOG.module(n)))}
    assert {claim.task for claim in claims() if claim.module in MODULES} - {""} <= tasks
    # what a notebook gives belongs to no task
    assert all(claim.task.startswith(claim.module) for claim in claims() if claim.task)
    assert [claim.module for claim in claims()] == sorted(claim.module for claim in claims())


@pytest.mark.parametrize(
    ("number", "name", "task", "says"),
    [
        ("01", "subtraction-reversed", "01.arithmetic", "`-` of a number and a number gives 1"),
        (
            "01",
            "transpose-without-effect",
            "01.shape",
            "of a (1, 2) gives a result of shape (1, 2)",
        ),
        ("01", "float64-leak", "01.array", "gives float64 where float32 is right"),
        ("01", "tape-never-called", "01.operation", "does not tell the tape of it once"),
        ("02", "relu-in-place", "02.relu", "changes its input: x was [-1] and is [0] afterwards"),
        ("02", "softmax-wrong-axis", "02.softmax", "gives [[1, 1]] where [[0.5, 0.5]] is right"),
        ("03", "weight-transposed", "03.linear", "`Linear` on a"),
        ("03", "inner-layers-forgotten", "03.named_tensors", "does not list"),
        ("04", "ce-sum", "04.cross_entropy", "`CrossEntropyLoss` of a (2, 2) and a (2,) gives"),
        ("04", "bce-log-of-one", "04.binary_cross_entropy", "gives inf where 100 is right"),
        ("05", "last-batch-lost", "05.batches", "over 2 examples, the labels: gives [] where"),
        ("05", "same-order-every-epoch", "05.loader", "has one order for all epochs"),
        ("06", "broadcast-not-undone", "06.unbroadcast", "`+` backward on"),
        ("06", "tanh-not-squared", "06.activations", "`Tanh` backward on a (1,) input"),
        ("06", "leaf-overwritten", "06.backward", "is right"),
        ("07", "velocity-not-stored", "07.momentum", "from [1.0] by gradients [[1.0]], one step:"),
        ("07", "zero-grad-missing", "07.zero_grad", "does not forget the gradient of p"),
    ],
)
def test_a_mistake_is_found_where_it_is_on_the_smallest_input(
    root: Path, number: str, name: str, task: str, says: str
) -> None:
    break_(root, number, name)
    first = found_in(root, MODULES[: MODULES.index(number) + 1])[0]
    assert (first.module, first.task) == (number, task), first.message
    assert says in first.message
    assert 3 <= len(first.snippet.splitlines()) <= 11


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("01", "matmul-swapped"),
        ("03", "bias-subtracted"),
        ("06", "mean-is-a-sum"),
        ("07", "rate-forgotten"),
    ],
)
def test_the_snippet_shows_what_the_sentence_says(root: Path, number: str, name: str) -> None:
    first, good = printed(root, number, name)
    comment = first.snippet.splitlines()[-1].partition("  # ")[2]
    assert comment.endswith(" is right")
    if "shape" not in first.message:
        told = comment.removesuffix(" is right").replace(",", "").split()
        assert [n.strip("[].") for n in good.split()] == [n.strip("[].") for n in told]


@pytest.mark.parametrize("alternative", alternatives(), ids=lambda p: p.stem)
def test_correct_code_in_another_style_is_accused_of_nothing(alternative: Path, root: Path) -> None:
    number = module_of(alternative).number
    file = file_of(root, number)
    file.write_text(applied(alternative, file.read_text(encoding="utf-8")), encoding="utf-8")
    # what is claimed of modules before it does not lean on it; 14 and later need helpers of
    # notebooks before them, which others need not have
    about = [n for n in MODULES if n >= number and (n < "14") == (number < "14")]
    assert found_in(root, about) == []


def test_an_unsolved_task_is_named_and_a_missing_file_too(root: Path) -> None:
    change(
        root,
        "02",
        "    return np.maximum(x, 0)",
        '    raise NotImplementedError("02.relu: keep what is positive")',
    )
    file_of(root, "05").unlink()
    found = {one.module: one for one in found_in(root, ["01", "02", "03", "04", "05"])}
    assert list(found) == ["02", "05"]
    assert found["02"].task == "02.relu"
    assert found["02"].message == "Task 02.relu is not solved yet: keep what is positive."
    assert "core/dataloader.py does not exist yet" in found["05"].message


# hostile code


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("while True: pass", "does not come to an end"),
        ("import sys; sys.exit(0)", "exit"),
        ("import os; os._exit(0)", "ended Python"),
        ("raise KeyError('x')", "raises KeyError: 'x' where"),
    ],
)
def test_code_that_hangs_or_leaves_is_named(root: Path, body: str, says: str) -> None:
    change(root, "02", "    return np.maximum(x, 0)", f"    {body}")
    found = examine(root, ["01", "02"]).found
    assert [one.module for one in found][:1] == ["02"]
    assert says in found[0].message
    assert "ReLU" in found[0].message


def test_a_milestone_that_hangs_is_diagnosed_in_bounded_time(root: Path) -> None:
    change(root, "02", "    return (x >= 0).astype(x.dtype)", "    while True: pass")
    found = diagnosed(root, "perceptron", "photo")
    assert (found.culprit, found.sure) == ("02", "both")
    assert [swap.passed for swap in found.swaps] == [False, True]
    assert "not finished after" in found.swaps[0].failed
    assert found.seconds < 60


def test_code_that_prints_without_end_does_no_harm(root: Path) -> None:
    change(
        root,
        "02",
        "    return np.maximum(x, 0)",
        '    print("x" * 1_000_000)\n    return np.maximum(x, 0)',
    )
    examined = examine(root, ["01", "02"])
    assert examined.found == []
    assert examined.checked == ["01", "02"]


def test_code_that_catches_everything_is_ended_from_outside(root: Path) -> None:
    change(
        root,
        "02",
        "    return np.maximum(x, 0)",
        "    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
    )
    examined = examine(root, ["02"], seconds=9)
    assert [one.module for one in examined.found] == ["02"]
    assert "never ends" in examined.found[0].message


def test_a_package_that_cannot_be_used_is_refused(root: Path) -> None:
    change(root, "01", "import numpy as np", "import numpy as np\nimport torch")
    with pytest.raises(ImplementationError, match="torch"):
        examine(root, ["01"])


def test_nothing_is_left_in_the_course(root: Path) -> None:
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    break_(root, "02", "relu-minimum")
    examine(root, ["01", "02"])
    assert sorted(path.relative_to(root) for path in root.rglob("*")) == before


# swapping, and the verdict


def test_a_passing_milestone_is_clean(root: Path) -> None:
    found = diagnosed(root, "xor", "learned")
    assert found.clean
    assert (found.culprit, found.sure, found.part, found.findings) == ("", "none", "", [])
    assert found.message == "All operations agree with numpy, and the milestone passes."
    assert found.checked == MODULES[:8]


def test_operations_and_swap_name_the_same_module(root: Path) -> None:
    break_(root, "06", "matmul-right-transposed")
    found = diagnosed(root, "mlp", "digits")
    assert (found.culprit, found.sure, found.part) == ("06", "both", "digits")
    assert not found.clean
    assert [(swap.modules, swap.passed) for swap in found.swaps] == [([], False), (["06"], True)]
    first = found.findings[0]
    assert first.task == "06.matmul"
    assert (first.notebook, first.cell_id) == ("modules/06_autograd.ipynb", "06-matmul")
    assert found.next_command == first.hint == "%hint 06.matmul"


def test_what_follows_from_a_mistake_is_not_called_one(root: Path) -> None:
    break_(root, "01", "matmul-swapped")
    found = diagnosed(root, "perceptron", "photo")
    assert (found.culprit, found.sure) == ("01", "both")
    assert {one.module for one in found.findings if not one.follows} == {"01"}
    assert {one.module for one in found.findings if one.follows} == {"03"}


def test_a_mistake_that_no_operation_shows_is_found_by_swapping(root: Path) -> None:
    change(
        root,
        "03",
        "        return product if self.bias is None else product + self.bias",
        "        if self.in_features > 30:\n            return product * 0\n"
        "        return product if self.bias is None else product + self.bias",
    )
    found = diagnosed(root, "perceptron", "photo")
    assert (found.culprit, found.sure, found.findings) == ("03", "swap", [])
    assert [(swap.modules, swap.passed) for swap in found.swaps] == [
        ([], False),
        (["01"], False),
        (["02"], False),
        (["03"], True),
    ]
    assert found.next_command == "%milestone check 03"


def test_two_mistakes_are_both_named_and_mended_together(root: Path) -> None:
    break_(root, "01", "matmul-swapped")
    break_(root, "03", "last-layer-skipped")
    found = diagnosed(root, "perceptron", "photo")
    assert (found.culprit, found.sure) == ("01", "operations")
    assert {one.module for one in found.findings if not one.follows} == {"01", "03"}
    assert found.swaps[-1].modules == ["01", "03"]
    assert found.swaps[-1].passed
    assert "01 Tensor and 03 Layers are wrong" in found.message


def test_a_mistake_that_the_milestone_does_not_lean_on_is_told_as_such(root: Path) -> None:
    break_(root, "02", "gelu-half")
    found = diagnosed(root, "perceptron", "photo")
    assert (found.culprit, found.sure, found.part) == ("02", "operations", "")
    assert not found.clean
    assert "does not lean on" in found.message


def test_a_mistake_below_is_not_blamed_on_the_module_above(root: Path) -> None:
    # the claims about 01 reshape matrices only; Flatten is tried on images as well
    change(
        root,
        "01",
        "    return np.reshape(a, shape)",
        "    return np.reshape(a if np.ndim(a) < 4 else a * 0, shape)",
    )
    found = diagnosed(root, "perceptron", "photo")
    assert found.culprit == "01"
    assert {one.module for one in found.findings if not one.follows} == {"01"}
    assert "`Flatten`" in found.findings[0].message


def test_time_that_ran_out_is_said(root: Path) -> None:
    break_(root, "06", "matmul-right-transposed")
    entry = CATALOG.milestone("mlp", "history")
    found = diagnose(root, CATALOG, entry, [CATALOG.part(entry, "digits")], seconds=1.5)
    assert {swap.passed for swap in found.swaps} == {None}
    assert "no time" in found.message
    assert not found.clean
