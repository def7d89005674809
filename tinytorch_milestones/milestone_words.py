"""What front ends say about a milestone: which one is meant, how far it is, what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinytorch_milestones.catalog.model import Module
    from tinytorch_milestones.state import CheckpointState, MilestoneState, PartReport, State
    from tinytorch_milestones.tracker import Tracker


def numbers(modules: Sequence[str]) -> str:
    """Module ids or numbers, runs of three or more shortened: `01-03, 06`."""
    values = sorted({int(module[:2]) for module in modules})
    groups: list[list[int]] = []
    for value in values:
        if groups and groups[-1][-1] == value - 1:
            groups[-1].append(value)
        else:
            groups.append([value])
    words: list[str] = []
    for group in groups:
        if len(group) > 2:
            words.append(f"{group[0]:02d}-{group[-1]:02d}")
        else:
            words += [f"{value:02d}" for value in group]
    return ", ".join(words)


def kept_epochs(report: PartReport) -> str:
    """What is kept of a run that was cut off: `Epochs 1 to 3 of 8 are kept.`; "" if nothing is."""
    done = report.saved_epoch
    if not done:
        return ""
    epochs = f"Epochs 1 to {done}" if done > 1 else "The first epoch"
    return f"{epochs} of {report.epochs} {'are' if done > 1 else 'is'} kept."


def percent_text(share: float) -> str:
    """A share as a whole per cent; 100 % only for all of it."""
    return f"{100 if share >= 1 else min(99, round(100 * share))} %"


def to_play(milestone: str) -> tuple[str, str] | None:
    """What there is to play with a milestone's network, and the notebook's command for it; None
    where there is nothing."""
    from tinytorch_milestones.catalog import load

    known = next((m for m in load().all_milestones() if m.id == milestone), None)
    kinds = [part.plays for part in known.parts if part.plays] if known is not None else []
    return (PLAY_WORDS[kinds[-1]], f"%milestone play {milestone}") if kinds else None


PLAY_WORDS = {
    "digits": "Draw a digit and watch your network read it",
    "sequence": "Give your transformer a sequence and watch it answer",
    "text": "Type a beginning and let your network go on writing",
    "python": "Give your network a signature and a docstring, and run what it writes",
}


def checkpoints_text(milestone: MilestoneState) -> str:
    """`4 of 9 checkpoints, 44 %`; empty without checkpoints, or where it is not written yet."""
    if not milestone.checkpoints or milestone.status == "coming":
        return ""
    passed = sum(checkpoint.status == "passed" for checkpoint in milestone.checkpoints)
    word = "checkpoint" if len(milestone.checkpoints) == 1 else "checkpoints"
    share = percent_text(milestone.percent)
    return f"{passed} of {len(milestone.checkpoints)} {word}, {share}"


def missing(milestone: MilestoneState) -> list[str]:
    """What stands between a milestone and its completion, a sentence each."""
    if milestone.status == "complete":
        return []
    said = []
    if milestone.missing:
        word = "module" if len(milestone.missing) == 1 else "modules"
        said.append(f"It needs {word} {numbers(milestone.missing)}.")
    said += _open_checkpoints(milestone.checkpoints)
    ready = [part.title for part in milestone.parts if part.status in ("ready", "running")]
    locked = [part.title for part in milestone.parts if part.status == "locked"]
    coming = [part.title for part in milestone.parts if part.status == "coming"]
    for titles, words in ((ready, "To be run"), (locked, "Locked"), (coming, "Still coming")):
        if titles:
            said.append(f"{words}: {', '.join(titles)}.")
    return said or ["It is being written and comes with an update."]


def _open_checkpoints(checkpoints: Sequence[CheckpointState]) -> list[str]:
    failed = [c for c in checkpoints if c.status == "failed"]
    others = [c for c in checkpoints if c.status not in ("failed", "passed")]
    said = []
    if failed:
        listed = ", ".join(f"{c.id} {c.title}" for c in failed)
        verb = "does" if len(failed) == 1 else "do"
        said.append(f"{_checkpoint(failed)} {listed} {verb} not pass.")
    if others:
        verb = "was" if len(others) == 1 else "were"
        said.append(f"{_checkpoint(others)} {numbers([c.id for c in others])} {verb} not reached.")
    return said


def _checkpoint(checkpoints: Sequence[CheckpointState]) -> str:
    return "Checkpoint" if len(checkpoints) == 1 else "Checkpoints"


def at_work(exercised: Mapping[str, int], modules: Sequence[Module]) -> str:
    """`01 Tensor 12,345 calls, 03 Layers 810 calls`, in the order of the course."""
    titles = {module.number: module.title for module in modules}
    return ", ".join(
        f"{number} {titles.get(number, '')}".rstrip()
        + f" {calls:,} {'call' if calls == 1 else 'calls'}"
        for number, calls in sorted(exercised.items())
        if calls > 0
    )


def won_last(state: State) -> MilestoneState | None:
    """The milestone of the track that was completed last."""
    won = [m for m in state.milestones if m.status == "complete"]
    return max(won, key=lambda m: m.completed, default=None)


def aimed_at(state: State) -> MilestoneState | None:
    """The milestone of the track to work towards: the next step's, else the first not complete."""
    for milestone in state.milestones:
        if state.next.kind == "milestone" and milestone.id == state.next.id:
            return milestone
    written = [m for m in state.milestones if m.status not in ("complete", "coming")]
    return written[0] if written else None


def find_entry(tracker: Tracker, name: str, track: str | None = None) -> MilestoneState:
    """The state of one milestone, in whatever track it stands.

    Numbers are those of `track`, else of the track that is shown. Raises `UnknownName`.
    """
    found = tracker.milestone(name, track)
    shown = tracker.state(track)
    entries = {m.id: m for m in shown.milestones}
    for other in shown.tracks:
        if found.id in entries:
            break
        entries = {m.id: m for m in tracker.state(other.id).milestones}
    return entries[found.id]
