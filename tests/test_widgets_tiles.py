"""Tiles of filters, feature maps and photographs, class bars, and what their frames cost."""

from __future__ import annotations

import numpy as np
import pytest

from tests.board import PART, opened, steps
from tests.sights import LAYERS, figure_of, view
from tinytorch_milestones.watching import Run
from tinytorch_milestones.widgets.classes import ClassBars, Extremes
from tinytorch_milestones.widgets.figure import RunFigure
from tinytorch_milestones.widgets.filters import Filters, Maps, pictures_of
from tinytorch_milestones.widgets.layout import panels_of
from tinytorch_milestones.widgets.theme import DARK, LIGHT, Theme
from tinytorch_milestones.widgets.tiles import Place, Tiles

# what is drawn


def test_a_grey_tile_is_ink_and_a_colour_tile_is_as_it_is() -> None:
    grey = np.array([[0.0, 1.0], [1.0, 0.5]])[None]
    colour = np.array([[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 1, 1]]], dtype=float)[None]
    for theme, ink in ((LIGHT, 0), (DARK, 255)):
        axes = figure_of(view(), theme=theme)._view_axes
        tiles = Tiles(axes, theme, [Place(0, 0)], (0.4, 0.4))
        tiles.show(grey)
        pixels = tiles._pixels(100)
        assert pixels.shape == (40, 40, 4)
        assert pixels[0, -1].tolist() == [ink] * 3 + [255]
        assert pixels[0, 0].tolist() == [255 - ink] * 3 + [255]
        tiles.show(colour)
        corners = tiles._pixels(100)[[0, 0, -1], [0, -1, 0], :3]
        assert corners.tolist() == (255 * np.eye(3)).tolist()


def test_tiles_are_the_right_way_up_and_where_they_say() -> None:
    picture = view(ended=False)
    image = np.zeros((32, 32, 3))
    image[:16, :, 0] = 1.0  # red above, blue below
    image[16:, :, 2] = 1.0
    picture["maps"]["image"] = image
    figure = figure_of(picture)
    drawn = np.asarray(opened(figure.png()))
    rows, columns = next(figure._beside["maps"]._image.boxes(len(drawn)))
    seen = drawn[rows, columns]
    assert seen.shape[0] > 60
    assert (seen[3, :, :3] == [255, 0, 0]).all()
    assert (seen[-3, :, :3] == [0, 0, 255]).all()
    border = drawn[rows.start - 1, columns, :3]
    assert (border == [0xC4, 0xC4, 0xC4]).all()


@pytest.mark.parametrize("drawn_in", [LIGHT, DARK])
def test_photographs_keep_their_colours_and_grey_pictures_follow_the_theme(
    drawn_in: Theme,
) -> None:
    figure = figure_of(view(side=8), final=True, theme=drawn_in)
    figure.sharpen(2.0)
    kept = figure.keepsakes()
    height = round(200 * figure.height)
    light, dark, paper = (
        np.asarray(opened(png).convert("RGBA"), dtype=int)
        for png in (kept.light, kept.dark, kept.paper)
    )
    assert light.shape[0] == height
    photographs = [
        place
        for artist in figure._moving()
        if isinstance(artist, Tiles) and artist.colour
        for place in artist.boxes(height)
    ]
    assert len(photographs) == 9 + 16 + 1 + 2 * 24
    for place in photographs:
        assert (light[place] == dark[place]).all()
        assert (light[place][..., :3] == paper[place][..., :3]).all()
    exact = np.asarray(figure._pixels(1.0), dtype=int)
    away = [np.abs(light[p][..., :3] - exact[p][..., :3]).mean() for p in photographs[:9]]
    assert max(away) < 30
    for place in figure._beside["maps"]._maps.boxes(height):
        assert np.abs(light[place][..., :3] + dark[place][..., :3] - 255).max() <= 1


def test_filters_are_centred_on_zero_and_others_are_strengths() -> None:
    weights = np.zeros((2, 3, 2, 2))
    weights[0, 0, 0, 0], weights[0, 1, 1, 1] = 2.0, -1.0
    pictures = pictures_of(weights)
    assert pictures.shape == (2, 2, 2, 3)
    assert pictures[0, 0, 0].tolist() == [1.0, 0.5, 0.5]
    assert pictures[0, 1, 1].tolist() == [0.5, 0.25, 0.5]
    assert (pictures[1] == 0.5).all()
    assert pictures_of(np.ones((4, 1, 5, 5))).shape == (4, 5, 5)
    deep = pictures_of(np.stack([np.full((24, 3, 3), -1.0), np.zeros((24, 3, 3))]))
    assert deep.shape == (2, 3, 3)
    assert deep[0].min() == 1.0
    assert deep[1].max() == 0.0


