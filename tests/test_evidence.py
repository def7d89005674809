"""Folding steps into evidence, and steps over the wire."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinytorch_milestones.training import wire
from tinytorch_milestones.training.evidence import Evidence, thin
from tinytorch_milestones.training.steps import Step


def step(number: int, loss: float = 1.0, **more: object) -> Step:
    values = {"epoch": 1, "epochs": 1, "step": number, "steps": 100, "loss": loss, **more}
    return Step(**values)


def test_loss_drop_is_the_share_of_the_first_loss_that_is_gone() -> None:
    evidence = Evidence()
    for number, loss in enumerate((0.8, 0.4, 0.2), start=1):
        evidence.fold(step(number, loss))
    assert evidence.metrics["loss_drop"] == pytest.approx(0.75)
    assert evidence.metrics["first_loss"] == 0.8


def test_one_lucky_batch_does_not_make_a_low_loss() -> None:
    evidence = Evidence()
    for number in range(1, 400):
        evidence.fold(step(number, 1.0))
    evidence.fold(step(400, 0.0))
    assert evidence.metrics["loss_drop"] == pytest.approx(0.05)


def test_a_first_loss_of_zero_has_nowhere_to_fall() -> None:
    evidence = Evidence()
    evidence.fold(step(1, 0.0))
    assert evidence.metrics["loss_drop"] == 0.0


def test_accuracy_is_the_last_and_best_is_the_best() -> None:
    evidence = Evidence()
    for number, accuracy in enumerate((0.5, 0.9, None, 0.7), start=1):
        evidence.fold(step(number, accuracy=accuracy))
    assert evidence.metrics["accuracy"] == 0.7
    assert evidence.metrics["best_accuracy"] == 0.9
    assert evidence.accuracies == [(1, 0.5), (2, 0.9), (4, 0.7)]


@pytest.mark.parametrize(
    ("bias", "moved"),
    [
        ([(0.0, 0.0), (0.0, 0.0)], 0.5),  # never updated
        ([(0.1, 0.0), (0.1, 0.0)], 0.5),  # updated, but nothing changed
        ([(0.1, 0.1), (0.1, 0.0)], 1.0),  # moved, and came back
    ],
)
def test_parameters_moved(bias: list[tuple[float, float]], moved: float) -> None:
    evidence = Evidence()
    for number, pair in enumerate(bias, start=1):
        evidence.fold(step(number, parameters={"weight": (0.1, 0.1 * number), "bias": pair}))
    assert evidence.metrics["parameters_moved"] == moved


def test_metrics_of_steps_are_merged_and_the_last_one_counts() -> None:
    evidence = Evidence()
    evidence.fold(step(1, metrics={"a": 1.0, "b": 1.0}))
    evidence.fold(step(2, metrics={"b": 2.0}))
    assert (evidence.metrics["a"], evidence.metrics["b"]) == (1.0, 2.0)


def test_calls_of_watched_steps_add_up_and_the_first_symptom_stays() -> None:
    evidence = Evidence()
    evidence.fold(step(1, exercised={"03": 2, "01": 5}, symptom="first"))
    evidence.fold(step(2, symptom="second"))
    evidence.fold(step(3, exercised={"01": 1}))
    summary = evidence.summary()
    assert summary["exercised"] == evidence.exercised == {"01": 6, "03": 2}
    assert list(summary["exercised"]) == ["01", "03"]
    assert summary["symptom"] == "first"


def test_time_left_follows_the_pace() -> None:
    evidence = Evidence()
    assert evidence.seconds_left() is None
    for number in range(1, 51):
        evidence.fold(step(number, samples=10, seconds=0.02))
    assert evidence.seconds_left() == pytest.approx(50 * 0.02)
    assert evidence.seconds_left(60) == pytest.approx(10 * 0.02)
    assert evidence.samples_per_second == pytest.approx(500)


def test_a_summary_is_plain_json_whatever_was_measured() -> None:
    evidence = Evidence()
    for number in range(1, 1001):
        evidence.fold(step(number, math.nan, accuracy=0.5, metrics={"x": math.inf}))
    summary = json.loads(json.dumps(evidence.summary(), allow_nan=False))
    assert len(summary["losses"]) == 400
    assert len(summary["accuracies"]) == 400
    assert summary["metrics"]["x"] is None


@given(st.integers(0, 2000), st.integers(0, 50))
def test_thin_keeps_the_ends_and_the_limit(count: int, limit: int) -> None:
    kept = thin(range(count), limit)
    assert len(kept) == min(count, limit)
    assert kept == sorted(set(kept))
    if limit >= 2 and count:
        assert (kept[0], kept[-1]) == (0, count - 1)


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(
    loss=numbers,
    accuracy=st.none() | numbers,
    metrics=st.dictionaries(st.text(), numbers),
    parameters=st.dictionaries(st.text(), st.tuples(numbers, numbers)),
    note=st.text(),
    exercised=st.dictionaries(st.text(), st.integers(1, 10**6)),
)
def test_a_step_survives_the_wire(
    loss: float,
    accuracy: float | None,
    metrics: dict[str, float],
    parameters: dict[str, tuple[float, float]],
    note: str,
    exercised: dict[str, int],
) -> None:
    before = step(
        7,
        loss,
        accuracy=accuracy,
        metrics=metrics,
        parameters=parameters,
        note=note,
        symptom=note,
        exercised=exercised,
        samples=3,
    )
    before.view = dict
    values = msgspec.json.decode(msgspec.json.encode(wire.encode([before])))
    (after,) = wire.decode(values)
    before.view = None
    assert repr(after) == repr(before)  # repr, because nan is not equal to itself
