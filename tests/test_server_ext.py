# ruff: noqa: F401, F811 - fixtures are imported by name
"""The endpoints and events of `server_ext.py`, in a real Jupyter server."""

from __future__ import annotations

import asyncio
import functools
import json
import shutil
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jupyter_core.utils import ensure_event_loop
from pytest_jupyter.jupyter_core import (
    echo_kernel_spec,
    jp_asyncio_loop,
    jp_config_dir,
    jp_data_dir,
    jp_env_config_path,
    jp_env_jupyter_path,
    jp_environ,
    jp_home_dir,
    jp_kernel_dir,
    jp_runtime_dir,
    jp_system_config_path,
    jp_system_jupyter_path,
)
from pytest_jupyter.jupyter_server import (
    jp_argv,
    jp_auth_header,
    jp_base_url,
    jp_configurable_serverapp,
    jp_fetch,
    jp_http_port,
    jp_logging_stream,
    jp_nbconvert_templates,
    jp_root_dir,
    jp_server_cleanup,
    jp_server_config,
    jp_serverapp,
    jp_template_dir,
    jp_web_app,
    jp_ws_fetch,
)
from pytest_jupyter.pytest_tornasync import (
    http_server,
    http_server_client,
    http_server_port,
    io_loop,
)
from tornado.httpclient import HTTPClientError, HTTPResponse

from tinytorch_milestones.server_ext import EVENTS, TinyTorchApp
from tinytorch_milestones.server_handlers import HANDLERS
from tinytorch_milestones.state import Completion, State
from tinytorch_milestones.tracker import Tracker

LONG = 30.0  # seconds after which something that should happen counts as not happening

Test = Callable[..., Coroutine[Any, Any, None]]


def on_server(test: Test) -> Callable[..., None]:
    """Run an async test on the server's event loop."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        loop = ensure_event_loop(prefer_selector_loop=True)
        loop.run_until_complete(asyncio.wait_for(test(**fixtures), 2 * LONG))

    return run


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"tinytorch_milestones": True}},
        "TinyTorchApp": {"poll_seconds": 0.2, "debounce_seconds": 0.05, "news_seconds": 0.05},
    }


@pytest.fixture
def app(jp_serverapp: Any) -> TinyTorchApp:
    found: TinyTorchApp = (
        jp_serverapp.extension_manager.extension_apps["tinytorch_milestones"].copy().pop()
    )
    return found


@pytest.fixture
def root(jp_root_dir: Path) -> Path:
    return jp_root_dir


@pytest.fixture
def course(root: Path) -> Tracker:
    """A course named `my course`, below the server's root, nothing solved."""
    return Tracker.create(root / "my course", name="Ada")


class Client:
    """Talks to the endpoints as a page does."""

    def __init__(self, fetch: Callable[..., Any]) -> None:
        self.fetch = fetch

    async def get(self, path: str = "", **query: str) -> State:
        answer = await self.fetch("tinytorch", "state", params={"path": path, **query})
        return msgspec.json.decode(answer.body, type=State)

    async def post(self, endpoint: str, **body: object) -> HTTPResponse:
        return await self.fetch("tinytorch", endpoint, method="POST", body=json.dumps(body))

    async def refusal(self, request: Coroutine[Any, Any, Any]) -> tuple[int, dict[str, str]]:
        """Status and JSON of a request that must fail."""
        with pytest.raises(HTTPClientError) as caught:
            await request
        assert caught.value.response is not None
        problem = json.loads(caught.value.response.body)
        assert set(problem) == {"reason", "message", "remedy"}
        assert problem["reason"]
        assert problem["message"]
        return caught.value.code, problem


@pytest.fixture
def client(jp_fetch: Callable[..., Any]) -> Client:
    return Client(jp_fetch)


class Window:
    """An open page: hears what comes over the event bus."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []

    async def hears(self, kind: str, **details: object) -> dict[str, Any]:
        async def wait() -> dict[str, Any]:
            while True:
                event = json.loads(await self.socket.read_message())
                if event["schema_id"] != EVENTS:
                    continue
                self.heard.append(event)
                if event["kind"] == kind and all(event.get(k) == v for k, v in details.items()):
                    return event

        return await asyncio.wait_for(wait(), LONG)


@pytest.fixture
def open_window(jp_ws_fetch: Callable[..., Any]) -> Callable[[], Coroutine[Any, Any, Window]]:
    async def connect() -> Window:
        return Window(await jp_ws_fetch("api", "events", "subscribe"))

    return connect


def solve(tracker: Tracker, number: str) -> None:
    tracker.solve_module(number)


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
        ("complete", {"path": "my course", "module": "20"}, 409, "workspace"),
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


# checking


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
