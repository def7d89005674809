"""A trial: a program of a few lines, what it shows, and what is right.

The program that is judged is the program a student is given to run, so the snippet shows exactly
what the sentence says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinytorch_milestones.checks.blame import readable
from tinytorch_milestones.diagnosis.source import Array
from tinytorch_milestones.errors import TinyTorchError

_LONGEST = 60  # characters of an array in a sentence
FLOAT32, FLOAT64, SLOPE = 2e-4, 1e-9, 1e-5
"""Relative differences that rounding may explain; the last one in finite differences."""


class Absent(Exception):
    """A helper that a module of the course has, and this student does without."""


@dataclass(frozen=True)
class Raises:
    """Stands for the right result where an exception is right."""

    kind: str


@dataclass(frozen=True)
class Trial:
    """One program. `right` is an array, or any value that `==` can compare, or `Raises`."""

    says: str  # what is tried, to follow "your ": "`@` of a (1, 2) and a (2, 1)"
    lines: tuple[str, ...]
    shown: str  # an expression
    right: Any
    # public names of tinytorch that it uses, and helpers: "core.spatial.windows"
    names: tuple[str, ...] = ("Tensor",)
    label: str = ""  # what is shown, in words: "dweight"
    fault: str = ""  # what a wrong result means, to follow `says`: "does not share its memory"
    dtype: str = ""  # of the result, where it matters
    kept: Mapping[str, Array] = field(default_factory=dict)  # tensors that must not change
    tolerance: float = FLOAT32

    def snippet(self, message: str) -> str:
        """The program as a student can run it, with its imports and a comment on the result."""
        head = ["import numpy as np"] if any("np." in s for s in (*self.lines, self.shown)) else []
        public = sorted(name for name in self.names if "." not in name)
        if public:
            head.append(f"from tinytorch import {', '.join(public)}")
        helpers: dict[str, list[str]] = {}
        for name in self.names:
            module, dot, helper = name.rpartition(".")
            if dot:
                helpers.setdefault(module, []).append(helper)
        for module, found in helpers.items():
            head.append(f"from tinytorch.{module} import {', '.join(found)}")
        return "\n".join([*head, *self.lines, f"print({self.shown})  # {message}"])


@dataclass(frozen=True)
class Problem:
    """What is wrong with one trial."""

    trial: Trial
    sentence: str
    right: str  # for the comment in the snippet
    kind: str  # "wrong", "raises", or "not yet"
    task: str = ""  # the unsolved task that it met, "01.matmul"

    @property
    def size(self) -> int:
        """How much there is to read."""
        return sum(map(len, self.trial.lines))


def judge(trial: Trial, find: Callable[[str], Any]) -> Problem | None:
    """Run a trial with the names that `find` gives. None when it is as it should be.

    Raises what `find` raises for a name that is not there; without a helper nothing is wrong.
    """
    try:
        namespace: dict[str, Any] = {name.rpartition(".")[2]: find(name) for name in trial.names}
    except Absent:
        return None
    namespace["np"] = np
    try:
        with np.errstate(all="ignore"):
            exec("\n".join(trial.lines), namespace)
            got = eval(trial.shown, namespace)
            value = _plain(got)
            changed = _changed(trial, namespace)
    except NotImplementedError as error:
        return _not_yet(trial, readable(error))
    except TinyTorchError:
        raise
    except Exception as error:
        kind = type(error).__name__
        if isinstance(trial.right, Raises) and kind == trial.right.kind:
            return None
        message = readable(error)
        said = f"{kind}: {_short(message)}" if message else kind
        where = "" if isinstance(trial.right, Raises) else f" where {text_of(trial.right)} is right"
        return _problem(trial, f"raises {said}{where}", "raises")
    except SystemExit:
        return _problem(trial, "calls exit(), which ends the program", "raises")
    if isinstance(trial.right, Raises):
        return _problem(trial, f"gives {text_of(value)} where a {trial.right.kind} is right")
    wrong = _difference(trial, value)
    if wrong and trial.fault:
        what = trial.label or f"`{trial.shown}`"
        return _problem(trial, f"{trial.fault}: {what} is {wrong}")
    if wrong:
        if wrong.startswith("shape"):
            return _problem(trial, f"gives {trial.label or 'a result'} of {wrong}")
        return _problem(trial, f"gives {_label(trial)}{wrong}")
    if trial.dtype and (dtype := str(getattr(value, "dtype", ""))) != trial.dtype:
        given = dtype or f"a {type(value).__name__}"
        what = trial.label or "a result"
        return _problem(trial, f"gives {what} of type {given} where {trial.dtype} is right")
    if changed:
        return _problem(trial, f"changes its input: {changed}")
    return None


def _problem(trial: Trial, wrong: str, kind: str = "wrong") -> Problem:
    right = trial.right
    told = f"a {right.kind} is right" if isinstance(right, Raises) else f"{text_of(right)} is right"
    return Problem(trial, f"Your {trial.says} {wrong}.", told, kind)


def _not_yet(trial: Trial, message: str) -> Problem:
    task, colon, todo = message.partition(": ")
    task = task if colon and task[:2].isdigit() else ""
    what = f"Task {task} is not solved yet: {todo}" if task else f"Not solved yet: {message}"
    return Problem(trial, f"{what.rstrip('.')}.", "not solved yet", "not yet", task)


def _label(trial: Trial) -> str:
    return f"{trial.label} = " if trial.label else ""


def _plain(got: Any) -> Any:
    """A tensor's array; anything else as it is."""
    data = getattr(got, "data", got)
    return data if isinstance(data, np.ndarray | np.generic) else got


