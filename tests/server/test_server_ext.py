"""The endpoints of `server_ext.py`, in a real Jupyter server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.server.live import Client, on_server
from tinytorch_milestones.errors import WorkspaceError
from tinytorch_milestones.server_ext import TinyTorchApp
from tinytorch_milestones.server_handlers import HANDLERS
from tinytorch_milestones.state import State
from tinytorch_milestones.tracker import Tracker

# finding the course


@on_server
async def test_the_state_of_a_course_named_by_any_file_in_it(
    client: Client, course: Tracker
) -> None:
    for path in ("my course", "my course/modules/01_tensor.ipynb", "/my course/modules/", ""):
        state = await client.get(path)
        assert state.workspace.path == "my course"
        assert state.student == "Ada"
        assert state.workspace.trusted


@on_server
async def test_without_a_course_at_a_path_the_only_one_below_the_root_is_used(
    client: Client, course: Tracker, root: Path
) -> None:
    (root / "elsewhere").mkdir()
    assert (await client.get("elsewhere")).workspace.path == "my course"
    Tracker.create(root / "second")
    status, problem = await client.refusal(client.get("elsewhere"))
    assert (status, problem["reason"]) == (404, "no_workspace")
    assert "tito init" in problem["remedy"]
    assert (await client.get("second/modules")).workspace.path == "second"


@on_server
async def test_a_course_at_the_root_has_an_empty_path(
    client: Client, course: Tracker, root: Path
) -> None:
    for file in list(course.workspace.root.iterdir()):
        shutil.move(file, root / file.name)
    state = await client.get("modules/01_tensor.ipynb")
    assert state.workspace.path == ""
    assert not state.workspace.trusted  # it was trusted elsewhere


@on_server
async def test_a_chosen_course_serves_files_that_belong_to_none(
    client: Client, course: Tracker, root: Path, app: TinyTorchApp
) -> None:
    Tracker.create(root / "second")
    app.course = "second"
    assert (await client.get("nowhere")).workspace.path == "second"


@on_server
async def test_a_course_above_the_root_is_not_reached(
    client: Client, root: Path, tmp_path: Path
) -> None:
    (root.parent / "pyproject.toml").write_text('[tool.tinytorch]\nname = "above"\n')
    status, problem = await client.refusal(client.get(""))
    assert (status, problem["reason"]) == (404, "no_workspace")


@pytest.mark.parametrize(
    "path",
    ["../outside", "..", "link", "link/modules", "my course/.tito", ".gone/x", "a/../../x", "x\0y"],
)
@on_server
async def test_outside_and_hidden_paths_are_not_there(
    client: Client, course: Tracker, root: Path, tmp_path: Path, path: str
) -> None:
    outside = Tracker.create(tmp_path / "outside")
    (root / "link").symlink_to(outside.workspace.root)
    if "\0" not in path:  # a query never brings one here
        status, problem = await client.refusal(client.get(path))
        assert (status, problem["reason"]) == (404, "not_found")
    status, problem = await client.refusal(client.post("complete", path=path, module="01"))
    assert (status, problem["reason"]) == (404, "not_found")


# who may ask

ENDPOINTS = [pattern.removeprefix("/tinytorch/") for pattern, _ in HANDLERS]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@on_server
async def test_without_a_token_nothing_is_said(
    client: Client, course: Tracker, endpoint: str
) -> None:
    request: dict[str, Any] = {"headers": {"Authorization": "token wrong"}}
    if endpoint != "state":
        request |= {"method": "POST", "body": json.dumps({"path": "", "module": "01"})}
    status, problem = await client.refusal(client.fetch("tinytorch", endpoint, **request))
    assert (status, problem["reason"]) == (403, "forbidden")
    assert "my course" not in json.dumps(problem)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@on_server
async def test_who_may_not_read_or_write_is_refused(
    jp_serverapp: Any, client: Client, course: Tracker, endpoint: str
) -> None:
    asked = []

    def refuse(handler: object, user: object, action: str, resource: str) -> bool:
        asked.append((action, resource))
        return False

    jp_serverapp.authorizer.is_authorized = refuse
    reading = endpoint == "state"
    request = client.get() if reading else client.post(endpoint)
    status, problem = await client.refusal(request)
    assert (status, problem["reason"]) == (403, "forbidden")
    assert asked == [("read" if reading else "write", "tinytorch_milestones")]


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e != "state"])
@on_server
async def test_a_page_of_another_origin_cannot_post(
    jp_serverapp: Any, client: Client, course: Tracker, endpoint: str
) -> None:
    # signed in by cookie, as a browser is: then the XSRF token is what tells our page from others
    from jupyter_server.auth.identity import User

    provider = jp_serverapp.identity_provider
    provider.get_user = lambda handler: User("ada")
    provider.is_token_authenticated = lambda handler: False
    for cookie, header in (("", ""), ("_xsrf=a", "b")):
        status, problem = await client.refusal(
            client.fetch(
                "tinytorch",
                endpoint,
                method="POST",
                body="{}",
                headers={"Authorization": "", "Cookie": cookie, "X-XSRFToken": header},
            )
        )
        assert (status, problem["reason"]) == (403, "forbidden")
        assert "xsrf" in problem["message"].lower()


# wrong requests


@pytest.mark.parametrize(
    ("endpoint", "body", "status", "reason"),
    [
        ("complete", {"path": "my course"}, 400, "bad_request"),
        ("complete", {"module": "01"}, 400, "bad_request"),
        ("complete", {"path": 3, "module": "01"}, 400, "bad_request"),
        ("complete", {"path": "my course", "module": "01_tensr"}, 404, "unknown_name"),
        ("track", {"path": "my course", "track": "histry"}, 404, "unknown_name"),
        ("trust", {}, 400, "bad_request"),
        ("settings", {"check_on_save": "no"}, 400, "bad_request"),
        ("appearance", {"theme": "pink"}, 400, "bad_request"),
    ],
)
@on_server
async def test_wrong_requests_are_explained(
    client: Client,
    course: Tracker,
    endpoint: str,
    body: dict[str, Any],
    status: int,
    reason: str,
) -> None:
    found, problem = await client.refusal(client.post(endpoint, **body))
    assert (found, problem["reason"]) == (status, reason)


@on_server
async def test_what_a_course_cannot_do_is_explained(
    client: Client, course: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise WorkspaceError("01 Tensor is not written yet.", "Wait for it.")

    monkeypatch.setattr(Tracker, "complete_module", refuse)
    request = client.post("complete", path="my course", module="01")
    status, problem = await client.refusal(request)
    assert (status, problem["reason"], problem["remedy"]) == (409, "workspace", "Wait for it.")


@on_server
async def test_a_body_that_is_not_json_is_explained(client: Client, course: Tracker) -> None:
    for body in ("{", "[1]", "\x00"):
        request = client.fetch("tinytorch", "trust", method="POST", body=body)
        status, problem = await client.refusal(request)
        assert (status, problem["reason"]) == (400, "bad_request")


@on_server
async def test_an_unknown_track_suggests_the_nearest(client: Client, course: Tracker) -> None:
    status, problem = await client.refusal(client.get("my course", track="histry"))
    assert (status, problem["reason"]) == (404, "unknown_name")
    assert "history" in problem["remedy"]


@on_server
async def test_a_failure_inside_says_nothing_about_the_inside(
    client: Client, course: Tracker, app: TinyTorchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(root: Path) -> Tracker:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(app, "open_tracker", fail)
    status, problem = await client.refusal(client.get("my course"))
    assert (status, problem["reason"]) == (500, "error")
    assert "secret" not in json.dumps(problem)
    monkeypatch.undo()
    assert (await client.get("my course")).student == "Ada"


# choices


@on_server
async def test_the_theme_is_kept_for_kernels(client: Client, own_home: Path) -> None:
    for theme in ("dark", "light"):
        await client.post("appearance", theme=theme)
        assert json.loads((own_home / "appearance.json").read_text()) == {"theme": theme}
    assert [path.name for path in own_home.iterdir()] == ["appearance.json"]


@on_server
async def test_a_track_is_kept_and_every_window_hears_of_it(
    client: Client, course: Tracker, open_window: Any
) -> None:
    windows = [await open_window(), await open_window()]
    answer = await client.post("track", path="my course", track="history")
    assert msgspec.json.decode(answer.body, type=State).track == "history"
    for window in windows:
        assert (await window.hears("state"))["workspace"] == "my course"
    assert course.progress.settings()["track"] == "history"


@on_server
async def test_check_on_save_can_be_chosen_for_all_and_for_one(
    client: Client, course: Tracker, app: TinyTorchApp
) -> None:
    await client.get("my course")
    followed = app.courses[course.workspace.root]
    await client.post("settings", check_on_save=False)
    assert not followed.automatic
    await client.post("settings", path="my course", check_on_save=True)
    assert followed.automatic
    await client.post("settings", check_on_save=False)
    assert not followed.automatic
