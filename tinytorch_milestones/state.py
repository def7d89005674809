"""`State`: the one document a front end shows, and the reports it gets from actions.

`labextension/src/api.ts` mirrors these types; `tests/fixtures/state.json` is checked on both sides.
"""

from __future__ import annotations

from typing import Literal

import msgspec

STATE_VERSION = 1

ModuleStatus = Literal["coming", "not_started", "in_progress", "checking", "recheck", "complete"]
MilestoneStatus = Literal["coming", "locked", "ready", "running", "complete"]
CheckpointStatus = Literal["coming", "locked", "ready", "passed", "failed"]
PartStatus = Literal["coming", "locked", "ready", "running", "complete"]


class GateState(msgspec.Struct, kw_only=True):
    """One gate with what the last attempt measured."""

    id: str
    title: str
    required: str  # ">= 90 %"
    measured: str = ""  # "96.1 %", empty when never measured
    passed: bool | None = None  # None: waiting
    hint: str = ""  # only when failed
    module: str = ""  # module number the hint points to


class AttemptState(msgspec.Struct, kw_only=True):
    """One run of a part."""

    part: str
    started: str  # ISO 8601, UTC
    seconds: float
    result: Literal["running", "passed", "failed", "interrupted", "error"]
    score: float | None = None
    credited: bool = False


class PartState(msgspec.Struct, kw_only=True):
    """One act of a milestone."""

    id: str
    title: str
    story: str
    status: PartStatus
    gates: list[GateState]
    missing: list[str] = []  # module ids
    best_score: float | None = None
    seconds: float | None = None


class RunningState(msgspec.Struct, kw_only=True):
    """A run in progress, somewhere."""

    part: str
    step: int
    steps: int
    seconds_left: float | None
    epoch: int = 0
    epochs: int = 0


class MilestoneState(msgspec.Struct, kw_only=True):
    """One station on the rail."""

    id: str
    number: str
    year: int
    title: str
    headline: str
    people: str
    story: str
    status: MilestoneStatus
    needs: list[str]  # module ids
    missing: list[str]  # module ids that are not complete
    parts: list[PartState]
    parts_complete: int
    best_score: float | None = None
    score_text: str = ""  # "100 %"
    seconds: float | None = None  # wall time of the best run
    curve: list[float] = []  # loss of the best run, at most 60 values
    attempts: list[AttemptState] = []  # newest first, at most 20
    notebook: str = ""  # path below the workspace
    badge: str = ""
    says: str = ""  # what one can say after the win
    changed: str = ""  # what this changed, told after the win
    era: str = ""
    percent: float = 0.0  # 0..1: share of its checkpoints that pass, without any of its parts
    checkpoints: list[CheckpointState] = []
    completed: str = ""  # ISO time
    running: RunningState | None = None


class TestState(msgspec.Struct, kw_only=True):
    """One test of a module or checkpoint, as last measured."""

    __test__ = False  # not a pytest class

    id: str  # "01.matmul" or "checkpoint-01.matmul"
    title: str
    passed: bool
    status: Literal["passed", "failed", "not_yet", "missing"]
    message: str = ""
    cell_id: str = ""  # of the cell to go to in the student's notebook
    points: float = 0.0


class ModuleState(msgspec.Struct, kw_only=True):
    """One module in the list."""

    id: str
    number: str
    title: str
    question: str
    status: ModuleStatus
    notebook: str = ""  # path below the workspace
    tests_passed: int = 0
    tests_total: int = 0
    failed: list[TestState] = []  # what does not pass yet, in notebook order
    problem: str = ""  # why the last export was refused
    problem_cell: str = ""  # cell id
    checked_at: str = ""  # ISO time
    seconds: float | None = None  # how long the last check took
    unlocks: list[str] = []  # milestone ids that wait for this module


class CheckpointState(msgspec.Struct, kw_only=True):
    """One checkpoint."""

    id: str
    title: str
    capability: str
    status: CheckpointStatus
    needs: list[str]


class NextStep(msgspec.Struct, kw_only=True):
    """What to do next: exactly one thing."""

    kind: Literal["trust", "milestone", "module", "done"]
    id: str  # milestone or module id
    title: str  # "Run Rosenblatt's perceptron"
    why: str  # "unlocked a minute ago by 03 Layers"
    button: str  # "Run it", "Open notebook"
    notebook: str = ""
    command: str = ""  # the same in a terminal, "tito milestone run perceptron"


class WorkspaceState(msgspec.Struct, kw_only=True):
    """The course folder."""

    name: str  # folder name
    path: str  # as the caller should show it; the server gives its contents path
    trusted: bool
    writable: bool
    warnings: list[str] = []


