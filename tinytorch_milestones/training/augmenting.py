"""What is wrong with `RandomHorizontalFlip`, `RandomCrop` and `Normalize`, on numbered pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch_milestones.training.clouds import Array

_COUNT = 64
_HEIGHT = _WIDTH = 6
_EDGE = 2  # zeros put around an image before it is cropped


def augmenting_problem(fw: Any) -> str:
    """The first thing that is wrong, in words; "" where nothing is."""
    # every pixel has a number of its own, and none is zero as the padding is
    pixels = np.arange(1, 3 * _HEIGHT * _WIDTH + 1, dtype=np.uint8)
    images = np.tile(pixels.reshape(1, 3, _HEIGHT, _WIDTH), (_COUNT, 1, 1, 1))
    images[1::2] += 100
    return _flips(fw, images) or _crops(fw, images) or _normalises(fw, images)


def _flips(fw: Any, images: Array) -> str:
    result, problem = _applied(fw.RandomHorizontalFlip(seed=3), images, "RandomHorizontalFlip")
    if problem:
        return problem
    mirrored = images[..., ::-1]
    plain = (result == images).all(axis=(1, 2, 3))
    flipped = (result == mirrored).all(axis=(1, 2, 3))
    if not (plain | flipped).all():
        return "RandomHorizontalFlip gives images that are neither mirrored nor as they were"
    if not 0.2 < flipped.mean() < 0.8:
        return f"RandomHorizontalFlip mirrors {int(flipped.sum())} of {_COUNT} images, not half"
    return ""


def _crops(fw: Any, images: Array) -> str:
    crop = fw.RandomCrop(_HEIGHT, padding=_EDGE, seed=3)
    result, problem = _applied(crop, images, "RandomCrop")
    if problem:
        return problem
    padded = np.pad(images, ((0, 0), (0, 0), (_EDGE, _EDGE), (_EDGE, _EDGE)))
    places: set[tuple[int, int]] = set()
    for got, whole in zip(result, padded, strict=True):
        found = [
            (top, left)
            for top in range(2 * _EDGE + 1)
            for left in range(2 * _EDGE + 1)
            if np.array_equal(got, whole[:, top : top + _HEIGHT, left : left + _WIDTH])
        ]
        if not found:
            return "RandomCrop gives something that is no piece of the padded image"
        places.add(found[0])
    if len(places) < 8:
        return f"RandomCrop cuts {_COUNT} images at only {len(places)} places"
    return ""


def _normalises(fw: Any, images: Array) -> str:
    mean, std = np.array([60.0, 70.0, 80.0]), np.array([20.0, 40.0, 50.0])
    result, problem = _applied(fw.Normalize(mean, std), images, "Normalize", np.dtype(np.float32))
    if problem:
        return problem
    right = (images - mean.reshape(-1, 1, 1)) / std.reshape(-1, 1, 1)
    if not float(np.abs(result - right).max()) <= 1e-4:
        return "Normalize does not subtract each channel's mean and divide by its deviation"
    return ""


def _applied(
    transform: Any, images: Array, name: str, dtype: np.dtype[Any] | None = None
) -> tuple[Array, str]:
    """What a transform makes of a copy of the images, and what is wrong with it at first sight."""
    given = images.copy()
    result = np.asarray(transform(given))
    wanted = images.dtype if dtype is None else dtype
    if not np.array_equal(given, images):
        return result, f"{name} changes the images of the data set"
    if result.shape != images.shape:
        return result, f"{name} makes images of {result.shape[1:]} from {images.shape[1:]}"
    if result.dtype != wanted:
        return result, f"{name} turns {images.dtype} to {result.dtype}, {wanted} is right"
    return result, ""
