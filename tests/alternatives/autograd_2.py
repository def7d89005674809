"""Other formulas in every rule; the walk searches a dictionary of nodes; sums in fresh copies."""

from __future__ import annotations

import itertools
from contextlib import ContextDecorator

import numpy as np

from .activations import gelu, log_softmax, relu, sigmoid, softmax, step, tanh
from .losses import binary_cross_entropy, cross_entropy, mse
from .tensor import (
    Operation,
    Tensor,
    add,
    div,
    exp,
    getitem,
    log,
    matmul,
    max_,
    mean,
    mul,
    neg,
    operand,
    pow_,
    reshape,
    sqrt,
    sub,
    sum_,
    transpose,
)


def numeric_gradient(function, array, eps=1e-06):
    start = np.asarray(array, dtype=np.float64)
    slopes = np.empty(start.shape)
    for number, place in enumerate(np.ndindex(start.shape)):
        push = np.zeros(start.size)
        push[number] = eps
        push = push.reshape(start.shape)
        slopes[place] = (function(start + push) - function(start - push)) / (2 * eps)
    return slopes


class Node:
    __slots__ = ("inputs", "number", "operation", "options", "output")

    def __init__(self, operation, inputs, options, output, number):
        self.operation = operation
        self.inputs = inputs
        self.options = options
        self.output = output
        self.number = number

    def free(self):
        self.operation = self.inputs = self.options = self.output = None


class Tape:
    def __init__(self):
        self.recording = True
        self.numbers = itertools.count()

    def __call__(self, operation, inputs, options, result):
        marks = [getattr(value, "requires_grad", False) for value in inputs]
        if self.recording and True in marks and (result.dtype in (np.float32, np.float64)):
            number = next(self.numbers)
            result.node = Node(operation, tuple(inputs), options, result.data, number)
            result.requires_grad = True

    def backward(self, result, gradient=None):
        if not result.requires_grad:
            raise RuntimeError("nothing to differentiate")
        if gradient is None:
            if result.size != 1:
                raise RuntimeError(f"backward() starts at one number, not at shape {result.shape}")
            gradient = 1.0
        start = np.array(operand(gradient), dtype=result.dtype)
        if start.shape != result.shape:
            if start.ndim:
                raise ValueError(f"a gradient of {start.shape} for a tensor of {result.shape}")
            start = np.full(result.shape, start)
        walk(result, start)


class no_grad(ContextDecorator):
    def __init__(self):
        self.before: list[bool] = []

    def __enter__(self):
        self.before = [*self.before, tape.recording]
        tape.recording = False
        return self

    def __exit__(self, *error):
        *self.before, tape.recording = self.before


tape = Tape()


Operation.tape = tape


def same(g, y, *inputs):
    return g


def mul_left(g, y, a, b):
    return g * b


def mul_right(g, y, a, b):
    return g * a


add.derivative = (same, same)
mul.derivative = (mul_left, mul_right)


def check_rules(operation, *arrays, **options):
    rng = np.random.default_rng(0)
    output = operation(*arrays, **options).data
    gradient = np.asarray(rng.normal(size=output.shape))
    for i, array in enumerate(arrays):
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            continue
        got = np.asarray(operation.derivative[i](gradient, output, *arrays, **options))

        def weighed(x, i=i):
            inputs = [*arrays[:i], np.asarray(x), *arrays[i + 1 :]]
            return (gradient * operation.compute(inputs, options)).sum()

        expected = numeric_gradient(weighed, array)
        assert np.allclose(unbroadcast(got, array.shape), expected, rtol=1e-5, atol=1e-6), (
            f"{operation.name}, input {i}: expected {expected}, got {got}"
        )


def negated(g, y, *inputs):
    return -1 * g


def div_left(g, y, a, b):
    return g * b ** (-1.0)


def div_right(g, y, a, b):
    return -a * g / b**2


def pow_left(g, y, a, b):
    return a ** (b - 1) * (b * g)


def exp_rule(g, y, a):
    return np.exp(a) * g


def log_rule(g, y, a):
    return g * a ** (-1.0)


def sqrt_rule(g, y, a):
    return 0.5 * g / y


