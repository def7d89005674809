"""`diagnose` of modules 14 to 20: the right task, on a small input, and who is to blame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.diagnosing import (
    CATALOG,
    MODULES,
    break_,
    change,
    check_snippet,
    diagnosed,
    file_of,
    found_in,
    framework_in,
    imports_forgotten,
)
from tests.mutants import __main__ as table
from tests.mutants import all_mutants
from tinytorch_milestones.catalog import Part
from tinytorch_milestones.diagnosis import child, diagnose
from tinytorch_milestones.diagnosis.child import Found
from tinytorch_milestones.diagnosis.examination import Examined
from tinytorch_milestones.diagnosis.swaps import Outcome

DEPLOYMENT = [number for number in MODULES if number >= "14"]


@pytest.fixture(autouse=True)
def own_imports() -> Iterator[None]:
    with imports_forgotten():
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A framework to break."""
    return framework_in(tmp_path)


@pytest.mark.parametrize(
    ("name", "task", "says"),
    [
        (
            "counted-per-use",
            "14.parameters",
            "`size_of([a, a])` with a (1,) of float32 gives numbers and bytes = (2, 8) where",
        ),
        ("products-only", "14.products", "which makes (1,) of (1,), gives FLOPs = 1 where 2 is"),
        ("views-counted", "14.kept", "of a Function that keeps views of its input gives bytes = "),
        ("warm-up-counted", "14.measure", "of calls that take [1, 2] seconds gives [1] where [2]"),
        ("left-on-errors", "14.watched", "leaves layers changed after an error"),
        (
            "own-of-own",
            "14.own",
            "`own_seconds([3.0, 2.0, 1.0], [-1, 0, 1])` gives [2, 1, 1] where [1, 1, 1] is right",
        ),
        (
            "never-ended",
            "14.backward",
            "`backward_seconds` of 2 events, calls made inside [-1, -1]",
        ),
        ("zero-forgotten", "15.quantize", "gives [[-1]] where [[0]] is right"),
        ("gaps-of-256", "15.affine", "`affine_grid(0, 255)` gives scale = 0.9961 where 1 is right"),
        ("pieces-too-long", "15.product", "gives [[16790288]] where [[16790289]] is right"),
        ("zero-point-forgotten", "15.linear", "on a (1, 2) input gives [[11.27]] where [[11.77]]"),
        ("calibration-unused", "15.model", "does not use the range that was found"),
        ("original-changed", "15.tree", "does not exchange a layer in the copy, and only there"),
        (
            "threshold",
            "16.smallest",
            "`smallest([[1.0, 1.0]], 1)` gives [[True, True]] where [[True, False]] is right",
        ),
        ("mask-forgotten", "16.tune", "does not hold the zeros at 0"),
        ("first-columns", "16.cut", "inputs [1] gives small.weight = [[1]] where [[2]] is right"),
        ("singular-twice", "16.low_rank", "gives the product = [[2, 2], [2, 2]] where [[1, 1], ["),
        ("square-forgotten", "16.distil", "gives 0.6931 where 1.733 is right"),
        (
            "last-term-only",
            "17.vectorized",
            "`vectorized_matmul` of a (1, 2) and a (2, 1) gives [[1]] where [[2]] is right",
        ),
        ("busy-helpers-awaited", "17.in_parts", "take back a part that no helper has begun"),
        ("bias-for-places", "17.convolve", "blocks of 1 bytes, gives [[[[3, 3], [2, 2]]]] where"),
        (
            "block-used-too-late",
            "17.convolve_backward",
            "gives dweight = [[[[0]]]] where [[[[1]]]]",
        ),
        ("curve-slope-forgotten", "17.affine", "gives dx = [[1]] where [[1.083]] is right"),
        ("current-dropped", "18.put", "gives a result of shape (1, 1, 0, 1) where shape (1, 1, 1,"),
        ("future-seen", "18.attend", "gives [[0.6667], [0.6667]] where [[1], [0.6667]] is right"),
        ("norm-bias-lost", "18.fold", "gives bias = [1] where [3] is right"),
        (
            "layers-share",
            "18.read",
            "`KVCache(GPT(5, 3, 4, 2, 2)).read([[0]])`, after [[0]], gives",
        ),
        ("nothing-to-read", "18.agree", "`agreeing([1], [1])` gives 1 where 0 is right"),
        ("one-rng-for-all", "18.many", "does not write what each text becomes alone"),
        ("one-sided", "19.interval", "1 to 6 in some order, 50%, gives [3, 4] where [2, 5] is"),
        (
            "never-reversed",
            "19.turns",
            "`turns(['a', 'b'], 2)` gives [['a', 'b'], ['a', 'b']] where [['a', 'b'], ['b', 'a']]",
        ),
        ("no-warm-up", "19.collect", "gives calls = {'a': 1, 'b': 1} where {'a': 2, 'b': 1}"),
        ("ratio-of-medians", "19.ratio", "95%, gives [5, 1, 90] where [4.5, 1, 90] is right"),
        ("one-is-faster", "19.ratio", "`verdict(1, 1.1)` gives faster where no difference shown"),
        (
            "columns-first",
            "20.pack",
            "gives the bytes after it = b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00@",
        ),
        (
            "gaps-allowed",
            "20.unpack",
            "`unpack_tensors` of a file with a gap between tensors gives",
        ),
        (
            "halves-shown",
            "20.stream",
            "`as_text` of the tokens of 'é', one by one, gives pieces = ['\ufffd', '\ufffd'] where",
        ),
        ("old-thrown-away", "20.save", "`write_folder`, where renaming fails, loses it"),
        (
            "lengths-compared",
            "20.check",
            "gives which are named in its error = [False, True] where",
        ),
        ("not-halved", "20.drift", "`divergence([1, 1], [1, 0])` gives 0.6226 where 0.3113 is"),
        ("wraps-round", "19.apart", "np.array([201, 9], np.uint8))` gives 1.275 where 0.01 is"),
    ],
)
def test_a_mistake_is_found_where_it_is_on_a_small_input(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, task: str, says: str
) -> None:
    monkeypatch.setattr(child, "_SHRUNK", 1)  # what follows from it need not be small
    break_(root, task[:2], name)
    first = found_in(root, [task[:2]])[0]
    assert (first.module, first.task) == (task[:2], task), first.message
    assert says in first.message
    assert 2 <= len(first.snippet.splitlines()) <= 12


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("14", "grandchildren-too"),
        ("15", "first-scale-only"),
        ("16", "groups-turned-round"),
        ("17", "pixels-overwritten"),
        ("18", "heads-mixed"),
        ("19", "upside-down"),
    ],
)
def test_the_snippet_shows_what_the_sentence_says(root: Path, number: str, name: str) -> None:
    check_snippet(root, number, name)


