"""`perf/quantization.py` beside torch's, where torch is installed; the product never imports it."""

from __future__ import annotations

import numpy as np
import pytest

import tinytorch as tt
from tinytorch.perf.quantization import affine_grid, dequantize, quantize, symmetric_grid

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.55), (0.0, 6.0), (-3.0, 0.0), (2.0, 5.0)])
def test_the_codes_of_a_tensor_are_torchs(low: float, high: float) -> None:
    x = np.random.default_rng(0).uniform(low - 1, high + 1, size=(40, 30)).astype(np.float32)
    grid = affine_grid(low, high)
    theirs = torch.quantize_per_tensor(
        torch.from_numpy(x), float(grid.scale), int(grid.zero), torch.qint8
    )
    ours, codes = quantize(x, grid), theirs.int_repr().numpy()
    # torch multiplies by 1 / scale: a number half-way between two places may go to the other one
    assert np.abs(ours.astype(int) - codes).max() <= 1
    assert (ours != codes).mean() < 1e-3
    np.testing.assert_allclose(
        dequantize(codes, grid), theirs.dequantize().numpy(), rtol=1e-6, atol=1e-6
    )


def test_the_range_of_a_batch_gives_torchs_grid() -> None:
    observers = pytest.importorskip("torch.ao.quantization.observer")
    rng = np.random.default_rng(1)
    for x in (rng.normal(size=(8, 5)), rng.uniform(0, 4, size=(8, 5)), rng.uniform(3, 4, (8, 5))):
        x = x.astype(np.float32)
        observer = observers.MinMaxObserver(dtype=torch.qint8, qscheme=torch.per_tensor_affine)
        observer(torch.from_numpy(x))
        scale, zero = observer.calculate_qparams()
        grid = affine_grid(float(x.min()), float(x.max()))
        np.testing.assert_allclose(grid.scale, scale.item(), rtol=1e-5)
        assert abs(int(grid.zero) - zero.item()) <= 1


def test_the_codes_of_channels_are_torchs() -> None:
    weight = np.random.default_rng(2).normal(size=(6, 4, 3, 3)).astype(np.float32)
    weight *= np.float32(10.0) ** np.arange(-3, 3).reshape(6, 1, 1, 1)
    grid = symmetric_grid(weight)
    theirs = torch.quantize_per_channel(
        torch.from_numpy(weight),
        torch.from_numpy(grid.scale.ravel()),
        torch.zeros(6, dtype=torch.int64),
        0,
        torch.qint8,
    )
    ours = quantize(weight, grid)
    assert np.abs(ours.astype(int) - theirs.int_repr().numpy()).max() <= 1
    assert (ours != theirs.int_repr().numpy()).mean() < 0.01


def test_a_dynamic_linear_says_what_torchs_says() -> None:
    rng = np.random.default_rng(3)
    linear = tt.Linear(64, 32)
    theirs = torch.nn.Linear(64, 32)
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(linear.weight.data))
        theirs.bias.copy_(torch.from_numpy(linear.bias.data))
    x = rng.normal(size=(50, 64)).astype(np.float32)
    try:
        dynamic = torch.ao.quantization.quantize_dynamic(
            torch.nn.Sequential(theirs), {torch.nn.Linear}, dtype=torch.qint8
        )
        expected = dynamic(torch.from_numpy(x)).detach().numpy()
    except (RuntimeError, AttributeError) as error:
        pytest.skip(f"this torch has no quantized Linear: {error}")
    got = tt.QuantizedLinear(linear, per_channel=False)(tt.Tensor(x)).data
    exact = x @ linear.weight.data.T + linear.bias.data
    ours, others = (np.sqrt(((said - exact) ** 2).mean()) for said in (got, expected))
    # torch gives its inputs seven bits on some processors: ours may be better, not much worse
    assert ours < 1.2 * others
    assert np.abs(got - expected).max() < 0.05 * np.abs(exact).max()
