"""Recipes that learn by gradients: what a step carries, what may be chosen, what is measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.catalog.curves import STORED_VALUES, reference_curve
from tinytorch_milestones.errors import DataMissing, TinyTorchError
from tinytorch_milestones.training import handwriting, oracle, wire
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.exercised import Calls
from tinytorch_milestones.training.gates import judge_all
from tinytorch_milestones.training.implementation import Framework, Implementation
from tinytorch_milestones.training.mechanism import Design, Mechanism
from tinytorch_milestones.training.recipes import load_recipe
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.xor_learned import noisy_xor

MODULES = ["01", "02", "03", "04", "05", "06", "07", "08"]
SHORT: dict[str, dict[str, Any]] = {
    "learned": {"epochs": 12},
    "digits": {"epochs": 3},
    "mnist": {"epochs": 1},
}


def part_named(name: str) -> Part:
    return next(
        part
        for milestone in load().track("history").milestones
        for part in milestone.parts
        if part.id == name
    )


@pytest.fixture
def fw() -> Iterator[Framework]:
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        yield framework


def steps(fw: Framework, name: str, **overrides: Any) -> list[Step]:
    part = part_named(name)
    recipe = load_recipe(part.recipe)
    chosen = {**SHORT[name], **overrides}
    return list(recipe.function(fw, recipe.settings(part.settings, chosen)))


def folded(run: list[Step]) -> Evidence:
    evidence = Evidence()
    for step in run:
        evidence.fold(step)
    return evidence


@pytest.mark.parametrize("name", SHORT)
def test_every_step_is_complete_and_numbered(fw: Framework, name: str) -> None:
    run = steps(fw, name)
    assert [step.step for step in run] == list(range(1, len(run) + 1))
    assert {step.steps for step in run} == {len(run)}
    assert all(step.samples > 0 and np.isfinite(step.loss) for step in run)
    assert run[-1].epoch == run[-1].epochs == SHORT[name]["epochs"]
    told = [step.step for step in run if step.parameters]
    assert told[0] == 1
    assert told[-1] == len(run)
    assert max(np.diff(told)) <= 20
    assert all(len(step.parameters) == 4 for step in run if step.parameters)
    assert run[-1].accuracy is not None
    assert folded(run).metrics["accuracy"] == run[-1].accuracy


def test_the_seed_decides_everything(fw: Framework) -> None:
    assert wire.encode(steps(fw, "digits", seed=5)) == wire.encode(steps(fw, "digits", seed=5))
    assert steps(fw, "digits", seed=6)[0].loss != steps(fw, "digits", seed=5)[0].loss


def test_every_module_is_counted_in_training_and_in_use(fw: Framework) -> None:
    run = steps(fw, "digits")
    watched = [step.step for step in run if step.exercised]
    assert 2 in watched
    assert len(run) // 2 in watched
    assert len(watched) == 3
    counted = folded(run).exercised
    assert list(counted) == MODULES
    assert all(calls > 0 for calls in counted.values())
    assert wire.decode(wire.encode(run))[1].exercised == run[1].exercised


def test_a_module_that_is_not_called_is_not_counted(fw: Framework) -> None:
    calls = Calls(fw)
    layer, no_grad = fw.Linear(2, 1), fw.no_grad
    with calls.counting(), no_grad():
        layer(fw.Tensor(np.ones((1, 2), np.float32)))
    counted = calls.take()
    assert set(counted) == {"01", "03", "06"}  # no_grad is of module 06
    assert calls.take() == {}
    assert sys.getprofile() is None


def test_older_recipes_count_too(fw: Framework) -> None:
    for name in ("trained", "crisis", "by-hand"):
        part = part_named(name)
        recipe = load_recipe(part.recipe)
        run = list(recipe.function(fw, recipe.settings(part.settings, {"epochs": 2})))
        assert set(folded(run).exercised) == {"01", "02", "03"}


def test_images_show_first_what_is_still_wrong_and_the_end_shows_confusions(fw: Framework) -> None:
    run = steps(fw, "digits")
    early, late = run[12].view, run[-1].view
    assert early is not None
    assert late is not None
    picture = early()
    assert picture["kind"] == "images"
    assert picture["images"].shape == (16, 8, 8)
    wrong = [a != b for a, b in zip(picture["guesses"], picture["truths"], strict=True)]
    assert wrong == sorted(wrong, reverse=True)
    assert sum(wrong) == 12
    assert all(0 < value <= 1 for value in picture["confidence"])
    counts = late()["confusion"]
    assert counts["labels"] == [str(digit) for digit in range(10)]
    assert counts["matrix"].sum() == 360
    assert np.trace(counts["matrix"]) / 360 == pytest.approx(run[-1].accuracy)


def test_between_epochs_only_a_sample_is_asked_and_gates_wait_for_all(fw: Framework) -> None:
    run = steps(fw, "mnist", epochs=2, batch_size=500)
    looks = [step for step in run if step.accuracy is not None]
    assert len(looks) == 8
    whole = [looks[3].accuracy, looks[7].accuracy]
    assert [step.metrics.get("accuracy") for step in looks[4:7]] == [whole[0]] * 3
    assert "confusion" not in looks[2].view()
    assert looks[3].view()["confusion"]["matrix"].sum() == 2000
    # a picture between two such times keeps the last one
    assert looks[5].view()["confusion"]["matrix"] is looks[3].view()["confusion"]["matrix"]
    assert looks[7].view()["confusion"]["matrix"].sum() == 2000


def test_the_surface_of_xor_folds(fw: Framework) -> None:
    run = steps(fw, "learned", epochs=30)
    assert run[-1].view is not None
    picture = run[-1].view()
    surface = picture["surface"]
    values, (left, right, bottom, top) = surface["values"], surface["extent"]
    assert len(picture["lines"]) == 4
    assert run[0].view()["lines"] != picture["lines"]

    def answer(x: float, y: float) -> float:
        size = len(values) - 1
        row, column = (y - bottom) / (top - bottom), (x - left) / (right - left)
        return float(values[round(row * size), round(column * size)])

    assert answer(0, 1) > 0.8
    assert answer(1, 0) > 0.8
    assert answer(0, 0) < 0.2
    assert answer(1, 1) < 0.2


def test_noisy_xor_is_balanced_and_its_clouds_do_not_touch() -> None:
    points = noisy_xor(400, np.random.default_rng(0))
    assert points.labels.mean() == 0.5
    nearest = points.inputs > 0.5
    assert np.array_equal(nearest[:, 0] != nearest[:, 1], points.labels[:, 0] == 1)


def test_a_model_of_ones_own_and_other_settings(fw: Framework) -> None:
    own = fw.Sequential(fw.Flatten(), fw.Linear(64, 24), fw.Tanh(), fw.Dropout(0.1))
    own.layers.append(fw.Linear(24, 10))
    run = steps(fw, "digits", model=own, optimizer="adam", learning_rate=0.01, epochs=6)
    assert folded(run).metrics["accuracy"] > 0.9
    assert own.training
    assert not [v for v in judge_all(part_named("digits").gates, folded(run)) if not v.passed]
    optimizer = fw.AdamW(own.parameters(), lr=0.001)
    again = steps(fw, "digits", model=own, optimizer=optimizer, epochs=1)
    assert again[0].loss < run[0].loss / 2


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        ({"hidden": 0}, "hidden is 0"),
        ({"hidden": "many"}, "hidden is 'many'"),
        ({"momentum": 1.5}, "momentum is 1.5"),
        ({"optimizer": "rmsprop"}, "optimizer is 'rmsprop'"),
        ({"schedule": "steps"}, "schedule is 'steps'"),
        ({"optimizer": object()}, "does not train the model of this run"),
        ({"model": lambda x: x}, "not built from the tinytorch"),
    ],
)
def test_choices_that_make_no_sense(fw: Framework, chosen: dict[str, Any], problem: str) -> None:
    with pytest.raises(TinyTorchError, match=problem):
        steps(fw, "digits", **chosen)


def test_a_model_with_the_wrong_answers_is_refused(fw: Framework) -> None:
    model = fw.Sequential(fw.Flatten(), fw.Linear(64, 9))
    with pytest.raises(TinyTorchError, match=r"\(2, 9\); \(2, 10\) is needed"):
        steps(fw, "digits", model=model)


def test_what_is_held_out_cannot_be_written_to(fw: Framework) -> None:
    class Thief(fw.Layer):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            if not self.training:
                x.data[...] = 0
            return x

    model = fw.Sequential(Thief(), fw.Flatten(), fw.Linear(64, 10))
    with pytest.raises(ValueError, match="read-only"):
        steps(fw, "digits", model=model)


def test_a_hidden_layer_that_is_left_out_is_noticed(fw: Framework) -> None:
    class Shortcut(fw.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            self.unused, self.used = fw.Linear(64, 10), fw.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            return self.used(x.reshape(x.shape[0], 64))

    metrics = folded(steps(fw, "digits", model=Shortcut())).metrics
    assert metrics["gradients_alive"] == 0.5
    assert metrics["parameters_moved"] == 0.5


def test_all_of_mnist_goes_on_after_the_gates_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    part = part_named("mnist")
    recipe = load_recipe(part.recipe)
    assert recipe.settings(part.settings).patience > 0
    assert recipe.settings(part.settings, {"data": "full"}).patience == 0
    assert recipe.settings(part.settings, {"data": "full", "patience": 9}).patience == 9


def test_all_of_mnist_offline_says_what_to_fetch(
    fw: Framework, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path))
    handwriting.read_split.cache_clear()
    with pytest.raises(DataMissing, match="MNIST, all 70,000 images"):
        steps(fw, "mnist", data="full")


def test_training_and_held_out_images_do_not_overlap() -> None:
    training, held_out = handwriting.read_split("mnist")
    assert (len(training), len(held_out)) == (10_000, 2_000)
    assert training.inputs.shape[1:] == (1, 28, 28)
    assert (training.inputs.min(), training.inputs.max()) == (0.0, 1.0)
    seen = {row.tobytes() for row in training.inputs}
    assert not any(row.tobytes() in seen for row in held_out.inputs)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "BinaryCrossEntropyLoss"])
def test_the_checks_before_training_accept_the_reference(
    fw: Framework, optimizer: str, loss: str
) -> None:
    for seed in range(5):
        design = Design(
            activation="Tanh",
            loss=loss,
            images=seed % 2 == 0,
            optimizer=optimizer,
            momentum=0.9,
            weight_decay=0.01,
            schedule="cosine",
        )
        judge = Mechanism(fw, seed, design)
        judge.examine()
        assert not judge.failed, judge.note
        assert len(judge.metrics) == 9


def test_the_oracles_gradients_agree_with_finite_differences() -> None:
    rng = np.random.default_rng(1)
    for kind, outputs in (("CrossEntropyLoss", 4), ("BinaryCrossEntropyLoss", 1)):
        for activation in ("Tanh", "Sigmoid", "ReLU"):
            shapes = [(5, 6), (5,), (outputs, 5), (outputs,)]
            weights = [rng.normal(size=shape) for shape in shapes]
            inputs = rng.normal(size=(7, 6))
            targets = rng.integers(0, 4, 7) if outputs == 4 else rng.integers(0, 2, (7, 1))

            def loss(*values: Any, kind: str = kind, activation: str = activation) -> float:
                network = oracle.Network(activation, kind, values)
                return oracle.loss(kind, network.forward(inputs), targets)  # noqa: B023

            expected = oracle.slope(loss, weights)
            found = oracle.Network(activation, kind, weights).gradients(inputs, targets)
            for got, right in zip(found, expected, strict=True):
                np.testing.assert_allclose(got, right, atol=1e-7)


def test_every_part_has_a_reference_curve() -> None:
    for milestone in load().all_milestones():
        for part in milestone.parts:
            curve = reference_curve(milestone.id, part.id)
            assert (curve is None) == part.coming, f"{milestone.id}/{part.id}"
            if curve is not None:
                assert 1 < len(curve.losses) <= STORED_VALUES
                assert len(curve.accuracies) <= STORED_VALUES
                assert curve.accuracies[-1][0] <= curve.steps
    assert reference_curve("mlp", "nothing") is None
