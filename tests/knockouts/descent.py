"""Knock-outs of modules 06 to 08, and of a run's settings."""

from __future__ import annotations

from tests.knockouts.making import AUTOGRAD, EVERY, IMAGES, OPTIMIZERS, TRAINING, after
from tests.knockouts.rules import Knockout

_GRADIENTS = [
    after(
        "the weight's gradient is transposed",
        "06",
        AUTOGRAD,
        """
        matmul.derivative = (matmul.derivative[0], lambda g, y, a, b: (a.T @ g).T.reshape(b.shape))
        """,
        "gradients",
    ),
    after(
        "broadcast axes are not summed up",
        "06",
        AUTOGRAD,
        """
        def unbroadcast(gradient, shape):
            while gradient.ndim > len(shape):
                gradient = gradient[0]
            return np.broadcast_to(gradient, shape).copy() if gradient.size == 1 else gradient
        """,
        "gradients",
    ),
    after(
        "the gradient of the activation is forgotten",
        "06",
        AUTOGRAD,
        "relu.derivative = tanh.derivative = (lambda g, y, x: g,)",
        "gradients",
    ),
    after(
        "gradients replace each other",
        "06",
        AUTOGRAD,
        """
        _backward = Tensor.backward

        def _forgetful(self, gradient=None):
            nodes, leaves = [self], []
            while nodes:
                node = nodes.pop().node
                for value in node.inputs if node is not None else ():
                    if isinstance(value, Tensor):
                        (nodes if value.node is not None else leaves).append(value)
            for leaf in leaves:
                leaf.grad = None
            _backward(self, gradient)

        Tensor.backward = _forgetful
        """,
        "gradients",
    ),
    after(
        "no_grad records",
        "06",
        AUTOGRAD,
        "no_grad.__enter__ = no_grad.__exit__ = lambda self, *error: None",
        "gradients",
    ),
    after(
        "large batches leave no gradient",
        "06",
        AUTOGRAD,
        """
        _rule = matmul.derivative[1]
        matmul.derivative = (
            matmul.derivative[0],
            lambda g, y, a, b: np.zeros_like(b) if len(a) > 15 else _rule(g, y, a, b),
        )
        """,
        "alive",
    ),
]

_STEPS = [
    after(
        "momentum is never stored",
        "07",
        OPTIMIZERS,
        """
        class SGD(SGD):
            def step(self):
                for p in self.parameters:
                    p.data -= self.lr * p.grad
        """,
        "update",
    ),
    after(
        "the step goes uphill",
        "07",
        OPTIMIZERS,
        """
        class SGD(SGD):
            def step(self):
                self.lr = -self.lr
                super().step()
                self.lr = -self.lr
        """,
        "update",
    ),
    after(
        "the last parameter is skipped",
        "07",
        OPTIMIZERS,
        """
        class SGD(SGD):
            def step(self):
                last = self.parameters[-1]
                kept = last.data.copy()
                super().step()
                last.data[...] = kept
        """,
        "update",
    ),
    after(
        "zero_grad does nothing",
        "07",
        OPTIMIZERS,
        """
        class SGD(SGD):
            def zero_grad(self):
                pass
        """,
        "update",
    ),
    after(
        "parameters become float64",
        "07",
        OPTIMIZERS,
        """
        class SGD(SGD):
            def step(self):
                super().step()
                for p in self.parameters:
                    p.data = p.data.astype(float)
        """,
        "update",
    ),
    after(
        "large parameters never move",
        "07",
        OPTIMIZERS,
        """
        class SGD(SGD):
            def step(self):
                kept = [(p, p.data.copy()) for p in self.parameters if p.shape[0] in (1, 10)]
                super().step()
                for p, values in kept:
                    p.data[...] = values
        """,
        "moved",
        IMAGES,
    ),
    after(
        "the output layer never moves",
        "07",
        OPTIMIZERS,
        """
        class SGD(SGD):
            def step(self):
                kept = [(p, p.data.copy()) for p in self.parameters if p.shape == (1, 4)]
                super().step()
                for p, values in kept:
                    p.data[...] = values
        """,
        "moved",
        ("learned",),
    ),
]

_FIT = """
class Trainer(Trainer):
    def fit(self, loader, epochs):
        number, steps = 0, epochs * len(loader)
        for epoch in range(1, epochs + 1):
            {first}
            for *inputs, targets in loader:
                number += 1
                {before}
                lr = self.optimizer.lr
                loss = self.loss_fn(self.model(*inputs), targets)
                loss.backward()
                {after}
                yield TrainingStep(epoch, number, steps, loss.item(), len(targets), lr, None)
"""
_ZERO, _STEP = "self.optimizer.zero_grad()", "self.optimizer.step()"
_RATE = "self.scheduler and self.scheduler.step()"


def _fit(name: str, parts: tuple[str, ...] = EVERY, **lines: str) -> Knockout:
    right = {"first": "self.model.train()", "before": _ZERO, "after": f"{_STEP}; {_RATE}"}
    return after(name, "08", TRAINING, _FIT.format(**{**right, **lines}), "trainer", parts)


_TRAINER = [
    _fit("gradients are not cleared", before="pass"),
    _fit("training in eval mode", first="self.model.eval()"),
    _fit("a step before the gradients", before=f"{_ZERO}; {_STEP}", after="pass"),
    _fit("the schedule stands still", ("mnist",), after=_STEP),
    after(
        "evaluation in training mode",
        "08",
        TRAINING,
        """
        class Trainer(Trainer):
            def evaluate(self, loader):
                self.model.eval = self.model.train
                return super().evaluate(loader)
        """,
        "trainer",
    ),
    after(
        "evaluation averages batches, not examples",
        "08",
        TRAINING,
        """
        class Trainer(Trainer):
            def evaluate(self, loader):
                found = [super(Trainer, self).evaluate([batch]) for batch in loader]
                return {name: float(np.mean([f[name] for f in found])) for name in found[0]}
        """,
        "trainer",
    ),
]

# one layer cannot learn XOR, but from wild weights its loss has far to fall
_WILD = "(lambda m: (m[0].weight.data.__imul__(30), m)[1])(Sequential(Linear(2, 1), Sigmoid()))"

_CHOICES = [
    Knockout(
        "labels shuffled, gradients right",
        dict.fromkeys(EVERY, "loss"),
        "",
        settings={"labels": "shuffled", "epochs": 2},
    ),
    Knockout(
        "hardly trained",
        {"digits": "accuracy"},
        "",
        settings={"epochs": 1, "patience": 0},
    ),
    Knockout(
        "hardly trained, small steps",
        dict.fromkeys(("basic-inference", "machines-can-see"), "accuracy"),
        "",
        settings={"epochs": 1, "learning_rate": 0.004, "patience": 0},
    ),
    Knockout(
        "one layer, however wrong it was at first",
        {"learned": "accuracy"},
        "",
        settings={"model": _WILD},
    ),
    Knockout(
        "one epoch only",
        {"mnist": "accuracy"},
        "",
        settings={"epochs": 1, "schedule": "none"},
    ),
]

DESCENT = [*_GRADIENTS, *_STEPS, *_TRAINER, *_CHOICES]