def _changed(trial: Trial, namespace: Mapping[str, Any]) -> str:
    for name, before in trial.kept.items():
        after = np.asarray(_plain(namespace[name]))
        if after.shape != before.shape or not np.array_equal(after, before):
            return f"{name} was {text_of(before)} and is {text_of(after)} afterwards"
    return ""


def _difference(trial: Trial, got: Any) -> str:
    right = trial.right
    if not isinstance(right, np.ndarray | np.generic | float):
        same = type(got) is type(right) or isinstance(got, np.generic)
        return "" if same and got == right else f"{text_of(got)} where {text_of(right)} is right"
    if got is None or isinstance(got, str):
        return f"{got} where {text_of(right)} is right"
    array = np.asarray(got)
    right = np.asarray(right)
    if array.dtype.kind not in "biuf":
        return f"{_short(repr(got))} where {text_of(right)} is right"
    if array.shape != right.shape:
        return f"shape {array.shape} where shape {right.shape} is right"
    if array.dtype.kind == "b" != right.dtype.kind:
        return f"booleans where {text_of(right)} is right"
    if right.dtype.kind in "biu":
        wrong = array != right
    else:
        scale = max(1.0, float(np.max(np.abs(right), initial=0.0, where=np.isfinite(right))))
        near = np.isclose(array, right, rtol=trial.tolerance, atol=trial.tolerance * 0.01 * scale)
        wrong = ~(near | (np.isnan(array) & np.isnan(right)))
    if not wrong.any():
        return ""
    texts = text_of(array), text_of(right)
    if max(map(len, texts)) <= _LONGEST and texts[0] != texts[1]:
        return f"{texts[0]} where {texts[1]} is right"
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = ", ".join(map(str, place))
    pair = [f"{a[place]:.4g}" for a in (array, right)]
    if pair[0] == pair[1]:
        pair = [f"{a[place]:.9g}" for a in (array, right)]
    return f"{pair[0]} at [{where}] where {pair[1]} is right"


def text_of(value: Any) -> str:
    """A value in a sentence: `[[1, 0.5]]`, `float32`, `True`."""
    if isinstance(value, Raises):
        return f"a {value.kind}"
    if isinstance(value, np.ndarray | np.generic | float):
        array = np.asarray(value)
        if array.dtype.kind == "f":
            # -0 and what finite differences leave behind
            array = np.where(np.abs(array) < 1e-8, 0.0, array)
        elif array.dtype.kind not in "biu":
            return _short(repr(value))
        written = np.array2string(
            array,
            separator=", ",
            formatter={"float_kind": lambda x: f"{x:.4g}", "bool": str},
            max_line_width=10**6,
            threshold=40,
        )
        return " ".join(written.split())
    return _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:120] + " ... " + text[-30:]


def literal(array: Array) -> str:
    """An array as Python: nested lists of numbers."""
    return repr(np.asarray(array).tolist())


def size_text(array: Array) -> str:
    """`a (1, 2)`, `an (8, 1)`, or `a number`."""
    shape = np.shape(array)
    if not shape:
        return "a number"
    return f"{'an' if str(shape[0]).startswith('8') else 'a'} {shape}"
