"""Kernels of a server with the extension are started with the fast switches."""

from __future__ import annotations

import psutil
import pytest

from tests.server.live import on_server
from tinytorch_milestones import speed
from tinytorch_milestones.server_ext import TinyTorchApp


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who set one thing before the server started, and nothing of ours."""
    for name in speed.keep_variables():
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("TINYTORCH_SWITCHES", "")
    monkeypatch.setenv(speed.CORETYPE, "Haswell")


@on_server
async def test_a_kernel_inherits_the_switches(chosen: None, app: TinyTorchApp) -> None:
    assert app.serverapp is not None
    kernels = app.serverapp.kernel_manager
    kernel = await kernels.start_kernel(kernel_name="python3")
    try:
        seen = psutil.Process(kernels.get_kernel(kernel).provisioner.pid).environ()
    finally:
        await kernels.shutdown_kernel(kernel, now=True)
    assert seen[speed.CORETYPE] == "Haswell"  # the user's
    for name, value in speed.keep_variables().items():
        assert (seen.get(name) == value) == speed.is_glibc()
