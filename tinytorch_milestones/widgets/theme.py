"""The colours of figures, light and dark: a palette that colour-blind people can tell apart."""

from __future__ import annotations

import json
from typing import Literal, NamedTuple

from tinytorch_milestones.workspace import home

ThemeName = Literal["light", "dark"]


class Theme(NamedTuple):
    """Colours of one figure, after Okabe and Ito."""

    name: ThemeName
    paper: str
    text: str
    muted: str
    faint: str
    loss: str
    accuracy: str
    gate: str
    first: str  # the class drawn as circles
    second: str  # the class drawn as squares
    ink: str  # colour map of images


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    text="#212121",
    muted="#616161",
    faint="#c4c4c4",
    loss="#0072b2",
    accuracy="#00795a",
    gate="#b84e00",
    first="#0072b2",
    second="#d55e00",
    ink="gray_r",
)
DARK = Theme(
    name="dark",
    paper="#111111",
    text="#e6e6e6",
    muted="#a8a8a8",
    faint="#4a4a4a",
    loss="#56b4e9",
    accuracy="#3ecf9f",
    gate="#f0a04b",
    first="#56b4e9",
    second="#f0913a",
    ink="gray",
)


def lab_theme() -> Theme:
    """The theme JupyterLab shows now, as it last told us; light where nobody told us."""
    try:
        told = json.loads((home() / "appearance.json").read_bytes())
    except (OSError, ValueError):
        return LIGHT
    return DARK if isinstance(told, dict) and told.get("theme") == "dark" else LIGHT
