"""The check of flips, crops and normalisation before a run: what is wrong is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinytorch_milestones.training.augmenting import augmenting_problem
from tinytorch_milestones.training.implementation import Framework, Implementation


@pytest.fixture
def fw() -> Iterator[Framework]:
    with Implementation.reference().active() as framework:
        yield framework


def _spoiled(fw: Framework, name: str, change: Any) -> str:
    class Spoiled:
        def __getattr__(self, wanted: str) -> Any:
            return change if wanted == name else getattr(fw, wanted)

    return augmenting_problem(Spoiled())


def test_augmentation_that_is_wrong_is_named(fw: Framework) -> None:
    assert augmenting_problem(fw) == ""
    flip, crop = fw.RandomHorizontalFlip, fw.RandomCrop

    def all_or_none(**options: Any) -> Any:
        return lambda images: images[..., ::-1]

    def in_place(**options: Any) -> Any:
        def turn(images: Any) -> Any:
            images[...] = flip(**options)(images)
            return images

        return turn

    def one_place(size: int, padding: int, **options: Any) -> Any:
        return lambda images: np.roll(images, 1, axis=3)

    def upright(size: int, padding: int, **options: Any) -> Any:
        return lambda images: crop(size, padding=padding, **options)(images).swapaxes(2, 3)

    def one_mean(mean: Any, std: Any) -> Any:
        return lambda images: ((images - mean.mean()) / std.mean()).astype(np.float32)

    def doubles(mean: Any, std: Any) -> Any:
        return lambda images: (images - mean.reshape(-1, 1, 1)) / std.reshape(-1, 1, 1)

    assert "not half" in _spoiled(fw, "RandomHorizontalFlip", all_or_none)
    assert "data set" in _spoiled(fw, "RandomHorizontalFlip", in_place)
    assert "no piece" in _spoiled(fw, "RandomCrop", one_place)
    assert "no piece" in _spoiled(fw, "RandomCrop", upright)
    assert "channel's mean" in _spoiled(fw, "Normalize", one_mean)
    assert "float64" in _spoiled(fw, "Normalize", doubles)
