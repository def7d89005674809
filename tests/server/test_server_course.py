"""Server-side following: what a course with a scripted tracker checks and tells."""

from __future__ import annotations

import asyncio
import os
import time

import msgspec
import pytest

from tests.server.stage import LONG, Scene, scene
from tinytorch_milestones.errors import StateError
from tinytorch_milestones.state import RunningState


@scene
async def test_a_save_in_lab_is_checked_and_told(stage: Scene) -> None:
    await stage.course.open()
    stage.tracker.changed = ["01_tensor"]
    stage.course.saved(stage.notebook("01_tensor"))
    checked = await stage.host.hears("checked")
    await stage.settled()
    assert stage.tracker.completed == ["01_tensor"]
    assert stage.host.kinds() == ["checking", "checked", "state"]
    assert checked == {
        "workspace": "my/course",
        "sequence": stage.tracker.now.sequence,
        "kind": "checked",
        "module": "01_tensor",
        "title": "01 Tensor",
        "passed": 3,
        "total": 4,
        "message": "got 2",
        "cell": "c7",
        "notebook": "my/course/modules/01_tensor.ipynb",
        "seconds": 0.5,
    }


@scene
async def test_a_save_that_changed_no_code_is_quiet(stage: Scene) -> None:
    await stage.course.open()
    stage.course.saved(stage.notebook("01_tensor"))
    await stage.settled()
    assert stage.tracker.completed == []
    assert stage.host.events == []


@scene
async def test_a_burst_of_saves_costs_one_more_check_of_the_newest(stage: Scene) -> None:
    await stage.course.open()
    stage.tracker.go.clear()
    stage.tracker.changed = ["01_tensor"]
    stage.course.saved(stage.notebook("01_tensor"))
    await stage.host.run(lambda: stage.tracker.begun.wait(LONG))
    for number in range(20):
        stage.course.saved(stage.notebook("01_tensor", "{" + " " * number + "}"))
    stage.tracker.keeps_stale = True  # the content is newer than what was checked
    stage.tracker.go.set()
    await stage.host.hears("checked")
    await stage.settled()
    assert stage.tracker.completed == ["01_tensor", "01_tensor"]
    assert stage.tracker.most_in_flight == 1
    # the first result is about content that is gone: nobody needs a toast for it
    assert stage.host.kinds() == ["checking", "state", "checking", "checked", "state"]


@scene
async def test_a_notebook_that_is_still_being_written_is_left_alone(stage: Scene) -> None:
    stage.host.debounce_seconds = 0.5
    await stage.course.open()
    stage.tracker.changed = ["01_tensor"]
    notebook = stage.notebook("01_tensor", "{")
    stage.course.look()  # the slow poll comes at a bad moment
    assert stage.course._worker is not None
    await stage.course._worker
    # a second later it is still half a file
    second_ago = time.time() - 1.0
    os.utime(notebook, (second_ago, second_ago))
    stage.course.look()
    assert stage.course._worker is not None
    await stage.course._worker
    assert stage.tracker.completed == []
    stage.notebook("01_tensor", "{}")
    stage.course.saved(notebook)  # now Lab says that it is done: no waiting
    await stage.host.hears("checked")
    assert stage.tracker.completed == ["01_tensor"]


@scene
async def test_what_stays_stale_is_not_checked_for_ever(stage: Scene) -> None:
    stage.notebook("01_tensor")
    stage.tracker.changed = ["01_tensor"]
    stage.tracker.keeps_stale = True
    await stage.course.open()
    await stage.settled()
    for _ in range(5):
        stage.course.look()  # the slow poll
        await stage.settled()
    assert stage.tracker.completed == ["01_tensor"]
    stage.notebook("01_tensor", "{   }")
    stage.course.look()
    await stage.settled()
    assert stage.tracker.completed == ["01_tensor", "01_tensor"]


@scene
async def test_the_module_saved_last_goes_first(stage: Scene) -> None:
    stage.tracker.trusted = False
    await stage.course.open()
    stage.tracker.trusted = True
    stage.tracker.changed = ["01_tensor", "02_activations", "03_layers"]
    stage.course.saved(stage.notebook("03_layers"))
    await stage.settled()
    assert stage.tracker.completed == ["03_layers", "01_tensor", "02_activations"]


