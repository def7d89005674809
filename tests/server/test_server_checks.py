"""What a real Jupyter server checks by itself, and what it tells of it."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import msgspec

from tests.server.live import Client, on_server
from tinytorch_milestones.server_ext import EVENTS, TinyTorchApp
from tinytorch_milestones.state import Completion, State
from tinytorch_milestones.tracker import Tracker


@on_server
async def test_completing_a_solved_module(
    client: Client, course: Tracker, open_window: Any
) -> None:
    course.solve_module("00")
    window = await open_window()
    await client.post("settings", check_on_save=False)
    answer = await client.post("complete", path="my course", module="00")
    completion = msgspec.json.decode(answer.body, type=Completion)
    assert completion.complete
    checked = await window.hears("checked")
    assert (checked["passed"], checked["total"]) == (completion.passed, completion.total)
    assert checked["notebook"] == "my course/modules/00_setup.ipynb"
    state = await client.get("my course")
    assert state.modules[0].status == "complete"
    assert checked["sequence"] <= state.sequence


@on_server
async def test_a_save_through_lab_is_checked(
    client: Client, course: Tracker, open_window: Any, app: TinyTorchApp, jp_fetch: Any
) -> None:
    await app.start_following()
    await client.get("my course")
    window = await open_window()
    path = course.workspace.modules / "00_setup.ipynb"
    content = json.loads(path.read_text())
    model = {"type": "notebook", "format": "json", "content": content}
    url = ("api", "contents", "my course", "modules", "00_setup.ipynb")
    # as it was handed out: quiet
    await jp_fetch(*url, method="PUT", body=json.dumps(model))
    solved = Tracker.create(course.workspace.root.parent.parent / "solved", solve="00")
    model["content"] = json.loads((solved.workspace.modules / "00_setup.ipynb").read_text())
    await jp_fetch(*url, method="PUT", body=json.dumps(model))
    checked = await window.hears("checked")
    assert checked["module"] == "00_setup"
    assert checked["passed"] == checked["total"] > 0
    told = [e["kind"] for e in window.heard if e["kind"] in ("checked", "refused")]
    assert told == ["checked"]


@on_server
async def test_a_change_by_another_program_is_checked(
    client: Client, course: Tracker, open_window: Any, app: TinyTorchApp
) -> None:
    await app.start_following()
    await client.get("my course")
    window = await open_window()
    await asyncio.get_running_loop().run_in_executor(None, course.solve_module, "00")
    assert (await window.hears("checked"))["module"] == "00_setup"


@on_server
async def test_what_a_terminal_completed_is_told(
    client: Client, course: Tracker, open_window: Any, app: TinyTorchApp
) -> None:
    await app.start_following()
    await client.post("settings", check_on_save=False)
    await client.get("my course")
    window = await open_window()

    def terminal() -> Completion:
        course.solve_module("00")
        return course.complete_module("00")

    done = await asyncio.get_running_loop().run_in_executor(None, terminal)
    checked = await window.hears("checked")
    assert (checked["module"], checked["passed"]) == ("00_setup", done.passed)


@on_server
async def test_a_kernel_that_ended_is_a_reason_to_look(
    jp_serverapp: Any, client: Client, course: Tracker, open_window: Any
) -> None:
    # not watching and not polling: only the kernel's end can be what is noticed
    await client.get("my course")
    window = await open_window()
    course.set_track("history")
    jp_serverapp.event_logger.emit(
        schema_id="https://events.jupyter.org/jupyter_server/kernel_actions/v1",
        data={"action": "restart", "kernel_id": "1", "msg": "", "status": "success"},
    )
    await window.hears("state", workspace="my course")


@on_server
async def test_what_changed_while_nobody_watched_is_checked_at_the_start(
    course: Tracker, open_window: Any, app: TinyTorchApp
) -> None:
    course.solve_module("00")
    window = await open_window()
    await app.start_following()
    assert (await window.hears("checked"))["module"] == "00_setup"


@on_server
async def test_a_course_from_elsewhere_is_checked_only_after_it_was_trusted(
    client: Client, course: Tracker, root: Path, open_window: Any, app: TinyTorchApp
) -> None:
    foreign = root / "foreign"
    course.solve_module("00")
    shutil.move(course.workspace.root, foreign)
    await app.start_following()
    window = await open_window()
    state = await client.get("foreign")
    assert not state.workspace.trusted
    assert state.next.kind == "trust"
    followed = app.courses[foreign]
    followed.look()
    assert followed._worker is not None
    await followed._worker
    assert not (foreign / "tinytorch" / "setup.py").exists()
    answer = await client.post("trust", path="foreign")
    assert msgspec.json.decode(answer.body, type=State).workspace.trusted
    await window.hears("checked", module="00_setup")
    assert (foreign / "tinytorch" / "setup.py").exists()


@on_server
async def test_stopping_leaves_nothing_running(
    client: Client, course: Tracker, app: TinyTorchApp
) -> None:
    await app.start_following()
    await client.get("my course")
    assert any(thread.name == "tinytorch-watch" for thread in threading.enumerate())
    before = asyncio.all_tasks()
    await app.stop_extension()
    assert not any(thread.name == "tinytorch-watch" for thread in threading.enumerate())
    assert app.courses == {}
    ours = [t for t in asyncio.all_tasks() & before if "tinytorch" in repr(t.get_coro())]
    assert ours == []


def test_the_schema_names_the_kinds_that_are_told() -> None:
    import yaml

    import tinytorch_milestones

    path = Path(tinytorch_milestones.__file__).with_name("events.yaml")
    schema = yaml.safe_load(path.read_text())
    assert schema["$id"] == EVENTS
    kinds = set(schema["properties"]["kind"]["enum"])
    assert kinds == {"state", "checking", "checked", "refused", "unlocked", "milestone"}
