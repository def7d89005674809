"""The counts of `perf/profiling.py` beside torch's, where torch is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinytorch as tt

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")


def counted_by_torch(function: Any) -> int:
    """Products with their additions, 2 each: torch counts neither biases nor curves nor norms."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        function()
    return int(counter.get_total_flops())


def profiled(model: Any, x: np.ndarray) -> Any:
    return tt.Profiler(model, repeats=1, warmup=0).run(x)


@pytest.mark.parametrize("shape", [(4, 7), (1, 7), (2, 3, 7)], ids=str)
def test_linear(shape: tuple[int, ...]) -> None:
    x = np.ones(shape, dtype=np.float32)
    peer = torch.nn.Linear(7, 5, bias=False)
    ours = profiled(tt.Sequential(tt.Linear(7, 5, bias=False)), x)
    assert ours.total_flops == counted_by_torch(lambda: peer(torch.tensor(x)))


@pytest.mark.parametrize("kernel", [1, 3, (3, 2)], ids=str)
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 0)])
def test_conv2d(kernel: Any, stride: int, padding: int) -> None:
    x = np.ones((2, 3, 9, 8), dtype=np.float32)
    options = {"stride": stride, "padding": padding, "bias": False}
    peer = torch.nn.Conv2d(3, 4, kernel, **options)
    ours = profiled(tt.Sequential(tt.Conv2d(3, 4, kernel, **options)), x)
    assert ours.total_flops == counted_by_torch(lambda: peer(torch.tensor(x)))


def test_products_of_attention() -> None:
    b, t, dim, heads = 3, 6, 8, 2
    profile = profiled(
        tt.MultiHeadAttention(dim, heads, bias=False), np.ones((b, t, dim), dtype=np.float32)
    )
    q = torch.ones(b, heads, t, dim // heads)
    between = counted_by_torch(lambda: torch.softmax(q @ q.transpose(-1, -2), -1) @ q)
    rows = {row.name: row for row in profile.layers}
    assert rows[""].flops == between + 6 * b * heads * t * t
    qkv, out = (torch.nn.Linear(dim, n, bias=False) for n in (3 * dim, dim))
    x = torch.ones(b * t, dim)
    assert rows["qkv"].flops == counted_by_torch(lambda: qkv(x))
    assert rows["out"].flops == counted_by_torch(lambda: out(x))


def test_parameters() -> None:
    ours = tt.Sequential(tt.Conv2d(3, 8, 3), tt.BatchNorm2d(8), tt.Flatten(), tt.Linear(32, 5))
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Flatten(),
        torch.nn.Linear(32, 5),
    )  # fmt: skip
    profile = profiled(ours, np.ones((2, 3, 4, 4), dtype=np.float32))
    assert profile.parameters == sum(p.numel() for p in theirs.parameters())
    size = sum(p.numel() * p.element_size() for p in theirs.parameters())
    assert profile.parameter_bytes == size
