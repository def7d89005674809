"""A whole export: state made at the first step, new arrays copied back, Adam's constants folded."""

from collections import defaultdict

import numpy as np

from .tensor import Tensor


def descend(values, direction, lr):
    values[...] = values - np.asarray(direction, dtype=values.dtype) * float(lr)


class Optimizer:
    keeps: tuple = ()

    def __init__(self, parameters, lr):
        if isinstance(parameters, Tensor):
            raise TypeError("wrap the tensor in a list")
        self.parameters = [*parameters]
        strange = [p for p in self.parameters if not isinstance(p, Tensor)]
        if strange:
            raise TypeError(f"not a Tensor: {strange[0]!r}")
        if not self.parameters:
            raise ValueError("nothing to optimize")
        if not lr >= 0:
            raise ValueError(f"lr is {lr}, but it must be 0 or more")
        self.lr = lr
        self.memory = defaultdict(lambda: {"step": 0})  # position -> what is remembered

    def zero_grad(self):
        for position in range(len(self.parameters) - 1, -1, -1):
            self.parameters[position].grad = None

    def step(self):
        held = [(i, p) for i, p in enumerate(self.parameters) if p.grad is not None]
        for i, p in held:
            if p.grad.shape != p.data.shape:
                raise ValueError(f"gradient {i}: {p.grad.shape} is not {p.data.shape}")
        for i, p in reversed(held):
            self.memory[i]["step"] += 1
            self.update(p.data, p.grad, self.memory[i])

    def update(self, values, gradient, memory):
        raise NotImplementedError

    def state_dict(self):
        saved = {"lr": np.float64(self.lr).reshape(())}
        for i in sorted(self.memory):
            for name, value in self.memory[i].items():
                saved[f"parameter{i}/{name}"] = np.array(value, copy=True)
        return {name: np.asarray(value) for name, value in saved.items()}

    def load_state_dict(self, state):
        found = defaultdict(dict)
        for key in state:
            if key == "lr":
                continue
            place, _, name = key.partition("/")
            i = int(place.removeprefix("parameter"))
            if i >= len(self.parameters) or name not in ("step", *self.keeps):
                raise ValueError(f"{key} does not belong here")
            shape = () if name == "step" else self.parameters[i].shape
            if np.shape(state[key]) != shape:
                raise ValueError(f"{key} has shape {np.shape(state[key])} instead of {shape}")
            found[i][name] = state[key]
        if "lr" not in state:
            raise ValueError("lr is missing")
        for i, entries in found.items():
            for name in ("step", *self.keeps):
                if name not in entries:
                    raise ValueError(f"parameter{i}/{name} is missing")
        self.memory.clear()
        for i, entries in found.items():
            self.memory[i]["step"] = int(entries["step"])
            for name in self.keeps:
                dtype = self.parameters[i].dtype
                self.memory[i][name] = np.array(entries[name], dtype=dtype, copy=True)
        self.lr = float(state["lr"])


class SGD(Optimizer):
    def __init__(self, parameters, lr=0.01, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__(parameters, lr)
        if min(momentum, weight_decay) < 0 or (nesterov and momentum == 0):
            raise ValueError("these settings make no sense together")
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        self.keeps = ("velocity",) if momentum else ()

    def update(self, values, gradient, memory):
        direction = values * self.weight_decay + gradient
        if self.momentum:
            old = memory.get("velocity", 0)
            velocity = (old * self.momentum + direction).astype(values.dtype)
            memory["velocity"] = velocity
            direction = direction + velocity * self.momentum if self.nesterov else velocity
        descend(values, direction, self.lr)


class AdamW(Optimizer):
    """Here Adam is the special case, and decay is given as a share for each of the two ways."""

    keeps = ("first", "second")
    decoupled = True

    def __init__(self, parameters, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(parameters, lr)
        if not all(0 <= beta < 1 for beta in betas) or eps < 0 or weight_decay < 0:
            raise ValueError("a setting is out of range")
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay

    def update(self, values, gradient, memory):
        if self.decoupled:
            values[...] = values - (self.lr * self.weight_decay) * values
        else:
            gradient = self.weight_decay * values + gradient
        gradient = gradient.astype(values.dtype)
        b1, b2 = self.betas
        zero = np.zeros(values.shape, values.dtype)
        first = (1 - b1) * gradient + b1 * memory.get("first", zero)
        second = (1 - b2) * gradient**2 + b2 * memory.get("second", zero)
        memory["first"], memory["second"] = first, second
        root = (1 - b2 ** memory["step"]) ** 0.5
        size = self.lr * root / (1 - b1 ** memory["step"])
        values[...] = values - size * (first / (second**0.5 + self.eps * root))


class Adam(AdamW):
    decoupled = False

    def __init__(self, parameters, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(parameters, lr, betas, eps, weight_decay)
