"""`diagnose` of module 09: the right task, on a small image, and nothing for the modules below."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alternatives import HERE, applied
from tests.diagnosing import (
    break_,
    change,
    check_snippet,
    diagnosed,
    file_of,
    found_in,
    framework_in,
    imports_forgotten,
)
from tinytorch_milestones.diagnosis.sliding import Window

_MATRIX = "    matrix = weight.reshape(o, -1)"


@pytest.fixture(autouse=True)
def own_imports() -> Iterator[None]:
    with imports_forgotten():
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A framework to break."""
    return framework_in(tmp_path)


# which task, and on what


@pytest.mark.parametrize(
    ("name", "task", "says"),
    [
        ("places-rounded-up", "09.size", "`output_size(1, 1, stride=3, padding=1)` gives 2 where"),
        ("no-room-unsaid", "09.size", "gives 0 where a ValueError is right"),
        ("windows-stride-ignored", "09.windows", "kernel (1, 1) and stride (2, 2), gives"),
        ("channels-mixed-up", "09.conv2d", "`Conv2d` on a (1, 2, 2, 2) input with a (1, 2, 2, 2)"),
        (
            "weight-flipped",
            "09.weight",
            (
                "`Conv2d` backward on a (1, 1, 2, 2) input with a (1, 1, 2, 2) kernel gives "
                "dweight = [[[[1, 0], [0, 0]]]] where [[[[0, 0], [0, 1]]]] is right."
            ),
        ),
        ("last-block-only", "09.weight", "on a (1, 1, 400, 400) input of ones"),
        ("gradient-stride-ignored", "09.input", "kernel, stride 2"),
        ("padding-lost", "09.input", "`Conv2d` backward on a (1, 1, 1, 1) input"),
        ("layer-stride-lost", "09.layer", "`Conv2d(1, 1, 1, stride=2)` on a (1, 1, 3, 5) input"),
        ("filters-frozen", "09.layer", "has a weight that is not trained"),
        (
            "max-pads-zeros",
            "09.max_pool",
            "`MaxPool2d(2, padding=1)` on a (1, 1, 1, 1) input gives [[[[0]]]] where [[[[-1]]]]",
        ),
        ("ties-all", "09.max_pool", "gives dx = [[[[1, 1], [1, 1]]]] where [[[[1, 0], [0, 0]]]]"),
        ("norm-exchanged", "09.batch_norm", "backward on a (1, 1, 1, 3) input gives dweight = ["),
        ("running-biased", "09.batch_norm", "gives running_var = [0.925] where [0.95] is right"),
        ("batch-in-eval", "09.batch_norm", "after `eval()`, on a (1, 1, 1, 2) input, gives"),
    ],
)
def test_a_mistake_is_found_in_its_task_on_the_smallest_image(
    root: Path, name: str, task: str, says: str
) -> None:
    break_(root, "09", name)
    first = found_in(root, ["09"])[0]
    assert (first.module, first.task) == ("09", task), first.message
    assert says in first.message
    assert 2 <= len(first.snippet.splitlines()) <= 9


def test_averages_are_tried_although_no_task_makes_them(root: Path) -> None:
    change(root, "09", "y *= 1 / (kh * kw)", "y *= 1 / max(1, kh * kw - 1)")
    first = found_in(root, ["09"])[0]
    assert (first.module, first.task) == ("09", "")
    assert "`AvgPool2d(" in first.message


@pytest.mark.parametrize(
    "name", ["windows-flipped", "weight-flipped", "max-is-min", "eval-unshifted"]
)
def test_the_snippet_shows_what_the_sentence_says(root: Path, name: str) -> None:
    check_snippet(root, "09", name)


def test_an_unsolved_task_is_named_once(root: Path) -> None:
    change(root, "09", _MATRIX, '    raise NotImplementedError("09.conv2d: multiply")')
    found = found_in(root, ["09"])
    assert {(one.task, one.message) for one in found} == {
        ("09.conv2d", "Task 09.conv2d is not solved yet: multiply.")
    }


def test_a_student_who_does_without_a_helper_is_accused_of_nothing(root: Path) -> None:
    source = applied(HERE / "spatial_2.py", "")
    assert source.count("windows(") == 1, "it is called after all"
    file_of(root, "09").write_text(source.replace("windows(", "unused("), encoding="utf-8")
    assert found_in(root, ["09"]) == []


@pytest.mark.parametrize("size", [1, 2, 5, 7])
@pytest.mark.parametrize("window", [Window((2, 1)), Window((3, 2), (2, 3), (1, 0))])
def test_places_are_those_that_can_be_counted(window: Window, size: int) -> None:
    rows, columns = window.outputs(size, size)
    for places, axis in ((rows, 0), (columns, 1)):
        end = size + 2 * window.padding[axis] - window.size[axis]
        assert max(0, places) == len(range(0, end + 1, window.stride[axis]))


# who is to blame


def test_operations_and_swap_name_module_09(root: Path) -> None:
    break_(root, "09", "weight-flipped")
    found = diagnosed(root, "cnn", "digits")
    assert (found.culprit, found.sure, found.part) == ("09", "both", "digits")
    assert [(swap.modules, swap.passed) for swap in found.swaps] == [([], False), (["09"], True)]
    first = found.findings[0]
    assert (first.notebook, first.cell_id) == ("modules/09_convolutions.ipynb", "09-weight")
    assert found.next_command == first.hint == "%hint 09.weight"


def test_a_function_of_module_06_is_not_blamed_on_09(root: Path) -> None:
    change(
        root,
        "06",
        "function.needs = tuple(wants(value) for value in inputs)",
        "function.needs = tuple(False for value in inputs)",
    )
    found = diagnosed(root, "cnn", "digits")
    assert (found.culprit, found.sure) == ("06", "both")
    assert "`Function`" in found.findings[0].message
    assert {one.module for one in found.findings if not one.follows} == {"06"}
    assert "09" in {one.module for one in found.findings if one.follows}


def test_a_function_that_fails_on_images_only_goes_back_to_06(root: Path) -> None:
    # what is claimed of 06 itself gives a Function rows of numbers
    change(
        root,
        "06",
        "        given = self.backward(gradient)\n",
        "        given = self.backward(gradient * 0 if gradient.ndim == 4 else gradient)\n",
    )
    found = diagnosed(root, "cnn", "digits")
    assert (found.culprit, found.sure) == ("06", "both")
    assert {one.module for one in found.findings if not one.follows} == {"06"}


def test_a_mistake_that_lenet_does_not_lean_on_is_told_as_such(root: Path) -> None:
    break_(root, "09", "norm-mean-kept")
    found = diagnosed(root, "cnn", "digits")
    assert (found.culprit, found.sure, found.part) == ("09", "operations", "")
    assert "09 Convolutions that it does not lean on" in found.message


def test_a_mistake_of_both_is_found_in_both(root: Path) -> None:
    break_(root, "06", "tanh-not-squared")
    break_(root, "09", "max-is-min")
    found = found_in(root, ["06", "09"])
    assert {one.module for one in found} == {"06", "09"}
    assert {one.task for one in found if one.module == "09"} == {"09.max_pool"}
