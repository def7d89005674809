"""Sorts the whole graph first, then goes through it; loops, one-hot rows, einsum; rules in a table.

Gradients are always copied for leaves, and kept in a dictionary by tensor instead of by number.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from . import activations as act
from . import losses
from . import tensor as ops
from .tensor import Operation, Tensor, add, mul, neg, operand, sub


def numeric_gradient(function, array, eps=1e-6):
    values = np.asarray(array, dtype=np.float64)
    slopes = []
    for place in range(values.size):
        ends = []
        for sign in (1, -1):
            moved = values.flatten()
            moved[place] += sign * eps
            ends.append(function(moved.reshape(values.shape)))
        slopes.append((float(ends[0]) - float(ends[1])) / eps / 2)
    return np.array(slopes, dtype=np.float64).reshape(values.shape)


def check_rules(operation, *arrays, **options):
    output = operation(*arrays, **options).data
    gradient = np.cos(np.arange(output.size, dtype=np.float64)).reshape(output.shape)
    for i, array in enumerate(arrays):
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            continue

        def total(x, i=i):
            inputs = list(arrays)
            inputs[i] = x
            return np.sum(gradient * operation.compute(inputs, options))

        got = operation.derivative[i](gradient, output, *arrays, **options)
        got = unbroadcast(np.asarray(got), array.shape)
        expected = numeric_gradient(total, array)
        assert np.allclose(got, expected, rtol=1e-5, atol=1e-6), f"{operation.name}, input {i}"


class Tape:
    def __init__(self):
        self.recording = True
        self.length = 0

    def __call__(self, operation, inputs, options, result):
        needed = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
        if self.recording and needed and np.issubdtype(result.dtype, np.floating):
            self.length += 1
            result.requires_grad = True
            result.node = SimpleNamespace(
                operation=operation,
                inputs=tuple(inputs),
                options=dict(options),
                output=result.data,
                number=self.length,
            )

    def backward(self, result, gradient=None):
        if not result.requires_grad:
            raise RuntimeError("this tensor does not require a gradient")
        if gradient is None:
            if result.size != 1:
                raise RuntimeError("backward needs a gradient for more than one number")
            gradient = np.ones(result.shape)
        gradient = np.array(operand(gradient), dtype=result.dtype)
        if gradient.shape != result.shape:
            raise ValueError("the gradient must have the shape of the tensor")
        totals = {id(result): gradient}
        for tensor in self.ordered(result):
            total = totals.pop(id(tensor))
            if tensor.node is None:
                tensor.grad = total.copy() if tensor.grad is None else tensor.grad + total
                continue
            for value, part in self.parts(tensor.node, total):
                known = totals.get(id(value))
                totals[id(value)] = part if known is None else known + part
            tensor.node.inputs = tensor.node.output = None

    def ordered(self, result):
        """Every tensor that gets a gradient, users before what they use."""
        found, waiting = {id(result): result}, [result]
        while waiting:
            node = waiting.pop().node
            if node is None:
                continue
            if node.inputs is None:
                raise RuntimeError("this graph is gone")
            for value in node.inputs:
                if isinstance(value, Tensor) and value.requires_grad and id(value) not in found:
                    found[id(value)] = value
                    waiting.append(value)
        return sorted(found.values(), key=lambda t: t.node.number if t.node else 0, reverse=True)

    def parts(self, node, gradient):
        arrays = [operand(value) for value in node.inputs]
        if isinstance(node.operation, Function):
            all_parts = node.operation.backward(gradient)
            all_parts = all_parts if isinstance(all_parts, tuple) else (all_parts,)
        for i, value in enumerate(node.inputs):
            if not isinstance(value, Tensor) or not value.requires_grad:
                continue
            if isinstance(node.operation, Function):
                part = all_parts[i]
                if part is None:
                    continue
            elif node.operation.derivative is None:
                raise RuntimeError(f"no derivative of {node.operation.name} is known")
            else:
                rule = node.operation.derivative[i]
                part = rule(gradient, node.output, *arrays, **node.options)
            yield value, unbroadcast(np.asarray(part, dtype=value.dtype), value.shape)


@contextmanager
def no_grad():
    recording, tape.recording = tape.recording, False
    try:
        yield
    finally:
        tape.recording = recording


class Function(Operation):
    def __init__(self):
        self.name = type(self).__name__
        self.derivative = None
        self.needs = ()

    @classmethod
    def apply(cls, *inputs, **options):
        made = cls()
        made.needs = tuple(isinstance(x, Tensor) and x.requires_grad for x in inputs)
        return made(*inputs, **options)


def unbroadcast(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = np.add.reduce(gradient, axis=0)
    for axis in range(len(shape)):
        if shape[axis] == 1:
            gradient = np.add.reduce(gradient, axis=axis, keepdims=True)
    return gradient


def gradcheck(function, inputs, eps=1e-6, atol=1e-6, rtol=1e-6):
    arrays = [np.array(operand(x), dtype=np.float64) for x in inputs]
    leaves = [Tensor(array, requires_grad=True) for array in arrays]
    result = function(*leaves)
    weights = np.sin(1 + np.arange(result.size)).reshape(result.shape)
    result.backward(weights)
    for i, leaf in enumerate(leaves):

        def total(x, i=i):
            moved = list(arrays)
            moved[i] = x
            return np.sum(function(*(Tensor(a) for a in moved)).data * weights)

        expected = numeric_gradient(total, arrays[i], eps)
        got = leaf.grad if leaf.grad is not None else np.zeros(leaf.shape)
        for place in np.ndindex(leaf.shape):
            if not abs(got[place] - expected[place]) <= atol + rtol * abs(expected[place]):
                raise AssertionError(f"input {i} {place}: {got[place]} is not {expected[place]}")
    return True


def unreduced(g, axis, keepdims, ndim):
    if axis is None:
        return g.reshape((1,) * ndim)
    if keepdims:
        return g
    axes = sorted(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    for a in axes:
        g = np.expand_dims(g, a)
    return g


def sum_rule(g, y, a, axis=None, keepdims=False):
    return np.ones_like(a) * unreduced(g, axis, keepdims, a.ndim)


def mean_rule(g, y, a, axis=None, keepdims=False):
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    count = 1
    for number in axes:
        count *= a.shape[number]
    return sum_rule(g, y, a, axis, keepdims) / count


def max_rule(g, y, a, axis=None, keepdims=False):
    result = np.zeros_like(a)
    top = np.broadcast_to(unreduced(y, axis, keepdims, a.ndim), a.shape)
    ties = np.sum(a == top, axis=axis, keepdims=True)
    spread = np.broadcast_to(unreduced(g, axis, keepdims, a.ndim), a.shape)
    for place in np.ndindex(a.shape):
        if a[place] == top[place]:
            result[place] = spread[place] / np.broadcast_to(ties, a.shape)[place]
    return result


def getitem_rule(g, y, a, index):
    places = np.arange(a.size).reshape(a.shape)[index]
    counted = np.bincount(np.ravel(places), weights=np.ravel(g), minlength=a.size)
    return counted.reshape(a.shape).astype(a.dtype)


def matmul_left(g, y, a, b):
    if b.ndim == 1:
        return np.einsum("...,k->...k", g, b)
    if a.ndim == 1:
        return np.einsum("...m,...km->...k", g, b)
    return np.einsum("...nm,...km->...nk", g, b)


def matmul_right(g, y, a, b):
    if a.ndim == 1 and b.ndim == 1:
        return a * g
    if a.ndim == 1:
        return np.einsum("k,...m->...km", a, g)
    if b.ndim == 1:
        return np.einsum("...nk,...n->...k", a, g)
    return np.einsum("...nk,...nm->...km", a, g)


def gelu_rule(g, y, x):
    c = 0.7978845608028654
    inner = np.tanh(c * x + c * 0.044715 * x**3)
    return 0.5 * g * (1 + inner + x * (1 - inner**2) * c * (1 + 0.134145 * x**2))


def cross_entropy_rule(g, y, logits, targets, label_smoothing=0.0):
    classes = logits.shape[-1]
    wished = np.zeros_like(logits)
    for place in np.ndindex(targets.shape):
        wished[(*place, int(targets[place]))] = 1
    wished = wished * (1 - label_smoothing) + label_smoothing / classes
    lifted = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    said = lifted / np.sum(lifted, axis=-1, keepdims=True)
    return (said - wished) * (g / max(targets.size, 1))


def softmax_rule(g, y, x, axis=-1):
    weighed = y * g
    return weighed - y * np.sum(weighed, axis=axis, keepdims=True)


def power_left(g, y, a, b):
    return np.multiply(g, b * np.power(a, b - 1))


def power_right(g, y, a, b):
    return g * y * np.log(np.asarray(a, dtype=y.dtype))


TABLE = {
    add: (lambda g, y, a, b: g, lambda g, y, a, b: g),
    sub: (lambda g, y, a, b: g, lambda g, y, a, b: 0 - g),
    mul: (lambda g, y, a, b: b * g, lambda g, y, a, b: a * g),
    neg: (lambda g, y, a: 0 - g,),
    ops.div: (lambda g, y, a, b: g * (1 / b), lambda g, y, a, b: -(g * a) / (b * b)),
    ops.pow_: (power_left, power_right),
    ops.exp: (lambda g, y, a: np.exp(a) * g,),
    ops.log: (lambda g, y, a: 1 / a * g,),
    ops.sqrt: (lambda g, y, a: 0.5 / np.sqrt(a) * g,),
    ops.matmul: (matmul_left, matmul_right),
    ops.sum_: (sum_rule,),
    ops.mean: (mean_rule,),
    ops.max_: (max_rule,),
    ops.getitem: (getitem_rule,),
    ops.reshape: (lambda g, y, a, shape: np.reshape(g, a.shape),),
    ops.transpose: (lambda g, y, a, axis0=-2, axis1=-1: np.swapaxes(g, axis1, axis0),),
    act.step: (lambda g, y, x: x * 0,),
    act.relu: (lambda g, y, x: np.where(x > 0, g, np.zeros_like(x)),),
    act.sigmoid: (lambda g, y, x: (y - y**2) * g,),
    act.tanh: (lambda g, y, x: (1 - y) * (1 + y) * g,),
    act.gelu: (gelu_rule,),
    act.softmax: (softmax_rule,),
    act.log_softmax: (
        lambda g, y, x, axis=-1: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True),
    ),
    losses.mse: (
        lambda g, y, a, b: 2 * g * (a - b) / a.size,
        lambda g, y, a, b: 2 * g * (b - a) / a.size,
    ),
    losses.cross_entropy: (cross_entropy_rule,),
    losses.binary_cross_entropy: (
        lambda g, y, p, t: g / p.size * ((1 - t) / (1 - p) - t / p),
        lambda g, y, p, t: g / p.size * (np.log(1 - p) - np.log(p)),
    ),
}
# what the tests of the module's tasks look at by name
matmul, softmax, relu, sigmoid, tanh = ops.matmul, act.softmax, act.relu, act.sigmoid, act.tanh
div, pow_, exp, log, sqrt = ops.div, ops.pow_, ops.exp, ops.log, ops.sqrt
sum_, mean, max_, getitem, reshape = ops.sum_, ops.mean, ops.max_, ops.getitem, ops.reshape
transpose, mse, cross_entropy = ops.transpose, losses.mse, losses.cross_entropy
for operation, rules in TABLE.items():
    operation.derivative = rules
tape = Operation.tape = Tape()
