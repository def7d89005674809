"""The dashboard of a run: a milestone's parts as they happen, and what stays of them.

It is the tracker's `Observer` and knows nothing about gates or credit; it shows what it is given.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from tinytorch_milestones.catalog.model import Milestone, Module, Part
from tinytorch_milestones.state import PartReport, RunReport
from tinytorch_milestones.widgets import blocks, html
from tinytorch_milestones.widgets.celebration import conclusion
from tinytorch_milestones.widgets.description import describe
from tinytorch_milestones.widgets.figure import RunFigure
from tinytorch_milestones.widgets.gradients import layer_names
from tinytorch_milestones.widgets.layout import HEIGHT, WIDTH, panels_of
from tinytorch_milestones.widgets.screen import Screen, this_screen
from tinytorch_milestones.widgets.theme import lab_theme

if TYPE_CHECKING:
    from tinytorch_milestones.tracker import Run
    from tinytorch_milestones.training.steps import Step

WATCHING_SECONDS = 3.0  # a shorter run is stretched to this, so that there is something to see
_STEP_SECONDS = 0.15  # but a single step is not stretched beyond this
_PACED_FRAME = 0.06
_SHARE = 0.01  # of the training time, spent on drawing a run that is not stretched ...
_ALLOWANCE = 0.05  # ... beyond these seconds, which make short runs move at once
_SHORTEST_GAP = 0.08
_FINAL_SCALE = 2.0  # pixels of the picture that stays, for sharp screens and print
_BAR_GAP = 0.5  # between two updates of the bar alone, which cost next to nothing


class Dashboard:
    """Draws runs in a notebook's output.

    `fast` turns off stretching short runs for watching. `modules` are linked to from hints.
    """

    def __init__(
        self, *, fast: bool = False, modules: Iterable[Module] = (), screen: Screen | None = None
    ) -> None:
        self._screen = screen or this_screen()
        self._fast = fast or not self._screen.live
        self._modules = {module.number: module for module in modules}
        self._demo = False
        self._begin("")

    def _begin(self, run_id: str) -> None:
        self._id = run_id
        self._figure: RunFigure | None = None
        self._draws = self._screen.live
        self._begun = False  # whether a frame was drawn
        self._layers: list[str] = []  # whose gradients are shown
        self._picture: dict[str, Any] | None = None
        self._gates: list[tuple[str, bool | None]] | None = None
        self._start = time.perf_counter()
        self._spent = 0.0
        self._first_step = 0.0  # seconds of training it took
        self._pace = 0.0  # seconds this run is stretched to, 0 when it is not
        self._at_step = 0  # nothing is drawn before this step ...
        self._due = 0.0  # ... and before this moment,
        self._figure_due = 0.0  # the figure not before this one

    # the observer

    def started(self, milestone: Milestone, part: Part, run: Run) -> None:
        """Show head and waiting gates, and keep the figure's place.

        Drawing it before there is anything to see would cost as much as two frames.
        """
        self._begin(secrets.token_hex(6))
        self._milestone, self._part = milestone, part
        self._demo = run.implementation == "reference"
        if self._screen.live:
            self._put("head", blocks.head(milestone, part, run, self._id))
            self._bar(run)
            self._put("figure", blocks.waiting(WIDTH, HEIGHT))
            self._show_gates(run)
        else:
            self._put("head", blocks.head(milestone, part, run, None))
        self._start = time.perf_counter()

    def stepped(self, step: Step, run: Run) -> None:
        """Draw when it is time to; otherwise this costs two comparisons."""
        if not step.watch and (step.step < self._at_step or time.perf_counter() < self._due):
            return
        if not self._draws:
            self._due = float("inf")
            return
        begin = time.perf_counter()
        if begin < self._figure_due and not step.watch:
            self._bar(run)
            self._due = min(self._figure_due, begin + _BAR_GAP)
            return
        if step.step == 1 and not self._fast:
            self._pace = min(WATCHING_SECONDS, _STEP_SECONDS * step.steps)
        # the first frame builds the figure: it says nothing about what the next one costs
        self._try(lambda: self._frame(run, step))
        cost = time.perf_counter() - begin if self._begun else 0.0
        self._begun = True
        if step.watch:
            self._at_step = 0  # what it cost is no reason to draw the training less often
        elif self._pace and self._is_short(step, run):
            self._stretch(step)
        else:
            self._throttle(cost, run.seconds)

    def finished(self, report: PartReport, run: Run) -> None:
        """Leave the final picture, the gates and the summary; disarm Stop first."""
        shown = time.perf_counter() - self._start
        planned = max(run.evidence.planned, report.steps)
        if self._screen.live:
            self._put("head", blocks.head(self._milestone, self._part, run, None))
            self._put("progress", blocks.progress(run, None, complete=report.passed))
            self._try(lambda: self._final_picture(report, run))
        self._put("gates", blocks.chips(report.verdicts))
        self._put("ending", blocks.ending(report, planned, shown, self._modules))

    def conclude(self, milestone: Milestone, report: RunReport) -> None:
        """After all parts: the celebration, or what comes next."""
        self._id = secrets.token_hex(6)
        said = conclusion(milestone, report, self._demo, self._modules)
        if said is not None:
            self._put("conclusion", said)
        for warning in report.warnings:
            self._put(f"warning {warning}", html.bundle(escape(warning), warning))

    # drawing

    def _put(self, slot: str, bundle: html.Bundle, metadata: dict[str, Any] | None = None) -> None:
        self._screen.put(f"{self._id}/{slot}", bundle, metadata)

    def _try(self, draw: Callable[[], None]) -> None:
        """Draw; a picture that cannot be drawn must not end a run, nor cost its credit."""
        try:
            draw()
        except Exception as error:
            self._draws = False
            said = f"The figure could not be drawn ({type(error).__name__}: {error})."
            self._put("figure", html.bundle(escape(said), said, styled=False))

    def _frame(self, run: Run, step: Step) -> None:
        figure, picture = self._figure, self._look(step)
        if figure is None:
            # the layers of the first step: a recipe may train one small machine after another
            self._layers = layer_names(run.evidence.parameters)
        if figure is None or not panels_of(picture) <= figure.panels:
            figure = self._figure = self._new_figure(run, panels_of(picture))
        figure.update(run, picture)
        self._bar(run)
        self._put("figure", {"image/png": figure.png(), "text/plain": ""}, _size(figure))
        self._show_gates(run)

    def _show_gates(self, run: Run) -> None:
        verdicts = run.verdicts()
        now = [(verdict.measured, verdict.passed) for verdict in verdicts]
        if now != self._gates:
            self._gates = now
            self._put("gates", blocks.chips(verdicts))

    def _bar(self, run: Run) -> None:
        left = run.seconds_left()
        if self._pace and left is not None:
            left = max(left, self._pace - (time.perf_counter() - self._start))
        self._put("progress", blocks.progress(run, left))

    def _look(self, step: Step | None) -> dict[str, Any] | None:
        if step is None or step.view is None:
            return None
        try:
            self._picture = step.view()
        except Exception:
            # a picture must not end a run: the student's code is judged by its steps
            return None
        return self._picture

    def _final_picture(self, report: PartReport, run: Run) -> None:
        picture = self._look(run.latest) or self._picture
        figure = self._figure
        panels = panels_of(picture, final=True)
        if figure is None or report.interrupted or panels:
            # an interrupt may have cut off the drawing of a frame anywhere
            figure = self._new_figure(run, panels, final=True)
        figure.sharpen(_FINAL_SCALE)
        figure.update(run, picture, final=True)
        kept = figure.keepsakes()
        description = describe(self._part, report, run, self._layers, picture)
        self._put(
            "figure",
            {
                "text/html": html.twin_picture(kept.light, kept.dark, description),
                "image/png": kept.paper,
                "text/plain": description,
            },
            _size(figure),
        )

    def _new_figure(
        self, run: Run, panels: frozenset[str] = frozenset(), *, final: bool = False
    ) -> RunFigure:
        return RunFigure(
            self._part,
            lab_theme(),
            ghosts=run.ghosts,
            layers=self._layers,
            panels=panels,
            final=final,
        )

    # when to draw

    def _is_short(self, step: Step, run: Run) -> bool:
        """Whether the run would be over too soon to watch, judged by its steps after the first.

        The first one had to import the student's code, which says little about the others.
        """
        if step.step == 1:
            self._first_step = run.seconds
            return True
        rest = (run.seconds - self._first_step) / (step.step - 1) * step.steps
        return rest < WATCHING_SECONDS

    def _stretch(self, step: Step) -> None:
        # slow at first, when most happens, and because a run may end long before its last step
        count = max(1, step.steps - 1)
        moment = self._pace * math.sqrt((step.step - 1) / count)
        ahead = moment - (time.perf_counter() - self._start)
        if ahead > 0:
            time.sleep(ahead)
        soon = 1 + count * ((moment + _PACED_FRAME) / self._pace) ** 2
        # the second step already tells a long run from a short one
        self._at_step = 2 if step.step == 1 else max(step.step + 1, math.ceil(soon))
        self._due = self._figure_due = 0.0

    def _throttle(self, cost: float, trained: float) -> None:
        self._spent += cost
        # the training time by which one more frame like this one is within its share
        affordable = (self._spent + cost - _ALLOWANCE) / _SHARE
        self._at_step = 0
        now = time.perf_counter()
        self._figure_due = now + max(_SHORTEST_GAP, affordable - trained)
        self._due = min(self._figure_due, now + _BAR_GAP)


def _size(figure: RunFigure) -> dict[str, Any]:
    """How large a front end is to show it, whatever its resolution."""
    return {"image/png": {"width": round(100 * WIDTH), "height": round(100 * figure.height)}}
