"""What a run measures step by step, in bounded memory: its losses, and how long a step takes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

KEPT = 4096
"""Values that a curve keeps at least, once there are as many; twice as many at most."""

_RECENT = 64  # of the newest values are kept one by one
_MARKS = 100  # moments remembered of an epoch
_FEW = 20  # steps of a run whose epochs are shorter are timed together


class Curve(Sequence[float]):
    """One value for each step. Of a long run every second, every fourth ... and the newest are
    kept; it reads as if all were there, with the one before in the place of one that is not."""

    def __init__(self, values: Iterable[float] = ()) -> None:
        self._kept: list[float] = []
        self._stride = 1
        self._count = 0
        self._recent: deque[float] = deque(maxlen=_RECENT)
        for value in values:
            self.append(value)

    def append(self, value: float) -> None:
        """Take in the value of the next step."""
        if self._count % self._stride == 0:
            self._kept.append(value)
            if len(self._kept) > 2 * KEPT:
                self._kept = self._kept[::2]
                self._stride *= 2
        self._count += 1
        self._recent.append(value)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...
    def __getitem__(self, index: int | slice) -> float | list[float]:
        if isinstance(index, slice):
            places = range(*index.indices(self._count))
            if self._stride == 1:
                return self._kept[index]
            return [self._at(place) for place in places]
        place = index + self._count if index < 0 else index
        if not 0 <= place < self._count:
            raise IndexError(index)
        return self._at(place)

    def _at(self, place: int) -> float:
        newest = place - (self._count - len(self._recent))
        return self._recent[newest] if newest >= 0 else self._kept[place // self._stride]

    def __iter__(self) -> Iterator[float]:
        return iter(self[:])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence):
            return len(self) == len(other) and list(self) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def state(self) -> dict[str, Any]:
        """All there is to it, as plain values."""
        return {
            "kept": list(self._kept),
            "stride": self._stride,
            "count": self._count,
            "recent": list(self._recent),
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Curve:
        """The curve that `state` was asked of."""
        curve = cls()
        curve._kept = list(state["kept"])
        curve._stride, curve._count = int(state["stride"]), int(state["count"])
        curve._recent.extend(state["recent"])
        return curve


class Pace:
    """Seconds a step takes now, and samples a second: over the last epoch's worth of steps.

    A whole epoch holds its share of the pauses for evaluation wherever it begins. Before one is
    over it is every step but the first, which loads and warms up and says little about others.
    """

    def __init__(self) -> None:
        self._first = _Moment(0, 0.0, 0)
        self._last = self._first
        self._marks: deque[_Moment] = deque(maxlen=_MARKS + 2)
        self._window = self._stride = 1

    def add(self, seconds: float, samples: int, per_epoch: int) -> None:
        """A step was taken, in so many seconds and with so many samples."""
        before = self._last
        last = _Moment(before.steps + 1, before.seconds + seconds, before.samples + samples)
        self._last = last
        if last.steps == 1:
            self._first = last
            self._window = per_epoch * math.ceil(_FEW / per_epoch)
            self._stride = math.ceil(self._window / _MARKS)
        if last.steps % self._stride == 0:
            self._marks.append(last)
            while len(self._marks) > 1 and last.steps - self._marks[1].steps >= self._window:
                self._marks.popleft()

    def _since(self) -> _Moment:
        oldest = self._marks[0] if self._marks else self._last
        return oldest if self._last.steps - oldest.steps >= self._window else self._first

    @property
    def seconds_a_step(self) -> float | None:
        """None before the second step."""
        steps = self._last.steps - self._since().steps
        return (self._last.seconds - self._since().seconds) / steps if steps else None

    @property
    def samples_a_second(self) -> float:
        """0.0 before the second step."""
        since = self._since()
        seconds = self._last.seconds - since.seconds
        return (self._last.samples - since.samples) / seconds if seconds > 0 else 0.0


class _Moment(NamedTuple):
    steps: int
    seconds: float
    samples: int
