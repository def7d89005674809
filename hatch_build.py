"""Put the course into the wheel as data, never as an importable top-level `tinytorch`.

An editable install leaves it out: there the course is read from the repository.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CourseHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds `modules/`, `notebooks/` and the exported reference below the package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds."""
        if version == "editable":
            return
        for folder in ("modules", "notebooks", "tinytorch"):
            build_data["force_include"][folder] = f"tinytorch_milestones/course/{folder}"
