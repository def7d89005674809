"""`progress.json` in the user's home folder: one person's progress across all their courses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones.catalog import Track
from tinytorch_milestones.files import set_aside, write_atomic
from tinytorch_milestones.standing import Standing
from tinytorch_milestones.workspace import home, shipped_root

_UNIONS = (
    "completed_modules",
    "started_modules",
    "unlocked_milestones",
    "completed_milestones",
)


def write_person(standing: Standing, caches: dict[str, dict[str, Any]], track: Track) -> str:
    """Bring the person's file up to date with this course.

    Returns a warning, or "" when all went well. The file is a cache: courses hold the truth.
    """
    workspace = standing.workspace
    if workspace.root == shipped_root():
        return ""  # the reference is nobody's progress
    from filelock import FileLock, Timeout

    path = home() / "progress.json"
    try:
        home().mkdir(parents=True, exist_ok=True)
        with FileLock(home() / "lock", timeout=10):
            known, warning = _read(path)
            merged = {**caches["progress.json"], **caches["milestones.json"]}
            courses = {**known, workspace.id: {**merged, "path": str(workspace.root)}}
            content = _content(courses, standing, track)
            encoded = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
            if not path.exists() or path.read_bytes() != encoded:
                write_atomic(path, encoded)
            return warning
    except Timeout:
        return f"{path} was left as it is: another process held its lock for 10 s."
    except OSError as error:
        return f"{path} cannot be written ({error.strerror or error}); this course is not affected."


def _content(courses: dict[str, Any], standing: Standing, track: Track) -> dict[str, Any]:
    milestones: dict[str, Any] = {}
    for course in courses.values():
        for id_, details in course.get("milestones", {}).items():
            best = milestones.get(id_)
            if best is None or (details.get("completed") and not best.get("completed")):
                milestones[id_] = details
    unions = {
        key: sorted({name for course in courses.values() for name in course.get(key, [])})
        for key in _UNIONS
    }
    open_ones = [m.id for m in track.milestones if standing.milestone_receipt(m) is None]
    total = len(standing.catalog.modules) + sum(1 for _ in standing.catalog.all_milestones())
    done = len(unions["completed_modules"]) + len(unions["completed_milestones"])
    return {
        "version": 1,
        "current_milestone": open_ones[0] if open_ones else None,
        "total_progress": round(done / total, 4),
        **unions,
        "milestones": milestones,
        "courses": courses,
    }


def _read(path: Path) -> tuple[dict[str, Any], str]:
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}, ""
    except msgspec.MsgspecError:
        kept = set_aside(path)
        return {}, f"{path} was damaged; it is kept as {kept.name} and made anew."
    courses = content.get("courses", {})
    return (courses if isinstance(courses, dict) else {}), ""
