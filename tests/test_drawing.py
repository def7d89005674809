"""A drawing becomes an example: MNIST's rule, held by MNIST itself, and that of the UCI digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.digit_strokes import DIGITS, drawn, line
from tinytorch_milestones.data.images import read_digits, read_mnist
from tinytorch_milestones.training.drawing import (
    PEN,
    centre_of_mass,
    image_of,
    like_mnist,
    like_uci,
)

MIDDLE = pytest.approx((14.0, 14.0), abs=0.05)


def box(image: Any) -> tuple[int, int]:
    """Height and width of the ink."""
    inked = image > 0.3
    return int(inked.any(axis=1).sum()), int(inked.any(axis=0).sum())


def test_the_rule_is_the_one_that_mnist_follows() -> None:
    """The oracle for the tests below: what they ask of a drawing holds for MNIST itself."""
    images = read_mnist()[0][:500] / 255.0
    centres = np.array([centre_of_mass(image) for image in images])
    # moved by whole pixels, MNIST's are within half a pixel
    assert np.abs(centres - 14.0).max() <= 0.5 + 1e-3
    sides = [max(box(image > 0)) for image in images]
    assert np.mean(np.array(sides) == 20) > 0.99
    assert images.max() == 1.0


@pytest.mark.parametrize("digit", DIGITS)
def test_a_drawing_is_centred_by_its_mass_and_fills_the_box(digit: int) -> None:
    image = like_mnist(drawn(digit, 40, 30, 200))
    assert image is not None
    assert image.shape == (28, 28)
    assert image.dtype == np.float32
    assert tuple(centre_of_mass(image)) == MIDDLE
    # a box between two pixels touches one more
    assert max(box(image)) in (20, 21)
    assert image.min() == 0.0
    assert image.max() == 1.0


@pytest.mark.parametrize("digit", DIGITS)
def test_place_and_size_of_a_drawing_do_not_matter(digit: int) -> None:
    usual = image_of(drawn(digit, 40, 40, 200), (1, 28, 28))
    for left, top, size in ((0, 0, 200), (79, 80, 200), (200, 5, 60), (10, 190, 80), (0, 0, 280)):
        other = image_of(drawn(digit, left, top, size), (1, 28, 28))
        assert usual is not None
        assert other is not None
        assert np.abs(other - usual).max() < 0.25, (left, top, size)
        assert np.abs(other - usual).mean() < 0.004


def test_the_shape_is_kept() -> None:
    upright = like_mnist([line((140, 20), (140, 260))])
    lying = like_mnist([line((20, 140), (260, 140))])
    assert upright is not None
    assert lying is not None
    assert box(upright)[0] in (20, 21)
    assert box(upright)[1] <= 4
    np.testing.assert_allclose(lying, upright.T, atol=1e-6)


def test_ink_is_as_much_as_mnist_has_and_its_edges_are_soft() -> None:
    images = read_mnist()[0][:2000] / 255.0
    ours = [like_mnist(drawn(digit, 40, 40, 200)) for digit in DIGITS]
    ink = np.mean([image.sum() for image in ours if image is not None])
    theirs = images.sum(axis=(1, 2))
    assert np.percentile(theirs, 25) < ink < np.percentile(theirs, 75)
    grey = np.mean([((i > 0.02) & (i < 0.98)).sum() / (i > 0.02).sum() for i in np.array(ours)])
    assert 0.4 < grey < 0.75  # 0.61 of MNIST's inked pixels


def test_what_lies_far_from_the_mass_is_not_lost_on_the_way() -> None:
    # a heavy scribble with a long tail: its centre is far from the middle of its box
    scribble = [(20 + (i % 7) * 4, 20 + (i * 5) % 40) for i in range(400)]
    image = like_mnist([scribble, line((30, 60), (30, 270))])
    assert image is not None
    assert centre_of_mass(image)[0] == pytest.approx(14.0, abs=0.6)


def test_nothing_drawn_is_no_image_and_a_dot_stays_a_dot() -> None:
    for nothing in ([], [[]], [[], []], [[(float("nan"), 3.0)]]):
        assert image_of(nothing, (1, 28, 28)) is None
        assert image_of(nothing, (1, 8, 8)) is None
    dot = like_mnist([[(100.0, 200.0)]])
    assert dot is not None
    assert max(box(dot)) <= 4
    nearly = like_mnist([[(100.0, 200.0), (100.0 + PEN / 4, 200.0)]])
    assert nearly is not None
    assert max(box(nearly)) <= 8


def test_a_long_scribble_is_drawn_in_time_that_does_not_grow() -> None:
    points = [(140 + 120 * np.cos(i), 140 + 120 * np.sin(1.3 * i)) for i in range(50_000)]
    image = like_mnist([points])
    assert image is not None
    assert image.mean() > 0.2


def test_a_drawing_for_small_digits_holds_as_much_ink_as_they_do() -> None:
    theirs = (read_digits()[0] / 16).sum(axis=(1, 2)).mean()
    for digit in DIGITS:
        image = like_uci(drawn(digit, 100, 20, 120))
        assert image is not None
        assert image.shape == (8, 8)
        assert image.sum() == pytest.approx(theirs, rel=0.2)
        assert image.any(axis=1).all()  # from the top to the bottom
        assert np.array_equal(image * 16, (image * 16).round())  # 0 to 16


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="3, 32, 32"):
        image_of(drawn(1, 0, 0, 100), (3, 32, 32))