@scene
async def test_nothing_runs_in_a_course_that_is_not_trusted(stage: Scene) -> None:
    stage.tracker.trusted = False
    stage.tracker.changed = ["01_tensor"]
    await stage.course.open()
    stage.course.saved(stage.notebook("01_tensor"))
    stage.course.changed([stage.course.root / "modules/01_tensor.ipynb"])
    stage.course.look()
    await stage.settled()
    assert stage.tracker.completed == []
    assert not stage.tracker.prepared.is_set()
    await stage.course.complete("01")  # an explicit click is consent
    assert stage.tracker.completed == ["01_tensor"]


@scene
async def test_trusting_checks_what_waited(stage: Scene) -> None:
    stage.tracker.trusted = False
    stage.tracker.changed = ["01_tensor"]
    stage.tracker.keeps_stale = True
    await stage.course.open()
    await stage.course.complete("01")
    stage.tracker.completed.clear()
    stage.tracker.keeps_stale = False
    await stage.course.trust()
    await stage.settled()
    assert stage.tracker.completed == ["01_tensor"]
    assert stage.tracker.prepared.is_set()


@scene
async def test_without_check_on_save_only_state_is_told(stage: Scene) -> None:
    stage.host.check_on_save = False
    stage.tracker.changed = ["01_tensor"]
    await stage.course.open()
    stage.course.saved(stage.notebook("01_tensor"))
    stage.tracker.step()
    stage.course.changed([stage.course.root / ".tito" / "sequence"])
    await stage.settled()
    assert stage.tracker.completed == []
    assert stage.host.kinds() == ["state"]
    # a course's own choice stands above the server's
    stage.course.check_on_save = True
    stage.course.look()
    await stage.settled()
    assert stage.tracker.completed == ["01_tensor"]


@scene
async def test_own_writes_cause_no_loop(stage: Scene) -> None:
    await stage.course.open()
    stage.tracker.changed = ["01_tensor"]
    stage.course.saved(stage.notebook("01_tensor"))
    await stage.settled()
    told = len(stage.host.events)
    for _ in range(5):
        root = stage.course.root
        stage.course.changed([root / "tinytorch/core/tensor.py", root / ".tito/checks/x.json"])
        await stage.settled()
    assert stage.tracker.completed == ["01_tensor"]
    assert len(stage.host.events) == told


@scene
async def test_unlocking_is_told_once_with_its_notebook(stage: Scene) -> None:
    milestone = stage.tracker.now.milestones[0]
    ready = msgspec.structs.replace(milestone, status="ready", notebook="notebooks/01.ipynb")
    state = stage.tracker.now
    stage.tracker.now = msgspec.structs.replace(state, milestones=[ready, *state.milestones[1:]])
    await stage.course.open()
    stage.tracker.changed, stage.tracker.unlocks = ["03_layers"], [milestone.id]
    stage.course.saved(stage.notebook("03_layers"))
    unlocked = await stage.host.hears("unlocked")
    await stage.settled()
    assert stage.host.kinds() == ["checking", "checked", "unlocked", "state"]
    assert unlocked["milestone"] == milestone.id
    assert unlocked["title"] == f"{milestone.title}, {milestone.year}"
    assert unlocked["notebook"] == "my/course/notebooks/01.ipynb"


@scene
async def test_a_refusal_says_why_and_what_to_do(stage: Scene) -> None:
    await stage.course.open()
    stage.tracker.refuses = "Cell 3 has a syntax error."
    stage.tracker.changed = ["01_tensor"]
    stage.course.saved(stage.notebook("01_tensor"))
    refused = await stage.host.hears("refused")
    assert refused["message"] == "Cell 3 has a syntax error."
    assert refused["remedy"] == "Correct it."
    assert refused["cell"] == "c7"


@scene
async def test_a_check_that_cannot_be_made_is_told_and_the_next_one_runs(stage: Scene) -> None:
    await stage.course.open()
    stage.tracker.raises = StateError("The disk is full.", "Make room.")
    with pytest.raises(StateError):
        await stage.course.complete("01_tensor")
    refused = await stage.host.hears("refused")
    assert (refused["message"], refused["remedy"]) == ("The disk is full.", "Make room.")
    stage.tracker.raises = None
    assert (await stage.course.complete("01_tensor")).passed == 3
    assert (await stage.course.state()).modules[1].status != "checking"


