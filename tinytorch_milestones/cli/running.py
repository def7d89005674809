"""A milestone's run in a terminal: live curves where there is one, plain lines in a pipe."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tinytorch_milestones.cli.chips import gate_chips
from tinytorch_milestones.cli.output import Screen, duration
from tinytorch_milestones.cli.per_class import show_classes
from tinytorch_milestones.cli.views import show_gates, show_hints
from tinytorch_milestones.milestone_words import at_work, kept_epochs

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from tinytorch_milestones.catalog.model import Milestone, Module, Part
    from tinytorch_milestones.state import PartReport, VerdictState
    from tinytorch_milestones.tracker import Ghost, Run
    from tinytorch_milestones.training.steps import Step

_FRAME_SECONDS = 0.1
_SHARE = 0.03  # of the time may go into drawing
_WATCHABLE_SECONDS = 2.5
_WORTH_TELLING = 10.0  # seconds of training from which on its memory is told at the end
_LEAST_CHART, _TALLEST_CHART = 4, 14
_SMALLEST = (40, 14)  # columns and rows below which curves are not worth drawing


def observer(screen: Screen, modules: Sequence[Module]) -> PlainView | LiveView:
    """The view that suits where the output goes."""
    console = screen.console
    drawable = screen.draws and console.width >= _SMALLEST[0] and console.height >= _SMALLEST[1]
    return LiveView(screen, modules) if drawable else PlainView(screen, modules)


def whose(run: Run) -> str:
    """Whose code runs, in words."""
    return "your code" if run.implementation == "yours" else "the reference code"


def gone_on(run: Run) -> str:
    """Where a run that was interrupted goes on."""
    return f"Going on after epoch {run.resumed} of {run.evidence.epochs}."


def show_result(screen: Screen, report: PartReport, modules: Sequence[Module]) -> None:
    """How a part ended: what to look at, the figures of the run, the modules at work in it."""
    if report.error:
        where = " on an error in the code" if report.error_in_code else ""
        screen.line((f"The run stopped{where}:", "red"))
        for line in report.error.splitlines():
            screen.line(line, indent=2)
        if report.error_module:
            screen.line(f"It came from module {report.error_module}.", indent=2)
    elif report.interrupted:
        screen.line(("Stopped. ", "yellow"), "No credit; the attempt is kept as interrupted.")
    word, style = ("Passed", "bold green") if report.passed else ("Not passed", "bold red")
    if kept := kept_epochs(report):
        command = f"tito milestone run {report.milestone} --resume"
        screen.line(f"{kept} Go on with it: ", (command, "cyan"))
    if report.interrupted or report.error:
        word, style = "Ended", "bold"
    figures = [f"{report.steps:,} steps in {duration(report.seconds)} of training"]
    if report.samples_per_second:
        figures.append(f"{report.samples_per_second:,.0f} {report.noun}/s")
    if report.memory and report.seconds > _WORTH_TELLING:
        figures.append(f"at most {report.memory / 1e6:,.0f} MB")
    if report.resumed_epoch:
        figures.append(f"gone on with after epoch {report.resumed_epoch}")
    score = f" {report.score_text}" if report.score_text and not report.error else ""
    screen.line((f"{word}: ", style), f"{report.title}{score}, {', '.join(figures)}")
    if busy := at_work(report.exercised, modules):
        owner = "Your" if report.implementation == "yours" else "The reference"
        screen.line((f"{owner} code at work: ", "dim"), busy, indent=2, hang=4)
    if not report.interrupted and not report.error:
        show_hints(screen, report)
    to_blame = report.error_in_code or not report.error
    if to_blame and not (report.passed or report.interrupted) and report.implementation == "yours":
        command = f"tito milestone diagnose {report.milestone} --part {report.part}"
        screen.line("Find the module to blame: ", (command, "cyan"))
    if report.passed and not report.credited and report.why_not_credited:
        screen.line(("No credit: ", "yellow"), report.why_not_credited)


class PlainView:
    """A start line, a line for about every tenth of the run, the gates, the result."""

    def __init__(self, screen: Screen, modules: Sequence[Module]) -> None:
        self._screen = screen
        self._modules = modules
        self._tenth = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def started(self, milestone: Milestone, part: Part, run: Run) -> None:
        """Say what runs and whose code."""
        evidence = run.evidence
        self._tenth = 10 * evidence.steps // max(1, evidence.planned)
        self._screen.line((f"{milestone.year}  {milestone.title}: {part.title}", "bold"))
        self._screen.line(part.story, indent=2)
        self._screen.line(f"{whose(run)}: {run.path}", indent=2)
        if run.resumed:
            self._screen.line(gone_on(run), indent=2)
        self._flush()

    def stepped(self, step: Step, run: Run) -> None:
        """Print a line when another tenth is done."""
        tenth = 10 * step.step // max(1, step.steps)
        if tenth <= self._tenth:
            return
        self._tenth = tenth
        words = [f"{min(10 * tenth, 100):3d} %", f"step {step.step:,} of {step.steps:,}"]
        if step.epochs > 1:
            words.append(f"epoch {step.epoch} of {step.epochs}")
        words.append(f"loss {step.loss:.4g}")
        if run.evidence.accuracies:
            words.append(f"accuracy {100 * run.evidence.accuracies[-1][1]:.1f} %")
        left = run.seconds_left()
        if left is not None and step.step < step.steps:
            words.append(f"{duration(left)} left")
        more = [_pace(run)] if run.samples_per_second else []
        if run.seconds > _WORTH_TELLING and (memory := run.memory):
            more.append(f"{memory / 1e6:,.0f} MB")
        while more and 2 + len("  ".join([*words, *more])) > self._screen.width:
            more.pop()
        words += more
        self._screen.line("  ".join(words), indent=2)
        self._flush()

    def finished(self, report: PartReport, run: Run) -> None:
        """Print gates and result."""
        show_gates(self._screen, list(report.verdicts))
        show_classes(self._screen, run.evidence.metrics)
        show_result(self._screen, report, self._modules)
        self._screen.blank()
        self._flush()

    def _flush(self) -> None:
        self._screen.console.file.flush()


class LiveView:
    """One picture that is drawn again as the run goes on, and stays when it ends.

    Frames are spaced by what they cost. A run that would be over in an instant is spread over
    about two seconds, so that there is something to watch; training time is counted without that.
    """

    def __init__(self, screen: Screen, modules: Sequence[Module]) -> None:
        self._screen = screen
        self._modules = modules
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def started(self, milestone: Milestone, part: Part, run: Run) -> None:
        """Draw the empty picture."""
        from rich.live import Live

        from tinytorch_milestones.cli.plot import Curve

        self._milestone, self._part = milestone, part
        run.shows = True
        self._loss, self._accuracy = Curve(), Curve()
        self._take_up(run)
        # one curve behind is enough here: what the person did last, else how it may look
        name = next((name for name in ("last run", "reference") if name in run.ghosts), "")
        self._behind = f"dim: {name}"
        self._ghost = run.ghosts.get(name)
        self._began = time.monotonic()
        self._next = 0.0
        self._screen.line((f"{milestone.year}  {milestone.title}", "bold"))
        self._screen.line(part.story, indent=6)
        if run.resumed:
            self._screen.line(gone_on(run), indent=6)
        self._live = Live(
            console=self._screen.console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        self._draw(run, run.verdicts())

    def _take_up(self, run: Run) -> None:
        """The curves of a run that goes on, as far as they are known."""
        planned = max(1, run.evidence.planned)
        for number, loss in enumerate(run.evidence.losses, start=1):
            self._loss.add(number / planned, loss)
        for number, value in run.evidence.accuracies:
            self._accuracy.add(number / planned, value)

    def stepped(self, step: Step, run: Run) -> None:
        """Take the step in; draw when it is time."""
        position = step.step / max(1, step.steps)
        self._loss.add(position, step.loss)
        if step.accuracy is not None:
            self._accuracy.add(position, step.accuracy)
        now = time.monotonic()
        if now >= self._next:
            self._draw(run, run.verdicts())
            drawn = time.monotonic()
            self._next = drawn + max(_FRAME_SECONDS, (drawn - now) / _SHARE)
        if now < self._began + _WATCHABLE_SECONDS * position - _FRAME_SECONDS:
            time.sleep(_FRAME_SECONDS)

    def finished(self, report: PartReport, run: Run) -> None:
        """Leave the last picture standing and say how it ended."""
        self._draw(run, report.verdicts, final=True)
        self._stop()
        show_classes(self._screen, run.evidence.metrics)
        show_result(self._screen, report, self._modules)
        self._screen.blank()

    def _draw(self, run: Run, verdicts: list[VerdictState], *, final: bool = False) -> None:
        if self._live is not None:
            self._live.update(self._picture(run, verdicts, final), refresh=True)

    def _picture(self, run: Run, verdicts: list[VerdictState], final: bool) -> Group:
        from rich.console import Group
        from rich.text import Text

        width = self._screen.width
        lines = [
            _ends(Text(self._part.title, "bold"), Text(whose(run), "dim"), width),
            self._bar(run, width),
            _ends(*self._progress(run, final, width), width),
            Text(),
        ]
        # one row stays free for the cursor, or the terminal scrolls at every frame
        room = self._screen.console.height - len(lines) - 3
        chips = gate_chips(verdicts, width, max(1, min(room - _LEAST_CHART, room // 2)))
        height = max(_LEAST_CHART, min(room - len(chips), _TALLEST_CHART))
        seen = self._seen(run, width, room - len(chips) - 2)
        if seen:
            height = max(_LEAST_CHART, min(height, room - len(chips) - len(seen) - 1))
        steps = run.latest.steps if run.latest else 0
        lines += self._charts(steps, width, height, run.evidence.lines)
        lines += [Text(), *seen] if seen else []
        lines += [Text(), *chips]
        return Group(*lines) if final else Group(*lines, Text("Ctrl-C stops the run", "dim"))

    def _seen(self, run: Run, width: int, room: int) -> list[Text]:
        """What a network sees, says or costs, where the charts leave room for it."""
        if run.seen is None:
            return []
        from tinytorch_milestones.cli.costs import show_costs
        from tinytorch_milestones.cli.seen import show_seen

        room -= _LEAST_CHART
        return show_seen(run.seen, width, room) or show_costs(run.seen, width, room)

    def _bar(self, run: Run, width: int) -> Text:
        from rich.text import Text

        step = run.latest
        share = step.step / max(1, step.steps) if step is not None else 0.0
        full = min(width, round(share * width))
        return Text.assemble(("━" * full, "cyan"), ("─" * (width - full), "dim"))

    def _progress(self, run: Run, final: bool, width: int) -> tuple[Text, Text]:
        from rich.text import Text

        step = run.latest
        if step is None:
            return Text("starting …", "dim"), Text()
        where = f"step {step.step:,} of {step.steps:,}"
        if step.epochs > 1:
            where = f"epoch {step.epoch} of {step.epochs}, {where}"
        figures = [_pace(run)] if run.samples_per_second else []
        left = run.seconds_left()
        if left is not None and not final:
            figures.append(f"{duration(left)} left")
        if memory := run.memory:
            figures.append(f"peak {memory / 1e6:,.0f} MB")
        # the last ones go first where there is no room for all
        while figures and len(where) + 2 + len(", ".join(figures)) > width:
            figures.pop()
        return Text(where), Text(", ".join(figures), "dim")

    def _charts(
        self, steps: int, width: int, height: int, lines: Mapping[str, float]
    ) -> list[Text]:
        from rich.text import Text

        from tinytorch_milestones.cli.plot import Level, chart

        losses = self._loss.points()
        before, right_before = _behind(self._ghost, steps)
        top = max([*(value for _, value in [*losses, *before]), *lines.values()], default=1.0)
        top = top or 1.0
        compared = [Level(level, name, "yellow") for name, level in lines.items()]
        known = [(before, "dim"), (losses, "bright_blue")]
        levels = [
            Level(gate.required, f"{100 * gate.required:.0f} % asked", "yellow")
            for gate in self._part.gates
            if gate.metric in ("accuracy", "best_accuracy")
        ]
        if self._part.chance is not None:
            levels.append(Level(self._part.chance, "chance"))
        accuracies = self._accuracy.points()
        rows = max(3, height - 1)
        single = width < 64 or (not accuracies and not levels)
        if single:
            whole = chart(known, width=width, height=rows, low=0.0, high=top, levels=compared)
            return [self._title("loss", self._loss.last, width), *whole]
        half = (width - 2) // 2
        left = chart(known, width=half, height=rows, low=0.0, high=top, levels=compared)
        right = chart(
            [(right_before, "dim"), (accuracies, "green")],
            width=half,
            height=rows,
            low=0.0,
            high=1.0,
            levels=levels,
            percent=True,
        )
        titles = Text.assemble(
            self._title("loss", self._loss.last, half),
            "  ",
            self._title("accuracy, held out", self._accuracy.last, half, percent=True),
        )
        return [
            titles,
            *(Text.assemble(a, "  ", b) for a, b in zip(left, right, strict=True)),
        ]

    def _title(self, name: str, value: float | None, width: int, *, percent: bool = False) -> Text:
        from rich.text import Text

        shown = "" if value is None else f"{100 * value:.1f} %" if percent else f"{value:.4g}"
        text = Text.assemble(" " * 7, name, "  ", (shown, "bold"))
        if not percent and self._ghost and text.cell_len + len(self._behind) + 3 <= width:
            text.append(f"   {self._behind}", "dim")
        text.append(" " * max(0, width - text.cell_len))
        return text


def _pace(run: Run) -> str:
    return f"{run.samples_per_second:,.0f} {run.evidence.noun}/s"


def _behind(
    ghost: Ghost | None, steps: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Loss and accuracy of an earlier run, placed along a run of so many steps."""
    if ghost is None:
        return [], []
    planned = max(1, steps or ghost.steps)
    last = max(1, len(ghost.losses) - 1)
    losses = [(i / last * ghost.steps / planned, loss) for i, loss in enumerate(ghost.losses)]
    right = [(step / planned, value) for step, value in ghost.accuracies]
    return (
        [(at, loss) for at, loss in losses if at <= 1 and math.isfinite(loss)],
        [point for point in right if point[0] <= 1],
    )


def _ends(left: Text, right: Text, width: int) -> Text:
    from rich.text import Text

    gap = width - left.cell_len - right.cell_len
    if gap < 2:
        left = left.copy()
        left.truncate(width, overflow="ellipsis")
        return left
    return Text.assemble(left, " " * gap, right)
