"""`perf/compression.py` on random models: counts, cuts, ranks, teachers, what is kept."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinytorch as tt
from tinytorch.core.layers import Flatten, Layer, Linear, Sequential, named_tensors
from tinytorch.core.spatial import BatchNorm2d, Conv2d
from tinytorch.perf.compression import (
    KnowledgeDistillation,
    columns_of,
    cut,
    fine_tune,
    low_rank,
    magnitude_prune,
    rank_for,
    smallest,
    sparsity,
    strongest,
    structured_prune,
    weights_of,
)
from tinytorch.perf.quantization import load, quantize_model, save

seeds = st.integers(0, 10_000)
amounts = st.floats(0, 1)
widths = st.integers(1, 9)


def linears(sizes: list[int], seed: int, levels: int = 0) -> Sequential:
    """Linears of these widths; with levels, weights of so many sizes only (and 0)."""
    tt.manual_seed(seed)
    layers: list[Any] = []
    for a, b in itertools.pairwise(sizes):
        layers += [Linear(a, b), tt.ReLU()]
    model = Sequential(*layers[:-1])
    if levels:
        rng = np.random.default_rng(seed)
        for tensor in weights_of(model).values():
            tensor.data[...] = rng.integers(-levels, levels + 1, size=tensor.shape)
    return model


def images(seed: int) -> Sequential:
    tt.manual_seed(seed)
    model = Sequential(
        Sequential(Conv2d(2, 7, 3, padding=1), BatchNorm2d(7), tt.ReLU(), tt.MaxPool2d(2)),
        *(Conv2d(7, 5, (2, 3), stride=(1, 2)), tt.ReLU(), BatchNorm2d(5), tt.Dropout(0.2)),
        *(Flatten(), Sequential(Linear(5 * 3 * 2, 6, bias=False), tt.Tanh()), Linear(6, 3)),
    )
    rng = np.random.default_rng(seed)
    for norm in (model[0][1], model[3]):
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor.data[...] = rng.uniform(0.5, 2, size=tensor.shape)
    return model


@settings(max_examples=60, deadline=None)
@given(st.lists(widths, min_size=2, max_size=5), seeds, amounts, st.booleans(), st.integers(0, 3))
def test_pruning_hits_its_share_exactly(
    sizes: list[int], seed: int, amount: float, per_layer: bool, levels: int
) -> None:
    model = linears(sizes, seed, levels)
    before = model.state_dict()
    masks = magnitude_prune(model, amount, per_layer)
    names = list(weights_of(model))
    total = gone = 0
    for group in [[name] for name in names] if per_layer else [names]:
        kept = np.concatenate([masks.kept[name].ravel() for name in group])
        old = np.concatenate([np.abs(before[name]).ravel() for name in group])
        assert (~kept).sum() == round(amount * kept.size)
        if 0 < kept.sum() < kept.size:
            assert old[~kept].max() <= old[kept].min()
            # of equal ones the first went
            edge = kept[old == old[~kept].max()]
            assert (np.diff(edge.astype(int)) >= 0).all()
        total, gone = total + kept.size, gone + int((~kept).sum())
    zeros = sum(int((tensor.data == 0).sum()) for tensor in weights_of(model).values())
    assert sparsity(model) == zeros / total
    if not levels:
        assert sparsity(model) == gone / total
    for name, array in model.state_dict().items():
        kept = masks.kept.get(name, np.ones(array.shape, dtype=bool))
        assert np.array_equal(array, np.where(kept, before[name], 0))


@settings(max_examples=60, deadline=None)
@given(seeds, st.lists(st.integers(0, 4), min_size=1, max_size=40), st.data())
def test_the_smallest_are_chosen_by_size_and_place(
    seed: int, sizes: list[int], data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, len(sizes)))
    order = sorted(range(len(sizes)), key=lambda i: (sizes[i], i))
    found = smallest(np.array(sizes, dtype=np.float32), count)
    assert np.flatnonzero(found).tolist() == sorted(order[:count])


@settings(max_examples=40, deadline=None)
@given(st.lists(widths, min_size=3, max_size=5), seeds, st.floats(0, 0.99))
def test_a_cut_network_is_the_same_with_those_units_silenced(
    sizes: list[int], seed: int, amount: float
) -> None:
    model = linears(sizes, seed)
    small = structured_prune(model, amount)
    hidden = [layer for layer in model.layers if isinstance(layer, Linear)][:-1]
    counts = [max(1, n - round(amount * n)) for n in sizes[1:-1]]
    assert [t.shape[0] for t in weights_of(small).values()] == [*counts, sizes[-1]]
    for layer, count in zip(hidden, counts, strict=True):
        silent = np.ones(layer.out_features, dtype=bool)
        silent[strongest(layer.weight.data, count)] = False
        layer.weight.data[silent] = 0
        layer.bias.data[silent] = 0
    x = np.random.default_rng(seed).normal(size=(4, sizes[0])).astype(np.float32)
    np.testing.assert_allclose(small(x).data, model(x).data, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("amount", [0.0, 0.2, 0.5, 0.75])
@pytest.mark.parametrize("training", [False, True])
def test_convolutions_norms_and_rows_in_rows_are_cut_together(
    amount: float, training: bool
) -> None:
    model = images(3)
    model.eval()
    x = np.random.default_rng(1).normal(size=(3, 2, 8, 12)).astype(np.float32)
    kept = {}
    for layer in (model[0][0], model[1], model[6][0]):
        outputs = len(layer.weight.data)
        kept[id(layer)] = strongest(layer.weight.data, max(1, outputs - round(amount * outputs)))
    if training:
        model.train()
    small = structured_prune(model, amount)
    assert small.training is training
    assert small[4].training is training
    assert small.eval()(x).shape == (3, 3)
    # whatever hangs on a unit that went is made silent in the model itself
    for layer, norm in ((model[0][0], model[0][1]), (model[1], model[3])):
        gone = np.setdiff1d(np.arange(len(layer.weight.data)), kept[id(layer)])
        for tensor in (layer.weight, layer.bias, norm.bias, norm.running_mean):
            tensor.data[gone] = 0
    gone = np.setdiff1d(np.arange(6), kept[id(model[6][0])])
    model[6][0].weight.data[gone] = 0
    np.testing.assert_allclose(small(x).data, model.eval()(x).data, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(widths, widths, seeds, st.data())
def test_the_error_of_low_rank_is_what_was_left_out(
    inputs: int, outputs: int, seed: int, data: st.DataObject
) -> None:
    tt.manual_seed(seed)
    linear = Linear(inputs, outputs)
    rank = data.draw(st.integers(1, min(inputs, outputs)))
    pair = low_rank(linear, rank)
    exact = linear.weight.data.astype(np.float64)
    values = np.linalg.svd(exact, compute_uv=False)
    off = pair[1].weight.data.astype(np.float64) @ pair[0].weight.data - exact
    assert np.linalg.norm(off) == pytest.approx(np.sqrt((values[rank:] ** 2).sum()), abs=1e-5)
    assert np.linalg.matrix_rank(exact + off, tol=1e-5) <= rank
    energy = data.draw(st.floats(0.01, 1))
    least = rank_for(linear.weight, energy)
    share = np.concatenate([[0], np.cumsum(values**2) / (values**2).sum()])
    assert share[least] >= energy - 1e-9
    assert share[least - 1] <= energy


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 20), st.data())
def test_columns_are_where_flatten_puts_them(count: int, area: int, data: st.DataObject) -> None:
    channels = np.array(sorted(data.draw(st.sets(st.integers(0, count - 1)))), dtype=int)
    flat = np.arange(count * area).reshape(count, area)
    assert columns_of(channels, area).tolist() == flat[channels].ravel().tolist()


def test_masks_hold_while_any_optimizer_trains() -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(64, 9)).astype(np.float32), rng.integers(0, 3, size=64)
    loader = tt.DataLoader(tt.TensorDataset(x, labels), batch_size=16, shuffle=True, seed=0)
    for kind in (tt.SGD, tt.Adam, tt.AdamW):
        model = linears([9, 20, 3], 0)
        options = {"momentum": 0.9} if kind is tt.SGD else {}
        trainer = tt.Trainer(
            model, kind(model.parameters(), lr=0.05, **options), tt.CrossEntropyLoss()
        )
        for _ in trainer.fit(loader, 1):
            pass  # momentum is there before the weights go
        masks = magnitude_prune(model, 0.8)
        zeros = {name: ~mask for name, mask in masks.kept.items()}
        steps = list(fine_tune(trainer, masks, loader, 2))
        assert [step.step for step in steps] == list(range(1, 9))
        for name, tensor in weights_of(model).items():
            assert np.array_equal(tensor.data == 0, zeros[name])


def test_tied_tables_are_one_and_codes_keep_their_zeros(tmp_path: Path) -> None:
    tt.manual_seed(1)
    gpt = tt.GPT(12, 6, 8, 2, 1, tie_weights=True)
    assert len(weights_of(gpt)) == len({id(t) for _, t in named_tensors(gpt) if t.ndim > 1})
    magnitude_prune(gpt, 0.5)
    share = sparsity(gpt)
    eight = quantize_model(gpt)
    assert sparsity(eight) >= share - 0.01  # positions stay float32, zeros stay zeros, some are new
    model = linears([64, 64, 10], 1)
    size = save(model, tmp_path / "full.npz")
    magnitude_prune(model, 0.9)
    assert save(model, tmp_path / "zeros.npz") < 0.25 * size
    back = load(tmp_path / "zeros.npz", model)
    assert sparsity(back) == sparsity(model)
    with pytest.raises(ValueError, match="prune first, then quantize"):
        magnitude_prune(quantize_model(model), 0.5)


def test_a_layer_that_stands_in_two_places_is_counted_once() -> None:
    tt.manual_seed(2)
    shared = Linear(6, 6)
    model = Sequential(shared, tt.ReLU(), Linear(6, 6), shared, Linear(6, 4))
    assert list(weights_of(model)) == ["0.weight", "2.weight", "4.weight"]
    magnitude_prune(model, 0.5)
    assert sparsity(model) == 0.5
    assert (
        sum(np.count_nonzero(layer.weight.data) for layer in (model[0], model[2], model[4])) == 48
    )


def test_a_cut_layer_shares_nothing_and_the_random_numbers_stay() -> None:
    model = images(5)
    before = model.state_dict()
    tt.manual_seed(8)
    expected = Linear(3, 3).weight.data
    tt.manual_seed(8)
    small = structured_prune(model, 0.5)
    pair = low_rank(model[7], 2)
    assert np.array_equal(Linear(3, 3).weight.data, expected), "cutting draws no random numbers"
    for piece in (small, pair):
        for _, tensor in named_tensors(piece):
            tensor.data[...] = 7
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name]), name


def test_pruning_again_means_a_share_of_all() -> None:
    model = linears([30, 20, 10], 2)
    first = magnitude_prune(model, 0.5)
    second = magnitude_prune(model, 0.7)
    assert sparsity(model) == 0.7
    for name, mask in second.kept.items():
        assert not (mask & ~first.kept[name]).any(), "what went first must be gone still"


class Noisy(Linear):
    """A layer that computes something else than a Linear."""


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: sparsity(Sequential(tt.ReLU())), ValueError, "no weights"),
        (lambda: magnitude_prune(linears([2, 2], 0), 1.1), ValueError, "got 1.1"),
        (lambda: magnitude_prune(linears([2, 2], 0), float("nan")), ValueError, "got nan"),
        (lambda: structured_prune(linears([2, 2, 2], 0), 1.0), ValueError, "below 1, got 1.0"),
        (lambda: structured_prune(Linear(2, 2), 0.5), TypeError, "Sequential.*got Linear"),
        (lambda: structured_prune(Sequential(tt.ReLU()), 0.5), TypeError, "nothing|no units"),
        (
            lambda: structured_prune(Sequential(Linear(2, 2), tt.LayerNorm(2)), 0.5),
            TypeError,
            "not LayerNorm",
        ),
        (lambda: structured_prune(Sequential(Noisy(2, 2)), 0.5), TypeError, "can be cut, not"),
        (
            lambda: structured_prune(Sequential(Conv2d(1, 2, 3), Linear(4, 2)), 0.5),
            ValueError,
            "Flatten between",
        ),
        (lambda: low_rank(Linear(3, 5), 4), ValueError, "from 1 to 3, got 4"),
        (lambda: low_rank(Linear(3, 5), 0), ValueError, "got 0"),
        (lambda: rank_for(np.eye(2), 0), ValueError, "energy"),
        (lambda: rank_for(np.eye(2), 1.5), ValueError, "energy"),
        (lambda: KnowledgeDistillation(Linear(1, 2), temperature=0), ValueError, "temperature"),
        (lambda: KnowledgeDistillation(Linear(1, 2), alpha=1.5), ValueError, "alpha"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(call: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_a_layer_used_twice_is_not_cut() -> None:
    shared = Linear(4, 4)
    with pytest.raises(ValueError, match="used twice"):
        structured_prune(Sequential(shared, tt.ReLU(), shared, Linear(4, 2)), 0.5)


def test_teacher_and_student_must_answer_alike() -> None:
    course = KnowledgeDistillation(Linear(3, 4))
    x = np.ones((2, 3), dtype=np.float32)
    with pytest.raises(ValueError, match=r"\(2, 4\), the student in \(2, 5\)"):
        course.loss(Linear(3, 5)(x), np.zeros(2), x)


def test_without_any_label_a_student_becomes_its_teacher() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(256, 6)).astype(np.float32)
    teacher = linears([6, 12, 4], 6)
    teacher[2].weight.data *= 6
    student, wrong = linears([6, 16, 4], 7), np.zeros(256, dtype=np.int64)
    course = KnowledgeDistillation(teacher, temperature=2.0, alpha=1.0)
    optimizer = tt.Adam(student.parameters(), lr=0.02)
    for _ in range(250):
        loss = course.loss(student(x), wrong, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    agree = (student(x).data.argmax(axis=1) == teacher(x).data.argmax(axis=1)).mean()
    assert agree > 0.95
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_layer_of_ones_own_without_tensors_is_passed_over() -> None:
    class Double(Layer):
        def forward(self, x: Any) -> Any:
            return x * 2

    model = Sequential(Linear(3, 8), Double(), Linear(8, 2))
    small = structured_prune(model, 0.5)
    assert small[0].weight.shape == (4, 3)
    twin = copy.deepcopy(small)
    assert cut(twin[0], np.array([1]), np.array([0, 2])).weight.shape == (1, 2)
