"""Where the panels of a run's figure stand, in inches from its lower left corner."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from tinytorch_milestones.widgets.gradients import height_of
from tinytorch_milestones.widgets.heads import MOST, ROW

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

# of language: attention maps with their tokens, in one row or two, and what a model writes
_HEADS, _HEADS_WIDE, _TWO_ROWS = 1.78, 2.3, 1.75
_TEXTS = 3.9  # height of the figure with texts, at least
_CHART = 3.6  # and with a chart of its own axes
_LAYERS, _LAYER = 1.7, 0.13  # inches of gradients at most, and of each layer
_LAYER_NAME = 0.98  # inches before its bar

_BAND_PANELS = frozenset(("filters", "maps"))
_LANGUAGE_PANELS = frozenset(("heads", "second row", "texts", "table"))
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
    if not picture:
        return frozenset()
    if picture.get("kind") in ("heads", "texts"):
        return _language_panels(picture)
    if picture.get("kind") == "race":
        return frozenset(("texts",))  # as tall as these
    if picture.get("kind") in ("pareto", "roofline", "intervals"):
        return frozenset(("chart",))
    if "images" not in picture:
        return frozenset()
    band = {name for name in _BAND_PANELS if picture.get(name)}
    tally = {name for name in _TALLY_PANELS if picture.get(name)} if final else set()
    return frozenset(band | tally if band or tally - {"confusion"} else ())


def _language_panels(picture: dict[str, Any]) -> frozenset[str]:
    """Heads have a place of their own, unless there is one alone, which is the view then."""
    count = min(len(picture["heads"]), MOST) if picture.get("heads") is not None else 0
    if picture["kind"] == "texts":
        return frozenset(("texts", "heads") if count else ("texts",))
    if count <= 1 and not picture.get("table"):
        return frozenset()
    named = {"heads"} | ({"second row"} if count > ROW else set())
    return frozenset(named | ({"table"} if picture.get("table") else set()))


class Layout:
    """Three columns: curves and view above, what is seen inside below, classes at the end.

    `layers` is how many have their gradients shown, 0 for none.
    """

    def __init__(self, panels: Collection[str], layers: int, *, final: bool = False) -> None:
        self.strip: Box | None = None
        self.heading = 0.0
        self.beside: dict[str, Box] = {}
        if _LANGUAGE_PANELS & set(panels):
            self._language(set(panels), layers)
        else:
            self._vision(panels, layers, final=final)

    def _language(self, panels: set[str], layers: int) -> None:
        """Texts reach down in the third column; heads stand below, what is told of them above.

        Where nothing is told of them, the gradients take that place, and heads the whole width.
        """
        texts, heads, told = "texts" in panels, "heads" in panels, "table" in panels
        bars = min(_LAYERS, _LAYER * layers)
        apart = bool(bars) and heads and not (texts or told)  # gradients above, in the third column
        high = 0.0 if apart else bars
        if heads:
            tall = _HEADS if bars and not apart else _HEADS_WIDE
            high = max(high, tall * (_TWO_ROWS if "second row" in panels else 1.0))
        below = high + _STRIP_ABOVE + _STRIP_BELOW if high else 0.0
        self.height = max(HEIGHT + below, _TEXTS if texts else 0.0)
        curves = (below + _BELOW, self.height - _ABOVE - below - _BELOW)
        self.loss, self.accuracy = Box(*_FIRST, *curves), Box(*_SECOND, *curves)
        foot = 0.15 if texts else self.height - HEIGHT + 0.15
        self.view = Box(*_THIRD, foot, self.height - _ABOVE - foot)
        end = _THIRD[0] + _THIRD[1]
        if apart:
            top = self.height - _ABOVE - bars
            self.strip = Box(_THIRD[0] + _LAYER_NAME, _THIRD[1] - _LAYER_NAME - 0.4, top, bars)
            self.view = Box(*_THIRD, foot, top - _STRIP_BELOW - 0.1 - foot)  # nothing is there
        elif bars:
            wide = (_FIRST[1] if heads else _SECOND[0] + _SECOND[1] - _FIRST[0]) - _LAYER_NAME
            top = below - _STRIP_ABOVE - bars
            self.strip = Box(_FIRST[0] + _LAYER_NAME, wide, top, bars)
        if self.strip is not None:
            self.heading = -_LAYER_NAME / self.strip.width
        if heads:
            begin = _SECOND[0] if bars and not apart else _FIRST[0]
            end = _SECOND[0] + _SECOND[1] if texts else end
            self.beside["heads"] = Box(begin, end - begin, _STRIP_BELOW, high)

    def _vision(self, panels: Collection[str], layers: int, *, final: bool) -> None:
        bars = height_of(layers) if layers else 0.0
        band = _BAND_PANELS & set(panels)
        tally = _TALLY_PANELS & set(panels)
        high = max(bars, _BAND_FINAL if final else _BAND) if band else bars
        bars = min(high, _ROOMY * layers) if band else bars
        below = high + _STRIP_ABOVE + _STRIP_BELOW if high else 0.0
        under = _TALLY + _TALLY_ABOVE + _TALLY_BELOW if tally else 0.0
        self.height = HEIGHT + below + under
        if "chart" in panels:
            self.height = max(self.height, _CHART)
        curves = (under + below + _BELOW, self.height - under - below - _ABOVE - _BELOW)
        self.loss, self.accuracy = Box(*_FIRST, *curves), Box(*_SECOND, *curves)
        # without a band the view reaches down beside the gradients
        foot = under + (below + 0.1 if band else 0.15)
        self.view = Box(*_THIRD, foot, self.height - _ABOVE - foot)
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
