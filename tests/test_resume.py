"""A run that is interrupted goes on at its next epoch, or says why it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resumption import (
    EPOCHS,
    IN_EPOCH_3,
    PER_EPOCH,
    a_trial,
    attempts,
    change,
    first,
    go,
    kept,
    on,
    part_receipts,
)
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.resume import Keeper
from tinytorch_milestones.tracker import Tracker


@pytest.fixture
def trial(course: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    yield from a_trial(course, tmp_path, monkeypatch)


# going on


@pytest.mark.parametrize(("begins_in_child", "ends_in_child"), [(False, True), (True, False)])
def test_an_interrupted_run_goes_on_and_is_credited(
    trial: Tracker, begins_in_child: bool, ends_in_child: bool
) -> None:
    report, before = first(trial, IN_EPOCH_3, in_child=begins_in_child)
    assert (report.interrupted, report.credited) == (True, False)
    assert (report.saved_epoch, report.epochs) == (2, EPOCHS)
    assert attempts(trial)[0].saved_epoch == 2
    done = [loss for _, loss in before.steps[: 2 * PER_EPOCH]]

    report, after = on(trial, in_child=ends_in_child)
    ((resumed, losses, seconds),) = after.begun
    assert (resumed, losses) == (2, done)
    assert 0 < seconds < report.seconds
    assert [number for number, _ in after.steps] == list(
        range(2 * PER_EPOCH + 1, EPOCHS * PER_EPOCH + 1)
    )
    assert after.steps[0][1] < 0.7 * done[0]  # the weights came back too
    assert (report.passed, report.credited, report.resumed_epoch) == (True, True, 2)
    assert report.steps == EPOCHS * PER_EPOCH
    assert report.losses[: len(done)] == done
    begun, ended = attempts(trial)
    assert (begun.result, ended.result) == ("interrupted", "passed")
    assert (ended.resumed_from, ended.resumed_epoch) == (begun.id, 2)
    (receipt,) = part_receipts(trial)
    assert receipt.evidence["resumed"] == {"epoch": 2, "attempts": [begun.id]}
    assert receipt.evidence["steps"] == EPOCHS * PER_EPOCH
    assert receipt.evidence["samples"] == EPOCHS * 1437
    assert not kept(trial).parent.exists()


def test_two_resumes_in_a_row(trial: Tracker) -> None:
    first(trial, PER_EPOCH + 1)
    report, watcher = on(trial, 3 * PER_EPOCH + 2)
    assert (report.resumed_epoch, report.saved_epoch) == (1, 3)
    report, watcher = on(trial, 3 * PER_EPOCH + 1)  # stopped before another epoch was over
    assert (report.resumed_epoch, report.saved_epoch) == (3, 3)
    report, watcher = on(trial)
    assert watcher.steps[0][0] == 3 * PER_EPOCH + 1
    assert report.credited
    (receipt,) = part_receipts(trial)
    *begun, ended = attempts(trial)
    assert [a.id for a in begun[:2]] == receipt.evidence["resumed"]["attempts"]
    assert ended.resumed_from == begun[1].id


def test_what_comes_after_a_resume_depends_on_seed_and_epoch_alone(trial: Tracker) -> None:
    first(trial, IN_EPOCH_3)
    again = kept(trial).read_bytes()
    _, one = on(trial, 3 * PER_EPOCH)
    kept(trial).write_bytes(again)
    _, two = on(trial, 3 * PER_EPOCH, in_child=True)
    assert one.steps == two.steps
    _, unbroken = first(trial, 3 * PER_EPOCH)
    assert unbroken.steps[2 * PER_EPOCH :] != one.steps  # another order of the examples


def test_a_best_value_of_before_counts(trial: Tracker) -> None:
    track = trial.workspace.state_dir / "tracks" / "mine.toml"
    track.write_text(track.read_text().replace('metric = "accuracy"', 'metric = "best_accuracy"'))
    tracker = Tracker.open(trial.workspace.root)
    report, _ = first(tracker, IN_EPOCH_3)
    best = max(value for _, value in report.accuracies)
    report, _ = on(tracker)
    assert report.verdicts[0].value is not None
    assert report.verdicts[0].value >= best
    assert report.accuracies[0][0] < PER_EPOCH


def test_the_parts_that_follow_run_too_unless_one_was_asked_for(trial: Tracker) -> None:
    go(trial, IN_EPOCH_3)
    report = trial.run_milestone("trial", in_child=False, resume=True)
    assert [(p.part, p.credited) for p in report.parts] == [("first", True), ("second", True)]
    assert report.parts[1].resumed_epoch == 0
    first(trial, IN_EPOCH_3)
    report = trial.run_milestone("trial", in_child=False, resume=True)
    assert [p.part for p in report.parts] == ["first"]


def test_its_own_beginning_is_no_ghost(trial: Tracker) -> None:
    first(trial, IN_EPOCH_3)
    _, watcher = on(trial, IN_EPOCH_3 + 1)
    assert watcher.ghosts == [set()]
    _, watcher = first(trial, 1)
    assert watcher.ghosts == [{"last run"}]


def test_a_demo_keeps_nothing(trial: Tracker) -> None:
    go(trial, IN_EPOCH_3, part="first", demo=True)
    assert not kept(trial).exists()


# no credit without gates


def test_a_resumed_run_is_judged_like_any_other(trial: Tracker) -> None:
    first(trial, IN_EPOCH_3, overrides={"labels": "shuffled"})
    report, _ = on(trial)
    assert (report.passed, report.credited) == (False, False)
    assert part_receipts(trial) == []
    assert not kept(trial).exists()
    with pytest.raises(TinyTorchError, match="no interrupted run"):
        on(trial)


# sudden ends


SCRIPT = """
import os, signal, sys
from pathlib import Path
from tinytorch_milestones import files
from tinytorch_milestones.tracker import Tracker

