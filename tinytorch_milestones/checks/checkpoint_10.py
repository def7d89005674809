"""Checkpoint 10, complete training: the exported `tinytorch/core/training.py` from outside.

Only the public package is used. The oracles are a softmax regression written out in float64, the
schedules as PyTorch computes them (phase by phase, and from one rate to the next), examples
measured one by one, and a run that was never stopped.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch_milestones.checks import training_kit as kit
from tinytorch_milestones.checks.training_kit import Array


def _student() -> Any:
    return import_module("tinytorch")


def takes_every_step() -> None:
    """Momentum, a falling rate and clipping, for three epochs: the same as the arithmetic."""
    student = _student()
    rng = np.random.default_rng(1001)
    x, y = kit.normal(rng, 11, 4) * 3, rng.integers(0, 3, size=11)
    student.manual_seed(5)
    model = student.Linear(4, 3)
    w, b = model.weight.data.astype(np.float64), model.bias.data.astype(np.float64)
    optimizer = student.SGD(model.parameters(), lr=0.4, momentum=0.5)
    schedule = student.CosineSchedule(optimizer, total_steps=9, min_lr=0.04)
    trainer = student.Trainer(model, optimizer, student.CrossEntropyLoss(), schedule, 0.8)
    loader = student.DataLoader(student.TensorDataset(x, y), batch_size=4)
    rate, clipped = 0.4, 0
    velocity = [np.zeros((3, 4)), np.zeros(3)]
    steps = trainer.fit(loader, epochs=3)
    for number in range(9):
        part = slice(number % 3 * 4, number % 3 * 4 + 4)
        loss, *slopes = kit.regression(w, b, x[part], y[part])
        norm = math.sqrt(sum(float((slope**2).sum()) for slope in slopes))
        clipped += norm > 0.8
        for i, slope in enumerate(slopes):
            velocity[i] = velocity[i] * 0.5 + slope * min(1.0, 0.8 / norm)
        w, b = w - rate * velocity[0], b - rate * velocity[1]
        got = next(steps)
        here = f"step {number + 1} of 9"
        for name, value, expected in (
            ("loss", got.loss, loss),
            ("rate", got.lr, rate),
            ("norm of the gradients before clipping", got.grad_norm, norm),
            ("number of examples", got.samples, len(y[part])),
            ("epoch", got.epoch, number // 3 + 1),
        ):
            assert value is not None, f"{here}: expected {expected:.5f} as the {name}, got None"
            assert abs(value - expected) < 1e-3 * max(1, abs(expected)), (
                f"{here}: expected {expected:.5f} as the {name}, got {value:.5f}"
            )
        assert np.allclose(model.weight.data, w, atol=1e-3), (
            f"{here}: expected the weights {w[0].round(4)}, got {model.weight.data[0].round(4)}: "
            "clear, forward, backward, clip, update, schedule, in this order, once each"
        )
        # from one rate to the next, as PyTorch's CosineAnnealingLR does it
        rise = 1 + math.cos(math.pi * (number + 1) / 9)
        rate = 0.04 + (rate - 0.04) * rise / (1 + math.cos(math.pi * number / 9))
    assert 0 < clipped < 9, "the test itself is wrong: some steps should be clipped, some not"
    assert next(steps, None) is None, "after 3 epochs of 3 batches there must be no step 10"
    assert model.weight.dtype == np.float32, f"expected float32, got {model.weight.dtype}"
    pair = kit.difference(student)
    parts = [np.array([[value]], dtype=np.float32) for value in (5.0, 3.0, 1.0)]
    pairs = student.DataLoader(student.TensorDataset(*parts), batch_size=1)
    optimizer = student.SGD(pair.parameters(), lr=0.1)
    trainer = student.Trainer(pair, optimizer, student.MSELoss())
    list(trainer.fit(pairs, epochs=1))
    assert abs(pair.scale.data[0] - 0.6) < 1e-5, (
        f"three parts are two inputs and the targets: expected 1 - 0.1 * 4, got {pair.scale}"
    )


def is_driven_by_its_reader() -> None:
    """`fit` trains as far as it is read; what cannot work is refused, and nan is no step."""
    student = _student()
    rng = np.random.default_rng(1002)
    x, y = kit.normal(rng, 12, 3), kit.normal(rng, 12, 2)
    student.manual_seed(6)
    model = student.Linear(3, 2)
    trainer = student.Trainer(model, student.SGD(model.parameters(), lr=0.01), student.MSELoss())
    whole = student.DataLoader(student.TensorDataset(x, y), batch_size=5)

    def weights() -> Array:
        copied: Array = model.weight.data.copy()
        return copied

    steps, previous = trainer.fit(whole, epochs=4), weights()
    assert np.array_equal(weights(), previous), "fit trained before anyone asked for a step"
    for number in range(1, 8):
        step = next(steps)
        assert (step.step, step.steps) == (number, 12), (
            f"4 epochs of 3 batches: expected step {number} of 12, got {step.step} of {step.steps}"
        )
        assert model.weight.grad is not None, (
            "while a step is looked at, its gradients must still be in the parameters"
        )
        moved = previous - 0.01 * model.weight.grad
        assert np.allclose(weights(), moved, atol=1e-5), (
            f"step {number}: expected the weights to have moved by its own gradient, once, when "
            "it is handed out"
        )
        previous = weights()
    steps.close()
    assert np.array_equal(weights(), previous), "nobody read on, but training went on"
    assert list(trainer.fit(whole, epochs=0)) == [], "zero epochs must be no steps"
    assert np.array_equal(weights(), previous), "zero epochs must change nothing"
    empty = student.DataLoader(student.TensorDataset(x[:3], y[:3]), batch_size=5, drop_last=True)
    refused = False
    try:
        list(trainer.fit(empty, epochs=1))
    except ValueError:
        refused = True
    assert refused, "a loader without batches: expected a ValueError that says so"
    x[7] = np.nan
    taken: list[Any] = []
    said = ""
    try:
        with np.errstate(all="ignore"):
            for step in trainer.fit(whole, epochs=1):
                taken.append(step)
                previous = weights()
    except FloatingPointError as error:
        said = str(error)
    assert said, "a loss that is not a number: expected a FloatingPointError"
    assert len(taken) == 1, f"the second batch holds a nan: expected 1 step, got {len(taken)}"
    assert np.array_equal(weights(), previous), "the step with the nan must not change weights"


def keeps_to_the_modes() -> None:
    """Training in train mode and recorded; measuring in eval mode, not recorded, put back."""
    student = _student()
    rng = np.random.default_rng(1003)
    data = student.TensorDataset(kit.normal(rng, 9, 4), rng.integers(0, 2, size=9))
    loader = student.DataLoader(data, batch_size=4)
    spy = kit.spy(student)
    model = student.Sequential(student.Linear(4, 2), student.Sequential(spy))
    optimizer = student.SGD(model.parameters(), lr=0.1)
    trainer = student.Trainer(model, optimizer, student.CrossEntropyLoss())
    model.eval()
    for step in trainer.fit(loader, epochs=2):
        assert spy.seen[-1] == (True, True), (
            f"step {step.step}: expected train mode, recorded, got (training, recorded) = "
            f"{spy.seen[-1]}: dropout would be off"
        )
        if step.step == 3:
            model.eval()  # the second epoch must switch back
        if step.step != 5:
            continue
        held = model[0].weight.grad
        spy.seen.clear()
        trainer.evaluate(loader)
        assert set(spy.seen) == {(False, False)}, (
            f"evaluate: expected eval mode and nothing recorded, got (training, recorded) = "
            f"{sorted(set(spy.seen))}"
        )
        assert (model.training, spy.training) == (True, True), (
            "evaluate in the middle of an epoch must put train mode back, inside too"
        )
        assert model[0].weight.grad is held, "evaluate must leave the gradients alone"
    spy.seen.clear()
    spy.fails_at = 2
    raised = False
    try:
        trainer.evaluate(loader)
    except OSError:
        raised = True
    assert raised, "an error while measuring must reach the caller"
    assert spy.training is True, "after an error, evaluate must put train mode back"
    model(student.Tensor(np.zeros((1, 4), np.float32)))
    assert spy.seen[-1][1] is True, "after an error, recording must be on again"
    model.eval()
    trainer.evaluate(loader)
    assert model.training is False, "a model that came in eval mode must stay in it"


def measures_every_example() -> None:
    """Loss and accuracy are means over examples, whatever the batch size, for tokens too."""
    student = _student()
    rng = np.random.default_rng(1004)
    student.manual_seed(7)
    model = student.Sequential(student.Linear(6, 5), student.Dropout(0.6))
    loss_fn = student.CrossEntropyLoss()
    trainer = student.Trainer(model, student.SGD(model.parameters(), lr=0.1), loss_fn)
    w, b = model[0].weight.data.astype(np.float64), model[0].bias.data.astype(np.float64)
    for shape in ((23,), (7, 4)):
        x, y = kit.normal(rng, *shape, 6) * 4, rng.integers(0, 5, size=shape)
        losses, hits = [], 0
        for place in np.ndindex(*shape):
            loss, _, _ = kit.regression(w, b, x[place][None], y[place][None])
            losses.append(loss)
            scores = [float(row @ x[place] + one) for row, one in zip(w, b, strict=True)]
            hits += scores.index(max(scores)) == y[place]
        for size in (1, 3, 5, 100):
            loader = student.DataLoader(student.TensorDataset(x, y), batch_size=size)
            found = trainer.evaluate(loader)
            assert abs(found["loss"] - np.mean(losses)) < 1e-3, (
                f"targets {shape} in batches of {size}: expected the mean loss of all, "
                f"{np.mean(losses):.4f}, got {found['loss']:.4f}: a small last batch must not "
                "count as much as a full one, and dropout must be off"
            )
            assert abs(found["accuracy"] - hits / y.size) < 1e-6, (
                f"targets {shape} in batches of {size}: expected {hits} of {y.size} right, "
                f"{hits / y.size:.4f}, got {found['accuracy']:.4f}"
            )
    nothing = student.TensorDataset(np.zeros((0, 6), np.float32), np.zeros(0, np.int64))
    refused = False
    try:
        trainer.evaluate(student.DataLoader(nothing, batch_size=4))
    except ValueError:
        refused = True
    assert refused, "measuring with no examples: expected a ValueError that says so"


def changes_the_rate_like_pytorch() -> None:
    """Both schedules, driven step by step, for several shapes."""
    student = _student()
    rng = np.random.default_rng(1005)
    for total in (4, 10, 37, 200):
        top = float(10 ** rng.uniform(-3, 0))
        options = {
            "pct_start": float(rng.uniform(0.3, 0.7)),
            "div_factor": float(rng.uniform(2, 30)),
            "final_div_factor": float(rng.uniform(10, 1e4)),
        }
        optimizer = student.SGD([student.Tensor([1.0], requires_grad=True)], lr=77.0)
        schedule = student.OneCycle(optimizer, max_lr=top, total_steps=total, **options)
        for number in range(total):
            expected = kit.torch_one_cycle(number, top, total, options)
            assert abs(optimizer.lr - expected) < 1e-6 * top, (
                f"OneCycle, {total} steps to a top of {top:.4g}: PyTorch's rate of step {number} "
                f"is {expected:.6g}, got {optimizer.lr:.6g}"
            )
            assert abs(schedule.lr_at(number) - optimizer.lr) < 1e-9, (
                f"lr_at({number}) and the rate after {number} steps must be the same number"
            )
            schedule.step()
        low = top / 20
        optimizer = student.SGD([student.Tensor([1.0], requires_grad=True)], lr=top)
        cosine = student.CosineSchedule(optimizer, total_steps=total, min_lr=low)
        rates = []
        for _ in range(total + 3):
            rates.append(optimizer.lr)
            cosine.step()
        assert abs(rates[0] - top) < 1e-9, f"CosineSchedule begins at {top}, got {rates[0]}"
        for number in range(total + 1):
            middle = rates[number] + rates[total - number]
            assert abs(middle - top - low) < 1e-6 * top, (
                f"half a cosine is symmetric: the rates of steps {number} and {total - number} "
                f"must add up to {top + low:.6g}, got {middle:.6g}"
            )
        quarter = low + (top - low) * (0.5 + math.sqrt(0.125))
        assert total % 4 or abs(rates[total // 4] - quarter) < 1e-6 * top, (
            f"a quarter of the way: expected {quarter:.6g}, got {rates[total // 4]:.6g}"
        )
        assert np.allclose(rates[total:], low, rtol=0, atol=1e-6 * top), (
            f"after the last step the rate stays at {low:.6g}, got {rates[total:]}"
        )


def clips_all_together() -> None:
    """The joint norm, one factor, only downwards; arrays that others hold stay as they are."""
    student = _student()
    rng = np.random.default_rng(1006)
    for limit in (0.3, 2.0, 50.0):
        parameters = [
            student.Tensor(kit.normal(rng, *s), requires_grad=True) for s in ((4, 3), (7,))
        ]
        frozen = student.Tensor(kit.normal(rng, 2), requires_grad=True)
        gradients = [kit.normal(rng, *p.shape) * 2 for p in parameters]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        copies = [gradient.copy() for gradient in gradients]
        joint = math.sqrt(sum(float(v) ** 2 for g in gradients for v in g.ravel()))
        got = student.clip_grad_norm((p for p in [frozen, *parameters]), limit)
        assert abs(got - joint) < 1e-3, f"expected the joint norm before, {joint:.4f}, got {got}"
        factor = min(1.0, limit / joint)
        for parameter, gradient, copy in zip(parameters, gradients, copies, strict=True):
            assert np.allclose(parameter.grad, copy * factor, rtol=1e-4, atol=1e-6), (
                f"joint norm {joint:.3f}, limit {limit}: expected every gradient times "
                f"{factor:.4f}, got times {np.mean(parameter.grad / copy):.4f}"
            )
            assert np.array_equal(gradient, copy), "a gradient array was changed in place"
            assert parameter.grad.dtype == np.float32, f"got {parameter.grad.dtype} gradients"
        assert frozen.grad is None, "a parameter without a gradient must stay without"


def goes_on_as_if_never_stopped() -> None:
    """Two epochs, a file, a fresh trainer, two more: bit for bit those of four epochs."""
    student = _student()
    loader = kit.Loader(student, kit.batches(1007))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        first = kit.trainer(student, seed=1)
        expected = []
        for step in first.fit(loader, epochs=4):
            if step.step == 6:
                first.save_checkpoint(path)
            elif step.step > 6:
                expected.append(step)
        for words in ("in a fresh trainer", "once more, in a trainer that has trained"):
            second = kit.trainer(student, seed=2)
            if words.startswith("once"):
                list(second.fit(loader, epochs=1))
            second.load_checkpoint(str(path))
            done = second.epochs_done
            assert done == 2, f"saved as epoch 2 ended: expected epochs_done to be 2, got {done}"
            got = list(second.fit(loader, epochs=2))
            for name, lesson in (
                ("lr", "the schedule must go on where it was"),
                ("loss", "weights, dropout's random numbers, Adam's averages and step count"),
            ):
                pair = [[getattr(step, name) for step in steps] for steps in (expected, got)]
                assert pair[0] == pair[1], (
                    f"going on {words}: expected {name} {np.round(pair[0], 5)} as in the run that "
                    f"was not stopped, got {np.round(pair[1], 5)}: {lesson}"
                )
            for (name, one), (_, other) in zip(
                first.model.named_parameters(), second.model.named_parameters(), strict=True
            ):
                assert np.array_equal(one.data, other.data), f"{name} differs in the end"
                assert other.dtype == np.float32, f"{name}: expected float32, got {other.dtype}"
        other_network = kit.trainer(student, seed=3, hidden=7)
        other_optimizer = kit.trainer(student, seed=3, kind="SGD")
        for name, wrong in (("network", other_network), ("optimizer", other_optimizer)):
            list(wrong.fit(loader, epochs=1))
            before, refused = kit.account(wrong), False
            try:
                wrong.load_checkpoint(path)
            except ValueError:
                refused = True
            assert refused, f"a checkpoint made with another {name}: expected a ValueError"
            assert kit.account(wrong) == before, (
                f"a checkpoint made with another {name} was refused, but part of it was loaded"
            )


def never_loses_a_checkpoint() -> None:
    """A save is one move: old or new, never half; no pickles; nothing left lying about."""
    student = _student()
    loader = kit.Loader(student, kit.batches(1008))
    trainer = kit.trainer(student, seed=4)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "best.of.all"
        trainer.save_checkpoint(path)
        files = os.listdir(folder)
        assert files == ["best.of.all"], f"expected one file, with exactly this name, got {files}"
        with np.load(path, allow_pickle=False) as arrays:
            held = sum(arrays[name].size for name in arrays.files)
            assert held > 50, f"expected an .npz file with the weights, it holds {held} numbers"
        old = path.read_bytes()
        second_name = Path(folder) / "held"
        os.link(path, second_name)  # the old file under a second name, as a reader holds it
        list(trainer.fit(loader, epochs=1))
        trainer.save_checkpoint(path)
        assert second_name.read_bytes() == old, (
            "the good file was opened and overwritten: whoever reads it now, or when the power "
            "fails, has half of a checkpoint; write another file and os.replace it into place"
        )
        assert path.read_bytes() != old, "after training on, the file must hold other numbers"
        second_name.unlink()
        good = path.read_bytes()
        list(trainer.fit(loader, epochs=1))
        heard = kit.with_a_full_disk(lambda: trainer.save_checkpoint(path))
        assert heard, "when the disk is full, the caller must get the OSError"
        assert path.read_bytes() == good, "a save that failed destroyed the checkpoint before it"
        files = os.listdir(folder)
        assert files == ["best.of.all"], f"a save that failed left something behind: {files}"
        path.write_bytes(good[: len(good) // 2])
        before, refused = kit.account(trainer), False
        try:
            trainer.load_checkpoint(path)
        except ValueError:
            refused = True
        assert refused, "half of a checkpoint file: expected a ValueError"
        assert kit.account(trainer) == before, "a damaged file left the trainer changed"


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-10.steps": ("Takes every step", takes_every_step),
    "checkpoint-10.reader": ("Is driven by its reader", is_driven_by_its_reader),
    "checkpoint-10.modes": ("Keeps to the modes", keeps_to_the_modes),
    "checkpoint-10.measures": ("Measures every example", measures_every_example),
    "checkpoint-10.rates": ("Changes the rate like PyTorch", changes_the_rate_like_pytorch),
    "checkpoint-10.clips": ("Clips all gradients together", clips_all_together),
    "checkpoint-10.resumes": ("Goes on as if never stopped", goes_on_as_if_never_stopped),
    "checkpoint-10.file": ("Never loses a checkpoint", never_loses_a_checkpoint),
}