def test_filters_form_and_at_the_end_stand_below_how_they_began() -> None:
    picture = view()
    live: Filters = figure_of(picture)._beside["filters"]
    assert len(live._groups) == 1
    before = live._groups[0]._images.copy()
    live.update({**picture["filters"], "weights": picture["filters"]["start"]})
    assert (before != live._groups[0]._images).any()
    ended: Filters = figure_of(picture, final=True)._beside["filters"]
    start, now = ended._groups
    assert (start._images == live._groups[0]._images).all()
    assert (now._images == before).all()
    assert {"start", "now"} <= {text.get_text() for text in ended.axes.texts}
    without = {**picture, "filters": {**picture["filters"], "start": None}}
    assert len(figure_of(without, final=True)._beside["filters"]._groups) == 1


def test_of_many_filters_the_first_are_shown_and_counted() -> None:
    panel = figure_of(view(filters=(64, 3, 3, 3)))._beside["filters"]
    assert panel.axes.get_title(loc="left") == "24 of 64 filters of layer 0"
    assert panel._groups[0].count == 24


def test_maps_share_one_scale_and_negative_answers_have_none_of_the_ink() -> None:
    picture = view()
    maps = np.stack([np.full((8, 8), level) for level in (0.0, 1.0, 2.0)])
    panel: Maps = figure_of({**picture, "maps": {**picture["maps"], "maps": maps}})._beside["maps"]
    assert panel._maps is not None
    assert panel._maps._images[:, 0, 0].tolist() == [0, 128, 255]
    panel.update({**picture["maps"], "maps": maps - 1})
    assert panel._maps._images[:, 0, 0].tolist() == [0, 128, 255]
    panel.update({**picture["maps"], "maps": np.zeros((3, 8, 8))})
    assert not panel._maps._images.any()


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_weights_and_maps_that_are_no_numbers_can_be_drawn(broken: float) -> None:
    picture = view()
    picture["filters"]["weights"][0, 0] = broken
    picture["maps"]["maps"][0] = broken
    for final in (False, True):
        figure_of(picture, final=final).keepsakes()


def test_the_least_class_is_bold_and_tenths_come_where_they_matter() -> None:
    bars: ClassBars = figure_of(view(), final=True)._beside["classes"]
    said = {text.get_text(): text.get_fontweight() for text in bars.axes.texts}
    assert said["5 %"] == "bold"
    assert said["95 %"] == "normal"
    lengths = [patch.get_width() for patch in bars.axes.patches[10:]]
    assert lengths == pytest.approx([0.05 + 0.1 * i for i in range(10)])
    bars.update([("a", 0.991, 10), ("b", 0.985, 10)])
    assert [text.get_text() for text in bars.axes.texts] == ["99.1 %", "98.5 %"]


def test_over_a_mistake_stands_what_was_said_and_under_it_what_it_was() -> None:
    panel: Extremes = figure_of(view(), final=True)._beside["extremes"]
    said = [text.get_text() for text in panel.axes.texts]
    assert said[:2] == ["airplane", "automobile"]
    assert "surest when wrong: 92 % sure or more" in said
    where = said.index("automobile \u2717")
    assert said[where + 1] == "is airplane"
    assert panel.axes.get_title(loc="left") == "surest when right: 92 % sure or more"


@pytest.mark.parametrize("missing", ["best", "worst"])
def test_a_network_that_is_always_right_or_wrong_has_one_kind_only(missing: str) -> None:
    picture = view()
    none = {"images": np.zeros((0, 32, 32, 3)), "truths": [], "guesses": [], "confidence": []}
    picture["extremes"][missing] = none
    panel = figure_of(picture, final=True)._beside["extremes"]
    assert len(panel.moving) == 1


def test_pictures_with_long_names_are_few_and_large() -> None:
    live = figure_of(view())._view
    assert live._tiles.count == 9
    assert min(live._tiles._size) > 0.5
    crosses = ["\u2717" in word.get_text() for word in live._words]
    assert any(crosses)
    assert not all(crosses)


# what a frame costs


def test_a_new_title_draws_nothing_anew_that_stands_still() -> None:
    run = Run(PART, "yours", "/course/tinytorch", {})
    for step in steps(30):
        run.take(step)
    figure = RunFigure(PART, LIGHT, panels=panels_of(view()))
    figure.update(run, view())
    first = figure.png()
    still = figure._still
    figure.update(run, {**view(), "title": "another"})
    second = figure.png()
    assert figure._still is still
    assert first != second


def test_a_frame_over_kept_pixels_is_the_same_as_one_drawn_from_scratch() -> None:
    kept = figure_of(view(count=20))
    kept.png()
    run = Run(PART, "yours", "/course/tinytorch", {})
    for step in steps(30):
        step.parameters = {f"{layer}.weight": (0.1, 1.0) for layer in LAYERS}
        run.take(step)
    kept.update(run, view())
    assert kept.png() == figure_of(view()).png()
