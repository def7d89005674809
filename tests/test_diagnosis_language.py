"""`diagnose` of modules 10 to 13: the right task, on a small input, and who is to blame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.diagnosing import (
    CATALOG,
    break_,
    change,
    check_snippet,
    diagnosed,
    found_in,
    framework_in,
    imports_forgotten,
)
from tinytorch_milestones.catalog import Part
from tinytorch_milestones.diagnosis import child, diagnose, swaps
from tinytorch_milestones.diagnosis.examination import Examined
from tinytorch_milestones.diagnosis.swaps import Outcome
from tinytorch_milestones.diagnosis.transforming import block_shapes, fill, filled
from tinytorch_milestones.diagnosis_words import swap_rows
from tinytorch_milestones.state import SwapState

LANGUAGE = ["10", "11", "12", "13"]


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
        (
            "everything-lost",
            "10.bytes",
            r"`to_text(b'\xffa')` gives '\ufffd' where '\ufffda' is right",
        ),
        (
            "unknown-dropped",
            "10.characters",
            "`CharTokenizer('').encode('a')` gives [] where [6, 1] is right",
        ),
        ("first-only", "10.merge", "(1, 2), 256)` gives [256, 1, 2] where [256, 256] is right"),
        ("index-places-missing", "10.index", "the second merge, gives words ="),
        ("never-a-heap", "10.learn", "gives pairs and counts = "),
        (
            "from-the-left",
            "10.word",
            "`merge_word([97, 97, 98], {(97, 98): 256, (97, 97): 257})` gives [257, 98] where",
        ),
        (
            "last-one-wins",
            "11.backward",
            "`lookup_backward` for rows [0, 0] of 1 gives [[1]] where [[2]] is right",
        ),
        ("negative-wraps", "11.embedding", "`Embedding(2, 1)` of [2] raises IndexError"),
        ("lookup-not-recorded", "11.embedding", "`Embedding(1, 1)` backward, rows [0], raises"),
        (
            "last-places",
            "11.positions",
            "`PositionalEncoding(2, 1)` on a (1, 1) input gives [[1]] where [[0]] is right",
        ),
        ("exponent-halved", "11.sinusoidal", "`sinusoidal_positions("),
        (
            "mask-of-numbers",
            "12.causal_mask",
            "`causal_mask(1)` gives a result of type float32 where bool is right",
        ),
        (
            "overflow",
            "12.softmax",
            "`softmax_rows` on a (1, 1, 1) array gives [[[nan]]] where [[[1]]] is right",
        ),
        ("unscaled", "12.attend", "`attend` on a (1, "),
        (
            "gradient-doubled",
            "12.backward",
            "`attend_backward` on a (1, 1), a (2, 1) and a (2, 1) gives dq =",
        ),
        ("heads-interleaved", "12.heads", "`split_heads` of a (1, "),
        ("layer-mask-lost", "12.multihead", "`MultiHeadAttention(1, 1)` on a (1, 2, 1) input"),
        (
            "root-forgotten",
            "13.normalize",
            "`normalize` on a (1, 2) array gives y = [[2, -2]] where [[1, -1]] is right",
        ),
        (
            "bias-slope-averaged",
            "13.normalize_backward",
            "`normalize_backward` on a (2, 3) array gives db =",
        ),
        ("norm-twice", "13.block", "`TransformerBlock(2, 1)` on a (1, 1, 2) input gives"),
        ("tied-gradient-lost", "13.logits", "gives dtoken_embedding.weight = None where [[0]]"),
        ("mask-missing", "13.gpt", "when the one after it changes, so it sees the future"),
        (
            "prompt-only",
            "13.generate",
            "of a GPT that counts 0, 1, 2, 3 gives [0, 1, 1] where [0, 1, 2] is right",
        ),
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
    assert 2 <= len(first.snippet.splitlines()) <= 9


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("10", "first-byte-only"),
        ("11", "places-of-one-text"),
        ("12", "scaled-by-length"),
        ("13", "top-k-after-softmax"),
    ],
)
def test_the_snippet_shows_what_the_sentence_says(root: Path, number: str, name: str) -> None:
    check_snippet(root, number, name)


def test_an_unsolved_task_is_named_once(root: Path) -> None:
    old = "return np.matmul(weights, v, out=out), weights"
    change(root, "12", old, 'raise NotImplementedError("12.attend: mix the values")')
    found = found_in(root, ["12", "13"])
    assert {(one.task, one.message, one.kind) for one in found} == {
        ("12.attend", "Task 12.attend is not solved yet: mix the values.", "not yet")
    }


def test_the_numbers_of_a_snippet_are_those_of_numpy() -> None:
    class Parameter:
        def __init__(self, shape: tuple[int, ...]) -> None:
            self.shape, self.data = shape, np.zeros(shape, np.float32)
            self.size = self.data.size

    class Block:
        parameters = {name: Parameter(shape) for name, shape in block_shapes(4).items()}

        def named_parameters(self) -> list[tuple[str, Parameter]]:
            return list(self.parameters.items())

    exec("\n".join(fill("block")), {"np": np, "block": Block()})
    for name, values in filled(block_shapes(4)).items():
        assert np.array_equal(Block.parameters[name].data, values), name


# who is to blame


def test_operations_and_swap_name_module_12_and_what_follows_from_it(root: Path) -> None:
    break_(root, "12", "mask-ignored")
    found = diagnosed(root, "transformer", "reverse")
    assert (found.culprit, found.sure, found.part) == ("12", "both", "reverse")
    assert {one.module for one in found.findings if not one.follows} == {"12"}
    assert {one.module for one in found.findings if one.follows} == {"13"}
    first = found.findings[0]
    assert (first.notebook, first.cell_id) == ("modules/12_attention.ipynb", "12-softmax")
    assert found.next_command == first.hint == "%hint 12.softmax"


def test_a_function_that_fails_on_heads_only_goes_back_to_06(root: Path) -> None:
    # what is claimed of 06 itself gives a Function rows of numbers
    change(
        root,
        "06",
        "        given = self.backward(gradient)\n",
        "        given = self.backward(gradient * 0 if gradient.ndim == 3 else gradient)\n",
    )
    found = diagnosed(root, "transformer", "reverse")
    assert (found.culprit, found.sure) == ("06", "both")
    assert {one.module for one in found.findings if not one.follows} == {"06"}


def test_of_what_takes_minutes_only_the_beginning_is_run(root: Path) -> None:
    break_(root, "10", "from-the-left")
    found = diagnosed(root, "language-generation", "victory", "capabilities")
    assert (found.culprit, found.sure) == ("10", "both")
    assert found.message.endswith('"Stories" gets through its first steps.')
    assert [(swap.modules, swap.passed, swap.begun) for swap in found.swaps] == [
        ([], False, False),
        (["10"], None, True),
    ]
    assert swap_rows(found, CATALOG.modules) == [
        ("your own code", "fails at: every text comes back from its tokens"),
        ("with 10 Tokenization", "nothing fails in its first steps"),
    ]


def test_nothing_wrong_in_the_first_steps_is_no_pass(root: Path) -> None:
    found = diagnosed(root, "built-gpt", "victory", "epics")
    assert (found.culprit, found.findings, found.clean) == ("", [], False)
    assert [(swap.modules, swap.passed, swap.begun) for swap in found.swaps] == [([], None, True)]
    assert "only the first steps were run, where nothing fails" in found.message
    assert found.next_command == "%milestone run built-gpt"


def test_whatever_is_begun_has_checks_of_every_module() -> None:
    parts = [
        part
        for milestone in CATALOG.all_milestones()
        for part in milestone.parts
        if part.recipe in swaps.BEGINNINGS
    ]
    assert {part.recipe for part in parts} >= {"language:stories", "language:python"}
    for part in parts:
        checks = swaps.checks_of(part)
        # what is remembered of a text (18) is looked at when the model can write
        assert {gate.module for gate in checks} >= set(part.needs) - {"08", "18"}
        assert all(gate.comparison == "<=" for gate in checks)
    assert SwapState(modules=[], passed=None).begun is False


def test_the_module_that_the_failed_gate_points_to_is_swapped_first(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_part(where: Path, part: Part, seconds: float) -> Outcome:
        return Outcome(passed=False, failed="words are written", module="13")

    def examine(where: Path, modules: list[str], seconds: float) -> Examined:
        return Examined(found=[], checked=modules)

    monkeypatch.setattr(diagnose, "run_part", run_part)
    monkeypatch.setattr(diagnose, "examine", examine)
    found = diagnosed(root, "transformer", "copy")
    assert [swap.modules for swap in found.swaps[:3]] == [[], ["13"], ["01"]]
    assert (found.culprit, found.sure) == ("", "none")
