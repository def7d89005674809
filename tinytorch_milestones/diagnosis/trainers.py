"""Claims about module 08: schedules, clipping, and `Trainer` against the lines it stands for."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import NONZERO, Array, Source, numbers
from tinytorch_milestones.diagnosis.trial import Trial, literal

_PART = ("Linear", "MSELoss", "SGD", "Tensor", "Trainer")


def _cosine(source: Source) -> Iterator[Trial]:
    steps, lowest = source.pick((2, 4, 5)), source.pick((0.0, 0.5))
    right = [lowest + (2 - lowest) * (1 + math.cos(math.pi * i / steps)) / 2 for i in range(steps)]
    yield Trial(
        says=f"`CosineSchedule(optimizer, {steps}, min_lr={lowest})` from lr=2.0, the rates:",
        lines=(
            "optimizer, rates = SGD([Tensor([1.0], requires_grad=True)], lr=2.0), []",
            f"schedule = CosineSchedule(optimizer, {steps}, min_lr={lowest})",
            f"for _ in range({steps}):",
            "    rates.append(optimizer.lr)",
            "    schedule.step()",
        ),
        shown="np.array(rates)",
        right=np.array(right),
        names=("CosineSchedule", "SGD", "Tensor"),
    )


def _one_cycle(source: Source) -> Iterator[Trial]:
    steps = source.pick((10, 20))
    peak, last, low = 0.3 * steps - 1, steps - 1, 1 / 25.0

    def rate(i: int) -> float:
        start, end, way = (low, 1.0, i / peak) if i <= peak else (
            1.0, low / 1e4, (i - peak) / (last - peak))  # fmt: skip
        return end + (start - end) * (1 + math.cos(math.pi * way)) / 2

    yield Trial(
        says=f"`OneCycle(optimizer, max_lr=1.0, total_steps={steps})`, the rates:",
        lines=(
            "optimizer, rates = SGD([Tensor([1.0], requires_grad=True)], lr=0.1), []",
            f"schedule = OneCycle(optimizer, max_lr=1.0, total_steps={steps})",
            f"for _ in range({steps}):",
            "    rates.append(optimizer.lr)",
            "    schedule.step()",
        ),
        shown="np.array(rates)",
        right=np.array([rate(i) for i in range(steps)]),
        names=("OneCycle", "SGD", "Tensor"),
    )


def _clip(source: Source) -> Iterator[Trial]:
    """All gradients are shortened by one factor, and never made longer."""
    g, h = source.pick((3.0, 0.0, 30.0)), source.pick((4.0, 0.0, -40.0))
    limit = source.pick((1.0, 100.0))
    lines = (
        "p, q = Tensor([1.0], requires_grad=True), Tensor([2.0], requires_grad=True)",
        f"p.grad, q.grad = np.array([{g}], np.float32), np.array([{h}], np.float32)",
        f"norm = clip_grad_norm([p, q], {limit})",
    )
    norm = math.hypot(g, h)
    scale = min(1.0, limit / norm) if norm else 1.0
    says = f"`clip_grad_norm` of the gradients [{g:g}] and [{h:g}] to {limit:g}:"
    names = ("Tensor", "clip_grad_norm")
    for shown, right in (
        ("norm", np.float64(norm)),
        ("p.grad", np.array([g * scale])),
        ("q.grad", np.array([h * scale])),
    ):
        yield Trial(
            says=says, lines=lines, shown=shown, right=right, names=names, label=shown,
            dtype="" if shown == "norm" else "float32", tolerance=1e-3,
        )  # fmt: skip


def _model(weight: Array) -> tuple[str, ...]:
    return (
        f"model = Linear({len(weight)}, 1, bias=False)",
        f"model.weight.data[...] = {literal(weight[None])}",
    )


def _fit(source: Source) -> Iterator[Trial]:
    """Some steps of least squares; the weights, losses and reports that must come of it."""
    features, examples = source.pick((1, 2)), source.pick((1, 2))
    batches, epochs = source.pick((1, 2)), source.pick((1, 2))
    weight = numbers(source, (features,), NONZERO)
    data = [
        (numbers(source, (examples, features), NONZERO), numbers(source, (examples, 1)))
        for _ in range(batches)
    ]
    clip = source.pick((None, 1.0))
    value, losses, norms, rate = weight.copy(), [], [], 0.125
    for _ in range(epochs):
        for x, y in data:
            error = x @ value - y[:, 0]
            losses.append(float(np.mean(error**2)))
            gradient = 2 * x.T @ error / examples
            norms.append(float(np.linalg.norm(gradient)))
            if clip is not None and norms[-1] > clip:
                gradient = gradient * clip / norms[-1]
            value = value - rate * gradient
    given = ", ".join(f"(Tensor({literal(x)}), Tensor({literal(y)}))" for x, y in data)
    clipped = "" if clip is None else f", grad_clip_norm={clip}"
    lines = (
        *_model(weight),
        f"loader = [{given}]",
        f"trainer = Trainer(model, SGD(model.parameters(), lr={rate}), MSELoss(){clipped})",
        f"steps = list(trainer.fit(loader, epochs={epochs}))",
    )
    says = (
        f"`Trainer.fit` on {batches} batch{'es' * (batches > 1)} of {examples} for {epochs} "
        f"epoch{'s' * (epochs > 1)}:"
    )
    count = batches * epochs
    for shown, label, right in (
        ("len(steps)", "number of steps", count),
        ("np.array([s.loss for s in steps])", "losses", np.array(losses)),
        ("model.weight.data", "weight", value[None]),
        ("[s.step for s in steps]", "step numbers", list(range(1, count + 1))),
        ("[s.samples for s in steps]", "samples", [examples] * count),
    ):
        yield Trial(
            says=says, lines=lines, shown=shown, right=right, names=_PART, label=label,
            tolerance=1e-3,
        )  # fmt: skip
    if clip is not None:
        yield Trial(
            says=says, lines=lines, shown="np.array([s.grad_norm for s in steps])",
            right=np.array(norms), names=_PART, label="norms", tolerance=1e-3,
        )  # fmt: skip


def _seen(source: Source) -> Iterator[Trial]:
    """What a layer in the middle sees: training on in fit, off and unrecorded in evaluate."""
    names = ("Layer", "MSELoss", "SGD", "Sequential", "Tensor", "Trainer", "Linear")
    lines = (
        "class Spy(Layer):",
        "    def forward(self, x):",
        "        seen.append((self.training, x.requires_grad))",
        "        return x",
        "seen, model = [], Sequential(Linear(1, 1), Spy())",
        "trainer = Trainer(model, SGD(model.parameters(), lr=0.1), MSELoss())",
        "loader = [(Tensor([[1.0]]), Tensor([[2.0]]))]",
    )
    for says, fault, run, shown, right in (
        (
            "`Trainer.fit`",
            "does not put the model into training mode",
            "model.eval(); list(trainer.fit(loader, 1))",
            "[mode for mode, _ in seen]",
            [True],
        ),
        (
            "`Trainer.evaluate`",
            "does not put the model into eval mode",
            "trainer.evaluate(loader)",
            "[mode for mode, _ in seen]",
            [False],
        ),
        (
            "`Trainer.evaluate`",
            "records what is computed",
            "trainer.evaluate(loader)",
            "[recorded for _, recorded in seen]",
            [False],
        ),
        (
            "`Trainer.evaluate`",
            "does not put the model back into training mode",
            "model.train(); trainer.evaluate(loader)",
            "model.training",
            True,
        ),
        (
            "`Trainer.fit`",
            "has thrown the gradients away when it yields",
            "fit = trainer.fit(loader, 1)",
            "[model[0].weight.grad is not None for _ in fit]",
            [True],
        ),
    ):
        yield Trial(
            says=says, fault=fault, lines=(*lines, run), shown=shown, right=right, names=names
        )


def _evaluate(source: Source) -> Iterator[Trial]:
    """Means over examples, not over batches: the last batch is shorter."""
    weight = numbers(source, (1,), NONZERO)
    x, y = numbers(source, (3, 1), NONZERO), numbers(source, (3, 1))
    right = float(np.mean((x @ weight - y[:, 0]) ** 2))
    parts = ", ".join(
        f"(Tensor({literal(x[part])}), Tensor({literal(y[part])}))"
        for part in (slice(0, 2), slice(2, 3))
    )
    lines = (
        *_model(weight),
        "trainer = Trainer(model, SGD(model.parameters(), lr=0.1), MSELoss())",
        f"found = trainer.evaluate([{parts}])",
    )
    yield Trial(
        says="`Trainer.evaluate` on a batch of 2 and a batch of 1:",
        lines=lines,
        shown='found["loss"]',
        right=np.float64(right),
        names=_PART,
        label="loss",
        tolerance=1e-3,
    )
    lines = (
        "logits = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]",
        "layer = Linear(2, 2, bias=False)",
        "layer.weight.data[...] = [[1.0, 0.0], [0.0, 1.0]]",
        "trainer = Trainer(layer, SGD(layer.parameters(), lr=0.1), CrossEntropyLoss())",
        "loader = [(Tensor(logits[:2]), Tensor([0, 0])), (Tensor(logits[2:]), Tensor([0]))]",
    )
    yield Trial(
        says="`Trainer.evaluate`, two of three right:",
        lines=lines,
        shown='trainer.evaluate(loader)["accuracy"]',
        right=np.float64(2 / 3),
        names=("CrossEntropyLoss", "Linear", "SGD", "Tensor", "Trainer"),
        label="accuracy",
    )


def _scheduled(source: Source) -> Iterator[Trial]:
    lines = (
        *_model(np.array([1.0])),
        "optimizer = SGD(model.parameters(), lr=2.0)",
        "trainer = Trainer(model, optimizer, MSELoss(), scheduler=CosineSchedule(optimizer, 2))",
        "loader = [(Tensor([[0.0]]), Tensor([[1.0]]))]",
        "rates = [(step.lr, optimizer.lr) for step in trainer.fit(loader, epochs=2)]",
    )
    for place, what, right in ((0, "each step was taken with", [2.0, 1.0]),
                               (1, "the next step will have", [1.0, 0.0])):  # fmt: skip
        yield Trial(
            says=f"`Trainer` with a `CosineSchedule` of two steps, the rates that {what}:",
            lines=lines,
            shown=f"np.array([pair[{place}] for pair in rates])",
            right=np.array(right),
            names=("CosineSchedule", *_PART),
        )


def _checkpoint(source: Source) -> Iterator[Trial]:
    lines = (
        "import os, tempfile",
        *_model(np.array([1.0])),
        "trainer = Trainer(model, SGD(model.parameters(), lr=0.1, momentum=0.5), MSELoss())",
        "loader = [(Tensor([[1.0]]), Tensor([[2.0]]))]",
        "with tempfile.TemporaryDirectory() as folder:",
        '    path = os.path.join(folder, "checkpoint.npz")',
        "    list(trainer.fit(loader, 2))",
        "    trainer.save_checkpoint(path)",
        "    list(trainer.fit(loader, 2))",
        "    after = model.weight.data.copy()",
        "    trainer.load_checkpoint(path)",
        "list(trainer.fit(loader, 2))",
    )
    yield Trial(
        says="`Trainer`, trained on from a checkpoint, as against not having stopped, apart by",
        lines=lines,
        shown="model.weight.data - after",
        right=np.array([[0.0]]),
        names=_PART,
    )


CLAIMS = [
    Claim("08 cosine", "08", "08.cosine", _cosine, tries=4),
    Claim("08 one cycle", "08", "08.one_cycle", _one_cycle, tries=2),
    Claim("08 clip", "08", "08.clip", _clip, tries=8),
    Claim("08 fit", "08", "08.train_step", _fit, tries=8),
    Claim("08 seen", "08", "08.fit", _seen, tries=1),
    Claim("08 evaluate", "08", "08.evaluate", _evaluate, tries=3),
    Claim("08 scheduled", "08", "08.fit", _scheduled, tries=1),
    Claim("08 checkpoint", "08", "08.restore", _checkpoint, tries=1),
]