class TrackState(msgspec.Struct, kw_only=True):
    """A track one can switch to."""

    id: str
    title: str
    description: str = ""


class State(msgspec.Struct, kw_only=True):
    """Everything a front end shows."""

    version: int
    sequence: int  # grows with every change of the workspace's state
    student: str
    workspace: WorkspaceState
    track: str
    tracks: list[TrackState]
    next: NextStep
    milestones: list[MilestoneState]
    modules: list[ModuleState]
    checkpoints: list[CheckpointState]
    milestones_complete: int
    modules_complete: int
    modules_available: int  # without those still coming
    checked_at: str = ""  # when anything was last checked
    checked_seconds: float | None = None


class Completion(msgspec.Struct, kw_only=True):
    """What came of exporting and checking one module."""

    module: str  # id
    title: str
    exported: bool  # the package file was written or already equal
    changed: bool  # its bytes changed
    passed: int
    total: int
    complete: bool  # everything passed, receipt written
    tests: list[TestState]
    seconds: float
    message: str  # one line that says it all
    refused: str = ""  # why nothing was exported
    remedy: str = ""
    cell_id: str = ""  # the cell to look at
    output: str = ""  # what the student's code printed, capped
    newly_unlocked: list[str] = []  # milestone ids
    messages: list[str] = []  # lines to show, in order
    warnings: list[str] = []


class VerdictState(GateState, kw_only=True):
    """A gate as judged on one run."""

    value: float | None = None


class PartReport(msgspec.Struct, kw_only=True):
    """What came of running one part."""

    milestone: str
    part: str
    title: str
    passed: bool
    interrupted: bool
    credited: bool
    verdicts: list[VerdictState]
    seconds: float  # of training, without drawing
    samples_per_second: float
    steps: int
    score: float | None
    score_text: str = ""
    why_not_credited: str = ""
    losses: list[float] = []  # at most 400, evenly thinned
    accuracies: list[tuple[int, float]] = []
    seed: int = 0
    implementation: Literal["yours", "reference"] = "yours"
    error: str = ""  # the student's code raised: a short, readable account
    error_module: str = ""  # module number it came from, where known
    error_in_code: bool = False  # false where settings or data were the reason
    exercised: dict[str, int] = {}  # module number -> calls counted in sampled steps
    epochs: int = 0  # that were planned
    saved_epoch: int = 0  # the run was cut off, and can go on after this epoch; 0: it cannot
    resumed_epoch: int = 0  # epochs that an interrupted run had done before this one went on
    memory: int = 0  # bytes of resident memory at the most, 0 where it cannot be told
    noun: str = "samples"  # what `samples_per_second` counts


class RunReport(msgspec.Struct, kw_only=True):
    """What came of running a milestone."""

    milestone: str
    title: str
    parts: list[PartReport]
    complete: bool  # the milestone is complete now
    newly_complete: bool
    changed_history: str = ""  # said after a win
    badge: str = ""
    next: NextStep | None = None
    warnings: list[str] = []


class Finding(msgspec.Struct, kw_only=True):
    """One thing that a diagnosis found wrong in a student's module."""

    module: str  # number
    task: str  # "06.matmul", "" where it cannot be told
    message: str  # "Your `@` backward on a (1, 2) input gives dx = 0 where 1 is right."
    snippet: str = ""  # a few lines of Python that show it
    notebook: str = ""  # path below the workspace
    cell_id: str = ""  # of the task's cell
    hint: str = ""  # "%hint 06.matmul"
    follows: bool = False  # a consequence of an earlier module's mistake


class SwapState(msgspec.Struct, kw_only=True):
    """What a part said with the reference's modules in place of the student's."""

    modules: list[str]  # numbers; none: the student's own code
    passed: bool | None  # None: not tried, or only begun
    failed: str = ""  # the first gate that failed, or why nothing can be said
    begun: bool = False  # a whole run takes minutes; in its first steps nothing fails


class Diagnosis(msgspec.Struct, kw_only=True):
    """Which module is to blame for a milestone that does not pass."""

    milestone: str
    title: str
    part: str  # the part that fails, "" when none does
    culprit: str  # module number, "" when none was found
    sure: Literal["both", "operations", "swap", "none"]  # what names the culprit
    findings: list[Finding]
    swaps: list[SwapState]
    message: str  # what it comes to, in a sentence or two
    next_command: str  # what to type next in a notebook
    seconds: float
    clean: bool  # nothing was found, and every part that was tried passes
    checked: list[str] = []  # numbers of the modules whose operations were tried
