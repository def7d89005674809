"""Knock-outs of the instruments: profiler, cache, benchmark, and the faster kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.knockouts.making import after
from tests.knockouts.rules import Knockout

PROFILING, ACCELERATION = "perf/profiling.py", "perf/acceleration.py"
MEMOIZATION, BENCHMARKING = "perf/memoization.py", "perf/benchmarking.py"

SMALL = "Sequential(Flatten(), Linear(784, 64), ReLU(), Linear(64, 32), ReLU(), Linear(32, 10))"
QUICK = {"epochs": 1, "batch_size": 250}  # forty steps: enough to see what is wrong
OF = {  # a part that asks for speed needs the whole network
    "profile": {**QUICK, "model": SMALL},
    "compress": {**QUICK, "quick": True},
    "report": {**QUICK, "model": SMALL},
}
LITTLE = {
    "characters": 40_000,
    "context": 48,
    "layers": 1,
    "width": 32,
    "heads": 2,
    "batch_size": 16,
}
WHOLE = {"characters": 40_000, "layers": 1, "width": 32, "heads": 2}  # 256 tokens fit in


def deployed(
    name: str, module: str, file: str, code: str, gate: str, part: str, **settings: Any
) -> Knockout:
    """A knock-out of one part, with settings that make it quick."""
    return replace(after(name, module, file, code, gate, (part,)), settings=settings)


_PROFILED = [
    deployed(name, "14", PROFILING, code, gate, "profile", **OF["profile"])
    for name, gate, code in (
        (
            "the first steps are measured too",
            "planted",
            """
            class Profiler(Profiler):
                def __init__(self, *rest, warmup=2, **options):
                    super().__init__(*rest, warmup=0, **options)
            """,
        ),
        (
            "a layer's time holds that of the layers inside it",
            "planted",
            "def own_seconds(seconds, parents): return seconds.copy()",
        ),
        (
            "the way back takes no time",
            "planted",
            "def backward_seconds(events, parents, end): return np.zeros((len(parents), 2))",
        ),
        (
            "biases are no parameters",
            "counted",
            """
            _right = size_of

            def size_of(tensors):
                return _right([tensor for tensor in tensors if tensor.ndim > 1])
            """,
        ),
        (
            "an addition costs nothing",
            "flops",
            "FLOPS['Linear'] = lambda layer, x, y: 2 * math.prod(y) * layer.weight.shape[1]",
        ),
        ("a view counts as memory of its own", "kept", "def owner(array): return array"),
        (
            "the profiler throws gradients away",
            "unchanged",
            """
            class Profiler(Profiler):
                def run(self, *inputs, **options):
                    found = super().run(*inputs, **options)
                    for parameter in self.model.parameters():
                        parameter.grad = None
                    return found
            """,
        ),
        ("the roof is the higher limit", "roof", "def attainable(i, f, b): return f + i * b"),
        (
            "large layers are counted three times",
            "clock",
            """
            class Profiler(Profiler):
                def run(self, *inputs, **options):
                    found = super().run(*inputs, **options)
                    for row in found.layers:
                        if row.parameters > 1000:
                            row.forward, row.backward = 3 * row.forward, 3 * row.backward
                    return found
            """,
        ),
        (
            "times are given to other layers",
            "slowest",
            """
            class Profiler(Profiler):
                def run(self, *inputs, **options):
                    found = super().run(*inputs, **options)
                    rows = [row for row in found.layers if row.parameters > 1000]
                    if len(rows) > 1:
                        first, last = rows[0], rows[-1]
                        first.forward, last.forward = last.forward, first.forward
                        first.backward, last.backward = last.backward, first.backward
                    return found
            """,
        ),
    )
]

_REMEMBERED = [
    deployed(name, "18", MEMOIZATION, code, gate, "generate", **WHOLE)
    for name, gate, code in (
        (
            "only the keys are counted",
            "memory",
            "KVCache.nbytes = property(lambda self: self.keys.nbytes)",
        ),
        (
            "new words see what comes after them",
            "logits",
            """
            def attend_new(q, keys, values):
                scores = q @ np.swapaxes(keys, -1, -2) / math.sqrt(q.shape[-1])
                chances = np.exp(scores - scores.max(axis=-1, keepdims=True))
                return chances / chances.sum(axis=-1, keepdims=True) @ values
            """,
        ),
        (
            "the current word is dropped",
            "logits",
            """
            _right = attend_new

            def attend_new(q, keys, values):
                if keys.shape[-2] > q.shape[-2] and q.shape[-2] == 1:
                    return _right(q, keys[..., :-1, :], values[..., :-1, :])
                return _right(q, keys, values)
            """,
        ),
        (
            "what was read is taken for what is to be read",
            "tokens",
            "def agreeing(known, window): return min(len(known), len(window) - 1)",
        ),
        ("everything is read again", "speed", "def agreeing(known, window): return 0"),
    )
]

_MEASURED = [
    deployed(name, "19", BENCHMARKING, code, gate, "report", **OF["report"])
    for name, gate, code in (
        (
            "quotients are upside down",
            "ratio",
            """
            _right = speed_up

            def speed_up(baseline, seconds, confidence=0.95):
                return _right(seconds, baseline, confidence)
            """,
        ),
        (
            "one program after the other",
            "ratio",
            """
            def collect(programs, repeats, warm_up, shortest, clock=now):
                seconds = {}
                for name, function in programs.items():
                    for _ in range(warm_up):
                        function()
                    seconds[name] = np.array([sample(function, 1, clock) for _ in range(repeats)])
                return dict.fromkeys(programs, 1), seconds
            """,
        ),
        (
            "any difference is one",
            "verdicts",
            """
            def verdict(low, high):
                return "faster" if low + high > 2 else "slower"
            """,
        ),
        (
            "timing without warm-up",
            "warm",
            """
            _right = collect

            def collect(programs, repeats, warm_up, *rest):
                return _right(programs, repeats, 0, *rest)
            """,
        ),
        ("results are not compared", "refused", "def apart(expected, got): return 0.0"),
        (
            "the newest program looks a third better",
            "truth",
            """
            from dataclasses import replace as _replace

            class Benchmark(Benchmark):
                def compare(self, programs, tolerance=None):
                    found = super().compare(programs, tolerance)
                    if self.clock is now:
                        last = found.rows[-1]
                        found.rows[-1] = _replace(last, ratio=1.3 * last.ratio)
                    return found
            """,
        ),
        (
            "the file holds the table only",
            "file",
            """
            class Comparison(Comparison):
                def to_json(self):
                    whole = json.loads(super().to_json())
                    for seconds in whole["seconds"].values():
                        seconds["wall"] = seconds["wall"][:1]
                    return json.dumps(whole)
            """,
        ),
    )
]
_MEASURED.append(
    deployed(
        "the faster kernels stay on the shelf",
        "17",
        ACCELERATION,
        """
        @contextmanager
        def accelerated(on=True):
            yield
        """,
        "kernels",
        "report",
        **OF["report"],
    )
)

INSTRUMENTS = [*_PROFILED, *_REMEMBERED, *_MEASURED]
