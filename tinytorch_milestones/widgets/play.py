"""Something to play with after a win: a widget where widgets live, and words everywhere else."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING, Any, cast

from tinytorch_milestones.catalog.model import Milestone, Part
from tinytorch_milestones.milestone_words import PLAY_WORDS
from tinytorch_milestones.state import PartReport
from tinytorch_milestones.widgets.html import Bundle, bundle
from tinytorch_milestones.widgets.screen import this_screen

if TYPE_CHECKING:
    from tinytorch_milestones.tracker import Observer, Run
    from tinytorch_milestones.training.author import Author
    from tinytorch_milestones.training.player import Player
    from tinytorch_milestones.training.steps import Step

# A widget is gone when its kernel is, and a notebook that is opened again would show an error in
# its place. So a note stands above it, and of the two only one is seen.
_ONE_OF_TWO = """
.jp-OutputArea-child:has(.tinytorch-play) + .jp-OutputArea-child:not(:has(.tinytorch-game)) {
  display: none; }
.jp-OutputArea-child:has(.tinytorch-play):has(+ .jp-OutputArea-child .tinytorch-game) {
  display: none; }
"""


class Keeping:
    """An observer that keeps the networks of runs that came to their end, beside another one."""

    def __init__(self, observer: Observer, players: dict[tuple[str, str], Player | Author]) -> None:
        self._observer = observer
        self._players = players
        self.last: tuple[Part, Player | Author] | None = None  # that can be played with

    def started(self, milestone: Milestone, part: Part, run: Run) -> None:
        """Passed on."""
        self._observer.started(milestone, part, run)

    def stepped(self, step: Step, run: Run) -> None:
        """Passed on."""
        self._observer.stepped(step, run)

    def finished(self, report: PartReport, run: Run) -> None:
        """Keep the student's network, unless the run was stopped or failed on the way."""
        player = run.player
        whole = not report.interrupted and not report.error
        can_play = player is not None and (player.drawable or player.writes)
        if whole and player is not None and can_play and run.implementation == "yours":
            place = (report.milestone, report.part)
            self._players.pop(place, None)  # the newest is the last
            self._players[place] = player
            self.last = (run.part, player)
        self._observer.finished(report, run)


_GAMES = {
    "digits": (
        "Draw a digit: your network reads it",
        (
            "What you draw is brought to the size and place of the digits that your network "
            "learned from: draw large or small, wherever you like."
        ),
    ),
    "sequence": (
        "Give it a sequence: your transformer answers",
        "It learned from random sequences such as the one below; yours is likely new to it.",
    ),
    "text": (
        "Type a beginning: your network goes on writing",
        "It has read nothing but the texts that you trained it on, so begin as they do.",
    ),
    "python": (
        "Choose a prompt: your network writes the function",
        (
            "When it is complete it is run on examples. None of the prompts to choose from was in "
            "the training text; change the names and the numbers as you like."
        ),
    ),
}


def show_game(milestone: Milestone, part: Part, player: Player | Author) -> None:
    """What can be played with a network; where there can be no widget, how to get one."""
    this_screen().put("play", note(milestone, part, live=widgets_live()))
    if not widgets_live():
        return
    title, about = _GAMES[part.plays or "text"]
    about = f"{milestone.title}: {part.title}. {about}"
    try:
        widget = _widget(player, title, about)
    except ImportError as error:
        this_screen().put("play-missing", _missing(error))
        return
    from IPython.display import display

    show: object = display
    assert callable(show)
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    show({"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}, raw=True)


def _widget(player: Player | Author, title: str, about: str) -> Any:
    if player.drawable:
        from tinytorch_milestones.widgets.canvas import Canvas

        return Canvas(cast("Player", player), title, about)
    from tinytorch_milestones.widgets.prompt import PromptBox

    return PromptBox(cast("Author", player), title, about)


def widgets_live() -> bool:
    """Whether somebody with a mouse looks at this kernel, as far as can be told.

    Jupyter's server names the notebook to the kernels it starts for one; VS Code leaves its mark.
    A notebook that a program executes has neither.
    """
    if not this_screen().live:
        return False
    return "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ


def note(milestone: Milestone, part: Part, *, live: bool) -> Bundle:
    """What stands in a notebook where the widget itself cannot."""
    command = f"%milestone play {milestone.id} --part {part.id}"
    said = f"{PLAY_WORDS[part.plays or 'text']}:"
    html = f'<p class="tinytorch-play">{said} <code>{escape(command)}</code></p>'
    if live:
        html += f"<style>{' '.join(_ONE_OF_TWO.split())}</style>"
    return bundle(html, f"{said} {command}")


def _missing(error: ImportError) -> Bundle:
    said = f"Widgets are not available here ({error}). Install anywidget, then restart the kernel."
    return bundle(escape(said), said)
