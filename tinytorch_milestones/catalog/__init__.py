"""What exists: modules, checkpoints, milestones and tracks. The one place that says so."""

from tinytorch_milestones.catalog.loader import Catalog, load, read_track
from tinytorch_milestones.catalog.model import (
    Checkpoint,
    Gate,
    Milestone,
    Module,
    Part,
    Track,
)

__all__ = [
    "Catalog",
    "Checkpoint",
    "Gate",
    "Milestone",
    "Module",
    "Part",
    "Track",
    "load",
    "read_track",
]