def test_an_unsolved_task_is_named(root: Path) -> None:
    old = "    return math.prod(y) * each\n    ### END SOLUTION\n\n\ndef conv2d_flops"
    change(
        root, "14", old, '    raise NotImplementedError("14.products: count")\n\n\ndef conv2d_flops'
    )
    assert {(one.task, one.message, one.kind) for one in found_in(root, ["14", "19"])} == {
        ("14.products", "Task 14.products is not solved yet: count.", "not yet")
    }


def test_modules_that_nobody_asks_about_need_not_be_there(root: Path) -> None:
    file_of(root, "12").unlink()
    source = file_of(root, "09").read_text(encoding="utf-8")
    start = source.index("shape = (out_channels, in_channels, *self.kernel_size)")
    file_of(root, "09").write_text(
        source[:start]
        + 'raise NotImplementedError("09.layer: make the weight")\n        '
        + source[start:],
        encoding="utf-8",
    )
    assert found_in(root, ["14"]) == []
    assert {one.module for one in found_in(root, ["09", "12", "14"])} == {"09", "12"}


def test_what_leans_on_a_mistake_comes_after_it(root: Path) -> None:
    mutant = next(m for m in all_mutants() if (m.module[:2], m.name) == ("15", "original-changed"))
    break_(root, "15", "original-changed")
    diagnosis = table.examined(mutant, root).diagnosis
    assert diagnosis is not None
    assert diagnosis.culprit == "15"
    first = diagnosis.findings[0]
    assert (first.notebook, first.cell_id) == ("modules/15_quantization.ipynb", "15-tree")
    assert diagnosis.next_command == first.hint == "%hint 15.tree"
    # the copy that is pruned is made by 15
    later = {one.module for one in diagnosis.findings if one.follows}
    assert later <= {number for number in DEPLOYMENT if number > "15"}


def test_operations_and_swap_name_the_module_in_mlperf(root: Path) -> None:
    break_(root, "16", "first-columns")
    found = diagnosed(root, "mlperf", "compress")
    assert (found.culprit, found.sure, found.part) == ("16", "both", "compress")
    assert found.next_command == found.findings[0].hint == "%hint 16.cut"
    assert [(swap.modules, swap.passed) for swap in found.swaps] == [([], False), (["16"], True)]


def test_the_part_that_leans_on_the_suspect_is_run_first(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run_part(where: Path, part: Part, seconds: float) -> Outcome:
        ran.append(part.id)
        return Outcome(passed=True)

    def examine(where: Path, modules: list[str], seconds: float) -> Examined:
        return Examined(found=[Found(module="08", message="Wrong.")], checked=modules)

    monkeypatch.setattr(diagnose, "run_part", run_part)
    monkeypatch.setattr(diagnose, "examine", examine)
    xor = CATALOG.milestone("xor", "history")
    assert [part.id for part in xor.parts if "08" in part.needs] == ["learned"] != [xor.parts[0].id]
    found = diagnose.diagnose(root, CATALOG, xor, xor.parts)
    assert ran == ["learned", *(part.id for part in xor.parts if part.id != "learned")]
    assert found.culprit == "08"


def test_what_only_makes_it_slower_is_no_mistake(root: Path) -> None:
    old = "step = max(1, caches * CACHE // max(1, line * seen.itemsize))"
    change(root, "17", old, "step = 1")
    assert found_in(root, ["17"]) == []


def test_clocks_and_threads_leave_nothing_behind(root: Path) -> None:
    """In another order than that of the course: what a trial moved changes no other's result."""
    assert found_in(root, DEPLOYMENT[::-1]) == []
