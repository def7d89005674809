"""What one recorded operation costs beyond its arithmetic: forward and backward of a long chain.

A chain of 2,000 additions to one number, so that arithmetic is next to nothing, recorded and
differentiated. Beside it a scalar engine in micrograd's style (one Python object and one closure
for each operation, sorted topologically, written for this comparison) and torch. The time is that
of one operation.

    python benchmarks/autograd_overhead.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from peers import HEADER, Measured, compare

LENGTH = 2000


def _timed(chain: Callable[[], None]) -> Measured:
    def once() -> float:
        begin = time.perf_counter()
        for _ in range(5):
            chain()
        return (time.perf_counter() - begin) / (5 * LENGTH)

    return once


def ours() -> Measured:
    """The student's framework as the reference has it."""
    from tinytorch import Tensor

    def chain() -> None:
        x = Tensor([1.0], requires_grad=True)
        y = x
        for _ in range(LENGTH):
            y = y + x
        y.backward()

    return _timed(chain)


class Value:
    """A number that remembers how it was computed."""

    __slots__ = ("data", "grad", "parents", "pull")

    def __init__(self, data: float, parents: tuple[Any, ...] = ()) -> None:
        self.data, self.grad, self.parents = data, 0.0, parents
        self.pull: Callable[[], None] = lambda: None

    def __add__(self, other: Value) -> Value:
        out = Value(self.data + other.data, (self, other))

        def pull() -> None:
            self.grad += out.grad
            other.grad += out.grad

        out.pull = pull
        return out

    def backward(self) -> None:
        """Sort the graph without recursion, then go through it from the end."""
        order, seen = [], set()
        waiting = [(self, False)]
        while waiting:
            node, ready = waiting.pop()
            if ready:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                waiting.append((node, True))
                waiting += [(parent, False) for parent in node.parents]
        self.grad = 1.0
        for node in reversed(order):
            node.pull()


def scalars() -> Measured:
    """The scalar engine."""

    def chain() -> None:
        x = Value(1.0)
        y = x
        for _ in range(LENGTH):
            y = y + x
        y.backward()

    return _timed(chain)


def torch_cpu() -> Measured:
    """torch, whose engine is compiled."""
    import torch

    torch.set_num_threads(1)

    def chain() -> None:
        x = torch.ones(1, requires_grad=True)
        y = x
        for _ in range(LENGTH):
            y = y + x
        y.backward()

    return _timed(chain)


WORK = {"tinytorch": ours, "scalar engine": scalars, "torch": torch_cpu}

if __name__ == "__main__":
    print(HEADER)
    for figure in compare(__file__, "one operation, recorded and differentiated"):
        print(figure.row())
