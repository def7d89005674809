"""What a run on images shows: where it stands, when it comes, and what is said of it."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from tests.board import MILESTONE, PART, Recorder, drive, opened, steps
from tests.sights import CIFAR, DIGITS, LAYERS, figure_of, view
from tinytorch_milestones.training.learner import Answers
from tinytorch_milestones.training.seeing import Gallery
from tinytorch_milestones.watching import Run
from tinytorch_milestones.widgets import Dashboard
from tinytorch_milestones.widgets.description import describe
from tinytorch_milestones.widgets.figure import RunFigure
from tinytorch_milestones.widgets.layout import panels_of
from tinytorch_milestones.widgets.theme import LIGHT

# where things stand


def test_a_picture_asks_for_panels_by_its_keys() -> None:
    seen, tally = {"filters", "maps"}, {"confusion", "classes", "extremes"}
    assert panels_of(view()) == seen
    assert panels_of(view(), final=True) == seen | tally
    old = {name: value for name, value in view().items() if name not in seen | tally}
    assert panels_of(old, final=True) == set()
    # a confusion that is alone stays within the view, as before
    assert panels_of({**old, "confusion": view()["confusion"]}, final=True) == set()
    assert panels_of(None) == panels_of({"points": []}) == set()


def test_views_without_those_keys_have_the_place_they_had() -> None:
    old = {n: v for n, v in view().items() if n in ("images", "guesses", "truths", "title")}
    figure = figure_of(old, layers=())
    assert opened(figure.png()).size == (960, 290)
    assert figure._view_axes.get_position().bounds == pytest.approx(
        (0.672, 0.15 / 2.9, 0.322, 2.29 / 2.9), abs=1e-3
    )


def words_of(figure: Any) -> list[tuple[str, Any]]:
    """Every text that is seen, with its place in pixels."""
    renderer = figure._canvas.get_renderer()
    hidden = {
        id(text)
        for axes in figure._figure.axes
        if not axes.axison
        for axis in (axes.xaxis, axes.yaxis)
        for text in axis.findobj(Text)
    }
    return [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure._figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and id(text) not in hidden
    ]


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize(
    ("names", "filters", "layers"),
    [
        (CIFAR, (24, 3, 3, 3), LAYERS),
        (CIFAR, (64, 24, 3, 3), ("0", "2")),
        (DIGITS, (6, 1, 5, 5), LAYERS),
        (CIFAR, (8, 3, 2, 2), ()),
    ],
)
def test_everything_is_within_the_figure_and_panels_keep_apart(
    names: list[str], filters: tuple[int, ...], layers: tuple[str, ...], final: bool
) -> None:
    figure = figure_of(view(names, filters=filters), final=final, layers=layers)
    figure.png()
    boxes = [axes.get_position() for axes in figure._figure.axes]
    for one, other in itertools.combinations(boxes, 2):
        wide = min(one.x1, other.x1) - max(one.x0, other.x0)
        high = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert wide <= 0.001 or high <= 0.001
    width, height = figure._canvas.get_width_height()
    for text, box in words_of(figure):
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width + 1, text
        assert box.y1 <= height, text


@pytest.mark.parametrize("names", [CIFAR, DIGITS])
@pytest.mark.parametrize("final", [False, True])
def test_no_words_lie_on_others(names: list[str], final: bool) -> None:
    filters = (6, 1, 5, 5) if names is DIGITS else (24, 3, 3, 3)
    figure = figure_of(view(names, filters=filters), final=final)
    figure.png()
    # slanted names have boxes much larger than themselves
    shown = [(t, b) for t, b in words_of(figure) if not (t in names and b.height > 20)]
    for (one, a), (other, b) in itertools.combinations(shown, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide <= 1 or high <= 3, (one, other)


def test_bars_stand_beside_the_rows_of_the_confusion() -> None:
    figure = figure_of(view(), final=True)
    confusion, bars = figure._beside["confusion"].axes, figure._beside["classes"].axes
    for row in range(10):
        assert confusion.transData.transform((0, row))[1] == pytest.approx(
            bars.transData.transform((0, row))[1]
        )
    assert not any(label.get_visible() for label in bars.get_yticklabels())
    alone = {n: v for n, v in view().items() if n != "confusion"}
    named = figure_of(alone, final=True)._beside["classes"].axes.get_yticklabels()
    assert [label.get_text() for label in named] == CIFAR


# the dashboard


def shown(pictures: list[dict[str, Any]]) -> Recorder:
    def source() -> Any:
        for step in steps(30):
            step.parameters = {f"{layer}.weight": (0.1, 1.0) for layer in LAYERS}
            step.view = lambda step=step: pictures[min(step.step, len(pictures)) - 1]
            yield step

    screen = Recorder()
    drive(Dashboard(fast=True, screen=screen), source())
    return screen


def test_the_dashboard_shows_more_at_the_end() -> None:
    screen = shown([view(ended=False), view()])
    pngs = [b["image/png"] for name, b in screen.calls if name == "figure" and "image/png" in b]
    assert "could not be drawn" not in screen.last("figure")["text/plain"]
    live, final = opened(pngs[0]).size, opened(pngs[-1]).size
    assert live[0] == 960
    assert final[0] == 1920
    assert final[1] / 2 > live[1] + 300


def test_a_view_that_comes_to_see_more_gets_room_for_it() -> None:
    plain = {n: v for n, v in view(ended=False).items() if n not in ("filters", "maps")}
    screen = Recorder()
    board = Dashboard(fast=True, screen=screen)
    run = Run(PART, "yours", "/course/tinytorch", {})
    board.started(MILESTONE, PART, run)
    heights = []
    for step, picture in zip(steps(4), [plain, plain, view(ended=False), plain], strict=True):
        step.view = lambda picture=picture: picture  # type: ignore[misc]
        run.take(step)
        board._frame(run, step)
        heights.append(opened(screen.last("figure")["image/png"]).size[1])
    assert heights[0] == heights[1] < heights[2] == heights[3]


def test_all_of_it_is_said_in_words() -> None:
    text = shown([view()]).last("figure")["text/plain"]
    assert "24 filters of 3 by 3 pixels in layer 0, changed by " in text
    assert "Of 12 feature maps of one image (automobile), 12 answer to it." in text
    assert "Right of each class: airplane 5.0%, automobile 15.0%" in text
    assert "Surest mistakes: airplane taken for automobile (99% sure)" in text
    assert text.count("taken for") == 4


# figures of a sample


def test_a_sample_is_not_mistaken_for_what_gates_are_judged_on() -> None:
    run = Run(PART, "yours", "/course/tinytorch", {})
    for step in steps(10):
        step.metrics = {"accuracy": 0.75}
        run.take(step)
    last = run.evidence.accuracies[-1][1]
    figure = RunFigure(PART, LIGHT)
    figure.update(run, None)
    assert figure._accuracy._value.get_text() == f"{100 * last:.1f} %"
    figure.update(run, None, final=True)
    assert figure._accuracy._value.get_text() == f"{100 * last:.1f} % of a sample"
    report: Any = SimpleNamespace(losses=[], accuracies=run.evidence.accuracies)
    said = describe(PART, report, run, (), None)
    assert "to 100.0% of a sample, 75.0% of all." in said


def test_the_title_of_a_sample_says_that_it_is_one() -> None:
    gallery = Gallery(["a", "b"], noun="letters")
    held_out = SimpleNamespace(inputs=np.zeros((4, 1, 2, 2)), labels=np.array([0, 1, 0, 1]))
    learner: Any = SimpleNamespace(
        fw=SimpleNamespace(Layer=dict),
        model=None,
        held_out=held_out,
        confusion=lambda answers, count: np.eye(count, dtype=int),
    )

    def asked(count: int) -> str:
        right = np.arange(count) > 0
        guesses = np.where(right, held_out.labels[:count], 1 - held_out.labels[:count])
        answers = Answers(np.arange(count), guesses, np.ones(count), right, whole=count == 4)
        return str(gallery(learner, answers)()["title"])

    assert gallery.shares() == {}
    assert asked(2) == "50.0% of the last 2 asked"
    assert asked(4) == "75.0% of 4 held-out letters right"
    assert gallery.shares() == {"class.a": 0.5, "class.b": 1.0}
