"""TinyTorch Milestones: build a small PyTorch in notebooks and unlock the history of AI with it.

Importing this package loads nothing heavy: Jupyter and IPython find their hooks here, and the
small Python API below is resolved on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinytorch_milestones.tracker import Tracker as Tracker

__version__ = "0.1.0"

_LAZY = {
    "Tracker": "tinytorch_milestones.tracker",
    "can_run_milestone": "tinytorch_milestones.api",
    "check_module_export": "tinytorch_milestones.api",
    "list_milestones": "tinytorch_milestones.api",
    "run_milestone": "tinytorch_milestones.api",
    "show_progress": "tinytorch_milestones.api",
}

__all__ = [
    "Tracker",
    "__version__",
    "can_run_milestone",
    "check_module_export",
    "list_milestones",
    "load_ipython_extension",
    "run_milestone",
    "show_progress",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(ipython: Any) -> None:
    """Give a notebook `%milestone`, `%%milestone`, `%hint` and `%%after`."""
    from tinytorch_milestones.magic import load_ipython_extension as load

    load(ipython)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "tinytorch-milestones"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from tinytorch_milestones.server_ext import TinyTorchApp

    return [{"module": "tinytorch_milestones.server_ext", "app": TinyTorchApp}]