def pow_right(g, y, a, b):
    return g * y * np.log(np.asarray(a, dtype=y.dtype))


neg.derivative = (negated,)
sub.derivative = (same, negated)
div.derivative = (div_left, div_right)
pow_.derivative = (pow_left, pow_right)
exp.derivative = (exp_rule,)
log.derivative = (log_rule,)
sqrt.derivative = (sqrt_rule,)


def unbroadcast(gradient, shape):
    padded = (1,) * (gradient.ndim - len(shape)) + tuple(shape)
    for axis, size in enumerate(padded):
        if size == 1:
            gradient = np.sum(gradient, axis=axis, keepdims=True)
    return np.reshape(gradient, shape)


def parts(node, gradient):
    if node.inputs is None:
        raise RuntimeError("this part of the graph is gone")
    operation, arrays = node.operation, [operand(value) for value in node.inputs]
    if isinstance(operation, Function):
        given = operation.backward(gradient)
        given = given if isinstance(given, tuple) else (given,)
        if len(given) != len(arrays):
            raise RuntimeError(f"{len(given)} gradients for {len(arrays)} inputs")
    found = []
    for position, value in enumerate(node.inputs):
        if not isinstance(value, Tensor) or not value.requires_grad:
            continue
        if isinstance(operation, Function):
            part = given[position]
        elif operation.derivative is None:
            raise RuntimeError(f"{operation.name} has no rule")
        else:
            part = operation.derivative[position](gradient, node.output, *arrays, **node.options)
        if part is not None:
            part = unbroadcast(np.asarray(part), value.shape)
            found.append((value, part.astype(value.dtype)))
    return found


def walk(result, gradient):
    if result.node is None:
        result.grad = gradient if result.grad is None else result.grad + gradient
        return
    nodes, arrived = ({result.node.number: result.node}, {result.node.number: gradient})
    while nodes:
        newest = max(nodes)
        node = nodes.pop(newest)
        for value, part in parts(node, arrived.pop(newest)):
            if value.node is None:
                total = np.zeros_like(value.data) if value.grad is None else value.grad.copy()
                total += part
                value.grad = total
                continue
            number = value.node.number
            nodes[number] = value.node
            arrived[number] = part if number not in arrived else arrived[number] + part
        node.free()


def gradcheck(function, inputs, eps=1e-06, atol=1e-06, rtol=1e-06):
    arrays = [np.array(operand(value), dtype=np.float64) for value in inputs]
    leaves = [Tensor(array, requires_grad=True) for array in arrays]
    result = function(*leaves)
    weights = np.random.default_rng(0).normal(size=result.shape)
    result.backward(weights)
    for position, leaf in enumerate(leaves):

        def weighed(x, position=position):
            nudged = [*arrays[:position], x, *arrays[position + 1 :]]
            with no_grad():
                return float((function(*map(Tensor, nudged)).data * weights).sum())

        expected = numeric_gradient(weighed, leaf.data, eps)
        got = np.zeros_like(leaf.data) if leaf.grad is None else leaf.grad
        if not np.allclose(got, expected, atol=atol, rtol=rtol):
            raise AssertionError(f"input {position}: expected {expected}, got {got}")
    return True


def matmul_left(g, y, a, b):
    if a.ndim == 1 and b.ndim == 1:
        return g * b
    if b.ndim == 1:
        return g[..., None] * b
    rows = g[..., None, :] if a.ndim == 1 else g
    part = np.swapaxes(b @ np.swapaxes(rows, -1, -2), -1, -2)
    return part[..., 0, :] if a.ndim == 1 else part


def matmul_right(g, y, a, b):
    if a.ndim == 1:
        return a * g if b.ndim == 1 else a[:, None] * g[..., None, :]
    columns = g[..., None] if b.ndim == 1 else g
    part = np.swapaxes(np.swapaxes(columns, -1, -2) @ a, -1, -2)
    return part[..., 0] if b.ndim == 1 else part


matmul.derivative = (matmul_left, matmul_right)


def kept(g, axis, keepdims):
    return g if axis is None or keepdims else np.expand_dims(g, axis)


