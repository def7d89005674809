"""Claims about module 06 that are not the rule of one operation: recording, and the way back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import NONZERO, Source, numbers, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal, size_text
from tinytorch_milestones.training import oracle

_LEAF = "x = Tensor([1.0, 2.0], requires_grad=True)"


def _recorded(source: Source) -> Iterator[Trial]:
    leaf, plain = _LEAF, "x = Tensor([1.0, 2.0])"
    for first, second, right, fault in (
        (leaf, "y = x * 2", True, "does not record that y was computed from x"),
        (leaf, "y = Tensor([3.0, 4.0]) * x", True, "does not record that y was computed from x"),
        (plain, "y = x * 2", False, "records y although x wants no gradient"),
        (leaf, "y = x > 1", False, "records a comparison"),
    ):
        yield Trial(
            says=f"tape, at `{second}`,",
            fault=fault,
            lines=(first, second),
            shown="y.requires_grad",
            right=right,
        )


def _no_grad(source: Source) -> Iterator[Trial]:
    inside = ("with no_grad():", "    y = x * 2")
    after = ("with no_grad():", "    pass", "y = x * 2")
    nested = ("with no_grad():", "    with no_grad():", "        pass", "    y = x * 2")
    for lines, right, fault in (
        (inside, False, "does not stop recording"),
        (after, True, "does not go on recording when its block has ended"),
        (nested, False, "starts recording again when one inside it ends"),
    ):
        yield Trial(
            says="`no_grad`",
            fault=fault,
            lines=(_LEAF, *lines),
            shown="y.requires_grad",
            right=right,
            names=("Tensor", "no_grad"),
        )


def _reuse(source: Source) -> Iterator[Trial]:
    """A tensor used twice, inside the graph and as a leaf, gets the sum of its gradients."""
    x = numbers(source, (size(source),), NONZERO)
    for expression, right in (
        ("x * x", 2 * x),
        ("x + x", 2 + 0 * x),
        ("x * x + x", 2 * x + 1),
        ("(2 * x) * (2 * x)", 8 * x),
    ):
        yield Trial(
            says=f"`({expression}).sum()` backward on {size_text(x)} input",
            lines=(
                f"x = Tensor({literal(x)}, requires_grad=True)",
                f"({expression}).sum().backward()",
            ),
            shown="x.grad",
            right=right,
            label="dx",
            dtype="float32",
        )
    yield Trial(
        says=f"`y = 2 * x; (y * y + y).sum()` backward on {size_text(x)} input",
        lines=(
            f"x = Tensor({literal(x)}, requires_grad=True)",
            "y = 2 * x",
            "(y * y + y).sum().backward()",
        ),
        shown="x.grad",
        right=8 * x + 2,
        label="dx",
    )


def _accumulated(source: Source) -> Iterator[Trial]:
    x = numbers(source, (size(source),), NONZERO)
    lines = (
        f"x = Tensor({literal(x)}, requires_grad=True)",
        "(x * x).sum().backward()",
        "first = x.grad",
        "(x * x).sum().backward()",
    )
    says = f"`(x * x).sum()` backward, twice, on {size_text(x)} input"
    yield Trial(says=says, lines=lines, shown="x.grad", right=4 * x, label="dx")
    yield Trial(
        says=says,
        fault="changes the array of the first gradient, which others may hold",
        lines=lines,
        shown="first",
        right=2 * x,
    )


def _apart(source: Source) -> Iterator[Trial]:
    """Two leaves do not hold one array."""
    yield Trial(
        says="`x + y` backward",
        fault="gives both the same array",
        lines=(
            _LEAF,
            "y = Tensor([1.0, 2.0], requires_grad=True)",
            "(x + y).backward([1.0, 1.0])",
        ),
        shown="np.shares_memory(x.grad, y.grad)",
        right=False,
    )


def _diamond(source: Source) -> Iterator[Trial]:
    """A result that is needed on a short way and on a long one."""
    x = numbers(source, (size(source),), (1.0, 2.0, 0.5))
    yield Trial(
        says=f"`a = x * x; b = a * a; (a + b * a).sum()` backward on {size_text(x)} input",
        lines=(
            f"x = Tensor({literal(x)}, requires_grad=True)",
            "a = x * x",
            "b = a * a",
            "(a + b * a).sum().backward()",
        ),
        shown="x.grad",
        right=2 * x + 6 * x**5,
        label="dx",
    )


def _deep(source: Source) -> Iterator[Trial]:
    """Long chains, and chains with many ways through them."""
    yield Trial(
        says="backward through a chain of 5,000 additions",
        lines=(_LEAF, "y = x", "for _ in range(5000): y = y + 1.0", "y.sum().backward()"),
        shown="x.grad",
        right=np.array([1.0, 1.0]),
        label="dx",
    )
    yield Trial(
        says="backward through thirty times `y = y * 0.5 + y * 0.5`",
        lines=(_LEAF, "y = x", "for _ in range(30): y = y * 0.5 + y * 0.5", "y.sum().backward()"),
        shown="x.grad",
        right=np.array([1.0, 1.0]),
        label="dx",
    )


def _freed(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="a second `backward()` through one graph",
        lines=(_LEAF, "y = (x * x).sum()", "y.backward()", "y.backward()"),
        shown="x.grad",
        right=Raises("RuntimeError"),
    )


def _corner(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`ReLU` backward at 0",
        lines=("x = Tensor([0.0], requires_grad=True)", "ReLU()(x).backward([1.0])"),
        shown="x.grad",
        right=np.array([0.0]),
        names=("ReLU", "Tensor"),
        label="dx",
    )


def _network(source: Source) -> Iterator[Trial]:
    """Everything together: two layers and a loss, against the chain rule written out in numpy."""
    n, inputs, hidden, classes = size(source), size(source), size(source), source.pick((2, 3))
    weights = [
        numbers(source, sizes, NONZERO)
        for sizes in ((hidden, inputs), (hidden,), (classes, hidden), (classes,))
    ]
    x = numbers(source, (n, inputs), NONZERO)
    y = np.array([source.pick(range(classes)) for _ in range(n)])
    lines = [f"one, two = Linear({inputs}, {hidden}), Linear({hidden}, {classes})"]
    owners = ("one.weight", "one.bias", "two.weight", "two.bias")
    for owner, weight in zip(owners, weights, strict=True):
        lines.append(f"{owner}.data[...] = {literal(weight)}")
    lines.append(f"x, y = Tensor({literal(x)}), Tensor(np.array({literal(y)}))")
    lines.append("CrossEntropyLoss()(two(Tanh()(one(x))), y).backward()")
    right = oracle.Network("Tanh", "CrossEntropyLoss", weights).gradients(x, y)
    for owner, gradient in zip(owners, right, strict=True):
        yield Trial(
            says=f"backward through two layers and a loss, on {size_text(x)} input,",
            lines=tuple(lines),
            shown=f"{owner}.grad",
            right=gradient,
            names=("CrossEntropyLoss", "Linear", "Tanh", "Tensor"),
            label=f"d{owner}",
            tolerance=2e-3,
        )


def _function(source: Source) -> Iterator[Trial]:
    """An operation of one's own, which module 09 is made of, asked for one gradient or for both."""
    n = size(source)
    x, y, seed = (numbers(source, (n,), NONZERO) for _ in range(3))
    wanted = source.pick(((True, True), (True, False), (False, True)))
    leaves = [", requires_grad=True" if want else "" for want in wanted]
    lines = (
        "class Product(Function):",
        "    def forward(self, x, y, times):",
        "        self.kept = x, y, times",
        "        return x * y * times",
        "    def backward(self, g):",
        "        x, y, times = self.kept",
        "        asked.append(self.needs)",
        "        return g * y * times, g * x * times",
        f"asked, x, y = [], Tensor({literal(x)}{leaves[0]}), Tensor({literal(y)}{leaves[1]})",
        "z = Product.apply(x, y, times=2)",
        f"z.backward({literal(seed)})",
    )
    results = [("z.data", "z", 2 * x * y)]
    results += [("x.grad", "dx", 2 * y * seed)] * wanted[0]
    results += [("y.grad", "dy", 2 * x * seed)] * wanted[1]
    for shown, label, right in results:
        yield Trial(
            says=f"`Function` `x * y * 2` on {size_text(x)} and {size_text(y)}",
            lines=lines,
            shown=shown,
            right=right,
            names=("Function", "Tensor"),
            label=label,
            dtype="float32",
        )
    yield Trial(
        says="`Function`",
        fault="does not say in `needs` which inputs want a gradient",
        lines=lines,
        shown="[list(map(bool, needs)) for needs in asked]",
        right=[list(wanted)],
        names=("Function", "Tensor"),
        label="it",
    )


FIRST = [
    Claim("06 recorded", "06", "06.record", _recorded, tries=1),
    Claim("06 no_grad", "06", "06.record", _no_grad, tries=1),
]
LAST = [
    Claim("06 reuse", "06", "06.backward", _reuse, tries=4),
    Claim("06 accumulated", "06", "06.backward", _accumulated, tries=2),
    Claim("06 apart", "06", "06.backward", _apart, tries=1),
    Claim("06 diamond", "06", "06.backward", _diamond, tries=2),
    Claim("06 deep", "06", "06.backward", _deep, tries=1),
    Claim("06 freed", "06", "06.backward", _freed, tries=1),
    Claim("06 corner", "06", "06.activations", _corner, tries=1),
    Claim("06 function", "06", "06.backward", _function, tries=6),
    Claim("06 network", "06", "06.backward", _network, tries=4),
]
