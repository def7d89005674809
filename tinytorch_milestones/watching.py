"""One run of one part, as whoever watches it sees it."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from tinytorch_milestones.catalog import Milestone, Part
from tinytorch_milestones.state import PartReport, VerdictState
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import judge_all
from tinytorch_milestones.training.steps import Step

if TYPE_CHECKING:
    from tinytorch_milestones.training.author import Author
    from tinytorch_milestones.training.player import Player


class Observer(Protocol):
    """Whoever draws a run: the dashboard, the terminal, or nobody."""

    def started(self, milestone: Milestone, part: Part, run: Run) -> None:
        """A part is about to begin."""

    def stepped(self, step: Step, run: Run) -> None:
        """One step was taken. Called for every step: cheap unless it draws."""

    def finished(self, report: PartReport, run: Run) -> None:
        """The part ended, for whatever reason."""


class Ghost(msgspec.Struct, frozen=True, kw_only=True):
    """The curves of another run of the same part, to be drawn behind this one."""

    losses: list[float]  # evenly spaced over `steps`, the first and the last among them
    steps: int
    accuracies: list[tuple[int, float]] = []  # step, and what was right on held-out data


class Peak:
    """The largest resident memory of a process from now on."""

    def __init__(self) -> None:
        self._largest = 0
        self._from_now = False
        try:
            # Linux forgets the peak there was, so that the one it tells is of this run
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
            self._from_now = True
        except OSError:
            pass

    def of(self, pid: int | None) -> int:
        """In bytes, of that process or this one. After its end what was seen last."""
        import psutil

        try:
            seen = _high_water(pid) if pid or self._from_now else 0
            self._largest = max(self._largest, seen or int(psutil.Process(pid).memory_info().rss))
        except (psutil.Error, OSError):
            pass
        return self._largest


def _high_water(pid: int | None) -> int:
    """What Linux says of a process's peak, in bytes; 0 elsewhere."""
    try:
        with open(f"/proc/{pid or 'self'}/status") as file:
            line = next((line for line in file if line.startswith("VmHWM")), "")
    except FileNotFoundError:
        return 0
    return int(line.split()[1]) * 1024 if line else 0


class Run:
    """One run of one part, as an observer sees it."""

    def __init__(
        self,
        part: Part,
        implementation: Literal["yours", "reference"],
        path: str,
        ghosts: dict[str, Ghost],
    ) -> None:
        self.part = part
        self.implementation = implementation
        self.path = path  # the tinytorch package that runs
        self.ghosts = ghosts  # by the words that name them: "last run", "reference"
        self.evidence = Evidence()
        self.latest: Step | None = None
        self.pid: int | None = None  # of the process that trains, None for this one
        self.resumed = 0  # epochs that an interrupted run had done before this one went on
        # what the network sees and says, as a child sends it from time to time where an observer
        # asks to show it and there is something of language to see
        self.shows = False
        self.seen: dict[str, Any] | None = None
        self._peak = Peak()
        self.packed = ""  # the weights as that process sent them, in base64

    def take(self, step: Step) -> None:
        """Fold one step into the evidence."""
        self.latest = step
        self.evidence.fold(step)

    @property
    def player(self) -> Player | Author | None:
        """The network as it is now, to be asked, where it lives in this process."""
        return None if self.latest is None else self.latest.play

    def weights(self) -> bytes | None:
        """The network's weights as a file holds them, where it can be played with later."""
        if self.packed:
            return b64decode(self.packed)
        from tinytorch_milestones.training.weights import pack  # loads numpy

        return pack(self.player, self.part.recipe)

    def verdicts(self) -> list[VerdictState]:
        """Every gate as it stands now; None where more steps may still bring it."""
        return judge_all(self.part.gates, self.evidence, final=False)

    @property
    def seconds(self) -> float:
        """Time spent training; drawing and pacing do not count."""
        return self.evidence.seconds

    @property
    def samples_per_second(self) -> float:
        """How fast it trains now: over about the last epoch, pauses for evaluation included."""
        return self.evidence.samples_per_second_now

    def seconds_left(self) -> float | None:
        """Training time left if nothing stops early, None before the second step."""
        return self.evidence.seconds_left()

    @property
    def memory(self) -> int:
        """The most resident memory the training process has had in this run, in bytes; 0 where it
        cannot be told."""
        return self._peak.of(self.pid)
