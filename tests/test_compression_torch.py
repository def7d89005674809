"""`perf/compression.py` beside torch's, where torch is installed; the product never imports it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinytorch as tt
from tinytorch.perf.compression import (
    KnowledgeDistillation,
    low_rank,
    magnitude_prune,
    structured_prune,
)

torch = pytest.importorskip("torch", reason="needs torch, which is only a peer to compare with")


def twins(seed: int) -> tuple[Any, Any]:
    """The same network, ours and torch's."""
    tt.manual_seed(seed)
    ours = tt.Sequential(
        *(tt.Conv2d(1, 8, 3, padding=1), tt.ReLU(), tt.MaxPool2d(2)),
        *(tt.Flatten(), tt.Linear(128, 20), tt.ReLU(), tt.Linear(20, 5)),
    )
    nn = torch.nn
    theirs = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(128, 20), nn.ReLU(), nn.Linear(20, 5)),
    )
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    return ours, theirs


HEAVY = (0, 4, 6)


@pytest.mark.parametrize("amount", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("per_layer", [False, True])
def test_the_same_weights_go(amount: float, per_layer: bool) -> None:
    prune = pytest.importorskip("torch.nn.utils.prune")
    ours, theirs = twins(0)
    masks = magnitude_prune(ours, amount, per_layer)
    layers = [theirs[i] for i in HEAVY]
    if per_layer:
        for layer in layers:
            prune.l1_unstructured(layer, "weight", amount=amount)
    else:
        pairs = [(layer, "weight") for layer in layers]
        prune.global_unstructured(pairs, prune.L1Unstructured, amount=amount)
    for i, layer in zip(HEAVY, layers, strict=True):
        assert np.array_equal(masks.kept[f"{i}.weight"], layer.weight_mask.numpy() == 1)
        assert np.array_equal(ours[i].weight.data, layer.weight.detach().numpy())


@pytest.mark.parametrize("amount", [0.25, 0.5])
def test_the_same_units_go_and_ours_are_gone(amount: float) -> None:
    prune = pytest.importorskip("torch.nn.utils.prune")
    ours, theirs = twins(1)
    small = structured_prune(ours, amount)
    for i in HEAVY[:-1]:
        prune.ln_structured(theirs[i], "weight", amount=amount, n=2, dim=0)
        silent = theirs[i].weight_mask.flatten(1).sum(dim=1) == 0
        with torch.no_grad():
            theirs[i].bias[silent] = 0
        assert len(small[i].weight.data) == int((~silent).sum())
    x = np.random.default_rng(0).normal(size=(4, 1, 8, 8)).astype(np.float32)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(small(x).data, expected, rtol=1e-4, atol=1e-5)


def test_low_rank_is_as_near_as_torchs() -> None:
    tt.manual_seed(2)
    linear = tt.Linear(30, 18)
    pair = low_rank(linear, 5)
    u, s, vh = torch.linalg.svd(torch.from_numpy(linear.weight.data), full_matrices=False)
    nearest = ((u[:, :5] * s[:5]) @ vh[:5]).numpy()
    np.testing.assert_allclose(pair[1].weight.data @ pair[0].weight.data, nearest, atol=1e-5)


@pytest.mark.parametrize(("temperature", "alpha"), [(1.0, 1.0), (4.0, 0.9), (2.5, 0.3)])
def test_the_loss_is_torchs_but_for_the_entropy(temperature: float, alpha: float) -> None:
    tt.manual_seed(3)
    rng = np.random.default_rng(3)
    teacher = tt.Linear(6, 4)
    x = rng.normal(size=(9, 6)).astype(np.float32)
    values, labels = rng.normal(size=(9, 4)).astype(np.float32), rng.integers(0, 4, size=9)
    logits = tt.Tensor(values, requires_grad=True)
    loss = KnowledgeDistillation(teacher, temperature, alpha).loss(logits, labels, x)
    loss.backward()

    z = torch.tensor(values, requires_grad=True)
    p = torch.softmax(torch.from_numpy(teacher(x).data) / temperature, dim=1)
    divergence = torch.nn.KLDivLoss(reduction="batchmean")(
        torch.log_softmax(z / temperature, dim=1), p
    )
    hard = torch.nn.functional.cross_entropy(z, torch.from_numpy(labels))
    theirs = alpha * temperature**2 * divergence + (1 - alpha) * hard
    theirs.backward()
    entropy = -(p * p.log()).sum(dim=1).mean().item()
    assert loss.item() == pytest.approx(theirs.item() + alpha * temperature**2 * entropy, rel=1e-5)
    np.testing.assert_allclose(logits.grad, z.grad.numpy(), rtol=1e-4, atol=1e-6)
