"""Which course folders their user has trusted.

Opening a folder never runs anything in it. A course made by `tito init` is trusted; one that came
from elsewhere, or that was moved, is trusted once by its user. The list lives in the user's home
folder, so that no course can declare itself trusted.
"""

from __future__ import annotations

import msgspec

from tinytorch_milestones.errors import StateError
from tinytorch_milestones.files import write_atomic
from tinytorch_milestones.workspace import Workspace, home, shipped_root


def _read() -> dict[str, str]:
    try:
        return msgspec.json.decode((home() / "trusted.json").read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}  # nothing is trusted that cannot be shown to be


def is_trusted(workspace: Workspace) -> bool:
    """Whether the user trusts this folder at this place."""
    if workspace.root == shipped_root():
        return True
    return _read().get(str(workspace.root)) == workspace.id


def trust(workspace: Workspace) -> None:
    """Trust this folder from now on. Raises `StateError` when that cannot be written down."""
    from filelock import FileLock

    path = home() / "trusted.json"
    try:
        home().mkdir(parents=True, exist_ok=True)
        with FileLock(home() / "lock", timeout=10):
            trusted = {**_read(), str(workspace.root): workspace.id}
            write_atomic(path, msgspec.json.format(msgspec.json.encode(trusted)) + b"\n")
    except OSError as error:
        raise StateError(
            f"{path} cannot be written: {error.strerror or error}.",
            "Make your home folder writable, or set TINYTORCH_HOME to a folder that is.",
        ) from error
