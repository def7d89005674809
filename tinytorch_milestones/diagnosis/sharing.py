"""Claims about module 17: work in parts, and a model that is faster and says the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Source
from tinytorch_milestones.diagnosis.trial import Trial

_FILE = "perf.acceleration"


def _parts(source: Source) -> Iterator[Trial]:
    """Every index once and in order, in parts of nearly one size."""
    workers, count = source.pick((1, 2, 3)), source.pick((1, 2, 3, 5, 7, 10))
    number = min(workers, count)
    edges = [count * i // number for i in range(number + 1)]
    lines = (
        f"in_parts.__globals__['workers'] = {workers}",
        f"found = in_parts(lambda part: list(range(part.start, part.stop)), {count})",
    )
    names = (f"{_FILE}.in_parts",)
    says = f"`in_parts` of {count}, {workers} worker{'s' * (workers > 1)},"
    yield Trial(
        says=says,
        lines=lines,
        shown="[i for part in found for i in part]",
        right=list(range(count)),
        names=names,
        label="in all parts together",
    )
    yield Trial(
        says=says,
        lines=lines,
        shown="sorted(len(part) for part in found)",
        right=sorted(stop - start for start, stop in pairwise(edges)),
        names=names,
        label="the sizes",
    )


def _errors(source: Source) -> Iterator[Trial]:
    """An error in another thread; results that come late; each part once; no helper free."""
    names = (f"{_FILE}.helpers", f"{_FILE}.in_parts")
    two = "in_parts.__globals__['workers'] = 2"
    for lines, shown, right, fault, label in (
        (
            (
                two,
                "def work(part):",
                "    if part.start: raise KeyError('lost')",
                "try: said = in_parts(work, 2)",
                "except KeyError: said = 'raised'",
            ),
            "said",
            "raised",
            "loses an error in the second part",
            "what came",
        ),
        (
            (
                two,
                "import time",
                "def work(part):",
                "    time.sleep(0.05 * part.start)",
                "    return part.start",
            ),
            "in_parts(work, 2)",
            [0, 1],
            "does not wait for the second part, or gives the parts in another order",
            "the list",
        ),
        (
            (
                two,
                "done = []",
                "import time",
                "def work(part):",
                "    time.sleep(0.05 * (1 - part.start))",
                "    done.append(part.start)",
                "in_parts(work, 2)",
            ),
            "sorted(done)",
            [0, 1],
            "does not do each part once",
            "what was done",
        ),
        (
            (
                two,
                "import threading",
                "there = threading.Barrier(2)",
                "def meet(part):",
                "    try: return there.wait(timeout=3) >= 0",
                "    except threading.BrokenBarrierError: return False",
            ),
            "in_parts(meet, 2)",
            [True, True],
            "begins the second part when the first has ended",
            "that they meet",
        ),
        (
            (
                two,
                "import threading",
                "busy = threading.Event()",
                "blocked = [helpers().submit(busy.wait, 3) for _ in range(8)]",
                "found = in_parts(lambda part: part.start, 2)",
                "busy.set()",
            ),
            "found, all(one.result() for one in blocked)",
            ([0, 1], True),
            "does not take back a part that no helper has begun",
            "what came, and that it came in time",
        ),
        (
            ("import threading",),
            "in_parts(lambda part: threading.get_ident(), 8, effort=10) == [threading.get_ident()]",
            True,
            "wakes another thread for 10 multiplications",
            "that it does not",
        ),
    ):
        yield Trial(
            says="`in_parts`",
            fault=fault,
            lines=lines,
            shown=shown,
            right=right,
            names=names,
            label=label,
        )


_NET = (
    "manual_seed(0)",
    "row = [Conv2d(1, 2, 3), BatchNorm2d(2), ReLU(), MaxPool2d(2), Flatten()]",
    "model = Sequential(*row, Linear(8, 4), GELU(), Linear(4, 2))",
    "x = Tensor(np.cos(np.arange(72.0) ** 2).reshape(2, 1, 6, 6).astype('float32'))",
)
_TEXT = (
    "manual_seed(0)",
    "model = GPT(5, 4, 4, 2, 1)",
    "x = np.array([[1, 2, 3]])",
)
_BOTH = "bool(np.allclose(fast, slow, rtol=1e-3, atol=1e-5))"


def _accelerated(source: Source) -> Iterator[Trial]:
    """A convolutional net and a GPT, forward and all gradients, and what was there afterwards."""
    layers = ("BatchNorm2d", "Conv2d", "Flatten", "GELU", "Linear", "MaxPool2d", "ReLU")
    net = (*layers, "Sequential", "Tensor", "manual_seed", "accelerated")
    back = (
        "def slopes():",
        "    for p in model.parameters(): p.grad = None",
        "    model(x).sum().backward()",
        "    return np.concatenate([p.grad.ravel() for p in model.parameters()])",
    )
    for about, made, names in (
        ("a small convolutional net", _NET, net),
        ("a small GPT", _TEXT, ("GPT", "manual_seed", "accelerated")),
    ):
        yield Trial(
            says=f"`accelerated` on {about}",
            fault="changes what comes out",
            lines=(*made, "slow = model(x).data", "with accelerated(): fast = model(x).data"),
            shown=_BOTH,
            right=True,
            names=names,
            label="that both are equal",
        )
        yield Trial(
            says=f"`accelerated` on {about}",
            fault="changes its gradients",
            lines=(*made, *back, "slow = slopes()", "with accelerated(): fast = slopes()"),
            shown=_BOTH,
            right=True,
            names=names,
            label="that both are equal",
        )
    yield Trial(
        says="`accelerated`",
        fault="leaves faster forms in place after the block",
        lines=("before = Linear.forward", "with accelerated(): inside = Linear.forward"),
        shown="inside is not before, Linear.forward is before",
        right=(True, True),
        names=("Linear", "accelerated"),
        label="that another one was inside, and that the first is back",
    )


CLAIMS = [
    Claim("17 in_parts", "17", "17.in_parts", _parts, tries=24),
    Claim("17 in_parts with threads", "17", "17.in_parts", _errors, tries=1),
]
WHOLE = [Claim("17 accelerated", "17", "", _accelerated, tries=1)]
