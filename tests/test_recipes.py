"""The recipes themselves: data, settings, what a step carries, and a run in a child's clothes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.errors import TinyTorchError, UnknownName
from tinytorch_milestones.training import child, wire
from tinytorch_milestones.training.clouds import CENTRES, REACH, two_clouds
from tinytorch_milestones.training.digits import load_digits, two_digits
from tinytorch_milestones.training.implementation import Framework, Implementation, reference_root
from tinytorch_milestones.training.recipes import load_recipe, recipe_names, timed
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import VIEWS, Step

PARTS: dict[str, Part] = {
    part.id: part
    for milestone in load().track("history").milestones
    for part in milestone.parts
    if not part.coming
}
# the recipes that know no gradients; those that do are tested in test_supervised.py
RULES = ("forward", "trained", "photo", "crisis", "by-hand")


@pytest.fixture
def fw() -> Iterator[Framework]:
    with Implementation.reference().active() as framework:
        yield framework


def steps(fw: Framework, part: str, **overrides: Any) -> list[Step]:
    recipe = load_recipe(PARTS[part].recipe)
    return list(recipe.function(fw, recipe.settings(PARTS[part].settings, overrides)))


def test_the_catalog_names_every_recipe() -> None:
    named = {
        part.recipe
        for track in load().tracks
        for milestone in track.milestones
        for part in milestone.parts
        if part.recipe
    }
    assert named == set(recipe_names())


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(UnknownName, match="perceptron:training"):
        load_recipe("perceptron:training")


@pytest.mark.parametrize("part", RULES)
def test_every_step_is_complete_and_numbered(fw: Framework, part: str) -> None:
    run = steps(fw, part)
    assert [step.step for step in run] == list(range(1, len(run) + 1))
    assert {step.steps for step in run} == {len(run)}
    assert all(1 <= step.epoch <= step.epochs for step in run)
    assert all(step.samples > 0 and step.accuracy is not None for step in run)
    for step in (run[0], run[-1]):
        assert step.view is not None
        picture = step.view()
        kind = picture.pop("kind")
        always = VIEWS[kind].partition(";")[0]
        described = re.sub(r"[\[(].*?[\])]+", "", always)  # without shapes and contents
        assert set(picture) == {word.split()[0] for word in described.split(",")}


@pytest.mark.parametrize("part", RULES)
def test_the_seed_decides_everything(fw: Framework, part: str) -> None:
    first, again = steps(fw, part, seed=5), steps(fw, part, seed=5)
    assert wire.encode(first) == wire.encode(again)


def test_quick_takes_a_quarter(fw: Framework) -> None:
    assert len(steps(fw, "trained", quick=True)) < len(steps(fw, "trained")) / 3


def test_the_picture_is_of_its_own_moment(fw: Framework) -> None:
    run = steps(fw, "trained")
    assert run[0].view is not None
    assert run[-1].view is not None
    assert run[0].view()["lines"][-1][:3] != run[-1].view()["lines"][-1][:3]


def test_a_model_of_ones_own_is_trained(fw: Framework) -> None:
    model = fw.Sequential(fw.Linear(2, 1), fw.Step())
    before = model[0].weight.data.copy()
    assert steps(fw, "trained", model=model)[-1].accuracy >= 0.9
    assert not np.array_equal(before, model[0].weight.data)


def test_a_model_that_the_rule_cannot_train_is_refused(fw: Framework) -> None:
    two = fw.Sequential(fw.Linear(2, 2), fw.Step(), fw.Linear(2, 1), fw.Step())
    with pytest.raises(TinyTorchError, match="one Linear"):
        steps(fw, "trained", model=two)
    with pytest.raises(TinyTorchError, match="not built from the tinytorch"):
        steps(fw, "trained", model=lambda x: x)


def test_a_model_of_an_earlier_import_is_refused() -> None:
    with Implementation.reference().active() as old:
        model = old.Sequential(old.Linear(2, 1), old.Step())
    with (
        Implementation.reference().active() as new,
        pytest.raises(TinyTorchError, match="runs now"),
    ):
        steps(new, "trained", model=model)


def test_own_weights_by_hand(fw: Framework) -> None:
    nand = {"hidden_weight": [[1, 1], [-1, -1]], "hidden_bias": [-0.5, 1.5]}
    run = steps(fw, "by-hand", **nand, output_weight=[1, 1], output_bias=-1.5)
    assert run[-1].accuracy == 1.0
    with pytest.raises(TinyTorchError, match=r"hidden_weight must be numbers of shape \(2, 2\)"):
        steps(fw, "by-hand", hidden_weight=[1, 2, 3])
    with pytest.raises(TinyTorchError, match="hidden_bias"):
        steps(fw, "by-hand", hidden_bias="half")


def test_settings_reject_what_they_do_not_know() -> None:
    recipe = load_recipe("perceptron:trained")
    with pytest.raises(UnknownName) as unknown:
        recipe.settings({}, {"learning_rte": 1})
    assert unknown.value.suggestions == ["learning_rate"]
    assert "hidden_weight" in load_recipe("xor:by_hand").known
    assert "hidden_weight" not in recipe.known


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", "many"),
        ("epochs", 1.5),
        ("learning_rate", -1.0),
        ("learning_rate", float("nan")),
        ("seed", -1),
        ("labels", "wrong"),
    ],
)
def test_settings_reject_what_makes_no_sense(name: str, value: object) -> None:
    with pytest.raises(TinyTorchError, match=name):
        Settings.of({}, {name: value})


def test_overrides_win_and_numbers_of_numpy_are_fine() -> None:
    settings = Settings.of({"epochs": 3, "seed": 1}, {"epochs": np.int64(20)})
    assert (settings.epochs, settings.seed) == (20, 1)


def test_clouds_can_be_told_apart_by_a_line_but_not_through_the_origin() -> None:
    points = two_clouds(2000, np.random.default_rng(0))
    assert points.inputs.dtype == points.labels.dtype == np.float32
    assert points.labels.shape == (2000, 1)
    centres = np.array(CENTRES)
    direction = centres[1] - centres[0]
    side = (points.inputs - centres.mean(axis=0)) @ direction > 0
    assert np.array_equal(side, points.labels[:, 0] == 1)
    assert np.linalg.norm(direction) > 2 * REACH
    angles = np.linspace(0, np.pi, 181)
    normals = np.stack([np.cos(angles), np.sin(angles)])
    right = ((points.inputs @ normals >= 0) == (points.labels == 1)).mean(axis=0)
    assert np.maximum(right, 1 - right).max() < 0.9


def test_the_digits_are_the_ones_that_were_promised() -> None:
    images, labels = load_digits()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0.0, 1.0)
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(labels).tolist() == counts
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_training_and_held_out_digits_do_not_overlap() -> None:
    training, held_out = two_digits(0, 1, 120, np.random.default_rng(3))
    assert (len(training), len(held_out)) == (240, 120)
    seen = {row.tobytes() for row in training.inputs}
    twice = sum(row.tobytes() in seen for row in held_out.inputs)
    assert twice <= 1  # the set itself may hold two equal images
    assert 0.3 < held_out.labels.mean() < 0.7


def test_time_outside_the_recipe_does_not_count(fw: Framework) -> None:
    recipe = load_recipe("xor:by_hand")
    run = timed(recipe.function(fw, recipe.settings({})))
    assert all(step.seconds > 0 for step in run)


def test_closing_a_run_closes_the_recipe() -> None:
    closed = []

    def recipe() -> Iterator[Step]:
        try:
            while True:
                yield Step(epoch=1, epochs=1, step=1, steps=1, loss=0.0)
        finally:
            closed.append(True)

    run = timed(recipe())
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert closed == [True]


def job(part: str, **settings: Any) -> dict[str, Any]:
    return {
        "root": str(reference_root()),
        "kind": "reference",
        "recipe": PARTS[part].recipe,
        "settings": {**PARTS[part].settings, **settings},
    }


def test_the_childs_side_sends_all_steps_and_says_that_it_is_done(fw: Framework) -> None:
    expected = steps(fw, "trained")
    messages: list[Any] = []
    child.run(job("trained"), messages.append)
    sent = [step for m in messages if "steps" in m for step in wire.decode(m["steps"])]
    assert [step.loss for step in sent] == [step.loss for step in expected]
    assert len(messages) < len(sent) / 10
    assert messages[-1]["done"]["exercised"] == ["01", "02", "03"]


def test_the_childs_side_says_what_was_wrong(tmp_path: Any) -> None:
    import shutil

    messages: list[Any] = []
    child.run({**job("trained"), "root": str(tmp_path)}, messages.append)
    assert messages[-1]["error"]["kind"] == "implementation"
    messages.clear()
    child.run(job("trained", epochs=0), messages.append)
    assert messages[-1]["error"]["kind"] == "settings"
    messages.clear()
    shutil.copytree(reference_root() / "tinytorch", tmp_path / "tinytorch")
    path = tmp_path / "tinytorch/core/tensor.py"
    stub = 'raise NotImplementedError("01.arithmetic: subtract")'
    path.write_text(path.read_text().replace("return a - b", stub))
    child.run({**job("trained"), "root": str(tmp_path), "kind": "yours"}, messages.append)
    error = messages[-1]["error"]
    assert (error["kind"], error["module"]) == ("student", "01")
    assert "01.arithmetic: subtract" in error["message"]
    for name in [n for n in sys.modules if n.partition(".")[0] == "tinytorch"]:
        del sys.modules[name]
