"""`%milestone`, `%%milestone`, `%hint` and `%%after`: the course inside a notebook.

Loading this costs nothing that a module notebook would notice: the tracker, matplotlib and numpy
come in when a command needs them. What goes wrong is said in a few calm lines instead of a
traceback, and still fails the cell, so that "Run All" stops there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinytorch_milestones.errors import NoWorkspace, TinyTorchError, UnknownName
from tinytorch_milestones.magic_line import COMMANDS, Command, complete, parse
from tinytorch_milestones.milestone_words import aimed_at, find_entry, won_last
from tinytorch_milestones.speed import late

if TYPE_CHECKING:
    from tinytorch_milestones.state import State
    from tinytorch_milestones.tracker import Tracker
    from tinytorch_milestones.training.author import Author
    from tinytorch_milestones.training.player import Player


class CourseMessage(Exception):
    """A problem said in plain lines; IPython shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


class CourseMagics:
    """The magics of one IPython shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        # a cell may change the folder later; the course is the one the notebook was opened in
        self.folder = Path.cwd()
        self._hints_shown: dict[str, int] = {}
        self._players: dict[tuple[str, str], Player | Author] = {}  # trained in this kernel

    def milestone(self, line: str, cell: str | None = None) -> None:
        """Run, look up and check milestones; `%milestone help` lists what it can do."""
        with _calm():
            chosen = parse(line, cell is not None)
            if chosen.name == "help":
                print(_usage())
                return
            getattr(self, f"_{chosen.name}")(chosen, cell)

    def hint(self, line: str) -> None:
        """`%hint 01.matmul` shows the first hint for a task; again, the next one."""
        with _calm():
            task = line.strip()
            if not task:
                raise TinyTorchError("A hint for which task?", "For example: %hint 01.matmul")
            shown = self._hints_shown.get(task, 0)
            text, number, total = self._tracker().hint(task, shown)
            self._hints_shown[task] = number
            from tinytorch_milestones.widgets.listing import show_hint

            show_hint(task, text, number, total)

    def after(self, line: str, cell: str) -> None:
        """Run the cell once the checks of all named tasks have passed in this kernel."""
        from tinytorch_milestones.checks import passed

        with _calm():
            tasks = line.replace(",", " ").split()
            if not tasks:
                raise TinyTorchError(
                    "%%after needs the tasks to wait for.", "For example: %%after 01.matmul"
                )
        waiting = [task for task in tasks if not passed(task)]
        if waiting:
            print(f"This cell waits for {_listed(waiting)}.")
            return
        # the cell is in the history already, as it was typed
        result = self.shell.run_cell(cell, store_history=False)
        if not result.success:
            raise CellFailed

    # what %milestone can do, one method a command

    def _start(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.tables import show_welcome

        show_welcome(self._chosen(chosen))

    def _next(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.listing import show_next

        show_next(self._chosen(chosen).next)

    def _list(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.listing import show_list
        from tinytorch_milestones.widgets.tables import show_track

        state = self._chosen(chosen)
        show_track(state)
        show_list(state)

    def _timeline(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.tables import show_timeline

        show_timeline(self._chosen(chosen), lying=chosen.flag("horizontal"))

    def _info(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.listing import show_info

        show_info(find_entry(self._tracker(), chosen.word(0, "milestone"), chosen.track))

    def _status(self, chosen: Command, cell: str | None) -> None:
        state = self._chosen(chosen)
        if chosen.flag("detailed"):
            from tinytorch_milestones.widgets.tables import show_detailed

            show_detailed(state)
        else:
            from tinytorch_milestones.widgets.listing import show_status

            show_status(state)

    def _run(self, chosen: Command, cell: str | None) -> None:
        self._watch(chosen, cell, demo=False)

    def _demo(self, chosen: Command, cell: str | None) -> None:
        self._watch(chosen, cell, demo=True)

    def _watch(self, chosen: Command, cell: str | None, *, demo: bool) -> None:
        from tinytorch_milestones.widgets import Dashboard
        from tinytorch_milestones.widgets.play import Keeping, show_game

        tracker = self._tracker()
        milestone = tracker.milestone(chosen.word(0, "milestone"), chosen.track)
        dashboard = Dashboard(fast=_fast(chosen), modules=tracker.catalog.modules)
        keeping = Keeping(dashboard, self._players)
        try:
            report = tracker.run_milestone(
                milestone.id,
                part=chosen.part,
                observer=keeping,
                overrides=chosen.overrides,
                cell=cell,
                names=None if cell is None else self._names(),
                quick=chosen.flag("quick"),
                skip_checks=chosen.flag("skip-checks"),
                demo=demo,
                in_child=False,
                resume=chosen.flag("resume"),
            )
            dashboard.conclude(milestone, report)
            if slower := late():
                print(slower)
            if report.complete and keeping.last is not None:
                show_game(milestone, *keeping.last)
        except KeyboardInterrupt:
            # a second click on Stop while the first was being dealt with
            print("Stopped.")

    def _test(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.tables import show_checks

        tracker = self._tracker()
        if chosen.words:
            entry = find_entry(tracker, chosen.words[0], chosen.track)
        elif (aim := aimed_at(tracker.state(chosen.track))) is not None:
            entry = aim
        else:
            raise TinyTorchError(
                "Every milestone of this track is complete or still coming.",
                "Name one to check it all the same: %milestone test NAME",
            )
        show_checks(entry, tracker.test_milestone(entry.id))

    def _diagnose(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.diagnosis import show_diagnosis

        tracker = self._tracker()
        name = tracker.milestone(chosen.word(0, "milestone"), chosen.track).id
        show_diagnosis(
            lambda: tracker.diagnose(name, chosen.part, track=chosen.track),
            tracker.catalog.modules,
        )

    def _play(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.play import show_game

        name = chosen.words[0] if chosen.words else None
        found = self._tracker().play(name, chosen.part, chosen.track, self._players)
        show_game(*found)

    def _celebrate(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.celebration import celebration
        from tinytorch_milestones.widgets.screen import this_screen
        from tinytorch_milestones.widgets.tables import show_not_won

        tracker = self._tracker()
        state = tracker.state(chosen.track)
        if chosen.words:
            entry = find_entry(tracker, chosen.words[0], chosen.track)
        elif (won := won_last(state)) is not None:
            entry = won
        else:
            raise TinyTorchError("No milestone of this track is won yet.", state.next.title)
        if entry.status == "complete":
            this_screen().put("celebration", celebration(entry, state.next))
        else:
            show_not_won(entry, state.next)

    def _check(self, chosen: Command, cell: str | None) -> None:
        from tinytorch_milestones.widgets.listing import show_completion

        tracker = self._tracker()
        name = chosen.words[0] if chosen.words else self._this_module(tracker)
        show_completion(tracker.complete_module(name))

    # where we are

    def _chosen(self, chosen: Command) -> State:
        """The state of the course, with the track that was asked for shown from now on."""
        tracker = self._tracker()
        if chosen.track is not None:
            tracker.set_track(chosen.track)
        return tracker.state()

    def _tracker(self) -> Tracker:
        try:
            from tinytorch_milestones.tracker import Tracker
        except ImportError as error:
            raise TinyTorchError(
                f"The milestones are not available: {error}.",
                "Module notebooks work without them. Install tinytorch-milestones again.",
            ) from error
        try:
            return Tracker.open(self.folder)
        except NoWorkspace:
            if Path.cwd() == self.folder:
                raise
            return Tracker.open(Path.cwd())

    def _this_module(self, tracker: Tracker) -> str:
        # jupyter_server tells a kernel which notebook it belongs to
        notebook = Path(os.environ.get("JPY_SESSION_NAME", ""))
        if notebook.suffix == ".ipynb":
            try:
                return tracker.module(notebook.stem).id
            except UnknownName:
                pass
        raise TinyTorchError(
            "This notebook is not a module, so say which one to check.",
            "For example: %milestone check 01",
        )

    def _names(self) -> dict[str, object]:
        return {
            name: value
            for name, value in self.shell.user_ns.items()
            if not name.startswith("_") and name not in ("In", "Out", "exit", "quit", "get_ipython")
        }

    def complete(self, shell: Any, event: Any) -> list[str]:
        """Tab completion after `%milestone`, `%%milestone`, `%hint` and `%%after`."""
        try:
            tracker = self._tracker()
        except TinyTorchError:
            return []
        return complete(tracker, event.line, event.symbol)


class CellFailed(Exception):
    """The cell below `%%after` failed; its own message stands above already."""

    def _render_traceback_(self) -> list[str]:
        return ["The cell stopped at the error above."]


class _calm:
    """Turn an error meant for the user into lines without a traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TinyTorchError):
            raise CourseMessage(str(error)) from None


def _fast(chosen: Command) -> bool:
    return chosen.flag("fast") or os.environ.get("TINYTORCH_FAST", "") not in ("", "0")


def _usage() -> str:
    width = max(len(command.usage) for command in COMMANDS)
    return "\n".join(f"%milestone {c.usage:<{width}}  {c.help}" for c in COMMANDS)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def load_ipython_extension(shell: Any) -> None:
    """Register the magics and their completion, and let the notebook import its own `tinytorch`."""
    magics = CourseMagics(shell)
    _make_importable(magics.folder)
    register: Callable[..., None] = shell.register_magic_function
    register(magics.milestone, "line_cell", "milestone")
    register(magics.hint, "line", "hint")
    register(magics.after, "cell", "after")
    for name in ("%milestone", "%%milestone", "%hint", "%%after"):
        shell.set_hook("complete_command", magics.complete, str_key=name)


def _make_importable(folder: Path) -> None:
    """Put the course first on the import path: a notebook's own folder is one below it."""
    from tinytorch_milestones.workspace import find

    try:
        root = str(find(folder).root)
    except TinyTorchError:
        return  # no course here; whatever needs one will say so
    if root in sys.path:
        sys.path.remove(root)
    sys.path.insert(0, root)
