"""Which trained network `play` means: one of this process, or one that was kept at a win."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tinytorch_milestones.catalog import Catalog, Milestone, Part
from tinytorch_milestones.errors import Locked, TinyTorchError
from tinytorch_milestones.progress import Progress
from tinytorch_milestones.standing import Standing
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.workspace import Workspace

if TYPE_CHECKING:
    from tinytorch_milestones.training.author import Author  # loads numpy
    from tinytorch_milestones.training.player import Player

Found = tuple[Milestone, Part, "Player | Author"]
AtHand = Mapping[tuple[str, str], "Player | Author"]
"""Networks trained in this process, by milestone and part."""


def find_player(
    workspace: Workspace,
    catalog: Catalog,
    progress: Progress,
    milestone: Milestone | None,
    part_name: str | None,
    at_hand: AtHand,
) -> Found:
    """The network to play with, and what it was trained for.

    Without a milestone it is the one that was trained in this process last, else the last of the
    course that was won. Without a part, the last one there is a network for. Raises `Locked`, or
    `TinyTorchError` saying what to do first.
    """
    if milestone is None:
        milestone = _any(catalog, progress, at_hand)
    part = None if part_name is None else catalog.part(milestone, part_name)
    parts = [part] if part is not None else [each for each in milestone.parts if each.plays]
    if not parts or not all(each.plays for each in parts):
        what = milestone.title if part is None else f"{milestone.title}: {part.title}"
        raise TinyTorchError(f"There is nothing to play with in {what}.", _instead(catalog))
    for each in reversed(parts):  # the last part has the largest images, the harder task
        player = at_hand.get((milestone.id, each.id))
        if player is not None and (player.drawable or player.writes):
            return milestone, each, player
        data = progress.weights(milestone.id, each.id)
        if data is not None:
            from tinytorch_milestones.training.weights import rebuild

            name = f".tito/weights/{milestone.id}-{each.id}.npz"
            with Implementation.student(workspace.root).active() as framework:
                return milestone, each, rebuild(framework, data, name, each.settings)
    missing = Standing(catalog, workspace, progress).missing(parts[-1].needs)
    if missing:
        raise Locked(milestone.title, missing, f"Complete {', '.join(missing)} first.")
    chosen = "" if part is None else f" --part {part.id}"
    raise TinyTorchError(
        f"No network of yours has won {milestone.title} yet, so there is none to play with.",
        f"Train one: %milestone run {milestone.id}{chosen}. (Of a model made in a cell the "
        "weights are not kept; it can be played with until the kernel ends.)",
    )


def _any(catalog: Catalog, progress: Progress, at_hand: AtHand) -> Milestone:
    if at_hand:
        return catalog.milestone(list(at_hand)[-1][0])
    kept = [m for m, p in _playable(catalog) if progress.weights(m.id, p.id) is not None]
    if kept:
        return kept[-1]
    raise TinyTorchError(
        "No network of yours has learned to read or to write yet, so there is none to play with.",
        _instead(catalog),
    )


def _playable(catalog: Catalog) -> Iterator[tuple[Milestone, Part]]:
    for milestone in catalog.all_milestones():
        yield from ((milestone, part) for part in milestone.parts if part.plays)


def _instead(catalog: Catalog) -> str:
    names = list(dict.fromkeys(m.id for m, _ in _playable(catalog) if not m.coming))
    return f"Win one of these first, then play with it: {', '.join(names)}."
