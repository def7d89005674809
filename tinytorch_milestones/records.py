"""What is kept on disk: receipts, the last check of each module, and attempts at milestones."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from tinytorch_milestones.state import GateState, TestState

RECORD_VERSION = 1

AttemptResult = Literal["running", "passed", "failed", "interrupted", "error"]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable proof of one completion: what, by which code, when, with what evidence.

    `hashes` are those of notebook, export and tests (a module), or of the exports that ran and the
    gates that judged (a part). Two receipts of the same `what` and `hashes` are the same proof.
    """

    kind: Literal["module", "part", "milestone"]
    what: str  # "01_tensor", "perceptron/trained", "perceptron"
    created: str  # ISO 8601, UTC
    hashes: dict[str, str]
    evidence: dict[str, Any]
    student: str = ""
    product: str = ""
    version: int = RECORD_VERSION

    @property
    def key(self) -> str:
        """A name that equal completions share."""
        text = repr((self.kind, self.what, sorted(self.hashes.items())))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return f"{self.kind}-{self.what.replace('/', '.')}-{digest}"


class CheckRecord(msgspec.Struct, kw_only=True):
    """What the last check of a module found. A cache: checking again makes it anew."""

    module: str
    notebook_hash: str
    export_hash: str
    checked_at: str
    seconds: float
    tests: list[TestState] = []
    refused: str = ""
    remedy: str = ""
    cell_id: str = ""
    complete: bool = False
    version: int = RECORD_VERSION


class Attempt(msgspec.Struct, kw_only=True):
    """One run of a part: begun before the first step, so that a killed run leaves its trace."""

    id: str
    milestone: str
    part: str
    started: str
    implementation: Literal["yours", "reference"]
    result: AttemptResult = "running"
    seconds: float = 0.0
    samples_per_second: float = 0.0
    score: float | None = None
    credited: bool = False
    why_not_credited: str = ""
    seed: int = 0
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    seconds_left: float | None = None
    beat: float = 0.0  # time.time() of the last sign of life
    pid: int = 0
    pid_started: float = 0.0
    host: str = ""
    saved_epoch: int = 0  # the run can go on after this one, if it was interrupted; 0: it cannot
    resumed_from: str = ""  # id of the attempt it went on from
    resumed_epoch: int = 0  # epochs that were done by then
    losses: list[float] = []
    accuracies: list[tuple[int, float]] = []
    gates: list[GateState] = []
    version: int = RECORD_VERSION
