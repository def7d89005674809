"""A run that is interrupted goes on at its next epoch, or says why it cannot."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.progress import now
from tinytorch_milestones.records import Attempt, Receipt
from tinytorch_milestones.resume import Keeper
from tinytorch_milestones.standing import file_hash
from tinytorch_milestones.state import PartReport
from tinytorch_milestones.tracker import Run, Tracker
from tinytorch_milestones.training.steps import Step

REPOSITORY = Path(__file__).resolve().parent.parent
MODULES = [f"{number:02d}" for number in range(1, 9)]
EPOCHS, PER_EPOCH = 5, 23

RECIPE = """
import os, signal
from tinytorch_milestones.training.handwriting import CLASSES, small_digits
from tinytorch_milestones.training.supervised import OPTIONS as LEARNING
from tinytorch_milestones.training.supervised import Problem, design_of, learn

OPTIONS = {"digits": (*LEARNING, "dies")}


def digits(fw, settings):
    training, held_out = small_digits(settings.seed)
    design = design_of(settings, activation="ReLU", loss="CrossEntropyLoss", images=True)
    problem = Problem(training, held_out, design, len(CLASSES), 16, resumable=True)
    for step in learn(fw, settings, problem):
        if step.epoch == settings.extra.get("dies") and step.checkpoint:
            save = step.checkpoint

            def dying(path):
                save(path)
                with open(path, "r+b") as file:
                    file.truncate(100)
                os.kill(os.getpid(), signal.SIGKILL)

            step.checkpoint = dying
        yield step
"""

TRACK = """
id = "mine"
title = "Mine"
description = "A track of my own"

[[milestones]]
id = "trial"
number = "01"
year = 1986
title = "Trial"
headline = "A trial"
people = "me"
story = "Once more."
changed = "Everything."

[[milestones.parts]]
id = "first"
title = "First"
story = "Watch."
needs = ["01", "02", "03", "04", "05", "06", "07", "08"]
recipe = "made.again:digits"
settings = { epochs = 5, batch_size = 64, learning_rate = 0.05, optimizer = "sgd" }

[[milestones.parts.gates]]
id = "accuracy"
title = "accuracy"
metric = "accuracy"
comparison = ">="
required = 0.7
unit = "%"
hint = "Look."
module = "08"

[[milestones.parts]]
id = "second"
title = "Second"
story = "Watch."
needs = ["01", "02", "03", "04", "05", "06", "07", "08"]
recipe = "made.again:digits"
settings = { epochs = 2, batch_size = 64, learning_rate = 0.05 }

[[milestones.parts.gates]]
id = "fell"
title = "loss fell"
metric = "loss_drop"
comparison = ">"
required = 0.01
unit = "%"
hint = "Look."
"""


@pytest.fixture
def trial(course: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    """A course whose modules are solved, with a milestone that takes a second."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "again.py").write_text(RECIPE)
    monkeypatch.syspath_prepend(tmp_path)
    known = os.environ.get("PYTHONPATH")
    path = f"{tmp_path}{os.pathsep}{known}" if known else str(tmp_path)
    monkeypatch.setenv("PYTHONPATH", path)
    folder = course.workspace.state_dir / "tracks"
    folder.mkdir()
    (folder / "mine.toml").write_text(TRACK)
    tracker = Tracker.open(course.workspace.root)
    tracker.set_track("mine")
    for number in MODULES:
        module = tracker.module(number)
        tracker.workspace.notebook(module).unlink()  # or a command would export it first
        source = REPOSITORY / "tinytorch" / module.exports
        shutil.copyfile(source, tracker.workspace.export(module))
        prove(tracker, number)
    yield tracker
    for name in ("made", "made.again"):
        sys.modules.pop(name, None)


def prove(tracker: Tracker, number: str) -> None:
    """Let a module's export count as complete."""
    module = tracker.module(number)
    hashes = {"export": file_hash(tracker.workspace.export(module))}
    tracker.progress.add_receipt(
        Receipt(kind="module", what=module.id, created=now(), hashes=hashes, evidence={})
    )


def change(tracker: Tracker, number: str, old: str, new: str) -> None:
    """Change a module's export, and let it count as complete again."""
    path = tracker.workspace.export(tracker.module(number))
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    prove(tracker, number)


