"""When an interrupted run cannot go on, and what people are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.resumption import (
    EPOCHS,
    IN_EPOCH_3,
    PER_EPOCH,
    REPOSITORY,
    a_trial,
    attempts,
    change,
    first,
    kept,
    on,
)
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.state import PartReport
from tinytorch_milestones.tracker import Run, Tracker
from tinytorch_milestones.training.steps import Step


@pytest.fixture
def trial(course: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    yield from a_trial(course, tmp_path, monkeypatch)


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
