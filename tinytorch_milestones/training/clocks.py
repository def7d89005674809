"""The judge's own clocks and scales: what is measured in a milestone is measured twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from tinytorch_milestones.errors import ImplementationError
from tinytorch_milestones.training.clouds import Array
from tinytorch_milestones.training.implementation import Framework

_COARSE = 1e-4  # a clock that moves in larger steps than this cannot time a layer
_SHORTEST = 0.004  # seconds of one measurement
_MOST = 256  # calls in a row


def own_seconds() -> float:
    """Processor time of this thread, which others who use the machine do not lengthen.

    The clock on the wall where the system counts that too coarsely.
    """
    return time.thread_time() if _FINE else time.perf_counter()


_FINE = time.get_clock_info("thread_time").resolution < _COARSE


def both_clocks() -> tuple[float, float]:
    """The clock on the wall, and `own_seconds`."""
    return time.perf_counter(), own_seconds()


class HandClock:
    """Stands still until a planted program moves it, so that what it shows is known exactly.

    `drift`: by how much the machine slows down with every move (0.01: by a hundredth).
    """

    def __init__(self, drift: float = 0.0) -> None:
        self.now = 0.0
        self._pace = 1.0
        self._drift = drift

    def __call__(self) -> tuple[float, float]:
        return self.now, self.now

    def move(self, seconds: float) -> None:
        """Let so many seconds go by, as a machine that tires needs them."""
        self.now += seconds * self._pace
        self._pace *= 1.0 + self._drift


def as_written(fw: Framework) -> AbstractContextManager[None]:
    """Without the kernels of module 17, where a run uses them: one thread, as the roof has it."""
    try:
        acceleration = fw.module("perf.acceleration")
        using = bool(acceleration.accelerating())
    except (ImplementationError, AttributeError, NotImplementedError):
        return nullcontext()  # not there yet, so it is not used either
    off: AbstractContextManager[None] = acceleration.accelerated(False)
    return off if using else nullcontext()


def seconds_of(function: Callable[[], Any], calls: int = 1) -> float:
    """Seconds of one call by `own_seconds`, over so many in a row: of work in this thread only."""
    began = own_seconds()
    for _ in range(calls):
        function()
    return (own_seconds() - began) / calls


def paired(
    programs: Sequence[Callable[[], Any]], rounds: int = 15, shortest: float = _SHORTEST
) -> Array:
    """Seconds of one call of each program, measured in turns: (programs, rounds).

    Every other round goes backwards, so that a machine that slows down favours nobody.
    """
    calls = []
    for function in programs:
        function()
        each = max(seconds_of(function), 1e-7)
        calls.append(int(min(_MOST, max(1, round(shortest / each)))))
    found = np.empty((len(programs), rounds))
    for turn in range(rounds):
        order = range(len(programs))
        for number in order if turn % 2 == 0 else reversed(order):
            found[number, turn] = seconds_of(programs[number], calls[number])
    return found


def times_as_fast(seconds: Array, other: Array) -> float:
    """The median of the quotients, round by round: above 1 where `other` is faster."""
    return float(np.median(seconds / other))


def machine_roof() -> tuple[float, float]:
    """What this machine can do with one thread: float operations a second, bytes a second."""
    side, room = 384, 1 << 22
    a, b = np.ones((side, side), np.float32), np.ones((side, side), np.float32)
    product = np.empty_like(a)
    source, target = np.ones(room, np.float32), np.zeros(room, np.float32)
    multiplied = paired([lambda: np.matmul(a, b, out=product)], 9).min()
    copied = paired([lambda: np.copyto(target, source)], 9).min()
    return 2.0 * side**3 / float(multiplied), 2.0 * source.nbytes / float(copied)
