"""What one step of a model costs by the judge's own formulas: parameters, work, memory.

Nothing here asks the student's profiler: layers, shapes and the graph are looked at from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.implementation import Framework

_Rule = Callable[[Any, int], int]


def _linear(layer: Any, count: int) -> int:
    return count * (2 * int(array_of(layer.weight).shape[1]) + (layer.bias is not None))


def _conv2d(layer: Any, count: int) -> int:
    _, c, kh, kw = array_of(layer.weight).shape
    return count * (2 * int(c) * int(kh) * int(kw) + (layer.bias is not None))


_RULES: dict[str, _Rule] = {
    "Linear": _linear,
    "Conv2d": _conv2d,
    "ReLU": lambda layer, count: count,
    "Tanh": lambda layer, count: count,
    "Sigmoid": lambda layer, count: 4 * count,
    "GELU": lambda layer, count: 9 * count,
    "Flatten": lambda layer, count: 0,
    "Sequential": lambda layer, count: 0,
}
"""Float operations of one forward, by the layer's class and how many numbers come out of it."""


@dataclass
class Work:
    """What the judge counted for one layer, by itself."""

    name: str
    kind: str
    parameters: int
    flops: int | None  # None where the judge has no formula for this kind of layer
    carried: int  # bytes of its input, its parameters and its output, once each


def work_of(fw: Framework, model: Any, inputs: Array) -> list[Work]:
    """Every layer that a forward of `inputs` comes by, the model itself as ""."""
    seen: dict[str, tuple[Array, Array]] = {}
    layers = dict(parts_of(fw, model))

    with _listening(layers, lambda name, x, y: seen.setdefault(name, (x, y))), fw.no_grad():
        model(fw.Tensor(inputs))
    found = []
    for name, layer in layers.items():
        if name not in seen:
            continue
        x, y = seen[name]
        own = [v for v in vars(layer).values() if isinstance(v, fw.Tensor) and v.requires_grad]
        kind = type(layer).__name__
        rule = _RULES.get(kind)
        flops = None if rule is None else rule(layer, int(y.size))
        size = sum(int(array_of(tensor).nbytes) for tensor in own)
        numbers = sum(int(array_of(tensor).size) for tensor in own)
        found.append(Work(name, kind, numbers, flops, x.nbytes + size + y.nbytes))
    return found


def parts_of(fw: Framework, model: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """A model and all that has a forward inside it, by the names that `state_dict` uses."""
    yield name, model
    if not isinstance(model, fw.Layer):
        return
    for key, value in list(vars(model).items()):
        inner = enumerate(value) if isinstance(value, list | tuple) else [(key, value)]
        for number, item in inner:
            if not hasattr(item, "forward") or isinstance(item, fw.Operation | type):
                continue
            # a Sequential's layers are called "0", "1", as PyTorch does
            own = str(number) if key == "layers" or not isinstance(value, list | tuple) else ""
            yield from parts_of(fw, item, ".".join(filter(None, (name, own or f"{key}.{number}"))))


@contextmanager
def _listening(
    layers: dict[str, Any], hear: Callable[[str, Array, Array], object]
) -> Iterator[None]:
    """Tell of what every layer is given and gives."""

    def ears(name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        def listening(x: Any, *more: Any, **options: Any) -> Any:
            y = forward(x, *more, **options)
            hear(name, array_of(x), array_of(y))
            return y

        return listening

    before = {name: vars(layer).get("forward") for name, layer in layers.items()}
    try:
        for name, layer in layers.items():
            layer.forward = ears(name, layer.forward)
        yield
    finally:
        for name, layer in layers.items():
            vars(layer).pop("forward", None)
            if before[name] is not None:
                layer.forward = before[name]


def kept_bytes(fw: Framework, model: Any, inputs: Array) -> int:
    """The bytes that the graph behind one forward keeps for the way back.

    Each piece of memory once, whatever views of it there are; parameters and inputs are not
    counted, since they were there before.
    """
    x = fw.Tensor(inputs)
    result = model(x)
    known = {id(_memory(array_of(t))) for _, t in _tensors(fw, model)} | {id(_memory(x.data))}
    counted: dict[int, Array] = {}
    nodes = [result.node]
    met: set[int] = set()
    while nodes:
        node = nodes.pop()
        if node is None or id(node) in met:
            continue
        met.add(id(node))
        values = [node.output, *node.inputs, *node.options.values()]
        if isinstance(node.operation, fw.Function):
            values += list(vars(node.operation).values())
        for array in _arrays(fw, values):
            memory = _memory(array)
            if id(memory) not in known:
                counted[id(memory)] = memory
        nodes += [value.node for value in node.inputs if isinstance(value, fw.Tensor)]
    return sum(int(memory.nbytes) for memory in counted.values())


def _arrays(fw: Framework, values: Any) -> Iterator[Array]:
    for value in values:
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, fw.Tensor):
            yield array_of(value)
        elif isinstance(value, tuple | list):
            yield from _arrays(fw, value)


def _memory(array: Array) -> Array:
    """The array whose memory this one shows."""
    base: Any = array
    while base is not None:
        if isinstance(base, np.ndarray):
            array = base
        base = getattr(base, "base", None)
    return array


def _tensors(fw: Framework, model: Any) -> Iterator[tuple[str, Any]]:
    for name, layer in parts_of(fw, model):
        for key, value in list(vars(layer).items()) if isinstance(layer, fw.Layer) else []:
            if isinstance(value, fw.Tensor):
                yield f"{name}.{key}", value
