"""Claims about module 14: what is measured with a clock, by clocks that only the trial moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Array, Source
from tinytorch_milestones.diagnosis.trial import Trial, literal

_FILE = "perf.profiling"
_LAYERS = ("Linear", "ReLU", "Sequential", "Tensor")
Event = tuple[int, bool, float]


# one function


def _measured(source: Source) -> Iterator[Trial]:
    """The first calls are for warming up, each of the others is measured by itself."""
    warmup, repeats = source.pick((1, 0, 2)), source.pick((1, 2, 3))
    seconds = [source.pick((1, 2, 4, 8)) for _ in range(warmup + repeats)]
    lines = (
        f"left, now = {seconds}, [5.0]",
        "def work(): now[0] += left.pop(0)",
        f"got = measure(work, {repeats}, {warmup}, clock=lambda: now[0])",
    )
    says = f"`measure(repeats={repeats}, warmup={warmup})` of calls that take {seconds} seconds"
    yield Trial(
        says=says,
        lines=lines,
        shown="got",
        right=np.array(seconds[warmup:], dtype=np.float64),
        names=(f"{_FILE}.measure",),
        dtype="float64",
    )
    yield Trial(
        says=says,
        fault="does not call it as often as it is told",
        lines=lines,
        shown="len(left)",
        right=0,
        names=(f"{_FILE}.measure",),
        label="the number of calls that are missing",
    )


# layers of a model

_MODEL = (
    "model, x, seen = Sequential(Linear(2, 2), ReLU()), Tensor([[1.0, 2.0]]), []",
    "def around(name, forward, *inputs, **options):",
    "    seen.append(name)",
    "    return forward(*inputs, **options)",
)
_WATCH = "with watched(model, around): model(x)"
_FAIL = (
    "try:",
    "    with watched(model, around): model(Tensor([[1.0]]))",
    "except ValueError: seen.append('error')",
)
_CHANGED = "[name for name, layer in layers_of(model) if 'forward' in vars(layer)]"
_TWO = "`watched` of Linear(2, 2), ReLU in a Sequential"


def _watched(source: Source) -> Iterator[Trial]:
    """Every layer is seen while it is used, and afterwards none is changed."""
    for more, shown, right, label, fault in (
        ((_WATCH,), "seen", ["", "0", "1"], "what it saw", ""),
        ((_WATCH,), _CHANGED, [], "which", "leaves layers changed after the block"),
        ((_WATCH, "model(x)"), "len(seen)", 3, "calls it saw", "still watches after the block"),
        (_FAIL, "seen[-1]", "error", "the last thing", "swallows errors"),
        (_FAIL, _CHANGED, [], "which", "leaves layers changed after an error"),
        (
            ("mine = model[1].forward = lambda x: x", _WATCH),
            "vars(model[1]).get('forward') is mine",
            True,
            "that it is there",
            "loses a forward that was there before it",
        ),
        (
            ("with watched(model, lambda *given: 7): y = model(x)",),
            "y",
            7,
            "the result",
            "does not return what `around` returns",
        ),
    ):
        yield Trial(
            says=_TWO,
            fault=fault,
            lines=(*_MODEL, *more),
            shown=shown,
            right=right,
            names=(*_LAYERS, f"{_FILE}.layers_of", f"{_FILE}.watched"),
            label=label,
        )


def _options(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`watched` of a layer that is called with an option",
        fault="does not pass options on",
        lines=(
            "class Scale(Layer):",
            "    def forward(self, x, by=1.0): return x * by",
            "model = Scale()",
            "with watched(model, lambda name, f, *x, **options: f(*x, **options)):",
            "    y = model(Tensor([3.0]), by=2.0)",
        ),
        shown="y.data",
        right=np.array([6.0]),
        names=("Layer", "Tensor", f"{_FILE}.watched"),
        label="3 * 2",
    )


# calls inside calls


def _parents(source: Source, most: int = 4) -> list[int]:
    """For each call the one inside which it was made."""
    count = source.pick(range(1, most + 1))
    return [source.pick(range(-1, call)) for call in range(count)]


def _own(source: Source) -> Iterator[Trial]:
    """Without what happened inside, whatever is inside whatever."""
    parents = _parents(source)
    sizes = (len(parents), 2) if source.pick((False, True)) else (len(parents),)
    picked = [source.pick((1.0, 2.0, 4.0)) for _ in range(int(np.prod(sizes)))]
    own = np.array(picked).reshape(sizes)
    seconds = own.copy()
    for call in reversed(range(len(parents))):
        if parents[call] >= 0:
            seconds[parents[call]] += seconds[call]
    yield Trial(
        says=f"`own_seconds({literal(seconds)}, {parents})`",
        lines=(f"seconds = np.array({literal(seconds)})",),
        shown=f"own_seconds(seconds, {parents})",
        right=own,
        names=(f"{_FILE}.own_seconds",),
        kept={"seconds": seconds},
    )


def _events(source: Source, parents: Sequence[int]) -> tuple[list[Event], float]:
    """A way back: the last call first, and in it what was called last; some are never left."""
    events: list[Event] = []
    time = 0.0

    def look(call: int, entering: bool) -> None:
        nonlocal time
        events.append((call, entering, time))
        time += source.pick((1.0, 2.0))

    def visit(call: int) -> None:
        if not source.pick((True, True, True, False)):
            return
        look(call, True)
        for inner in reversed(range(call + 1, len(parents))):
            if parents[inner] == call:
                visit(inner)
        for _ in range(source.pick((1, 0, 2))):
            look(call, False)

    for call in reversed(range(len(parents))):
        if parents[call] == -1:
            visit(call)
    return events, time


def _lasted(events: Sequence[Event], parents: Sequence[int], end: float) -> Array:
    """From entering a call to leaving it, to the first event outside it, or to the end."""
    seconds = np.zeros(len(parents))

    def outside(call: int, outer: int) -> bool:
        while call > outer:
            call = parents[call]
        return call != outer

    for number, (call, entering, since) in enumerate(events):
        if entering:
            over = (
                time
                for other, enters, time in events[number + 1 :]
                if outside(other, call) or (other == call and not enters)
            )
            seconds[call] = next(over, end) - since
    return seconds


def _backward(source: Source) -> Iterator[Trial]:
    parents = _parents(source)
    events, end = _events(source, parents)
    lasted = _lasted(events, parents, end)
    stamped = [(call, enters, (time, time)) for call, enters, time in events]
    yield Trial(
        says=f"`backward_seconds` of {len(events)} events, calls made inside {parents},",
        lines=(f"events = {stamped}",),
        shown=f"backward_seconds(events, {parents}, {(end, end)})",
        right=np.stack([lasted, lasted], axis=1),
        names=(f"{_FILE}.backward_seconds",),
    )


CLAIMS = [
    Claim("14 measure", "14", "14.measure", _measured, tries=16),
    Claim("14 watched", "14", "14.watched", _watched, tries=1),
    Claim("14 watched with options", "14", "14.watched", _options, tries=1),
    Claim("14 own_seconds", "14", "14.own", _own, tries=24),
    Claim("14 backward_seconds", "14", "14.backward", _backward, tries=60),
]
