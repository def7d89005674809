"""The recipes of 2017: what is asked, what is looked at, what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import transformer
from tinytorch_milestones.training.author import Author
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import judge_all
from tinytorch_milestones.training.implementation import Framework, Implementation
from tinytorch_milestones.training.recipes import load_recipe
from tinytorch_milestones.training.steps import Step


@pytest.fixture
def fw() -> Iterator[Framework]:
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        yield framework


def part_of(name: str) -> Part:
    milestone = next(m for m in load().all_milestones() if m.id == "transformer")
    return next(part for part in milestone.parts if part.id == name)


def steps(fw: Framework, name: str, **overrides: Any) -> list[Step]:
    part = part_of(name)
    recipe = load_recipe(part.recipe)
    return list(recipe.function(fw, recipe.settings(part.settings, overrides)))


def test_sequences_ask_for_their_answers_only() -> None:
    for turned in (False, True):
        training, held_out = transformer.sequences(5, 8, turned)
        assert (len(training), len(held_out)) == (2048, 400)
        for inputs, labels in zip(held_out.inputs[:9], held_out.labels[:9], strict=True):
            letters = inputs[:8]
            assert inputs[8] == 20
            assert (labels[:8] == -1).all()
            assert labels[8:].tolist() == (letters[::-1] if turned else letters).tolist()
            assert inputs[9:].tolist() == labels[8:-1].tolist()
        seen = {row.tobytes() for row in training.inputs[:, :8].copy()}
        assert not seen & {row.tobytes() for row in held_out.inputs[:, :8].copy()}


def test_places_to_look_hold_the_letter_that_is_asked() -> None:
    for turned in (False, True):
        _, held_out = transformer.sequences(6, 12, turned)
        rows, columns = transformer.places(12, turned)
        assert (held_out.inputs[:, columns] == held_out.labels[:, rows]).all()
    assert {row + column for row, column in zip(*transformer.places(12, True), strict=True)} == {23}


@pytest.mark.parametrize("name", ["copy", "reverse"])
def test_a_run_passes_every_gate_and_shows_where_it_looks(fw: Framework, name: str) -> None:
    run = steps(fw, name, epochs=4)
    evidence = Evidence()
    for step in run:
        evidence.fold(step)
    failed = [v for v in judge_all(part_of(name).gates, evidence) if not v.passed]
    assert not failed, [(v.id, v.measured) for v in failed]
    assert set(part_of(name).needs) <= set(evidence.exercised) | {"01", "09"}
    first, last = run[0].view(), run[-1].view()  # type: ignore[misc]
    assert first["kind"] == last["kind"] == "heads"
    assert last["heads"].shape == (2, 24, 24)
    assert last["names"] == ["layer 1, head 1", "layer 1, head 2"]
    assert len(last["tokens"]) == 24
    assert last["tokens"][12] == "|"
    assert last["title"] == "100.0% of 400 held-out sequences right"
    best = max(np.mean([head[place] for place in last["expected"]]) for head in last["heads"])
    early = max(np.mean([head[place] for place in first["expected"]]) for head in first["heads"])
    assert best > 0.9 > 0.3 > early
    for row, column in last["expected"]:
        assert column < 12 <= row
    for sequence, answer, verdict in last["table"]["rows"]:
        assert answer == (sequence if name == "copy" else sequence[::-1])
        assert verdict == "right"
    assert {row[2] for row in first["table"]["rows"]} == {"wrong"}


def test_the_win_can_be_played_with(fw: Framework) -> None:
    player = steps(fw, "reverse", epochs=4)[-1].play
    assert isinstance(player, Author)
    assert (player.kind, player.keepable, len(player.bound.prompts)) == ("sequence", True, 5)
    assert player.write("abcdefghijkl", 200, temperature=0.0) == "lkjihgfedcba"
    for prompt in player.bound.prompts:
        assert player.write(prompt, temperature=0.0) == prompt[::-1]


def test_sizes_and_lengths_may_be_chosen(fw: Framework) -> None:
    run = steps(fw, "copy", epochs=1, length=6, layers=2, heads=4)
    view = run[-1].view()  # type: ignore[misc]
    assert view["heads"].shape == (4, 12, 12)
    assert len({name.partition(",")[0] for name in view["names"]}) >= 1
    for wrong in (5, 41):
        with pytest.raises(TinyTorchError, match="length is"):
            steps(fw, "copy", length=wrong)


def test_answers_of_other_sequences_teach_nothing(fw: Framework) -> None:
    last = steps(fw, "copy", epochs=2, labels="shuffled")[-1]
    assert last.accuracy == 0.0
    assert last.metrics["written"] == 0.0
    assert last.metrics["looks"] < 0.3
    # the mechanism itself is right
    assert last.metrics["causal"] <= 1e-6
    assert last.metrics["position"] > 0.05


def test_a_model_of_ones_own_without_attention_is_judged_and_shows_no_heads(fw: Framework) -> None:
    class Words(fw.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.table, self.head = fw.Embedding(21, 8), fw.Linear(8, 21)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.table(tokens))

        def generate(self, prompt: list[int], count: int, **options: Any) -> list[int]:
            return [*prompt, *([0] * count)]

    last = steps(fw, "copy", epochs=1, model=Words())[-1]
    assert last.view is None
    assert last.metrics["looks"] == 0.0
    assert last.accuracy == 0.0