replace, saves = os.replace, []

def dying(source, target):
    if Path(target).name == "saved":
        saves.append(target)
        if len(saves) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

os.replace = dying
Tracker.open(Path(sys.argv[1])).run_milestone("trial", part="first", in_child=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_killed_while_saving(trial: Tracker) -> None:
    command = [sys.executable, "-c", SCRIPT, str(trial.workspace.root)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert list(kept(trial).parent.glob(".tmp-*")), "nothing was under way"
    tracker = Tracker.open(trial.workspace.root)
    assert [path.name for path in kept(tracker).parent.iterdir()] == ["saved"]
    (attempt,) = attempts(tracker)
    assert (attempt.result, attempt.saved_epoch) == ("interrupted", 1)
    report, watcher = on(tracker)
    assert watcher.steps[0][0] == PER_EPOCH + 1
    assert report.credited


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_the_training_process_is_killed_while_it_saves(trial: Tracker) -> None:
    report, _ = first(trial, overrides={"dies": 2}, in_child=True)
    assert "ended early" in report.error
    assert (report.saved_epoch, report.credited) == (1, False)
    assert [path.name for path in kept(trial).parent.iterdir()] == ["saved"]
    report, watcher = on(trial, PER_EPOCH + 3)
    assert watcher.steps[0][0] == PER_EPOCH + 1


@pytest.mark.parametrize("in_child", [False, True])
def test_a_run_goes_on_where_an_epoch_cannot_be_kept(trial: Tracker, in_child: bool) -> None:
    change(
        trial,
        "08",
        "        write_checkpoint(path, training_state(self))",
        "        raise OSError(28)",
    )
    report = trial.run_milestone("trial", part="first", in_child=in_child)
    assert report.parts[0].credited
    assert any("could not be kept" in warning for warning in report.warnings)


def test_a_disk_that_is_full_costs_only_the_epoch(
    trial: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Keeper, saved: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Keeper, "keep", full)
    report = trial.run_milestone("trial", part="first", in_child=True)
    assert report.parts[0].credited
    assert any("No space left" in warning for warning in report.warnings)
