"""Checkpoint 11, compression: exact zeros that stay, smaller networks that still agree.

The oracles: counting, limits between what went and what stayed, networks whose superfluous units
are silent, eigenvalues, and what a very high temperature must give.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _weights(model: Any) -> dict[str, Array]:
    """Copies of all tensors with two axes or more, by name; of tied ones the first."""
    seen: dict[int, str] = {}
    for name, tensor in model.named_parameters():
        seen.setdefault(id(tensor), name)
    return {n: a for n, a in model.state_dict().items() if a.ndim > 1 and n in seen.values()}


def _zeros(model: Any) -> int:
    return sum(int((array == 0).sum()) for array in _weights(model).values())


def _answers(model: Any, x: Array) -> Array:
    with _student().no_grad():
        return np.asarray(model(x).data)


def _convolutional(student: Any, seed: int) -> Any:
    """Two convolutions, norms and pooling between, one row inside another, two Linears."""
    student.manual_seed(seed)
    model = student.Sequential(
        student.Sequential(student.Conv2d(2, 6, 3, padding=1), student.BatchNorm2d(6)),
        student.ReLU(),
        student.MaxPool2d(2),
        student.Conv2d(6, 8, 3, padding=1, bias=False),
        student.BatchNorm2d(8),
        student.ReLU(),
        student.AvgPool2d(2),
        student.Sequential(student.Flatten(), student.Linear(48, 10), student.ReLU()),
        student.Dropout(0.3),
        student.Linear(10, 4),
    )
    rng = np.random.default_rng(seed)
    for norm in (model[0][1], model[4]):
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor.data[...] = rng.uniform(0.5, 1.5, size=tensor.shape)
    return model


def _silence(model: Any) -> None:
    """Make units silent, out of order: their weights, and all that is added behind them, are 0."""
    first, norm = model[0][0], model[0][1]
    first.weight.data[[4, 0, 2]] = 0
    first.bias.data[[4, 0, 2]] = 0
    for tensor in (norm.bias, norm.running_mean):
        tensor.data[[4, 0, 2]] = 0
    model[3].weight.data[[1, 6, 5, 2]] = 0
    for tensor in (model[4].bias, model[4].running_mean):
        tensor.data[[1, 6, 5, 2]] = 0
    hidden = model[7][1]
    for tensor in (hidden.weight, hidden.bias):
        tensor.data[[9, 0, 3, 4, 7]] = 0


def counting() -> None:
    """Zeros of all weights over all weights, tables too; biases and norms are left out."""
    student = _student()
    gpt = student.GPT(30, 8, 16, 2, 2)
    total = sum(array.size for array in _weights(gpt).values())
    zeros = 0
    for i, (_, tensor) in enumerate(gpt.named_parameters()):
        if tensor.ndim > 1:
            tensor.data.reshape(-1)[: 7 * i + 1] = 0
            zeros += 7 * i + 1
        elif i % 2:
            tensor.data[...] = 0
    got = student.sparsity(gpt)
    assert np.isclose(got, zeros / total, rtol=1e-9), (
        f"{zeros} of {total} weights are 0: expected {zeros / total:.5f}, got {got:.5f}; biases, "
        "norms and means over layers do not come into it"
    )


def exactly() -> None:
    """The right number of zeros for any share; none that went is larger than one that stayed."""
    student = _student()
    for per_layer in (False, True):
        for amount in (0.05, 0.35, 0.5, 0.925):
            for levels in (0, 3):
                model = _convolutional(student, 1)
                for _, tensor in model.named_parameters():
                    if levels and tensor.ndim > 1:
                        steps = 1 + np.arange(tensor.size) % levels
                        tensor.data[...] = np.sign(tensor.data) * steps.reshape(tensor.shape)
                before = model.state_dict()
                student.magnitude_prune(model, amount, per_layer)
                after = _weights(model)
                what = f"amount {amount}, per_layer={per_layer}"
                groups = [[name] for name in after] if per_layer else [list(after)]
                for names in groups:
                    old = np.concatenate([before[name].ravel() for name in names])
                    new = np.concatenate([after[name].ravel() for name in names])
                    gone = new == 0
                    assert gone.sum() == round(amount * old.size), (
                        f"{what}, {'equal' if levels else 'unequal'} weights: expected exactly "
                        f"{round(amount * old.size)} of {old.size} at 0, got {gone.sum()}"
                    )
                    assert np.abs(old[gone]).max() <= np.abs(old[~gone]).min(), (
                        f"{what}: a weight of size {np.abs(old[gone]).max():.4f} went while one of "
                        f"{np.abs(old[~gone]).min():.4f} stayed; the smallest go first"
                    )
                    assert np.array_equal(old[~gone], new[~gone]), (
                        f"{what}: what stays is unchanged"
                    )
                for name, array in model.state_dict().items():
                    if array.ndim < 2:
                        assert np.array_equal(array, before[name]), f"{what}: {name} is no weight"


def holding() -> None:
    """What was pruned stays at 0 through every step of Adam, and the rest learns the task."""
    student = _student()
    tune = import_module("tinytorch.perf.compression").fine_tune
    rng = np.random.default_rng(2)
    x = rng.normal(size=(256, 8)).astype(np.float32)
    labels = (x[:, 0] + np.abs(x[:, 1]) > 0.5).astype(np.int64)
    student.manual_seed(2)
    model = student.Sequential(student.Linear(8, 48), student.ReLU(), student.Linear(48, 2))
    optimizer = student.AdamW(model.parameters(), lr=0.02, weight_decay=0.01)
    trainer = student.Trainer(model, optimizer, student.CrossEntropyLoss())
    loader = student.DataLoader(
        student.TensorDataset(x, labels), batch_size=32, shuffle=True, seed=0
    )
    for _ in trainer.fit(loader, 3):
        pass
    masks = student.magnitude_prune(model, 0.75)
    start = {name: array.copy() for name, array in _weights(model).items()}
    for name, array in start.items():
        assert np.array_equal(masks.kept[name], array != 0), (
            f"{name}: the mask must be True exactly where a weight was kept"
        )
    steps = 0
    for step in tune(trainer, masks, loader, 10):
        steps += 1
        zeros = _zeros(model)
        assert zeros == 360, (
            f"after step {step.step}: expected the same 360 of 480 weights at 0, got {zeros}; an "
            "optimizer moves weights of 0 as well, so they must be set back after every step"
        )
    assert steps == 80, f"10 epochs of 8 batches: expected 80 steps, got {steps}"
    now = _weights(model)
    for name, array in start.items():
        assert np.array_equal(array == 0, now[name] == 0), f"{name}: other weights are 0 now"
        moved = np.abs(now[name] - array)[array != 0].mean()
        assert moved > 1e-3, f"{name}: the weights that were kept hardly moved, {moved:.1e}"
    right = (_answers(model, x).argmax(axis=1) == labels).mean()
    assert right > 0.8, (
        f"a quarter of the weights can learn much of this task: expected over 80 %, got {right:.0%}"
    )
    model[0].weight.data[...] = 1
    masks.apply()
    assert np.array_equal(model[0].weight.data != 0, start["0.weight"] != 0), (
        "masks.apply() must set to 0 what was pruned, and nothing else"
    )


def smaller() -> None:
    """Silent units are found and cut out: far fewer numbers, the same answers."""
    student = _student()
    model = _convolutional(student, 3)
    _silence(model)
    before = model.state_dict()
    x = np.random.default_rng(3).normal(size=(5, 2, 8, 12)).astype(np.float32)
    model.eval()
    expected = _answers(model, x)
    small = student.structured_prune(model, 0.5)
    shapes = [array.shape for array in _weights(small).values()]
    wanted = [(3, 2, 3, 3), (4, 3, 3, 3), (5, 24), (4, 5)]
    assert shapes == wanted, f"half of all hidden units: expected weights {wanted}, got {shapes}"
    for name, array in small.state_dict().items():
        if array.ndim == 1:
            width = {"0.0": 3, "0.1": 3, "4": 4, "7.1": 5, "9": 4}[name.rpartition(".")[0]]
            assert array.shape == (width,), f"{name}: expected {width} numbers, got {array.shape}"
        assert array.dtype == np.float32, f"{name}: expected float32, got {array.dtype}"
    assert not small.training, "the model was in eval mode: its copy must be, too"
    got = _answers(small, x)
    assert np.allclose(got, expected, rtol=1e-3, atol=1e-5), (
        "the units that were left out are silent, so the answers must stay; they are off by up to "
        f"{np.abs(got - expected).max():.4f}: the inputs of the next layer, the statistics of a "
        "norm, or the columns behind Flatten do not belong to the units that were kept"
    )
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name]), f"{name} of the model itself was changed"
    odd = student.Sequential(student.Linear(3, 7), student.Tanh(), student.Linear(7, 2))
    for amount, units in ((0.0, 7), (0.3, 5), (0.8, 1), (0.99, 1)):
        cut = student.structured_prune(odd, amount)
        assert cut[0].weight.shape == (units, 3), (
            f"7 units, amount {amount}: expected {units} to stay, got {cut[0].weight.shape[0]}"
        )
        assert cut.training, "the model was in training mode: its copy must be, too"


def alive() -> None:
    """The smaller copy is trained like any network, and the model does not notice."""
    student = _student()
    model = _convolutional(student, 4)
    before = model.state_dict()
    small = student.structured_prune(model, 0.2)
    names = [name for name, _ in model.named_parameters()]
    found = [name for name, _ in small.named_parameters()]
    assert found == names, f"expected the same parameters to be trained, {names}, got {found}"
    rng = np.random.default_rng(4)
    x = rng.normal(size=(16, 2, 8, 12)).astype(np.float32)
    labels = rng.integers(0, 4, size=16)
    trainer = student.Trainer(
        small, student.Adam(small.parameters(), lr=0.02), student.CrossEntropyLoss()
    )
    loader = student.DataLoader(student.TensorDataset(x, labels), batch_size=16)
    losses = [step.loss for step in trainer.fit(loader, 100)]
    first, last = losses[0], float(np.mean(losses[-10:]))
    assert last < 0.9 * first, (
        f"100 steps on the same 16 images: the loss hardly fell, from {first:.3f} to {last:.3f}"
    )
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name]), (
            f"{name} of the model changed while its copy was trained: they share memory"
        )


def thin() -> None:
    """Two Linears are as near to one as their rank allows, by the eigenvalues of W W^T."""
    student = _student()
    rank_for = import_module("tinytorch.perf.compression").rank_for
    rng = np.random.default_rng(5)
    for outputs, inputs, bias in ((12, 20, True), (20, 12, False)):
        linear = student.Linear(inputs, outputs, bias=bias)
        linear.weight.data[...] = rng.normal(size=(outputs, inputs)) * np.logspace(0, -1, inputs)
        exact = linear.weight.data.astype(np.float64)
        squares = np.maximum(np.linalg.eigvalsh(exact @ exact.T)[::-1][:12], 0)
        x = rng.normal(size=(4, 3, inputs)).astype(np.float32)
        for rank in (1, 4, 11, 12):
            pair = student.low_rank(linear, rank)
            size = sum(array.size for array in pair.state_dict().values())
            expected = rank * (inputs + outputs) + outputs * bias
            assert size == expected, f"rank {rank}: expected {expected} numbers, got {size}"
            identity = _answers(pair, np.eye(inputs, dtype=np.float32))
            offset = _answers(pair, np.zeros((1, inputs), dtype=np.float32))
            error = float(((identity - offset - exact.T) ** 2).sum())
            assert np.isclose(error, squares[rank:].sum(), rtol=1e-2, atol=1e-5), (
                f"rank {rank}: the best possible squared distance is {squares[rank:].sum():.4f}, "
                f"yours is {error:.4f}"
            )
            wanted = linear.bias.data if bias else np.zeros(outputs)
            assert np.allclose(offset, wanted, atol=1e-6), (
                f"rank {rank}: an input of 0 gives the bias"
            )
            pair(x).sum().backward()
            assert all(p.grad is not None for p in pair.parameters()), "both layers must be trained"
        for energy in (0.2, 0.5, 0.9, 0.99):
            got = rank_for(linear.weight, energy)
            share = [squares[:r].sum() / squares.sum() for r in range(len(squares) + 1)]
            assert share[got - 1] < energy <= share[got] + 1e-9, (
                f"rank_for({energy}): rank {got} holds {share[got]:.3f} of the squares, one less "
                f"{share[got - 1]:.3f}; the least rank that holds {energy} is asked for"
            )


def taught() -> None:
    """The loss against finite differences of its parts; the limit of high temperatures."""
    student = _student()
    student.manual_seed(6)
    teacher = student.Sequential(
        student.Linear(5, 40), student.ReLU(), student.Dropout(0.5), student.Linear(40, 4)
    )
    rng = np.random.default_rng(6)
    x = rng.normal(size=(7, 5)).astype(np.float32)
    labels = rng.integers(0, 4, size=7)
    v = _answers(teacher.eval(), x).astype(np.float64)
    z = rng.normal(size=(7, 4)).astype(np.float32)

    def slope(temperature: float, alpha: float) -> tuple[float, Array]:
        teacher.train()
        logits = student.Tensor(z.copy(), requires_grad=True)
        course = student.KnowledgeDistillation(teacher, temperature=temperature, alpha=alpha)
        loss = course.loss(logits, labels, x)
        assert loss.dtype == np.float32, f"expected a loss of float32, got {loss.dtype}"
        loss.backward()
        return loss.item(), logits.grad

    centred = [w - w.mean(axis=1, keepdims=True) for w in (z.astype(np.float64), v)]
    _, got = slope(200.0, 1.0)
    expected = (centred[0] - centred[1]) / (4 * 7)
    assert np.allclose(got, expected, atol=2e-3 * np.abs(expected).max() + 2e-4), (
        "at a very high temperature the gradient becomes (student - teacher) / (classes * "
        f"examples), both centred, {np.abs(expected).max():.4f} at most; got "
        f"{np.abs(got).max():.6f}: is the soft part multiplied by T^2, the teacher in eval mode?"
    )
    powers = np.exp(z.astype(np.float64))
    hard = powers / powers.sum(axis=1, keepdims=True) - np.eye(4)[labels]
    loss, got = slope(3.0, 0.0)
    assert np.allclose(got, hard / 7, atol=1e-5), (
        "alpha = 0: only the targets count, as in cross-entropy without any temperature"
    )
    half, _ = slope(3.0, 0.5)
    whole, _ = slope(3.0, 1.0)
    assert np.isclose(half, (loss + whole) / 2, rtol=1e-4), (
        f"alpha = 0.5 lies half-way between {loss:.4f} (targets) and {whole:.4f} (teacher), "
        f"got {half:.4f}"
    )
    tilted, _ = slope(3.0, 0.9)
    assert np.isclose(tilted, 0.1 * loss + 0.9 * whole, rtol=1e-4), (
        "alpha = 0.9 is the teacher's share: expected "
        f"{0.1 * loss + 0.9 * whole:.4f}, got {tilted:.4f}"
    )
    assert all(parameter.grad is None for parameter in teacher.parameters()), (
        "the teacher has gradients: its answers must not be recorded"
    )
    same = student.Tensor(v.astype(np.float32), requires_grad=True)
    student.KnowledgeDistillation(teacher, 2.0, 1.0).loss(same, labels, x).backward()
    assert np.abs(same.grad).max() < 1e-4, (
        "a student that answers as its teacher has nothing more to learn from it: its gradient is 0"
    )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-11.counting": ("zeros are counted over all weights", counting),
    "checkpoint-11.exactly": ("exactly the share that was asked for, the smallest", exactly),
    "checkpoint-11.holding": ("zeros hold while the rest learns", holding),
    "checkpoint-11.smaller": ("silent units are cut out and not missed", smaller),
    "checkpoint-11.alive": ("a smaller copy is trained like any network", alive),
    "checkpoint-11.thin": ("two thin layers are as near as their rank allows", thin),
    "checkpoint-11.taught": ("a student follows its teacher and the targets", taught),
}