class Watcher:
    """An observer that remembers, and stops the run at a step."""

    def __init__(self, stop_at: int = 0) -> None:
        self.stop_at = stop_at
        self.steps: list[tuple[int, float]] = []
        self.begun: list[tuple[int, list[float], float]] = []
        self.ghosts: list[set[str]] = []

    def started(self, milestone: object, part: object, run: Run) -> None:
        self.begun.append((run.resumed, list(run.evidence.losses), run.seconds))
        self.ghosts.append(set(run.ghosts))

    def stepped(self, step: Step, run: Run) -> None:
        self.steps.append((step.step, step.loss))
        if step.step == self.stop_at:
            raise KeyboardInterrupt

    def finished(self, report: PartReport, run: Run) -> None:
        pass


IN_EPOCH_3 = 2 * PER_EPOCH + 5


def go(tracker: Tracker, stop_at: int = 0, **more: Any) -> tuple[PartReport, Watcher]:
    """The first part that ran, and what an observer saw."""
    watcher = Watcher(stop_at)
    options = {"in_child": False, **more}
    report = tracker.run_milestone("trial", observer=watcher, **options)
    return report.parts[0], watcher


def first(tracker: Tracker, stop_at: int = 0, **more: Any) -> tuple[PartReport, Watcher]:
    return go(tracker, stop_at, part="first", **more)


def on(tracker: Tracker, stop_at: int = 0, **more: Any) -> tuple[PartReport, Watcher]:
    return go(tracker, stop_at, resume=True, **more)


def kept(tracker: Tracker, part: str = "first") -> Path:
    return Keeper(tracker.workspace, "trial", part).file


def attempts(tracker: Tracker) -> list[Attempt]:
    return tracker.progress.attempts()


def part_receipts(tracker: Tracker) -> list[Receipt]:
    return [r for r in tracker.progress.receipts() if r.kind == "part"]


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


# refusals


def refused(tracker: Tracker, match: str, **more: Any) -> TinyTorchError:
    """The refusal; nothing is lost by it, and nothing recorded."""
    before, there = kept(tracker).read_bytes(), len(attempts(tracker))
    with pytest.raises(TinyTorchError, match=match) as caught:
        on(tracker, **more)
    assert kept(tracker).read_bytes() == before
    assert len(attempts(tracker)) == there
    return caught.value


def test_nothing_to_go_on_with(trial: Tracker) -> None:
    with pytest.raises(TinyTorchError, match="no interrupted run of Trial") as caught:
        on(trial)
    assert "leave out --resume" in caught.value.remedy
    first(trial, IN_EPOCH_3)
    with pytest.raises(TinyTorchError, match="no interrupted run of Trial: second"):
        on(trial, part="second")


def test_changed_code_is_named(trial: Tracker) -> None:
    first(trial, IN_EPOCH_3)
    change(trial, "03", "class Linear(", "# better now\nclass Linear(")
    error = refused(trial, "03_layers was changed since")
    assert "anew" in error.remedy


def test_other_settings_are_refused_and_the_same_are_not(trial: Tracker) -> None:
    first(trial, IN_EPOCH_3, overrides={"seed": 3})
    refused(trial, "has seed = 3, and 4 was asked for", overrides={"seed": 4})
    refused(trial, "has epochs = 5, and 6", overrides={"epochs": 6})
    refused(trial, "without a cell", cell="hidden = 8")
    refused(trial, "--quick", quick=True)
    report, _ = on(trial, overrides={"seed": 3, "epochs": 5})
    assert report.credited
    assert report.seed == attempts(trial)[-1].seed == 3


def test_a_cell_must_be_the_same(trial: Tracker) -> None:
    cell = "hidden = 24\n"
    first(trial, IN_EPOCH_3, cell=cell)
    refused(trial, "with a cell of its own")
    refused(trial, "with another cell", cell="hidden = 25")
    report, _ = on(trial, cell=cell)
    assert report.credited


def test_settings_of_the_course_that_changed_stop_it(trial: Tracker) -> None:
    first(trial, IN_EPOCH_3)
    track = trial.workspace.state_dir / "tracks" / "mine.toml"
    track.write_text(track.read_text().replace("learning_rate = 0.05, ", "learning_rate = 0.06, "))
    report, watcher = on(Tracker.open(trial.workspace.root))
    assert "learning_rate" in report.error
    assert watcher.steps == []
    assert kept(trial).exists()


