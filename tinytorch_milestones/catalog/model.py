"""What the catalog holds: modules, checkpoints, milestones with their parts and gates, tracks."""

from __future__ import annotations

from typing import Literal

import msgspec

Comparison = Literal[">=", "<=", ">", "<", "within"]


class Module(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One notebook of the curriculum."""

    id: str  # "01_tensor": also the notebook's file name
    title: str
    question: str  # the question the notebook answers
    exports: str  # package file below tinytorch/, "core/tensor.py"
    public: tuple[str, ...]  # names that `tinytorch` offers
    coming: bool = False  # named in the curriculum, notebook not written yet

    @property
    def number(self) -> str:
        return self.id[:2]

    @property
    def target(self) -> str:
        """The export target as nbdev's `default_exp` writes it, `core.tensor`."""
        return self.exports.removesuffix(".py").replace("/", ".")


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An independent test of one capability of the exported package."""

    id: str  # "01"
    title: str
    capability: str  # "I can ..."
    needs: tuple[str, ...]  # module numbers
    coming: bool = False


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One named criterion on a run's evidence.

    `metric` names a value in the evidence. `within` asks required <= value <= upper.
    `hint` is shown when the gate fails and `module` is the module it points to (may be "").
    `correct` and `broken` record what correct and sabotaged code scored when it was calibrated.
    """

    id: str
    title: str
    metric: str
    comparison: Comparison
    required: float
    hint: str
    upper: float | None = None
    unit: Literal["", "%", "x", "s"] = ""
    module: str = ""
    correct: str = ""
    broken: str = ""


Plays = Literal["digits", "sequence", "text", "python"]

_PLAYED: dict[str, Plays] = {
    **dict.fromkeys(("mlp:digits", "mlp:mnist", "cnn:digits", "cnn:mnist"), "digits"),
    **dict.fromkeys(("transformer:copy", "transformer:reverse"), "sequence"),
    "language:stories": "text",
    "language:python": "python",
    "mlperf:generate": "text",
}


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One act of a milestone."""

    id: str
    title: str
    story: str  # one or two sentences: what is about to happen and what to look at
    needs: tuple[str, ...]  # module numbers
    recipe: str = ""  # "perceptron:trained", a generator function in training/
    settings: dict[str, int | float | str] = {}
    gates: tuple[Gate, ...] = ()
    score: str = "accuracy"  # the metric kept as best score
    chance: float | None = None  # accuracy of guessing, drawn as a line
    coming: bool = False

    @property
    def plays(self) -> Plays | None:
        """What can be played with its network: it reads drawn digits, or goes on with a sequence,
        a text or a Python function. None where there is nothing to play."""
        return None if self.coming else _PLAYED.get(self.recipe)

    @property
    def pictured(self) -> bool:
        """Whether a terminal can show its pictures: of language, and of what a network costs."""
        return self.plays not in (None, "digits") or self.recipe.startswith("mlperf:")

    @property
    def reads_digits(self) -> bool:
        """Whether its network reads single digits, so that one can be drawn for it."""
        return self.plays == "digits"


class Milestone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A famous result, recreated by the student's own code."""

    id: str
    number: str
    year: int
    title: str
    headline: str  # what it does in plain words
    people: str
    story: str  # a paragraph of history
    changed: str  # what this changed, shown after the win
    parts: tuple[Part, ...]
    aliases: tuple[str, ...] = ()
    notebook: str = ""  # below notebooks/
    checkpoints: tuple[str, ...] = ()
    badge: str = ""
    says: str = ""  # what one can say after the win, "I can make neural networks work!"
    era: str = ""  # "Foundation, 1989"
    coming: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Module numbers of all parts, in order."""
        return tuple(sorted({number for part in self.parts for number in part.needs}))


class Track(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ordered list of milestones."""

    id: str
    title: str
    description: str
    milestones: tuple[Milestone, ...]
