"""What a notebook shows: the dashboard of a run, and the lists behind `%milestone`."""

from __future__ import annotations

from tinytorch_milestones.widgets.dashboard import Dashboard

__all__ = ["Dashboard"]
