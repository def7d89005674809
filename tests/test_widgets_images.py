"""Pictures with their guesses, the confusion at the end, and what the figure says in words."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from tests.board import MILESTONE, PART, Recorder, drive, opened, steps
from tinytorch_milestones.part_run import Run
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.widgets import Dashboard
from tinytorch_milestones.widgets.confusion import said
from tinytorch_milestones.widgets.exchange import exchanged, over_paper
from tinytorch_milestones.widgets.figure import RunFigure
from tinytorch_milestones.widgets.theme import DARK, LIGHT
from tinytorch_milestones.widgets.views import kind_of

COUNTS = np.array([[30, 0, 1], [0, 28, 4], [2, 0, 35]])
DIGITS: dict[str, Any] = {
    "images": np.linspace(0, 1, 16 * 64).reshape(16, 8, 8),
    "guesses": ["1"] * 12 + ["0", "1", "2", "0"],
    "truths": ["0"] * 12 + ["0", "1", "2", "0"],
    "confidence": [0.5 + 0.03 * i for i in range(16)],
    "title": "93 % right",
}
END: dict[str, Any] = {**DIGITS, "confusion": {"matrix": COUNTS, "labels": ["0", "1", "2"]}}


def figure_of(picture: dict[str, Any], final: bool = False, layers: tuple[str, ...] = ()) -> Any:
    run = Run(PART, "yours", "/course/tinytorch", {})
    for step in steps(30):
        step.parameters = {"0.weight": (0.1, 1.0), "2.weight": (0.2, 1.0)}
        run.take(step)
    figure = RunFigure(PART, LIGHT, layers=layers)
    figure.update(run, picture, final=final)
    figure.png()
    return figure


def test_a_wrong_guess_has_a_cross_a_frame_and_a_colour() -> None:
    view = figure_of(DIGITS)._view
    words, frames = view._words, view._frames
    assert len(words) == 16
    assert words[0].get_text() == "1 \u2717 50 %"
    assert words[12].get_text() == "0 86 %"
    assert [frame.get_visible() for frame in frames] == [True] * 12 + [False] * 4
    assert words[0].get_color() != words[12].get_color()


def test_guesses_change_while_the_pictures_stand() -> None:
    figure = figure_of(DIGITS)
    run = Run(PART, "yours", "/course/tinytorch", {})
    figure.update(run, {**DIGITS, "guesses": DIGITS["truths"], "confidence": [1.0] * 16})
    view = figure._view
    assert not any(frame.get_visible() for frame in view._frames)
    assert view._words[0].get_text() == "0 100 %"


@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("count", [1, 16, 40])
@pytest.mark.parametrize("final", [False, True])
def test_no_guess_lies_on_another_or_on_a_picture(side: int, count: int, final: bool) -> None:
    picture = {
        **END,
        "images": np.zeros((count, side, side)),
        "guesses": ["8"] * count,
        "truths": ["9"] * count,
        "confidence": [1.0] * count,
    }
    figure = figure_of(picture, final=final, layers=("0", "2"))
    view = figure._view._samples if final else figure._view
    renderer = figure._canvas.get_renderer()
    words = [text.get_window_extent(renderer) for text in view._words]
    frames = [frame.get_window_extent(renderer) for frame in view._frames]
    assert words
    for i, one in enumerate(words):
        for other in [*words[i + 1 :], *(f for j, f in enumerate(frames) if j != i)]:
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert wide <= 1 or high <= 3


def test_the_confusion_comes_at_the_end_only() -> None:
    assert kind_of(END) == "images"
    assert kind_of(END, final=True) == "evaluation"
    assert kind_of(DIGITS, final=True) == "images"
    view = figure_of(END, final=True, layers=("0", "2"))._view
    cells = {(t.get_position(), t.get_text(), t.get_fontweight()) for t in view._counts.axes.texts}
    assert ((2, 1), "4", "bold") in cells
    assert ((1, 1), "28", "normal") in cells
    assert len(cells) == np.count_nonzero(COUNTS)
    assert view._counts.axes.get_xlabel() == "7 of 100 wrong, most often 1 taken for 2 (4)"


def test_the_pictures_beside_the_confusion_show_right_and_wrong_ones() -> None:
    view = figure_of(END, final=True)._view
    visible = [frame.get_visible() for frame in view._samples._frames]
    assert any(visible)
    assert not all(visible)


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (np.eye(3, dtype=int), "0 of 3 wrong"),
        (np.array([[1, 1], [0, 2]]), "1 of 4 wrong"),
        (np.zeros((2, 2), dtype=int), "0 of 0 wrong"),
        ([[1, 0], [3, 2]], "3 of 6 wrong, most often 1 taken for 0 (3)"),
    ],
)
def test_a_confusion_in_one_line(counts: Any, text: str) -> None:
    assert said(counts, ["0", "1"]) == text


def test_many_classes_have_tints_without_numbers() -> None:
    many = {"matrix": np.ones((40, 40), dtype=int), "labels": [str(i) for i in range(40)]}
    view = figure_of({**END, "confusion": many}, final=True)._view
    assert not view._counts.axes.texts


def sources() -> Iterator[Step]:
    for step in steps(30):
        step.parameters = {"0.weight": (0.25, 1.0), "2.weight": (1e-9, 1.0)}
        step.view = lambda: END
        yield step


def test_the_figure_is_said_in_words() -> None:
    screen = Recorder()
    drive(Dashboard(fast=True, screen=screen), sources())
    text = screen.last("figure")["text/plain"]
    assert "Gradients from the first layer to the last: 0 0.25, 2 1e-09 (vanishing)." in text
    assert "Of 16 pictures shown, 4 are read right." in text
    assert "All held out: 7 of 100 wrong, most often 1 taken for 2 (4)." in text
    assert f'alt="{text}"'.replace("'", "&#x27;") in screen.last("figure")["text/html"]


def test_the_picture_grows_for_gradients_before_it_is_first_drawn() -> None:
    screen = Recorder()
    drive(Dashboard(fast=True, screen=screen), sources())
    pngs = [b["image/png"] for name, b in screen.calls if name == "figure" and "image/png" in b]
    sizes = {opened(png).size for png in pngs[:-1]}
    assert len(sizes) == 1
    (size,) = sizes
    assert opened(pngs[-1]).size == (2 * size[0], 2 * size[1])


# the colours of the other theme


def test_a_themes_own_colours_go_over_exactly() -> None:
    for old, new in ((LIGHT, DARK), (DARK, LIGHT)):
        for name in ("paper", "text", "muted", "faint", "loss", "accuracy", "gate", "second"):
            found = exchanged([to_rgb(getattr(old, name))], old, new)[0]
            assert np.abs(found - to_rgb(getattr(new, name))).max() < 0.01, name
    assert exchanged([(0.0, 0.0, 0.0)], LIGHT, DARK)[0].min() > 0.95
    assert over_paper([(1.0, 0.0, 0.0)], 0.5, LIGHT)[0].tolist() == [1.0, 0.5, 0.5]


def test_the_exchanged_picture_is_like_one_drawn_in_the_other_theme() -> None:
    drawn = {}
    for theme in (LIGHT, DARK):
        run = Run(PART, "yours", "/course/tinytorch", {})
        for step in steps(30):
            run.take(step)
        figure = RunFigure(PART, theme)
        figure.update(run, DIGITS, final=True)
        drawn[theme.name] = figure.keepsakes()
    one = opened(drawn["light"].dark).convert("RGBA")
    other = opened(drawn["dark"].dark).convert("RGBA")
    assert drawn["light"].light != drawn["light"].dark
    difference = np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int))
    visible = np.asarray(other)[..., 3] > 128
    # the grounds of images are black in one and as the paper in the other
    assert (difference[visible][:, :3].max(axis=1) > 40).mean() < 0.06
    assert opened(drawn["dark"].paper).convert("RGB").getpixel((2, 2)) == (255, 255, 255)


def test_a_stopped_run_is_drawn_anew() -> None:
    def interrupt(step: Step) -> None:
        if step.step == 20:
            raise KeyboardInterrupt

    screen = Recorder()
    board = Dashboard(fast=True, screen=screen)
    drive(board, sources(), before_step=interrupt, milestone=MILESTONE)
    html = screen.last("figure")["text/html"]
    light, _ = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert opened(b64decode(light)).size[0] == 1920
