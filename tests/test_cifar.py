"""Recipes on CIFAR-10: on a small folder in the original's format, and on the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.photos import FOLDER, write_photos
from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.errors import DataMissing, TinyTorchError
from tinytorch_milestones.training import oracle, wire
from tinytorch_milestones.training.cifar import network
from tinytorch_milestones.training.clouds import array_of
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import Settled, judge_all
from tinytorch_milestones.training.implementation import Framework, Implementation
from tinytorch_milestones.training.learner import Learner
from tinytorch_milestones.training.mechanism import Design, Mechanism
from tinytorch_milestones.training.photographs import (
    MEAN,
    STD,
    augmentation,
    normalised,
    photographs,
    whitening,
)
from tinytorch_milestones.training.recipes import load_recipe
from tinytorch_milestones.training.steps import Step


def part_of(milestone: str) -> Part:
    return load().milestone(milestone).parts[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def photos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINYTORCH_DATA", str(folder))
    return folder


@pytest.fixture
def fw() -> Iterator[Framework]:
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        yield framework


def steps(fw: Framework, milestone: str = "full-training", **chosen: Any) -> list[Step]:
    part = part_of(milestone)
    recipe = load_recipe(part.recipe)
    return list(recipe.function(fw, recipe.settings(part.settings, chosen)))


def folded(run: list[Step]) -> Evidence:
    evidence = Evidence()
    for step in run:
        evidence.fold(step)
    return evidence


@pytest.mark.parametrize("milestone", ["full-training", "advanced-vision"])
def test_every_gate_holds_on_pictures_that_can_be_learned(
    fw: Framework, photos: Path, milestone: str
) -> None:
    run = steps(fw, milestone, epochs=3)
    assert [step.step for step in run] == list(range(1, 3 * 13 + 1))
    verdicts = judge_all(part_of(milestone).gates, folded(run))
    assert [(v.id, v.measured) for v in verdicts if not v.passed] == []
    assert all(set(step.parameters) == set(run[0].parameters) for step in run if step.parameters)
    assert not any(name.startswith("0.") for name in run[0].parameters)  # whitening is no parameter


def test_shuffled_labels_stay_near_chance(fw: Framework, photos: Path) -> None:
    run = steps(fw, epochs=4, labels="shuffled")
    failed = [v.id for v in judge_all(part_of("full-training").gates, folded(run)) if not v.passed]
    assert "accuracy" in failed
    assert folded(run).metrics["accuracy"] < 0.25


def test_the_seed_decides_everything(fw: Framework, photos: Path) -> None:
    assert wire.encode(steps(fw, epochs=1, seed=5)) == wire.encode(steps(fw, epochs=1, seed=5))
    assert steps(fw, epochs=1, seed=6)[0].loss != steps(fw, epochs=1, seed=5)[0].loss


def test_photographs_stay_bytes_and_are_normalised_a_few_at_a_time(
    fw: Framework, photos: Path
) -> None:
    training, held_out = photographs()
    assert (training.inputs.shape, held_out.inputs.shape) == ((800, 3, 32, 32), (500, 3, 32, 32))
    assert training.inputs.dtype == held_out.inputs.dtype == np.uint8
    given = normalised(held_out.inputs[:7])
    assert given.dtype == np.float32
    student = fw.Normalize(MEAN, STD)(held_out.inputs[:7])
    np.testing.assert_allclose(given, student, atol=1e-6)
    sizes: list[int] = []

    class Spy(fw.Layer):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            assert x.dtype == np.float32
            sizes.append(len(x))
            return x.reshape(len(x), -1)[:, :10]

    answers = Learner(fw, Spy(), held_out, binary=False, given=normalised).answers()
    assert len(answers.guesses) == sum(sizes) == 500
    assert max(sizes) <= 250


def test_augmentation_moves_bytes_and_keeps_every_photograph_whole(
    fw: Framework, photos: Path
) -> None:
    images = photographs()[0].inputs[:40].copy()
    before = images.copy()
    result = augmentation(fw, 3)(images)
    assert np.array_equal(images, before)
    assert result.shape == images.shape
    assert result.dtype == np.float32
    pixels = np.rint(result * STD.reshape(-1, 1, 1) + MEAN.reshape(-1, 1, 1)).astype(np.uint8)
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    for got, whole in zip(pixels, padded, strict=True):
        pieces = [
            version[:, top : top + 32, left : left + 32]
            for version in (whole, whole[..., ::-1])
            for top in range(5)
            for left in range(5)
        ]
        assert any(np.array_equal(got, piece) for piece in pieces)


def test_whitened_patches_are_uncorrelated(photos: Path) -> None:
    images = photographs()[0].inputs
    filters = whitening(images)
    assert filters.shape == (12, 3, 2, 2)
    assert filters.dtype == np.float32
    inputs = normalised(images[:2000])
    rows = np.concatenate(
        [
            inputs[:, :, i : i + 2, j : j + 2].reshape(len(inputs), -1)
            for i in range(0, 32, 2)
            for j in range(0, 32, 2)
        ]
    )
    covariance = np.cov(rows @ filters.reshape(12, -1).T, rowvar=False)
    off = covariance - np.diag(np.diag(covariance))
    assert np.abs(off).max() < 0.02
    assert np.diag(covariance).max() < 1.01
    assert np.diag(covariance).min() > 0.7


def test_whitening_does_not_learn_and_all_else_does(fw: Framework, photos: Path) -> None:
    images = photographs()[0].inputs
    model = network(fw, images, (8, 8), signs=True)
    names = {name for name, _ in model.named_parameters()}
    assert "0.weight" not in names
    assert "0.weight" in model.state_dict()
    assert len(names) == 2 * 3 + 2
    start = array_of(model[0].weight).copy()
    run = steps(fw, epochs=1, widths="8-8", model=None)
    assert run[-1].metrics["filters_moved"] > 0.9
    loss = fw.CrossEntropyLoss()(model(fw.Tensor(normalised(images[:8]))), fw.Tensor([1] * 8))
    loss.backward()
    fw.SGD(model.parameters(), lr=0.1).step()
    assert np.array_equal(array_of(model[0].weight), start)


def test_only_everything_held_out_ends_a_run(
    fw: Framework, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("TINYTORCH_DATA", str(write_photos(tmp_path / "many", held_out=1000)))
    part = part_of("full-training")
    recipe = load_recipe(part.recipe)
    chosen = recipe.settings(part.settings, {"epochs": 4, "patience": 1})
    evidence, settled = Evidence(), Settled(part.gates, chosen.patience)
    first = 0  # the step at which a sample would have been enough
    for step in recipe.function(fw, chosen):
        evidence.fold(step)
        if not first and all(v.passed for v in judge_all(part.gates[:-1], evidence)):
            first = step.step if (step.accuracy or 0.0) >= 0.55 else 0
        if settled.after(evidence):
            break
    assert evidence.steps % 13 == 0
    assert evidence.steps < 4 * 13
    assert evidence.metrics["asked"] == 1.0
    assert step.view is not None
    assert step.view()["confusion"]["matrix"].sum() == 1000
    sampled = [place for place, _ in evidence.accuracies if place % 13]
    assert sampled
    assert sampled[0] < evidence.steps


def test_a_quick_run_is_short_and_honest(
    fw: Framework, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinytorch_milestones.training.cifar._QUICK", 300)
    run = steps(fw, epochs=8, quick=True)
    assert run[-1].steps == 2 * 5
    assert sum(step.samples for step in run) == 2 * 300
    assert run[-1].view()["confusion"]["matrix"].sum() == 500


def test_a_limit_of_time_ends_a_run_with_a_whole_evaluation(fw: Framework, photos: Path) -> None:
    run = steps(fw, epochs=50, seconds=0.2)
    assert run[-1].step < run[-1].steps
    assert run[-1].accuracy is not None
    assert run[-1].metrics["asked"] == 1.0
    with pytest.raises(TinyTorchError, match="seconds is -1"):
        steps(fw, epochs=1, seconds=-1)


def test_a_step_carries_what_the_dashboard_shows(fw: Framework, photos: Path) -> None:
    run = steps(fw, epochs=1)
    assert run[-1].view is not None
    view = run[-1].view()
    assert view["images"].shape == (16, 32, 32, 3)
    assert 0.0 <= view["images"].min() <= view["images"].max() <= 1.0
    assert view["filters"]["weights"].shape == (16, 12, 3, 3)
    assert not np.array_equal(view["filters"]["weights"], view["filters"]["start"])
    assert view["maps"]["image"].shape == (32, 32, 3)
    assert view["maps"]["layer"] == "1"
    assert {label for label, _, _ in view["classes"]} == set(view["confusion"]["labels"])
    assert set(run[-1].exercised) | set(run[1].exercised) >= {f"0{i}" for i in range(1, 10)}


def test_a_model_of_ones_own_and_other_habits(fw: Framework, photos: Path) -> None:
    own = fw.Sequential(
        *(fw.Conv2d(3, 8, 5, padding=2), fw.ReLU(), fw.AvgPool2d(4)),
        *(fw.Flatten(), fw.Linear(512, 10)),
    )
    run = steps(
        fw,
        model=own,
        epochs=6,
        optimizer="adam",
        learning_rate=0.01,
        schedule="cosine",
        label_smoothing=0.0,
        weight_decay=0.0,
    )
    verdicts = judge_all(part_of("full-training").gates, folded(run))
    assert [(v.id, v.measured) for v in verdicts if not v.passed] == []


@pytest.mark.parametrize("widths", ["", "24-many", (0,), "8-8-8-8-8", 3.5])
def test_widths_that_make_no_sense(fw: Framework, photos: Path, widths: Any) -> None:
    with pytest.raises(TinyTorchError, match="widths is"):
        steps(fw, widths=widths)


def test_widths_may_be_chosen(fw: Framework, photos: Path) -> None:
    run = steps(fw, widths=(6, 10), epochs=1)
    assert run[-1].view()["filters"]["weights"].shape[0] == 6
    assert run[-1].metrics["statistics_running"] == 1.0


def test_without_photographs_it_says_what_to_fetch(
    fw: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path))
    with pytest.raises(DataMissing) as caught:
        steps(fw)
    assert "CIFAR-10" in caught.value.message
    for words in ("tito data fetch cifar10", "TINYTORCH_DATA", "MNIST need no download"):
        assert words in caught.value.remedy


def test_a_damaged_batch_is_named(
    fw: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_photos(tmp_path / "damaged", each=10, held_out=10)
    path = root / FOLDER / "data_batch_3"
    path.write_bytes(path.read_bytes()[:-200])
    monkeypatch.setenv("TINYTORCH_DATA", str(root))
    with pytest.raises(TinyTorchError, match="data_batch_3"):
        steps(fw)


def test_statistics_that_do_not_run_are_noticed(fw: Framework, photos: Path) -> None:
    held_out = photographs()[1]
    model = network(fw, held_out.inputs, (4, 4), signs=False)
    learner = Learner(fw, model, held_out, binary=False, given=normalised)
    assert learner.statistics() == {"statistics_running": 0.0}
    model(fw.Tensor(normalised(held_out.inputs[:16])))
    assert learner.statistics() == {"statistics_running": 1.0}
    norms = [layer for layer in model.layers if isinstance(layer, fw.BatchNorm2d)]
    norms[0].running_mean.data[...] = 0.0
    assert learner.statistics() == {"statistics_running": 0.5}
    assert all(layer.training for layer in norms)

    class Forgetful(fw.BatchNorm2d):  # type: ignore[misc]
        def eval(self) -> Any:
            return self

    forgetful = Forgetful(12)
    other = fw.Sequential(model[0], forgetful)
    watching = Learner(fw, other, held_out, binary=False, given=normalised)
    other(fw.Tensor(normalised(held_out.inputs[:16])))
    forgetful.running_mean.data[...] += 3.0
    assert watching.statistics() == {"statistics_running": 0.0}


def test_the_checks_accept_the_reference_with_every_habit(fw: Framework) -> None:
    for seed in range(4):
        design = Design(
            activation="ReLU",
            loss="CrossEntropyLoss",
            images=True,
            momentum=0.9,
            nesterov=seed % 2 == 0,
            weight_decay=5e-4,
            label_smoothing=0.1,
            schedule="onecycle",
            augmented=True,
            spatial=("Conv2d", "MaxPool2d", "BatchNorm2d"),
        )
        judge = Mechanism(fw, seed, design)
        judge.examine()
        assert not judge.failed, judge.note


def test_numpys_one_cycle_nesterov_and_smoothing_agree_with_the_formulas(fw: Framework) -> None:
    optimizer = fw.SGD([fw.Tensor(np.zeros(2, np.float32), requires_grad=True)], lr=0.1)
    schedule = fw.OneCycle(optimizer, 0.4, total_steps=20, pct_start=0.3)
    for step in range(20):
        assert schedule.lr_at(step) == pytest.approx(oracle.one_cycle(0.4, step, 20, 0.3))
    rng = np.random.default_rng(2)
    logits, targets = rng.normal(size=(5, 4)), np.array([0, 1, 3, 3, 2])
    spread = np.full((5, 4), 0.1 / 4)
    spread[np.arange(5), targets] += 0.9
    right = -(spread * np.log(oracle.softmax(logits))).sum(axis=1).mean()
    assert oracle.loss("CrossEntropyLoss", logits, targets, 0.1) == pytest.approx(right)
    weights = [rng.normal(size=shape) for shape in ((5, 6), (5,), (4, 5), (4,))]
    inputs = rng.normal(size=(5, 6))

    def loss(*values: Any) -> float:
        small = oracle.Network("ReLU", "CrossEntropyLoss", values)
        return oracle.loss("CrossEntropyLoss", small.forward(inputs), targets, 0.1)

    found = oracle.Network("ReLU", "CrossEntropyLoss", weights, 0.1).gradients(inputs, targets)
    for got, expected in zip(found, oracle.slope(loss, weights), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-7)


def test_real_photographs_teach_something_in_seconds(
    fw: Framework, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (real_data / FOLDER).is_dir():
        pytest.skip(f"needs the original CIFAR-10: {FOLDER} in the folder TINYTORCH_DATA names")
    monkeypatch.setattr("tinytorch_milestones.training.cifar._QUICK", 5000)
    run = steps(fw, quick=True)
    metrics = folded(run).metrics
    assert run[-1].view()["confusion"]["matrix"].sum() == 10_000
    assert metrics["accuracy"] > 0.35
    assert metrics["loss_drop"] > 0.1
    assert metrics["statistics_running"] == metrics["filters_moved"] == 1.0