@scene
async def test_a_bug_in_a_check_does_not_stop_the_server(stage: Scene) -> None:
    await stage.course.open()
    stage.tracker.raises = RuntimeError("surprise")
    stage.tracker.changed = ["01_tensor"]
    stage.course.saved(stage.notebook("01_tensor"))
    refused = await stage.host.hears("refused")
    assert "surprise" not in refused["message"]
    stage.tracker.raises = None
    await stage.course.complete("01_tensor")


@scene
async def test_while_a_module_is_checked_the_state_says_so(stage: Scene) -> None:
    await stage.course.open()
    stage.tracker.go.clear()
    answer = asyncio.create_task(stage.course.complete("01"))
    await stage.host.hears("checking")
    state = await stage.course.state()
    assert next(m for m in state.modules if m.id == "01_tensor").status == "checking"
    assert state.workspace.path == "my/course"
    stage.tracker.go.set()
    await answer


@scene
async def test_two_clicks_on_one_module_share_one_check(stage: Scene) -> None:
    await stage.course.open()
    stage.tracker.go.clear()
    first = asyncio.create_task(stage.course.complete("01"))
    await stage.host.hears("checking")
    others = [asyncio.create_task(stage.course.complete("01")) for _ in range(5)]
    await asyncio.sleep(0)
    stage.tracker.go.set()
    await asyncio.gather(first, *others)
    # the first began before the others asked, so its answer could be too old for them
    assert stage.tracker.completed == ["01_tensor", "01_tensor"]


@scene
async def test_what_another_process_checked_is_told_here(stage: Scene) -> None:
    await stage.course.open()
    state = stage.tracker.now
    module = msgspec.structs.replace(
        state.modules[1], checked_at="2031-01-01T00:00:00Z", problem=""
    )
    stage.tracker.now = msgspec.structs.replace(
        state,
        sequence=state.sequence + 5,
        modules=[state.modules[0], module, *state.modules[2:]],
    )
    stage.course.changed([stage.course.root / ".tito" / "checks" / "01_tensor.json"])
    checked = await stage.host.hears("checked")
    assert checked["module"] == module.id
    assert checked["sequence"] == state.sequence + 5
    await stage.settled()
    stage.course.changed([stage.course.root / ".tito" / "checks" / "01_tensor.json"])
    await stage.settled()
    assert stage.host.kinds().count("checked") == 1


@scene
async def test_a_run_elsewhere_is_told_as_it_moves(stage: Scene) -> None:
    await stage.course.open()
    for step in (10, 20):
        state = stage.tracker.now
        running = RunningState(part="trained", step=step, steps=100, seconds_left=None)
        first = msgspec.structs.replace(state.milestones[0], running=running, status="running")
        stage.tracker.now = msgspec.structs.replace(
            state, sequence=state.sequence + 1, milestones=[first, *state.milestones[1:]]
        )
        stage.course.changed([stage.course.root / ".tito" / "attempts" / "x.json"])
        await stage.settled()
    assert stage.host.kinds() == ["milestone", "milestone"]
    assert stage.host.events[0]["milestone"] == stage.tracker.now.milestones[0].id


@scene
async def test_news_that_come_in_a_pause_are_told_after_it(stage: Scene) -> None:
    stage.host.news_seconds = 0.05
    await stage.course.open()
    for _ in range(2):
        told = len(stage.host.events)
        stage.tracker.step()
        stage.course.changed([stage.course.root / ".tito" / "sequence"])
        await stage.host.hears("state", told + 1)
    assert stage.host.events[-1]["sequence"] == stage.tracker.now.sequence


@scene
async def test_closing_answers_whoever_still_waits(stage: Scene) -> None:
    await stage.course.open()
    stage.tracker.go.clear()
    first = asyncio.create_task(stage.course.complete("01"))
    await stage.host.hears("checking")
    second = asyncio.create_task(stage.course.complete("02"))
    await asyncio.sleep(0)
    await stage.course.close()
    assert stage.tracker.closed, "a check under way is ended"
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(second, LONG)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(first, LONG)
