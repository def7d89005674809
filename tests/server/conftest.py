# ruff: noqa: F401, F811 - fixtures are imported by name
"""A real Jupyter server with the extension, and a course for it to serve."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
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

from tests.server.live import Client, Window
from tinytorch_milestones.server_ext import TinyTorchApp
from tinytorch_milestones.tracker import Tracker


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


@pytest.fixture
def client(jp_fetch: Callable[..., Any]) -> Client:
    return Client(jp_fetch)


@pytest.fixture
def open_window(jp_ws_fetch: Callable[..., Any]) -> Callable[[], Coroutine[Any, Any, Window]]:
    async def connect() -> Window:
        return Window(await jp_ws_fetch("api", "events", "subscribe"))

    return connect