def reshape_rule(g, y, a, shape):
    return g.reshape(a.shape)


reshape.derivative = (reshape_rule,)


def transpose_rule(g, y, a, axis0=-2, axis1=-1):
    order = list(range(a.ndim))
    order[axis0], order[axis1] = (order[axis1], order[axis0])
    return np.transpose(g, order)


def sum_rule(g, y, a, axis=None, keepdims=False):
    return kept(g, axis, keepdims) + np.zeros_like(a)


def mean_rule(g, y, a, axis=None, keepdims=False):
    each = a.size // y.size
    return np.ones_like(a) * kept(g, axis, keepdims) / each


def max_rule(g, y, a, axis=None, keepdims=False):
    top = np.max(a, axis=axis, keepdims=True)
    hit = np.where(a == top, np.ones_like(a), np.zeros_like(a))
    share = hit / np.sum(hit, axis=axis, keepdims=True)
    return share * kept(g, axis, keepdims)


def getitem_rule(g, y, a, index):
    whole = np.zeros_like(a).reshape(-1)
    places = np.arange(a.size).reshape(a.shape)[index]
    for place, value in zip(np.ravel(places), np.ravel(g), strict=True):
        whole[place] += value
    return whole.reshape(a.shape)


transpose.derivative = (transpose_rule,)
sum_.derivative = (sum_rule,)
mean.derivative = (mean_rule,)
max_.derivative = (max_rule,)
getitem.derivative = (getitem_rule,)


def relu_rule(g, y, x):
    result = np.array(g)
    result[x <= 0] = 0
    return result


def sigmoid_rule(g, y, x):
    return (y - y * y) * g


def tanh_rule(g, y, x):
    return g - g * y**2


def softmax_rule(g, y, x, axis=-1):
    mean = np.sum(y * g, axis=axis, keepdims=True)
    return g * y - mean * y


relu.derivative = (relu_rule,)
sigmoid.derivative = (sigmoid_rule,)
tanh.derivative = (tanh_rule,)
softmax.derivative = (softmax_rule,)


def step_rule(g, y, x):
    return np.zeros_like(x)


def gelu_rule(g, y, x):
    scale = (2 / 3.141592653589793) ** 0.5
    t = np.tanh(scale * (x + 0.044715 * x * x * x))
    slope_of_t = (1 - t * t) * (scale * (1 + 3 * 0.044715 * x * x))
    return g * (0.5 * (1 + t) + 0.5 * x * slope_of_t)


def log_softmax_rule(g, y, x, axis=-1):
    return g - np.exp(y) * g.sum(axis=axis, keepdims=True)


step.derivative = (step_rule,)
gelu.derivative = (gelu_rule,)
log_softmax.derivative = (log_softmax_rule,)


def mse_left(g, y, a, b):
    return 2 * g * (a - b) / a.size


def mse_right(g, y, a, b):
    return -mse_left(g, y, a, b)


def cross_entropy_rule(g, y, logits, targets, label_smoothing=0.0):
    classes = logits.shape[-1]
    lifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    said = lifted / lifted.sum(axis=-1, keepdims=True)
    wished = np.eye(classes, dtype=logits.dtype)[targets.astype(int)]
    wished = (1 - label_smoothing) * wished + label_smoothing / classes
    return g * (said - wished) / targets.size


mse.derivative = (mse_left, mse_right)
cross_entropy.derivative = (cross_entropy_rule,)


def bce_left(g, y, p, t):
    return (p - t) / np.maximum(p * (1 - p), 1e-12) * (g / p.size)


def bce_right(g, y, p, t):
    with np.errstate(divide="ignore"):
        return (np.maximum(np.log(1 - p), -100) - np.maximum(np.log(p), -100)) * (g / p.size)


binary_cross_entropy.derivative = (bce_left, bce_right)


class Function(Operation):
    def __init__(self):
        self.name, self.derivative, self.needs = type(self).__name__, None, ()

    @classmethod
    def apply(cls, *inputs, **options):
        function = cls()
        function.needs = tuple(getattr(value, "requires_grad", False) for value in inputs)
        return function(*inputs, **options)
