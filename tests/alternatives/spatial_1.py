"""`core/spatial.py` with images first in memory, sliding windows and tensordot, and argmax."""

import itertools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .autograd import Function
from .layers import Layer, uniform_parameter
from .tensor import Tensor

kernels = {}


def _both(value):
    return tuple(int(v) for v in value) if isinstance(value, (tuple, list)) else (int(value),) * 2


def _expect(x, channels):
    if len(x.shape) != 4 or (channels is not None and x.shape[1] != channels):
        raise ValueError(f"expected images with {channels or 'some'} channels, got shape {x.shape}")


def output_size(size, kernel, stride=1, padding=0):
    starts = range(0, size + 2 * padding - kernel + 1, stride)
    if len(starts) == 0:
        raise ValueError(
            f"{size} pixels with padding {padding} are too few for a kernel of {kernel}"
        )
    return len(starts)


def conv2d_loops(x, weight, bias, stride, padding):
    n, _, h, w = x.shape
    o, _, kh, kw = weight.shape
    framed = _frame(x, padding)
    rows = output_size(h, kh, stride[0], padding[0])
    columns = output_size(w, kw, stride[1], padding[1])
    numbers = [
        sum(
            (
                framed[(i, *place)] * weight[(k, *cell)]
                for place, cell in _cells(weight.shape[1:], r * stride[0], s * stride[1])
            ),
            start=bias[k],
        )
        for i, k, r, s in itertools.product(range(n), range(o), range(rows), range(columns))
    ]
    return np.array(numbers, dtype=x.dtype).reshape(n, o, rows, columns)


def _cells(shape, top, left):
    for a, u, v in itertools.product(*map(range, shape)):
        yield (a, top + u, left + v), (a, u, v)


def _frame(x, padding, value=0):
    edges = [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2]
    return np.pad(x, edges, constant_values=value)


def windows(x, kernel, stride):
    for size, cells in zip(x.shape[1:3], kernel, strict=True):
        output_size(size, cells)
    every = sliding_window_view(x, kernel, axis=(1, 2), writeable=True)
    return every[:, :: stride[0], :: stride[1]].transpose(0, 4, 5, 1, 2, 3)


def _patches(x, kernel, stride, padding, value=0):
    """(n, c, oh, ow, kh, kw)."""
    for size, cells, frame in zip(x.shape[2:], kernel, padding, strict=True):
        output_size(size, cells, padding=frame)
    every = sliding_window_view(_frame(x, padding, value), kernel, axis=(2, 3))
    return every[:, :, :: stride[0], :: stride[1]]


