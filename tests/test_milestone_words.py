"""What front ends say about a milestone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tinytorch_milestones.catalog import load
from tinytorch_milestones.errors import UnknownName
from tinytorch_milestones.milestone_words import (
    aimed_at,
    at_work,
    checkpoints_text,
    find_entry,
    missing,
    numbers,
    percent_text,
    won_last,
)
from tinytorch_milestones.state import MilestoneState, NextStep, State
from tinytorch_milestones.tracker import Tracker


@pytest.fixture
def example() -> State:
    stored = Path(__file__).parent / "fixtures" / "state.json"
    return msgspec.json.decode(stored.read_bytes(), type=State)


def named(state: State, id_: str) -> MilestoneState:
    return next(m for m in state.milestones if m.id == id_)


def test_runs_of_numbers_are_shortened() -> None:
    assert numbers(["01_tensor", "02_activations", "03_layers", "06_autograd"]) == "01-03, 06"
    assert numbers(["05", "04"]) == "04, 05"
    assert numbers([]) == ""


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.44, "44 %"), (0.999, "99 %"), (1.0, "100 %")]
)
def test_all_is_said_only_of_all(share: float, text: str) -> None:
    assert percent_text(share) == text


def test_checkpoints_are_counted(example: State) -> None:
    counted = named(example, "basic-inference")
    assert checkpoints_text(counted) == "2 of 5 checkpoints, 40 %"
    counted.checkpoints, counted.percent = counted.checkpoints[:1], 1.0
    assert checkpoints_text(counted) == "1 of 1 checkpoint, 100 %"
    counted.status = "coming"
    assert checkpoints_text(counted) == ""
    assert checkpoints_text(named(example, "perceptron")) == ""


def test_what_is_missing_is_said_thing_by_thing(example: State) -> None:
    assert missing(named(example, "basic-inference")) == [
        "It needs modules 02-04.",
        "Checkpoint 02 Activations does not pass.",
        "Checkpoints 03, 04 were not reached.",
        "Locked: The victory.",
    ]
    assert missing(named(example, "perceptron")) == ["To be run: Trained."]
    assert missing(named(example, "machines-can-see")) == []
    coming = named(example, "xor")
    coming.missing, coming.parts, coming.status = [], [], "coming"
    assert missing(coming) == ["It is being written and comes with an update."]


def test_modules_at_work_are_named_in_the_order_of_the_course() -> None:
    modules = load().modules
    said = at_work({"03": 1, "01": 12345, "02": 0, "99": 2}, modules)
    assert said == "01 Tensor 12,345 calls, 03 Layers 1 call, 99 2 calls"
    assert at_work({}, modules) == ""


def test_the_last_win_is_the_last_completed(example: State) -> None:
    assert won_last(example) is named(example, "machines-can-see")
    earlier = msgspec.structs.replace(
        named(example, "machines-can-see"),
        id="earlier",
        title="Zoo",
        completed="2020-01-01T00:00:00Z",
    )
    example.milestones.append(earlier)
    won = won_last(example)
    assert won is not None
    assert won.id == "machines-can-see"
    example.milestones = []
    assert won_last(example) is None


def test_the_aim_is_the_next_step_or_the_first_open_one(example: State) -> None:
    aim = aimed_at(example)
    assert aim is not None
    assert aim.id == "perceptron"
    example.next = NextStep(kind="milestone", id="xor", title="", why="", button="")
    aim = aimed_at(example)
    assert aim is not None
    assert aim.id == "xor"
    example.milestones = [named(example, "machines-can-see")]
    assert aimed_at(example) is None


def test_a_milestone_is_found_in_whatever_track_it_stands(course: Tracker) -> None:
    assert find_entry(course, "perceptron").id == "perceptron"
    assert find_entry(course, "machines-can-see").era == "Foundation, 1989"
    assert find_entry(course, "1").id == "perceptron"
    assert find_entry(course, "1", "capabilities").id == "basic-inference"
    with pytest.raises(UnknownName, match="machines-can-see"):
        find_entry(course, "machines-can-se")
