"""What is written down of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trial_course import (
    CODE,
    Watcher,
    a_trial,
    attempts,
    doing,
    go,
    interrupt,
    parts,
)
from tinytorch_milestones.part_run import Run
from tinytorch_milestones.standing import file_hash
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.training.steps import Step


@pytest.fixture
def trial(course: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    yield from a_trial(course, tmp_path, monkeypatch)


# what is written down


@pytest.mark.parametrize("in_child", [False, True])
def test_a_credited_run_leaves_a_receipt_and_an_attempt(trial: Tracker, in_child: bool) -> None:
    (report,) = go(trial, in_child).parts
    assert (report.passed, report.credited, report.why_not_credited) == (True, True, "")
    assert (report.steps, report.seed, report.score) == (8, 5, 0.75)
    (receipt,) = parts(trial)
    assert (receipt.kind, receipt.what, receipt.student) == ("part", "trial/first", "Ada")
    export = trial.workspace.export(trial.module("01"))
    assert set(receipt.hashes) == {"01_tensor", "gates"}
    assert receipt.hashes["01_tensor"] == file_hash(export)
    assert receipt.hashes["gates"]
    assert receipt.evidence["metrics"]["accuracy"] == 0.75
    (attempt,) = attempts(trial)
    assert (attempt.result, attempt.credited, attempt.score) == ("passed", True, 0.75)
    assert (attempt.seed, attempt.step, attempt.seconds_left) == (5, 8, None)
    assert attempt.losses == report.losses == [1 / n for n in range(1, 9)]
    assert attempt.accuracies == report.accuracies
    assert [(gate.id, gate.passed) for gate in attempt.gates] == [
        ("accuracy", True),
        ("loss", True),
    ]
    assert attempt.seconds == report.seconds > 0


def test_the_receipt_names_the_code_that_ran_not_what_was_saved_meanwhile(trial: Tracker) -> None:
    export = trial.workspace.export(trial.module("01"))
    ran = file_hash(export)

    def save(step: Step, run: Run) -> None:
        export.write_text(CODE + f"# {step.step} lines were added while it trained\n")

    go(trial, observer=Watcher(save))
    (receipt,) = parts(trial)
    assert receipt.hashes["01_tensor"] == ran


def test_other_gates_are_another_proof(trial: Tracker) -> None:
    go(trial)
    path = trial.workspace.state_dir / "tracks" / "mine.toml"
    path.write_text(path.read_text().replace("required = 0.5", "required = 0.6"))
    go(Tracker.open(trial.workspace.root))
    first, second = parts(trial)
    assert first.hashes["01_tensor"] == second.hashes["01_tensor"]
    assert first.hashes["gates"] != second.hashes["gates"]


def test_one_gate_that_fails_is_enough(trial: Tracker) -> None:
    (report,) = go(trial, overrides=doing("poor")).parts
    assert [verdict.passed for verdict in report.verdicts] == [False, True]
    assert (report.passed, report.credited) == (False, False)
    assert report.why_not_credited == "not every gate was passed"
    assert parts(trial) == []
    (attempt,) = attempts(trial)
    assert (attempt.result, attempt.credited) == ("failed", False)
    assert attempt.why_not_credited == report.why_not_credited


@pytest.mark.parametrize("in_child", [False, True])
def test_an_interrupted_run_earns_nothing_though_its_gates_hold(
    trial: Tracker, in_child: bool
) -> None:
    watcher = Watcher(interrupt)
    try:
        (report,) = go(trial, in_child, observer=watcher).parts
    except KeyboardInterrupt:
        pytest.fail("the interruption went through")
    assert all(verdict.passed for verdict in report.verdicts)
    assert (report.interrupted, report.passed, report.credited) == (True, False, False)
    assert report.why_not_credited == "it was stopped"
    assert watcher.reports == [report]
    assert parts(trial) == []
    (attempt,) = attempts(trial)
    assert (attempt.result, attempt.step) == ("interrupted", 3)


def test_an_interrupted_run_closes_its_recipe(trial: Tracker) -> None:
    import made.up  # type: ignore[import-not-found]

    made.up.closed.clear()
    go(trial, observer=Watcher(interrupt))
    assert made.up.closed == [3]


@pytest.mark.parametrize("in_child", [False, True])
@pytest.mark.parametrize(
    ("kind", "module", "said"),
    [("student", "01", "ValueError: no such luck"), ("exit", "", "SystemExit")],
)
def test_an_error_earns_nothing_and_names_the_module(
    trial: Tracker, in_child: bool, kind: str, module: str, said: str
) -> None:
    (report,) = go(trial, in_child, overrides=doing(kind)).parts
    assert all(verdict.passed for verdict in report.verdicts)
    assert (report.passed, report.credited) == (False, False)
    assert said in report.error
    assert report.error_module == module
    assert report.steps == 1
    assert parts(trial) == []
    assert [a.result for a in attempts(trial)] == ["error"]


def test_a_process_that_ends_early_earns_nothing_and_its_last_words_are_shown(
    trial: Tracker,
) -> None:
    (report,) = go(trial, in_child=True, overrides=doing("dies")).parts
    assert not report.passed
    assert "ended early (exited)" in report.error
    assert "last words" in report.error
    assert parts(trial) == []
    assert [a.result for a in attempts(trial)] == ["error"]


@pytest.mark.parametrize("in_child", [False, True])
def test_a_setting_that_makes_no_sense_is_an_error_of_the_run(
    trial: Tracker, in_child: bool
) -> None:
    (report,) = go(trial, in_child, overrides={"epochs": 0}).parts
    assert "epochs" in report.error
    assert not report.passed
    assert [a.result for a in attempts(trial)] == ["error"]


@pytest.mark.parametrize("in_child", [False, True])
def test_a_recipe_that_refuses_says_what_to_do(trial: Tracker, in_child: bool) -> None:
    (report,) = go(trial, in_child, overrides=doing("refuses")).parts
    assert report.error == "This is refused.\nDo that."
    assert not report.passed
