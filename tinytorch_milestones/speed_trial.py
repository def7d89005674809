"""What the switches of `speed` gain on this machine, measured in two short child processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tinytorch_milestones import speed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

SIZE = 512
# less is within what two runs of the same work differ by
WORTH = 1.15
_PATIENCE = 30.0  # seconds until a child is given up; one takes less than a second


class Timing(NamedTuple):
    """One child's numbers."""

    kernels: str  # what OpenBLAS chose, "" for another BLAS
    product: float  # float32 multiplications and additions in a second, in a matrix product
    step: float  # processor seconds of one step full of temporary arrays
    memory: int  # its peak, in bytes


class Trial(NamedTuple):
    """The same work without the switches and with them; None for a child that failed."""

    plain: Timing | None
    fast: Timing | None


def measure() -> Trial:
    """Run both children, one after the other: about a second.

    The first has the user's own variables and none of ours. The second has all switches that the
    machine can bear, in place of the user's; a kernel choice of the user's is only left out.
    """
    plain = speed.without_ours()
    fast = dict(plain)
    if speed.is_glibc():
        fast |= speed.keep_variables()
    users_choice = fast.pop(speed.CORETYPE, None)
    if users_choice is None and not speed.lacking():
        fast[speed.CORETYPE] = speed.KERNELS
    return Trial(_child(plain), _child(fast))


def _child(environment: dict[str, str]) -> Timing | None:
    home = str(Path(__file__).resolve().parent.parent)
    code = (
        f"import sys; sys.path.append({home!r}); "
        "from tinytorch_milestones.speed_trial import work; work()"
    )
    try:
        result = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
        return Timing(*json.loads(result.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return None


def work() -> None:
    """In the child: measure and print a `Timing` as JSON."""
    import numpy as np

    generator = np.random.default_rng(0)
    left, right = generator.standard_normal((2, SIZE, SIZE), dtype=np.float32)
    product = np.empty_like(left)
    seconds = _fastest(lambda: np.matmul(left, right, out=product), 12)
    if not np.allclose(product[:4], left[:4].astype(np.float64) @ right, rtol=1e-3, atol=1e-3):
        raise ArithmeticError("these kernels compute something else")
    images = generator.standard_normal((16, 32, 32, 32), dtype=np.float32)
    weight = generator.standard_normal((288, 32), dtype=np.float32)
    step = _fastest(lambda: _convolve(images, weight), 5)
    timing = Timing(speed.loaded_kernels(), 2 * SIZE**3 / seconds, step, _peak())
    print(json.dumps(timing))


def _convolve(images: Array, weight: Array) -> tuple[Array, Array]:
    """Forward and backward of a convolution as textbooks write it: all windows as one matrix."""
    import numpy as np

    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, len(weight))
    outputs = np.maximum(columns @ weight, 0)
    outputs = (outputs - outputs.mean(0)) / (outputs.std(0) + 1e-5)
    return columns.T @ outputs, outputs @ weight.T


def _fastest(action: Callable[[], object], times: int) -> float:
    """Processor seconds of the fastest of some calls; the first one is for warming up."""
    import time

    action()
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        action()
        best = min(best, time.process_time() - start)
    return max(best, 1e-9)


def _peak() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def judge(trial: Trial) -> speed.Verdict:
    """What the kernel choice does for this numpy, "" where it is not known."""
    plain, fast = trial
    if speed.lacking() or plain is None or not plain.kernels:
        return ""
    if plain.kernels not in speed.SLOWER:
        return "no use"  # OpenBLAS chose well by itself
    return "gains" if fast is not None and _gain(plain, fast) > WORTH else "no use"


def kernels_text(switch: speed.Switch, trial: Trial) -> str:
    """A line about the BLAS kernels."""
    plain, fast = trial
    head = f"{switch.state}: {switch.why}"
    if plain is None:
        return f"{head}; what it gains could not be measured"
    rate = f"{plain.product / 1e9:.0f} GFLOP/s"
    if switch.state == "set by you":
        if users_loss(switch, trial) and fast is not None:
            return f"{head}; without it, matrix products are {_compared(plain, fast)}: unset it"
        return f"{head}; without it, matrix products are no faster ({rate})"
    verdict = judge(trial)
    if verdict == "gains" and fast is not None:
        head = head if switch.state != "not for this machine" else "on from the next start"
        return f"{head}; with {switch.value}, matrix products are {_compared(plain, fast)}"
    if verdict == "no use":
        why = f"OpenBLAS chooses {plain.kernels} kernels by itself"
        if plain.kernels in speed.SLOWER:
            why = f"{switch.value} gains nothing" if fast else f"{switch.value} fails"
        return f"not for this machine: {why} ({rate})"
    return f"{head} ({rate})"


def users_loss(switch: speed.Switch, trial: Trial) -> bool:
    """Whether the user's own choice of kernels makes matrix products slower."""
    plain, fast = trial
    if switch.state != "set by you" or plain is None or fast is None:
        return False
    return _gain(plain, fast) > WORTH


def memory_text(switch: speed.Switch, trial: Trial) -> str:
    """A line about freed memory that is kept."""
    head = f"{switch.state}: {switch.why}"
    plain, fast = trial
    if switch.state == "not for this machine" or plain is None or fast is None:
        return head
    who = "with ours" if switch.state == "set by you" else "with it"
    return (
        f"{head}; a textbook convolution takes {fast.step * 1e3:.0f} ms {who}, "
        f"{plain.step * 1e3:.0f} ms without, and {fast.memory >> 20} against "
        f"{plain.memory >> 20} MB at most"
    )


def _gain(plain: Timing, fast: Timing) -> float:
    return fast.product / plain.product


def _compared(plain: Timing, fast: Timing) -> str:
    rates = f"{fast.product / 1e9:.0f} against {plain.product / 1e9:.0f} GFLOP/s"
    return f"{_gain(plain, fast):.1f} times as fast here ({rates})"
