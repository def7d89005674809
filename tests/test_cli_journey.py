"""The way through a track in a terminal: tracks, the line of years, checks, wins, the welcome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tinytorch_milestones.cli import main
from tinytorch_milestones.cli.journey import (
    show_celebration,
    show_checks,
    show_timeline,
    sparkline,
)
from tinytorch_milestones.cli.output import Screen
from tinytorch_milestones.cli.running import show_result
from tinytorch_milestones.cli.views import show_parts, show_rail
from tinytorch_milestones.state import Completion, MilestoneState, PartReport, State
from tinytorch_milestones.tracker import Tracker

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def example() -> State:
    """The course of `tests/fixtures`: one milestone of every kind."""
    stored = Path(__file__).parent / "fixtures" / "state.json"
    return msgspec.json.decode(stored.read_bytes(), type=State)


@pytest.fixture
def inside(course: Tracker, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """A fresh course as the current folder."""
    monkeypatch.chdir(course.workspace.root)
    return course


@pytest.fixture
def ready(make_course: Callable[..., Tracker], monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """A course with 00 to 03 complete, as the current folder."""
    tracker = make_course(solve="03")
    monkeypatch.chdir(tracker.workspace.root)
    for number in ("00", "01", "02", "03"):
        assert tracker.complete_module(number).complete
    return tracker


def out(capsys: Capture) -> str:
    return capsys.readouterr().out


# tracks


@pytest.mark.parametrize("command", ["list", "status", "timeline", "next", "start"])
def test_a_track_that_is_shown_is_remembered(
    command: str, inside: Tracker, capsys: Capture
) -> None:
    assert main(["milestone", command, "--track", "epics"]) == 0
    captured = capsys.readouterr()
    assert "`--track history` goes back" in captured.err
    assert main(["milestone", command, "--track", "epics"]) == 0
    assert capsys.readouterr().err == "", "no news the second time"
    assert Tracker.open().state().track == "epics"
    assert main(["milestone", "list"]) == 0
    assert "Machines can see" in out(capsys)


@pytest.mark.parametrize("command", ["list", "next", "timeline"])
def test_an_unknown_track_suggests_the_nearest_and_changes_nothing(
    command: str, inside: Tracker, capsys: Capture
) -> None:
    assert main(["milestone", command, "--track", "epcis"]) == 2
    assert "'epics'" in capsys.readouterr().err
    assert Tracker.open().state().track == "history"


def test_a_number_counts_in_the_track_that_is_named(inside: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "info", "1", "--track", "capabilities", "--json"]) == 0
    entry = msgspec.json.decode(out(capsys), type=MilestoneState)
    assert entry.id == "basic-inference"
    assert Tracker.open().state().track == "history", "looking something up chooses nothing"


def test_list_says_which_tracks_there_are(inside: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "list"]) == 0
    said = out(capsys)
    assert "History of AI" in said
    assert "capabilities, epics" in said


# the line of years


@pytest.mark.parametrize("options", [[], ["--horizontal"]])
def test_the_timeline_names_every_station_within_80_columns(
    options: list[str], inside: Tracker, capsys: Capture
) -> None:
    assert main(["milestone", "timeline", *options]) == 0
    said = out(capsys)
    assert max(map(len, said.splitlines())) <= 80
    assert "\x1b" not in said
    for milestone in inside.state().milestones:
        assert str(milestone.year) in said
        assert milestone.title.split()[-1] in said
    assert ("─" in said) == bool(options)


def test_the_timeline_as_json_is_the_milestones(inside: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "timeline", "--json"]) == 0
    found = msgspec.json.decode(out(capsys), type=list[MilestoneState])
    assert [m.id for m in found] == [m.id for m in inside.state().milestones]


def test_a_timeline_shows_states_eras_and_badges(example: State, capsys: Capture) -> None:
    show_timeline(Screen(), example, lying=False)
    said = out(capsys)
    assert "✓  Machines can see  Foundation, 1989" in said
    assert "Badge: Reader of digits" in said
    assert "locked, 2 of 5 checkpoints, 40 %, needs 02-04" in said


def test_a_crowd_stands_upright(example: State, capsys: Capture) -> None:
    example.milestones *= 5
    show_timeline(Screen(), example, lying=True)
    said = out(capsys)
    assert "Too many stations" in said
    assert said.count("Machines can see") == 5


# checks


def test_testing_a_milestone_checks_its_modules_and_trains_nothing(
    ready: Tracker, capsys: Capture
) -> None:
    assert main(["milestone", "test", "perceptron"]) == 0
    said = out(capsys)
    for number in ("01", "02", "03"):
        assert f"✓ {number} " in said
    assert "tito milestone run perceptron" in said
    assert not ready.progress.attempts()


def test_testing_without_a_name_takes_the_next(ready: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "test", "--json"]) == 0
    reports = msgspec.json.decode(out(capsys), type=list[Completion])
    assert [report.module for report in reports] == ["01_tensor", "02_activations", "03_layers"]
    assert all(report.complete for report in reports)


def test_testing_what_is_not_there_fails(inside: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "test", "perceptron"]) == 1
    assert "Not yet: 0 of 3 pass." in out(capsys)
    assert main(["milestone", "test", "perceptrn"]) == 2


def report_of(title: str, *, complete: bool) -> Completion:
    return Completion(
        module=title, title=title, exported=False, changed=False, passed=int(complete), total=1,
        complete=complete, tests=[], seconds=0.1, message=f"{title}: tested",
    )  # fmt: skip


def test_what_passes_but_waits_for_other_modules_says_so(example: State, capsys: Capture) -> None:
    show_checks(Screen(), example.milestones[3], [report_of("01", complete=True)])
    assert "What is there passes. It still needs 02-04." in out(capsys)
    show_checks(Screen(), example.milestones[2], [report_of("01", complete=True)])
    assert "the milestone is complete" in out(capsys)


# wins


def test_a_win_is_celebrated_and_can_be_again(ready: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "celebrate"]) == 1
    assert "No milestone of this track is won yet" in capsys.readouterr().err
    assert main(["milestone", "run", "perceptron"]) == 0
    first = out(capsys)
    milestone = ready.milestone("perceptron")
    for name in ([], ["perceptron"], ["rosenblatt"], ["1"]):
        assert main(["milestone", "celebrate", *name]) == 0
        again = out(capsys)
        for words in (milestone.badge, "What this changed", "Best run", "100 %"):
            assert words in again
            assert words in first
    assert main(["milestone", "celebrate", "perceptron", "--json"]) == 0
    assert msgspec.json.decode(out(capsys), type=MilestoneState).status == "complete"


def test_what_is_not_won_says_what_is_missing(inside: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "celebrate", "perceptron"]) == 1
    said = out(capsys)
    assert "is not won yet" in said
    assert "It needs modules 01-03." in said
    assert "Badge" not in said
    assert main(["milestone", "celebrate", "perceptrn"]) == 2


def test_a_celebration_says_it_all(example: State, capsys: Capture) -> None:
    show_celebration(Screen(), example.milestones[2])
    said = out(capsys)
    for words in (
        "Milestone complete: Machines can see, Foundation, 1989",
        "“I taught a computer to recognize handwritten digits!”",
        "Banks and post offices",
        "Reader of digits",
        "93 % in 1.4 s of training",
    ):
        assert words in said
    assert not set("▁▂▃▄▅▆▇█") & set(said), "no drawing in a pipe"


def test_a_small_curve_falls_as_the_loss_does() -> None:
    assert sparkline([4.0, 2.0, 1.0, 0.0]) == "█▅▃▁"
    assert len(sparkline([float(i) for i in range(500)])) == 24
    assert sparkline([1.0]) == ""
    assert sparkline([1.0, float("nan"), float("inf")]) == ""
    assert set(sparkline([3.0] * 9)) == {"▁"}


def part_report(**change: object) -> PartReport:
    report = PartReport(
        milestone="perceptron", part="trained", title="Trained", passed=True, interrupted=False,
        credited=True, verdicts=[], seconds=1.0, samples_per_second=0.0, steps=10, score=None,
    )  # fmt: skip
    return msgspec.structs.replace(report, **change)


def test_a_run_says_whose_modules_were_at_work(inside: Tracker, capsys: Capture) -> None:
    modules = inside.catalog.modules
    show_result(Screen(), part_report(exercised={"01": 12345, "03": 810}), modules)
    assert "Your code at work: 01 Tensor 12,345 calls, 03 Layers 810 calls" in out(capsys)
    show_result(Screen(), part_report(exercised={"01": 1}, implementation="reference"), modules)
    assert "The reference code at work: 01 Tensor 1 call" in out(capsys)
    show_result(Screen(), part_report(), modules)
    assert "at work" not in out(capsys)


# the whole picture


def test_the_welcome_says_what_where_and_what_first(inside: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "start"]) == 0
    said = out(capsys)
    assert said.startswith("Welcome to TinyTorch Milestones")
    for track in inside.catalog.tracks:
        assert track.id in said
    step = inside.next_step()
    assert said.rstrip().endswith(step.command)
    assert step.title in said


def test_details_have_gates_attempts_and_checkpoints(example: State, capsys: Capture) -> None:
    show_parts(Screen(), example, attempts=True)
    said = out(capsys)
    assert "✗  failed   72 %" in said
    assert ">= 90 %" in said
    assert "failed, no credit" in said
    assert "✗  02  Activations        failed" in said
    assert "2 of 5 checkpoints, 40 %" in said
    assert max(map(len, said.splitlines())) <= 80


def test_the_rail_counts_checkpoints(example: State, capsys: Capture) -> None:
    show_rail(Screen(), example)
    assert "2 of 5 checkpoints, 40 %, needs 02-04" in " ".join(out(capsys).split())