@pytest.mark.parametrize("where", [3, 60, -5])
def test_a_damaged_file_is_kept_aside(trial: Tracker, where: int) -> None:
    first(trial, IN_EPOCH_3)
    data = bytearray(kept(trial).read_bytes())
    data[where] ^= 1
    kept(trial).write_bytes(data)
    with pytest.raises(TinyTorchError, match="damaged") as caught:
        on(trial)
    (aside,) = kept(trial).parent.glob("saved.damaged-*")
    assert str(aside) in caught.value.message
    assert aside.read_bytes() == data
    with pytest.raises(TinyTorchError, match="no interrupted run"):
        on(trial)


def test_a_file_that_was_cut_off_is_damaged(trial: Tracker) -> None:
    first(trial, IN_EPOCH_3)
    kept(trial).write_bytes(kept(trial).read_bytes()[:20])
    with pytest.raises(TinyTorchError, match="damaged"):
        on(trial)


@pytest.mark.parametrize("in_child", [False, True])
def test_weights_that_do_not_come_back_are_noticed(trial: Tracker, in_child: bool) -> None:
    change(trial, "08", "        restore(self, read_checkpoint(path))", "        pass")
    first(trial, IN_EPOCH_3)
    report, watcher = on(trial, in_child=in_child)
    assert "did not bring back the weights" in report.error
    assert watcher.steps == []
    assert not report.credited
    assert kept(trial).exists()


# what people are told


def test_the_next_step_says_how(trial: Tracker) -> None:
    first(trial, IN_EPOCH_3)
    step = trial.next_step()
    assert step.command == "tito milestone run trial --resume"
    assert "epoch 2 of 5" in step.why
    on(trial)
    assert "--resume" not in trial.next_step().command


def test_in_a_terminal(
    trial: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tinytorch_milestones.cli import main

    first(trial, IN_EPOCH_3)
    monkeypatch.chdir(trial.workspace.root)
    assert main(["milestone", "run", "trial", "--resume", "--seed", "9"]) == 1
    assert "has seed = 0, and 9" in capsys.readouterr().err
    assert main(["milestone", "run", "trial", "--resume"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Going on after epoch 2 of 5." in out
    assert "gone on with after epoch 2" in out


def test_in_a_notebook(trial: Tracker, shell: Callable[[Path], Any]) -> None:
    from tinytorch_milestones.widgets import Dashboard
    from tinytorch_milestones.widgets.blocks import ending

    report, _ = first(trial, IN_EPOCH_3)
    said = ending(report, EPOCHS * PER_EPOCH, 1.0, {})["text/plain"]
    assert "Epochs 1 to 2 of 5 are kept. Go on with it: %milestone run trial --resume" in said
    notebook = shell(trial.workspace.root)
    seen: list[PartReport] = []
    monkeypatch_finished = Dashboard.finished

    def finished(self: Dashboard, report: PartReport, run: Run) -> None:
        seen.append(report)
        monkeypatch_finished(self, report, run)

    Dashboard.finished = finished  # type: ignore[method-assign]
    try:
        notebook.run_line_magic("milestone", "run trial --resume --fast")
    finally:
        Dashboard.finished = monkeypatch_finished  # type: ignore[method-assign]
    assert [(p.resumed_epoch, p.credited) for p in seen] == [(2, True)]


def test_the_child_stops_by_the_evidence_of_the_whole_run() -> None:
    from tinytorch_milestones.training import child
    from tinytorch_milestones.training.evidence import Evidence

    earlier = Evidence()
    earlier.fold(Step(epoch=1, epochs=9, step=1, steps=9, loss=1.0, metrics={"only.before": 1.0}))
    gate = {"id": "g", "title": "g", "metric": "only.before", "comparison": ">=", "required": 1.0}
    job = {
        "root": str(REPOSITORY),
        "kind": "reference",
        "recipe": "mlp:digits",
        "settings": {"epochs": 1, "batch_size": 64, "patience": 1},
        "gates": [{**gate, "hint": ""}],
    }
    for evidence, steps in ((None, PER_EPOCH), (earlier.state(), 1)):
        sent: list[Any] = []
        child.run({**job, **({"evidence": evidence} if evidence else {})}, sent.append)
        assert sum(len(message.get("steps", [])) for message in sent) == steps
