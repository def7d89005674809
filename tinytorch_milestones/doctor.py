"""What could stand in the way of a course on this machine, in plain lines."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from tinytorch_milestones import speed, speed_trial
from tinytorch_milestones.progress import Progress
from tinytorch_milestones.workspace import Workspace, home

Finding = tuple[str, Literal["ok", "warning", "problem"], str]

_PACKAGES = {"numpy": (2, 0), "jupyterlab": (4, 4), "nbdev": (3, 3), "ipykernel": (7, 0)}


def examine_machine() -> list[Finding]:
    """Look at Python, packages and the home folder; needs no course."""
    found = [_python(), *map(_package, _PACKAGES), _extension(), _blas(), _home()]
    return found + _switches()


def examine(workspace: Workspace, progress: Progress, *, trusted: bool) -> list[Finding]:
    """Look at the machine and at one course on it."""
    findings = examine_machine()
    findings += [_folder(workspace), _package_origin(workspace), _space(workspace)]
    if trusted:
        findings.append(("trust", "ok", "this course is trusted; saves are checked automatically"))
    else:
        findings.append(
            ("trust", "warning", "not trusted, so nothing is checked by itself: `tito trust`")
        )
    findings += [("progress", "warning", warning) for warning in progress.warnings]
    return findings


def _python() -> Finding:
    text = f"{sys.version.split()[0]} at {sys.executable}"
    return ("Python", "ok" if sys.version_info >= (3, 11) else "problem", text)


def _package(name: str) -> Finding:
    try:
        found = version(name)
    except PackageNotFoundError:
        return (name, "problem", f"not installed: `pip install {name}`")
    needed = _PACKAGES[name]
    parts = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if parts < needed:
        least = ".".join(map(str, needed))
        return (name, "problem", f"{found} is too old: `pip install -U '{name}>={least}'`")
    return (name, "ok", found)


def _extension() -> Finding:
    for prefix in (sys.prefix, *_jupyter_data_dirs()):
        base = prefix if prefix != sys.prefix else os.path.join(sys.prefix, "share", "jupyter")
        if os.path.isfile(
            os.path.join(base, "labextensions", "tinytorch-milestones", "package.json")
        ):
            return ("JupyterLab panel", "ok", "installed")
    return (
        "JupyterLab panel",
        "problem",
        "the extension is not where JupyterLab looks: install tinytorch-milestones again",
    )


def _jupyter_data_dirs() -> list[str]:
    return [p for p in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if p] + [
        os.environ.get("JUPYTER_DATA_DIR", "")
    ]


def _blas() -> Finding:
    import numpy  # noqa: F401  (so that its BLAS is loaded and can be seen)
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    if not pools:
        return ("BLAS", "warning", "numpy shows none; matrix products may be slow")
    pool = pools[0]
    kernel = pool.get("architecture") or pool["internal_api"]
    return ("BLAS", "ok", f"{pool['internal_api']} ({kernel}), {pool['num_threads']} threads")


def _switches() -> list[Finding]:
    """What makes numpy faster here, and what it gains: two short trials."""
    kernels, memory, threads = speed.switches()
    trial = speed_trial.measure()
    verdict = speed_trial.judge(trial)
    # what the user's own choice does says nothing about what OpenBLAS would choose
    if verdict and kernels.state != "set by you":
        speed.record(verdict)
    loss = speed_trial.users_loss(kernels, trial)
    return [
        (kernels.name, "warning" if loss else "ok", speed_trial.kernels_text(kernels, trial)),
        (memory.name, "ok", speed_trial.memory_text(memory, trial)),
        (threads.name, "ok", f"{threads.state}: {threads.why}"),
    ]


def _folder(workspace: Workspace) -> Finding:
    if not os.access(workspace.root, os.W_OK):
        return ("course", "problem", f"{workspace.root} is read-only: progress cannot be saved")
    if not workspace.modules.is_dir():
        return ("course", "problem", f"{workspace.root} has no modules/ folder")
    return ("course", "ok", str(workspace.root))


def _package_origin(workspace: Workspace) -> Finding:
    from importlib.util import find_spec

    try:
        spec = find_spec("tinytorch")
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        return ("tinytorch", "ok", "imported from the course when it is needed")
    if os.path.realpath(spec.origin).startswith(str(workspace.root) + os.sep):
        return ("tinytorch", "ok", spec.origin)
    return (
        "tinytorch",
        "warning",
        (
            f"another package of that name is installed ({spec.origin}); in your own scripts it "
            "may hide yours: `pip uninstall tinytorch`"
        ),
    )


def _home() -> Finding:
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return ("home", "warning", f"{folder} cannot be made: {error.strerror}")
    if not os.access(folder, os.W_OK):
        return ("home", "warning", f"{folder} is read-only: trust and the overview are not kept")
    return ("home", "ok", str(folder))


def _space(workspace: Workspace) -> Finding:
    free = shutil.disk_usage(workspace.root).free
    text = f"{free / 1e9:.1f} GB free"
    return ("disk", "ok" if free > 200e6 else "problem", text)
