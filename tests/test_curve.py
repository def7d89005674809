"""Long runs: curves and evidence stay small, time left and throughput are those of now."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch_milestones.catalog.model import Part
from tinytorch_milestones.training import wire
from tinytorch_milestones.training.curve import KEPT, Curve, Pace
from tinytorch_milestones.training.evidence import Evidence, thin
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.watching import Run
from tinytorch_milestones.widgets import blocks

LONG = 100_000


def long_run(steps: int = LONG, per_epoch: int = 1000) -> Iterator[Step]:
    for number in range(1, steps + 1):
        step = Step(
            epoch=(number - 1) // per_epoch + 1,
            epochs=steps // per_epoch,
            step=number,
            steps=steps,
            loss=1000 / number,
            accuracy=number / steps,
            samples=128,
            seconds=0.01,
        )
        if number % 20 == 0:
            step.parameters = {"0.weight": (0.5, number / steps), "0.bias": (0.1, 1.0)}
        yield step


@given(st.lists(st.floats(), max_size=300))
def test_a_short_curve_is_a_list(values: list[float]) -> None:
    curve = Curve(values)
    assert len(curve) == len(values)
    assert repr(list(curve)) == repr(values)
    for index in (0, -1, len(values) // 2, slice(1, -3), slice(None, None, 7)):
        if values or isinstance(index, slice):
            assert repr(curve[index]) == repr(values[index])
    with pytest.raises(IndexError):
        _ = curve[len(values)]


def test_a_long_curve_is_bounded_and_reads_as_if_all_were_there() -> None:
    curve = Curve(float(value) for value in range(LONG))
    assert len(curve) == len(list(curve)) == LONG
    state = curve.state()
    assert KEPT <= len(state["kept"]) <= 2 * KEPT
    assert curve[-20:] == [float(value) for value in range(LONG - 20, LONG)]
    assert curve[0] == 0.0
    assert all(0 <= place - curve[place] < 16 for place in range(0, LONG, 777))
    shown = thin(curve)
    assert (shown[0], shown[-1]) == (0.0, LONG - 1.0)
    assert Curve.restored(json.loads(json.dumps(state))) == curve


def test_the_evidence_of_a_long_run_is_bounded() -> None:
    sizes = []
    evidence = Evidence()
    for step in long_run():
        evidence.fold(step)
        if step.step in (LONG // 10, LONG // 2, LONG):
            sizes.append(len(json.dumps(evidence.state())))
    assert max(sizes) < 600_000
    assert len(evidence.accuracies) <= 2 * KEPT
    assert evidence.accuracies[-1] == (LONG, 1.0)
    assert [step for step, _ in evidence.accuracies] == sorted(s for s, _ in evidence.accuracies)
    assert evidence.samples == 128 * LONG
    # what gates are judged on is what all values would give
    last = [1000 / number for number in range(LONG - 19, LONG + 1)]
    assert evidence.metrics["loss"] == pytest.approx(math.fsum(last) / 20)
    assert evidence.metrics["first_loss"] == 1000.0
    assert len(json.dumps(evidence.summary())) < 60_000


def test_messages_over_the_wire_stay_small() -> None:
    steps = list(long_run(10_000))
    longest = max(len(json.dumps(wire.encode(steps[i : i + 200]))) for i in range(0, 10_000, 200))
    assert longest < 64_000
    assert sys.getsizeof(json.dumps(wire.encode(steps))) / len(steps) < 300


floats = st.floats(allow_nan=False)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(floats, st.none() | st.floats(0, 1), floats), min_size=1, max_size=30),
    st.integers(0, 30),
)
def test_evidence_that_was_kept_goes_on_as_if_nothing_had_been(
    values: list[tuple[float, float | None, float]], cut: int
) -> None:
    whole, part = Evidence(), Evidence()
    for number, (loss, accuracy, metric) in enumerate(values, start=1):
        step = Step(
            epoch=1,
            epochs=1,
            step=number,
            steps=len(values),
            loss=loss,
            accuracy=accuracy,
            samples=3,
            seconds=0.5,
            metrics={"m": metric},
            parameters={"w": (abs(metric), 1.0)},
            exercised={"01": 2},
        )
        whole.fold(step)
        part.fold(step)
        if number == cut:
            part = Evidence.restored(json.loads(json.dumps(part.state())))
    assert repr(part.state()) == repr(whole.state())
    assert repr(part.summary()) == repr(whole.summary())


# how long it takes


def paced(seconds: list[float], per_epoch: int) -> Pace:
    pace = Pace()
    for value in seconds:
        pace.add(value, 10, per_epoch)
    return pace


def test_a_slow_first_step_does_not_count() -> None:
    assert paced([30.0], 100).seconds_a_step is None
    pace = paced([30.0, 0.1, 0.1], 100)
    assert pace.seconds_a_step == pytest.approx(0.1)
    assert pace.samples_a_second == pytest.approx(100.0)


@pytest.mark.parametrize("per_epoch", [4, 50, 390, 1875])
def test_pauses_for_evaluation_are_shared_out_wherever_one_looks(per_epoch: int) -> None:
    # an epoch of quick steps, the last of which evaluates
    epoch = [0.01] * (per_epoch - 1) + [1.01]
    whole = sum(epoch) / per_epoch
    pace = Pace()
    for number, seconds in enumerate([5.0, *(epoch * max(3, 200 // per_epoch))[1:]], start=1):
        pace.add(seconds, 10, per_epoch)
        if number > 2 * per_epoch and number > 40:
            assert pace.seconds_a_step == pytest.approx(whole, rel=0.3), number


def test_a_machine_that_slows_down_is_noticed_within_an_epoch() -> None:
    pace = paced([0.1] * 1000 + [0.3] * 101, 100)
    assert pace.seconds_a_step == pytest.approx(0.3)


def test_one_epoch_of_a_hundred_thousand_steps_is_timed_in_little_memory() -> None:
    pace = paced([0.01] * LONG, LONG)
    assert pace.seconds_a_step == pytest.approx(0.01)
    assert len(pace._marks) <= 102


def test_the_bar_tells_epoch_rate_time_left_and_peak() -> None:
    run = Run(Part(id="p", title="P", story="", needs=()), "yours", "tinytorch", {})
    for step in long_run(2000, 500):
        if step.step > 1200:
            break
        run.take(step)
    text = blocks.progress(run, run.seconds_left())["text/plain"]
    assert "epoch 3 of 4" in text
    assert "12,800 samples/s" in text
    assert "8.0 s left" in text
    assert "peak " in text
    assert text.endswith("MB")


def test_the_peak_is_of_this_run_and_stays() -> None:
    def run() -> Run:
        return Run(Part(id="p", title="P", story="", needs=()), "yours", "tinytorch", {})

    before = run()
    base = before.memory
    block = bytearray(200 << 20)
    block[::4096] = b"x" * len(block[::4096])
    during = before.memory
    del block
    assert during - base > 150 << 20
    assert before.memory >= during
    if sys.platform == "linux":
        assert run().memory < during - (100 << 20)