def conv2d(x, weight, bias, stride, padding):
    patches = _patches(x, weight.shape[2:], stride, padding)
    y = np.tensordot(patches, weight, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    return y if bias is None else y + bias.reshape(-1, 1, 1)


def conv2d_weight(g, x, kernel, stride, padding):
    patches = _patches(x, kernel, stride, padding)
    return np.tensordot(g, patches, axes=((0, 2, 3), (0, 2, 3)))


def _conv2d_input(g, size, weight, stride, padding):
    """The flipped kernel, slid over the gradient with zeros between and around it."""
    n, o, oh, ow = g.shape
    kh, kw = weight.shape[2:]
    tall, wide = (s + 2 * p for s, p in zip(size, padding, strict=True))
    spread = np.zeros((n, o, tall + kh - 1, wide + kw - 1), dtype=g.dtype)
    spread[:, :, kh - 1 :: stride[0], kw - 1 :: stride[1]][:, :, :oh, :ow] = g
    flipped = np.flip(weight, axis=(2, 3)).swapaxes(0, 1)
    whole = conv2d(spread, flipped, None, (1, 1), (0, 0))
    return whole[:, :, padding[0] : tall - padding[0], padding[1] : wide - padding[1]]


def conv2d_backward(g, x, weight, stride, padding):
    dx = _conv2d_input(g, x.shape[2:], weight, stride, padding)
    return dx, conv2d_weight(g, x, weight.shape[2:], stride, padding)


class Convolution(Function):
    def forward(self, x, weight, *bias, stride=(1, 1), padding=(0, 0)):
        self.given = x, weight, stride, padding
        self.biased = len(bias)
        return conv2d(x, weight, bias[0] if bias else None, stride, padding)

    def backward(self, gradient):
        x, weight, stride, padding = self.given
        dw = conv2d_weight(gradient, x, weight.shape[2:], stride, padding)
        dx = None
        if self.needs[0]:
            dx = _conv2d_input(gradient, x.shape[2:], weight, stride, padding)
        return (dx, dw, gradient.sum(axis=(0, 2, 3)))[: 2 + self.biased]


class Conv2d(Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        self.kernel_size, self.stride, self.padding = map(_both, (kernel_size, stride, padding))
        shape = (out_channels, in_channels, *self.kernel_size)
        self.weight = uniform_parameter(shape, int(np.prod(shape[1:])))
        self.bias = uniform_parameter(shape[:1], int(np.prod(shape[1:]))) if bias else None

    def forward(self, x):
        _expect(x, self.weight.shape[1])
        given = [x, self.weight] + [self.bias] * (self.bias is not None)
        return Convolution.apply(*given, stride=self.stride, padding=self.padding)


class _Pooling(Function):
    def forward(self, x, kernel, stride, padding):
        _expect(x, None)
        self.given = x, kernel, stride, padding
        patches = _patches(x, kernel, stride, padding, self.edge)
        return self.reduce(patches.reshape(*patches.shape[:4], -1))

    def backward(self, gradient):
        """Shares of every window, added to the pixels one window position at a time."""
        x, (kh, kw), (sh, sw), padding = self.given
        dx = np.zeros_like(_frame(x, padding))
        shares = self.shares(gradient).reshape(*gradient.shape, kh, kw)
        for r, s in np.ndindex(*gradient.shape[2:]):
            dx[:, :, r * sh : r * sh + kh, s * sw : s * sw + kw] += shares[:, :, r, s]
        h, w = x.shape[2:]
        return dx[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w]


class MaxPooling(_Pooling):
    edge = -np.inf

    def reduce(self, patches):
        self.cells = patches.shape[-1]
        self.winner = patches.argmax(axis=-1)
        return np.take_along_axis(patches, self.winner[..., None], axis=-1)[..., 0]

    def shares(self, gradient):
        return gradient[..., None] * (self.winner[..., None] == np.arange(self.cells))


class AveragePooling(_Pooling):
    edge = 0

    def reduce(self, patches):
        self.cells = patches.shape[-1]
        return patches.mean(axis=-1)

    def shares(self, gradient):
        return np.repeat(gradient[..., None] / self.cells, self.cells, axis=-1)


class _Pool2d(Layer):
    def __init__(self, kernel_size, stride=None, padding=0):
        self.options = {
            "kernel": _both(kernel_size),
            "stride": _both(kernel_size if stride is None else stride),
            "padding": _both(padding),
        }

    def forward(self, x):
        return self.kind.apply(x, **self.options)


class MaxPool2d(_Pool2d):
    kind = MaxPooling


class AvgPool2d(_Pool2d):
    kind = AveragePooling


class Normalization(Function):
    def forward(self, x, weight, bias, eps=1e-5):
        self.deviation = np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)
        self.z = (x - x.mean(axis=(0, 2, 3), keepdims=True)) / self.deviation
        self.weight = weight.reshape(-1, 1, 1)
        return self.z * self.weight + bias.reshape(-1, 1, 1)

    def backward(self, gradient):
        dz = gradient * self.weight
        along = (dz * self.z).mean(axis=(0, 2, 3), keepdims=True)
        dx = (dz - dz.mean(axis=(0, 2, 3), keepdims=True) - self.z * along) / self.deviation
        return dx, (gradient * self.z).sum(axis=(0, 2, 3)), gradient.sum(axis=(0, 2, 3))


class BatchNorm2d(Layer):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.weight = Tensor(np.ones(num_features, np.float32), requires_grad=True)
        self.bias = Tensor(np.zeros(num_features, np.float32), requires_grad=True)
        self.running_mean = Tensor(np.zeros(num_features, np.float32))
        self.running_var = Tensor(np.ones(num_features, np.float32))

    def forward(self, x):
        _expect(x, self.weight.size)
        if self.training:
            for kept, now in (
                (self.running_mean.data, x.data.mean(axis=(0, 2, 3))),
                (self.running_var.data, x.data.var(axis=(0, 2, 3), ddof=1)),
            ):
                kept *= 1 - self.momentum
                kept += self.momentum * now
            return Normalization.apply(x, self.weight, self.bias, eps=self.eps)
        mean, var = (t.data.reshape(-1, 1, 1) for t in (self.running_mean, self.running_var))
        z = (x - Tensor(mean)) / Tensor(np.sqrt(var + np.float32(self.eps)))
        return z * self.weight.reshape(-1, 1, 1) + self.bias.reshape(-1, 1, 1)


Conv2D, MaxPool2D = Conv2d, MaxPool2d
