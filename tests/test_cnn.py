"""LeNet's recipes, the checks of module 09 before a run, and what is seen of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.training import cnn, handwriting, oracle
from tinytorch_milestones.training import spatial_oracle as right
from tinytorch_milestones.training.clouds import Examples
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.implementation import Framework, Implementation
from tinytorch_milestones.training.learner import Answers, Learner
from tinytorch_milestones.training.mechanism import Design, Mechanism
from tinytorch_milestones.training.recipes import load_recipe
from tinytorch_milestones.training.seeing import (
    MAPS,
    Gallery,
    feature_maps,
    first_convolution,
    layers_inside,
)
from tinytorch_milestones.training.steps import Step

EVERYTHING = ("Conv2d", "MaxPool2d", "AvgPool2d", "BatchNorm2d")
NINE = ["agree.convolution", "agree.convolution_gradients", "agree.pooling"]


def part_of(milestone: str, part: str) -> Part:
    found = next(m for m in load().all_milestones() if m.id == milestone)
    return next(p for p in found.parts if p.id == part)


@pytest.fixture
def fw() -> Iterator[Framework]:
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        yield framework


def steps(fw: Framework, part: Part, **overrides: Any) -> list[Step]:
    recipe = load_recipe(part.recipe)
    return list(recipe.function(fw, recipe.settings(part.settings, overrides)))


def digits(fw: Framework, **overrides: Any) -> list[Step]:
    return steps(fw, part_of("cnn", "digits"), **{"epochs": 2, **overrides})


def metrics(run: list[Step]) -> dict[str, float]:
    evidence = Evidence()
    for step in run:
        evidence.fold(step)
    return evidence.metrics


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST with 320 digits to learn from and 100 held out."""
    training, held_out = handwriting.read_split("mnist")

    def few(name: str) -> tuple[Examples, Examples]:
        return (
            Examples(training.inputs[:320].copy(), training.labels[:320].copy()),
            Examples(held_out.inputs[:100].copy(), held_out.labels[:100].copy()),
        )

    monkeypatch.setattr(handwriting, "read_split", few)


# the oracle


def _slopes(compute: Callable[..., Any], arrays: list[Any], outer: Any) -> list[Any]:
    return oracle.slope(lambda *given: float((compute(*given) * outer).sum()), arrays)


@pytest.mark.parametrize(
    ("stride", "padding"), [((1, 1), (0, 0)), ((2, 1), (1, 0)), ((3, 2), (0, 2))]
)
def test_the_oracle_of_convolution_agrees_with_itself_there_and_back(
    stride: right.Two, padding: right.Two
) -> None:
    rng = np.random.default_rng(1)
    x, weight, bias = rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(4, 3, 3, 2)), np.ones(4)
    got = right.convolve(x, weight, bias, stride, padding)
    row, column = got.shape[2] - 1, got.shape[3] - 1
    # one number by hand: a filter laid on its window
    edged = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    top, left = row * stride[0], column * stride[1]
    window = edged[1, :, top : top + 3, left : left + 2]
    assert got[1, 2, row, column] == pytest.approx((window * weight[2]).sum() + 1)
    outer = rng.normal(size=got.shape)
    expected = _slopes(
        lambda *given: right.convolve(*given, stride, padding), [x, weight, bias], outer
    )
    for found, slope in zip(
        right.convolve_back(outer, x, weight, stride, padding), expected, strict=True
    ):
        np.testing.assert_allclose(found, slope, atol=1e-7)


