"""Where the panels of a run's figure stand, in inches from its lower left corner."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from tinytorch_milestones.widgets.gradients import height_of

WIDTH, HEIGHT = 9.6, 2.9  # inches of the curves with the first view, without what is below them

_ABOVE, _BELOW = 0.46, 0.38  # around the curves, for title and numbers
_STRIP_ABOVE, _STRIP_BELOW = 0.3, 0.2  # and around what is below them
# left and width of the columns
_FIRST, _SECOND, _THIRD = (0.432, 2.515), (3.475, 2.515), (6.451, 3.091)
_BAND, _BAND_FINAL = 0.98, 1.3  # height of filters and maps
_ROOMY = 0.19  # between two layers' gradients, where they stand beside those
_TALLY = 2.3  # of the confusion
_TALLY_ABOVE, _TALLY_BELOW = 0.9, 0.36  # around it: titles and slanted names, its sum
_NAMES = 0.62  # beside it, for the classes' names

_BAND_PANELS = frozenset(("filters", "maps"))
_TALLY_PANELS = frozenset(("confusion", "classes", "extremes"))


class Box(NamedTuple):
    """A place in the figure."""

    left: float
    width: float
    bottom: float
    height: float


def panels_of(picture: dict[str, Any] | None, *, final: bool = False) -> frozenset[str]:
    """The panels that a picture asks for beside the curves and its own view.

    Live: what the network looks for and sees. At the end also how each class fared, together with
    the confusions, which a picture that has nothing else of that keeps within its view.
    """
    if not picture or "images" not in picture:
        return frozenset()
    band = {name for name in _BAND_PANELS if picture.get(name)}
    tally = {name for name in _TALLY_PANELS if picture.get(name)} if final else set()
    return frozenset(band | tally if band or tally - {"confusion"} else ())


class Layout:
    """Three columns: curves and view above, what is seen inside below, classes at the end.

    `layers` is how many have their gradients shown, 0 for none.
    """

    def __init__(self, panels: Collection[str], layers: int, *, final: bool = False) -> None:
        bars = height_of(layers) if layers else 0.0
        band = _BAND_PANELS & set(panels)
        tally = _TALLY_PANELS & set(panels)
        high = max(bars, _BAND_FINAL if final else _BAND) if band else bars
        bars = min(high, _ROOMY * layers) if band else bars
        below = high + _STRIP_ABOVE + _STRIP_BELOW if high else 0.0
        under = _TALLY + _TALLY_ABOVE + _TALLY_BELOW if tally else 0.0
        self.height = HEIGHT + below + under
        curves = (under + below + _BELOW, HEIGHT - _ABOVE - _BELOW)
        self.loss, self.accuracy = Box(*_FIRST, *curves), Box(*_SECOND, *curves)
        # without a band the view reaches down beside the gradients
        foot = under + (below + 0.1 if band else 0.15)
        self.view = Box(*_THIRD, foot, self.height - _ABOVE - foot)
        self.strip: Box | None = None
        self.heading = 0.0
        self.beside: dict[str, Box] = {}
        if bars:
            left, width = (_FIRST[0] + 0.54, 1.98) if band else (1.008, 4.982)
            self.strip = Box(left, width, under + below - _STRIP_ABOVE - bars, bars)
            # its heading begins where the curves' do
            self.heading = (_FIRST[0] - left) / width
        place = (under + _STRIP_BELOW, high)
        self.beside["filters"] = Box(*(_SECOND if bars else (_FIRST[0], 5.5)), *place)
        self.beside["maps"] = Box(*_THIRD, *place)
        rows = (_TALLY_BELOW, _TALLY)
        edge = _FIRST[0] + _NAMES
        if "confusion" in tally:
            self.beside["confusion"] = Box(edge, 3.45, *rows)
            edge += 3.45 + 0.15
        self.beside["classes"] = Box(edge, _SECOND[0] + _SECOND[1] - edge - 0.36, *rows)
        self.beside["extremes"] = Box(*_THIRD, 0.08, under - _STRIP_ABOVE - 0.1)
        self.beside = {name: box for name, box in self.beside.items() if name in panels}
