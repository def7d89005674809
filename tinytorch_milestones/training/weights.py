"""The weights of a trained network as a file, and the network made from them again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from contextlib import closing
from typing import Any, cast

import msgspec
import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.author import Author, Bound, rebuilt
from tinytorch_milestones.training.clouds import Array
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.player import Player
from tinytorch_milestones.training.recipes import load_recipe

_ABOUT = "about"  # the entry that says what the weights belong to


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What weights belong to."""

    recipe: str
    settings: dict[str, Any] = {}  # of the run that trained them
    author: Bound | None = None  # how it writes, where it does
    version: int = 1


def pack(player: Player | Author | None, recipe: str) -> bytes | None:
    """The weights of a network that can be played with, as the bytes of an .npz file.

    None for others, and for a model that was made in a cell: nobody could make it again.
    """
    if player is None or not player.keepable:
        return None
    bound = player.bound if isinstance(player, Author) else None
    about = msgspec.json.encode(About(recipe=recipe, settings=player.settings, author=bound))
    file = io.BytesIO()
    entries = {_ABOUT: np.frombuffer(about, np.uint8), **player.weights()}
    np.savez_compressed(file, **cast(Any, entries))
    return file.getvalue()


def unpack(data: bytes, name: str) -> tuple[About, dict[str, Array]]:
    """What `pack` made; `name` is its file. Raises `TinyTorchError` for anything else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        about = msgspec.json.decode(arrays.pop(_ABOUT).tobytes(), type=About)
    except (OSError, ValueError, KeyError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise TinyTorchError(
            f"{name} does not hold the weights of a network ({type(error).__name__}).",
            "Run the milestone again: a win keeps its weights anew.",
        ) from error
    return about, arrays


def rebuild(fw: Framework, data: bytes, name: str, settings: Mapping[str, Any]) -> Player | Author:
    """The network in a file of weights, made by the student's code as it is now.

    `settings` are those of the part in the catalog. The recipe itself makes a network of images: it
    examines the code and takes one step, which the kept weights then undo. One that writes is made
    from its kept sizes. Raises `TinyTorchError` where the code does not get that far, or the
    weights do not fit.
    """
    about, weights = unpack(data, name)
    if about.author is not None:
        return rebuilt(fw, about.author, weights, about.settings)
    recipe = load_recipe(about.recipe)
    shaping = {name for name in recipe.options if name in _SHAPING}
    chosen = {name: value for name, value in about.settings.items() if name in shaping}
    steps = recipe.function(fw, recipe.settings(settings, {**chosen, "epochs": 1}))
    with closing(cast(Any, steps)):
        first = next(steps, None)
    if first is None or first.play is None:
        found = f": {first.note}" if first is not None and first.note else "."
        raise TinyTorchError(
            f"Your code as it is now cannot train this network{found}",
            "Run the milestone or diagnose it to see which module is to blame.",
        )
    player = cast(Player, first.play)
    player.load(weights)
    return player


_SHAPING = ("hidden", "channels", "widths")
"""Options of recipes that say how large the network is."""