@pytest.mark.parametrize("kind", ["max", "average"])
def test_the_oracle_of_pooling_agrees_with_itself_there_and_back(kind: str) -> None:
    rng = np.random.default_rng(2)
    x = -1.0 - rng.random((2, 3, 7, 6))
    how = ((3, 2), (2, 2), (1, 0))
    got = right.pool(kind, x, *how)
    window = x[1, 2, 1:4, 2:4]
    assert got[1, 2, 1, 1] == pytest.approx(window.max() if kind == "max" else window.mean())
    assert got.max() < 0
    outer = rng.normal(size=got.shape)
    (expected,) = _slopes(lambda given: right.pool(kind, given, *how), [x], outer)
    (found,) = right.pool_back(outer, kind, x, *how)
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_the_oracle_of_normalisation_agrees_with_itself_there_and_back() -> None:
    rng = np.random.default_rng(3)
    x, weight, bias = rng.normal(3, 2, size=(3, 2, 4, 3)), rng.normal(size=2), rng.normal(size=2)

    def compute(*given: Any) -> Any:
        return right.normalize(*given, *right.statistics(given[0]))

    plain = right.normalize(x, np.ones(2), np.zeros(2), *right.statistics(x))
    np.testing.assert_allclose(plain.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(plain.std(axis=(0, 2, 3)), 1, atol=1e-5)
    outer = rng.normal(size=x.shape)
    expected = _slopes(compute, [x, weight, bias], outer)
    for found, slope in zip(right.normalize_back(outer, x, weight), expected, strict=True):
        np.testing.assert_allclose(found, slope, atol=1e-6)


# the checks before a run


@pytest.mark.parametrize("activation", ["ReLU", "Tanh"])
@pytest.mark.parametrize("spatial", [EVERYTHING, ("Conv2d",), ("Conv2d", "AvgPool2d")])
def test_the_checks_of_module_09_accept_the_reference(
    fw: Framework, activation: str, spatial: tuple[str, ...]
) -> None:
    for seed in range(4):
        judge = Mechanism(fw, seed, _design(spatial, activation))
        judge.examine()
        assert not judge.failed, judge.note
        assert list(judge.metrics)[9:11] == NINE[:2]
        assert ("agree.pooling" in judge.metrics) == (len(spatial) > 1)
        assert list(judge.metrics)[-1] == "agree.network"


def _design(spatial: tuple[str, ...], activation: str = "ReLU") -> Design:
    return Design(activation=activation, loss="CrossEntropyLoss", images=True, spatial=spatial)


def test_a_design_without_convolutions_asks_nothing_of_module_09(fw: Framework) -> None:
    judge = Mechanism(fw, 1, _design(()))
    judge.examine()
    assert not judge.failed
    assert not [name for name in judge.metrics if name in (*NINE, "agree.network")]


def test_a_function_that_mixes_up_its_gradients_is_a_fault_of_module_06(fw: Framework) -> None:
    function = fw.module("core.autograd").Function
    slopes = function.slopes

    def mixed(self: Any, node: Any, gradient: Any) -> Any:
        found = slopes(self, node, gradient)
        places = [place for place, _ in found]
        return list(zip(places, [part for _, part in found][::-1], strict=True))

    function.slopes = mixed
    judge = Mechanism(fw, 1, _design(EVERYTHING))
    judge.examine()
    assert "a Function" in judge.note
    assert judge.metrics["agree.gradients"] > 1e-2
    assert "agree.convolution" not in judge.metrics


def test_what_only_the_users_model_needs_is_asked_too(fw: Framework) -> None:
    layers = [fw.Conv2d(1, 2, 3), fw.Sequential(fw.BatchNorm2d(2)), fw.Flatten()]
    assert cnn._spatial(fw, None) == ("Conv2d", "MaxPool2d")
    found = cnn._spatial(fw, fw.Sequential(*layers, fw.Linear(72, 10)))
    assert found == ("Conv2d", "MaxPool2d", "BatchNorm2d")


# the recipes


def test_lenet_is_trained_beside_the_network_of_1986(fw: Framework) -> None:
    run = digits(fw, epochs=4)
    rival = run[0].metrics["mlp.accuracy"]
    assert 0.9 < rival < 1
    assert not any("mlp.accuracy" in step.metrics for step in run[1:])
    asked = [step for step in run if step.accuracy is not None]
    assert len(asked) == 16
    leads = [step.metrics["lead"] for step in asked]
    assert leads == [step.accuracy - rival for step in asked if step.accuracy is not None]
    found = metrics(run)
    assert found["parameter_count"] == 2216
    assert found["filters_moved"] == found["gradients_alive"] == 1.0
    assert [step.step for step in run] == list(range(1, 181))


def test_the_rival_is_what_the_milestone_of_1986_trains(fw: Framework) -> None:
    settings = part_of("mlp", "digits").settings
    assert settings["epochs"] == cnn._RIVAL_EPOCHS
    assert settings["batch_size"] == cnn._RIVAL_BATCH
    assert settings["learning_rate"] == cnn._RIVAL_RATE
    assert settings["momentum"] == 0.9
    run = steps(fw, part_of("mlp", "digits"), seed=3)
    training, held_out = handwriting.small_digits(3)
    assert cnn._rival(fw, 3, training, held_out) == run[-1].accuracy
    size = next(g for g in part_of("cnn", "digits").gates if g.id == "size")
    assert size.required == metrics(run[:1])["parameter_count"] == 2410


def test_a_model_without_filters_has_none_that_turned(fw: Framework) -> None:
    model = fw.Sequential(fw.Flatten(), fw.Linear(64, 10))
    assert metrics(digits(fw, model=model, epochs=1))["filters_moved"] == 0.0


def test_weight_decay_turns_no_filter(fw: Framework) -> None:
    model = fw.Sequential(fw.Conv2d(2, 4, 3), fw.Flatten(), fw.Linear(16, 3))
    nothing = Examples(np.zeros((1, 2, 4, 4), np.float32), np.zeros(1, np.int64))
    learner = Learner(fw, model, nothing, binary=False)
    weight = model[0].weight.data
    assert learner.filters_moved() == 0.0
    weight *= np.float32(0.5)
    assert learner.filters_moved() == 0.0
    weight[1] += np.arange(18, dtype=np.float32).reshape(2, 3, 3) / 100
    assert learner.filters_moved() == 0.25


def test_every_epoch_sees_mnist_at_other_places(
    fw: Framework, few_digits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    crop = fw.RandomCrop
    seen: list[tuple[int, ...]] = []
    call = crop.__call__

    def watched(self: Any, images: Any) -> Any:
        seen.append((self.size, self.padding, *images.shape))
        return call(self, images)

    monkeypatch.setattr(crop, "__call__", watched)
    run = steps(fw, part_of("cnn", "mnist"), epochs=2)
    # the checks before the run crop images of their own
    assert seen[-20:] == [(28, 2, 32, 1, 28, 28)] * 20
    assert metrics(run)["parameter_count"] == 61_706
    assert set(metrics(run)) >= {"augment.faults", *NINE, "agree.network", "filters_moved"}


def test_lenets_of_all_tracks_share_one_recipe() -> None:
    names = {
        (m.id, p.id): p.recipe
        for m in load().all_milestones()
        for p in m.parts
        if m.id in ("cnn", "computer-vision")
    }
    assert names == {
        ("cnn", "digits"): "cnn:digits",
        ("cnn", "mnist"): "cnn:mnist",
        ("computer-vision", "victory"): "cnn:mnist",
    }
    recipe = load_recipe("cnn:mnist")
    assert "hidden" not in recipe.known
    assert recipe.settings(part_of("cnn", "mnist").settings, {"data": "full"}).patience == 0


# what is seen


def test_the_picture_shows_filters_and_one_image_all_through_the_run(fw: Framework) -> None:
    run = digits(fw)
    first, last = run[0].view(), run[-1].view()  # type: ignore[misc]
    assert first["filters"]["weights"].shape == (12, 1, 3, 3)
    assert first["filters"]["layer"] == last["filters"]["layer"] == "0"
    assert np.array_equal(first["filters"]["weights"], first["filters"]["start"])
    assert np.array_equal(first["filters"]["start"], last["filters"]["start"])
    assert not np.array_equal(last["filters"]["weights"], last["filters"]["start"])
    assert first["maps"]["maps"].shape == (12, 8, 8)
    assert first["maps"]["maps"].min() >= 0
    assert np.array_equal(first["maps"]["image"], last["maps"]["image"])
    assert first["maps"]["label"] == last["maps"]["label"]
    assert not np.array_equal(first["maps"]["maps"], last["maps"]["maps"])
    labels, accuracies, counts = zip(*last["classes"], strict=True)
    assert labels == tuple(handwriting.CLASSES)
    assert sum(counts) == 360
    assert np.dot(accuracies, counts) / 360 == pytest.approx(run[-1].accuracy)
    best, worst = last["extremes"]["best"], last["extremes"]["worst"]
    assert best["truths"] == best["guesses"]
    assert best["images"].shape == (8, 8, 8)
    assert best["confidence"] == sorted(best["confidence"], reverse=True)
    assert not any(a == b for a, b in zip(worst["truths"], worst["guesses"], strict=True))
    assert worst["confidence"] == sorted(worst["confidence"], reverse=True)


def test_a_network_without_convolutions_shows_none(fw: Framework) -> None:
    view = steps(fw, part_of("mlp", "digits"), epochs=1)[-1].view()  # type: ignore[misc]
    assert not {"filters", "maps"} & set(view)
    assert {"classes", "extremes", "confusion"} <= set(view)


def test_maps_are_what_comes_after_the_activation(fw: Framework) -> None:
    image = np.random.default_rng(5).random((1, 9, 8)).astype(np.float32)
    conv = fw.Conv2d(1, 20, 2)
    bare = conv(fw.Tensor(image[None])).data[0]
    tail = [fw.Flatten(), fw.Linear(20 * 56, 3)]
    name, maps = _maps(fw, fw.Sequential(conv, fw.ReLU(), *tail), image)
    assert (name, len(maps)) == ("0", MAPS)
    np.testing.assert_array_equal(maps, np.maximum(bare, 0)[:MAPS])
    _, maps = _maps(fw, fw.Sequential(conv, *tail), image)
    np.testing.assert_array_equal(maps, bare[:MAPS])
    pooled = [fw.MaxPool2d(2), fw.Tanh(), fw.Flatten(), fw.Linear(20 * 12, 3)]
    _, maps = _maps(fw, fw.Sequential(conv, *pooled), image)
    np.testing.assert_allclose(
        maps, np.tanh(right.pool("max", bare[None], (2, 2), (2, 2), (0, 0)))[0, :MAPS], rtol=1e-5
    )
    assert "forward" not in vars(conv)


def _maps(fw: Framework, model: Any, image: Any) -> tuple[str, Any]:
    found = feature_maps(fw, model, image)
    assert found is not None
    assert model.training
    return found


def test_filters_that_do_not_learn_are_passed_over(fw: Framework) -> None:
    class Own(fw.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.white = fw.Conv2d(1, 4, 2)
            self.white.weight.requires_grad = False
            self.body = fw.Sequential(fw.Conv2d(4, 3, 3), fw.ReLU(), fw.Flatten())
            self.last = [fw.Linear(108, 10)]

        def forward(self, x: Any) -> Any:
            return self.last[0](self.body(self.white(x)))

    model, image = Own(), np.ones((1, 9, 9), np.float32)
    found = first_convolution(fw, model)
    assert found is not None
    assert (found[0], found[1] is model.body[0]) == ("body.0", True)
    assert feature_maps(fw, model, image)[1].shape == (3, 6, 6)  # type: ignore[index]
    names = [name for name, layer in layers_inside(fw, model) if isinstance(layer, fw.Linear)]
    assert names == ["last.0"]
    # a model that cannot answer about one image has no maps, and the run goes on
    assert feature_maps(fw, model, np.ones((2, 9, 9), np.float32)) is None
    assert "forward" not in vars(model.body[0])
    assert first_convolution(fw, fw.Sequential(fw.Flatten(), fw.Linear(4, 2))) is None


def test_colour_and_bytes_come_out_as_fractions(fw: Framework) -> None:
    rng = np.random.default_rng(6)
    held_out = Examples(rng.integers(0, 256, (9, 3, 5, 4), dtype=np.uint8), np.arange(9) % 2)
    model = fw.Sequential(fw.Conv2d(3, 2, 2), fw.Flatten(), fw.Linear(24, 2))
    learner = Learner(fw, model, held_out, binary=False)
    guesses = np.array([0, 1, 0, 1, 1, -1, 0, 1, 1])
    answers = Answers(
        np.arange(9), guesses, np.linspace(0.5, 0.9, 9), guesses == held_out.labels, True
    )
    gallery = Gallery(
        ["cat", "ship"],
        colour=True,
        noun="photographs",
        given=lambda inputs: inputs.astype(np.float32) / 255,
    )
    view = gallery(learner, answers)()
    assert view["title"] == "66.7% of 9 held-out photographs right"
    assert view["images"].shape == (9, 5, 4, 3)
    assert view["images"].max() <= 1
    np.testing.assert_allclose(view["maps"]["image"], held_out.inputs[0].transpose(1, 2, 0) / 255)
    assert view["classes"] == [("cat", 0.6, 5), ("ship", 0.75, 4)]
    # what was no number is the last of the wrong answers, and no guess
    assert view["extremes"]["worst"]["guesses"] == ["ship", "ship", "?"]
    partial = Answers(np.arange(2), guesses[:2], np.ones(2), np.array([True, True]), False)
    assert gallery(learner, partial)()["classes"] == view["classes"]
