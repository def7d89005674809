"""Three steps of `Trainer`, beside the same steps written out with the student's own parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.clouds import Array, array_of

if TYPE_CHECKING:
    from tinytorch_milestones.training.mechanism import Mechanism

_RATE = 0.2
_EPOCHS = 2
_CLIP = 0.05  # far below the norms of these gradients


def rehearse(judge: Mechanism) -> str:
    """What is wrong with `Trainer`, "" if nothing is; differences go to `agree.training`.

    The five lines (zero_grad, forward, backward, step, and the schedule's rate) run on a second
    model with the same weights and must end in the same place; a layer in the middle of the
    first one notes in which mode it is called.
    """
    fw, design = judge._fw, judge.design
    clip = {"grad_clip_norm": _CLIP} if design.clip else {}
    spy_class = _spy(fw)
    model, tensors, _ = judge.model()
    twin, twins, _ = judge.model()
    for one, other in zip(tensors, twins, strict=True):
        other.data[...] = one.data
    start = [np.array(tensor.data) for tensor in tensors]
    spy = spy_class()
    model = fw.Sequential(model, spy)
    inputs, targets = judge.batch(10)
    batches = [(inputs[i : i + 4], targets[i : i + 4]) for i in (0, 4, 8)]
    loss_fn = design.build_loss(fw)
    optimizer = design.build_optimizer(fw, model.parameters(), _RATE)
    steps = _EPOCHS * len(batches)
    schedule = design.build_schedule(fw, optimizer, _RATE, steps)
    trainer = fw.Trainer(model, optimizer, loss_fn, scheduler=schedule, **clip)
    loader = _Batches(fw, batches)
    model.eval()  # as a model may have been left
    reports: list[float] = []
    for report in trainer.fit(loader, epochs=_EPOCHS):
        reports.append(float(report.loss))
        if any(tensor.grad is None for tensor in tensors):
            return "Trainer.fit has thrown the gradients away when it yields"
        if design.clip:
            norm = np.array(_norm(tensors))
            judge.near("agree.training", "the norm of clipped gradients", norm, np.array(_CLIP))
        if len(reports) == 1:
            problem = _evaluate(judge, trainer, loader, model, tensors, spy)
            if problem:
                return problem
            del spy.modes[1:]
        if len(reports) > steps:
            return "Trainer.fit goes on after its last epoch"
    if len(reports) != steps:
        return f"Trainer.fit made {len(reports)} steps, {steps} batches were to be used"
    if not all(spy.modes):
        return "Trainer.fit trains in eval mode: dropout would be off"
    expected = _five_lines(judge, twin, twins, batches, steps)
    for number, (got, right) in enumerate(zip(reports, expected, strict=True), start=1):
        judge.near("agree.training", f"the loss of step {number}", np.array(got), np.array(right))
    for tensor, other, before in zip(tensors, twins, start, strict=True):
        judge.near(
            "agree.training",
            f"a parameter after {steps} steps of Trainer",
            array_of(tensor) - before,
            array_of(other) - before,
        )
    return ""


def _five_lines(
    judge: Mechanism, model: Any, tensors: list[Any], batches: list[Any], steps: int
) -> list[float]:
    fw, design = judge._fw, judge.design
    loss_fn = design.build_loss(fw)
    optimizer = design.build_optimizer(fw, tensors, _RATE)
    losses = []
    for number in range(steps):
        inputs, targets = batches[number % len(batches)]
        if design.schedule:
            optimizer.lr = design.rate(_RATE, number, steps)
        for tensor in tensors:
            tensor.grad = None
        loss = loss_fn(model(fw.Tensor(inputs)), fw.Tensor(targets))
        loss.backward()
        if design.clip:
            scale = np.float32(min(1.0, _CLIP / _norm(tensors)))
            for tensor in tensors:
                tensor.grad = tensor.grad * scale
        optimizer.step()
        losses.append(float(array_of(loss)))
    return losses


def _norm(tensors: list[Any]) -> float:
    """The joint norm of all gradients."""
    return float(np.sqrt(sum(np.square(array_of(t.grad), dtype=np.float64).sum() for t in tensors)))


def _evaluate(
    judge: Mechanism, trainer: Any, loader: Any, model: Any, tensors: list[Any], spy: Any
) -> str:
    before = [np.array(tensor.data) for tensor in tensors]
    design = judge.design
    network = oracle.Network(design.activation, design.loss, before, design.label_smoothing)
    pairs = loader.batches
    outputs = np.concatenate([network.forward(x) for x, _ in pairs])
    truths = np.concatenate([y for _, y in pairs])
    seen = len(spy.modes)
    found = trainer.evaluate(loader)
    if any(spy.modes[seen:]):
        return "Trainer.evaluate leaves the model in training mode: dropout would be on"
    if len(spy.modes) == seen:
        return "Trainer.evaluate does not ask the model"
    if any(spy.recorded[seen:]):
        return "Trainer.evaluate records a graph: it needs no_grad"
    if any(not np.array_equal(a, array_of(t)) for a, t in zip(before, tensors, strict=True)):
        return "Trainer.evaluate changes the parameters"
    if not model.training:
        return "Trainer.evaluate leaves the model in eval mode in the middle of training"
    right = design.loss_of(outputs, truths)
    judge.near("agree.training", "evaluate's loss", np.array(float(found["loss"])), np.array(right))
    if not judge.design.binary:
        share = np.array(np.mean(outputs.argmax(axis=1) == truths))
        accuracy = np.array(float(found["accuracy"]))
        judge.near("agree.training", "evaluate's accuracy", accuracy, share)
    return ""


class _Batches:
    """Stands in for a loader, so that `Trainer` is asked without `DataLoader`."""

    def __init__(self, fw: Any, batches: list[tuple[Array, Array]]) -> None:
        self._fw = fw
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batch in self.batches:
            yield tuple(map(self._fw.Tensor, batch))


def _spy(fw: Any) -> Any:
    class Spy(fw.Layer):  # type: ignore[misc]
        """Passes its input on and notes in which mode it was called."""

        def __init__(self) -> None:
            self.modes: list[bool] = []
            self.recorded: list[bool] = []

        def forward(self, x: Any) -> Any:
            self.modes.append(bool(self.training))
            self.recorded.append(bool(x.requires_grad))
            return x

    return Spy
