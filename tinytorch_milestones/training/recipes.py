"""Find a recipe by the name that the catalog gives it, and drive it."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, cast

import msgspec

from tinytorch_milestones.errors import UnknownName
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.settings import Settings, known_settings
from tinytorch_milestones.training.steps import Step

RecipeFunction = Callable[[Framework, Settings], Iterator[Step]]

_FILES = ("perceptron", "xor", "mlp", "cnn", "cifar", "transformer", "language", "mlperf")


class Recipe(msgspec.Struct, frozen=True):
    """A generator function of steps, and the options it takes beyond those all recipes take."""

    name: str
    function: RecipeFunction
    options: tuple[str, ...] = ()
    # settings that a choice implies unless they are given too, (option, value) -> settings
    implied: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def known(self) -> tuple[str, ...]:
        """Every setting that a run can be given."""
        return known_settings(self.options)

    def settings(
        self, chosen: Mapping[str, Any], overrides: Mapping[str, Any] | None = None
    ) -> Settings:
        """Settings from a part's own and what the user replaced; see `Settings.of`."""
        both = {**chosen, **(overrides or {})}
        implied: dict[str, Any] = {}
        for (option, value), settings in self.implied.items():
            if both.get(option) == value:
                implied |= settings
        return Settings.of({**chosen, **implied}, overrides, self.options)


def load_recipe(name: str) -> Recipe:
    """The recipe `file:function`.

    Raises `UnknownName` where there is none. A recipe of another package is named by its full
    module, `package.module:function`.
    """
    file, _, function = name.partition(":")
    try:
        if "." in file:
            module = importlib.import_module(file)
        elif file in _FILES:
            module = importlib.import_module(f"tinytorch_milestones.training.{file}")
        else:
            raise ModuleNotFoundError(file)
        found = getattr(module, function)
    except (ModuleNotFoundError, AttributeError):
        raise UnknownName("recipe", name, recipe_names()) from None
    options = getattr(module, "OPTIONS", {}).get(function, ())
    implied = getattr(module, "IMPLIED", {}).get(function, {})
    return Recipe(name, cast(RecipeFunction, found), tuple(options), implied)


def recipe_names() -> list[str]:
    """Every recipe that ships with the product."""
    names: list[str] = []
    for file in _FILES:
        module = importlib.import_module(f"tinytorch_milestones.training.{file}")
        names += [f"{file}:{function}" for function in module.OPTIONS]
    return names


def timed(steps: Iterator[Step]) -> Iterator[Step]:
    """The same steps, each with the seconds that the recipe took for it.

    What happens between two steps outside the recipe (drawing, pacing) does not count.
    """
    with closing(cast(Any, steps)):
        while True:
            before = time.perf_counter()
            step = next(steps, None)
            if step is None:
                return
            step.seconds = time.perf_counter() - before
            yield step
