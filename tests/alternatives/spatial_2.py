"""`core/spatial.py` with loops over kernel positions only, channels last, one padded helper."""

from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .autograd import Function
from .layers import Layer, uniform_parameter
from .tensor import Tensor

kernels: dict = {}


def two(value):
    return (value, value) if np.ndim(value) == 0 else (value[0], value[1])


def output_size(size, kernel, stride=1, padding=0):
    last = size + 2 * padding - kernel  # where the last window may begin
    if last < 0:
        raise ValueError(f"kernel {kernel} is larger than {size} pixels and padding {padding}")
    return 1 + (last - last % stride) // stride


def conv2d_loops(x, weight, bias, stride, padding):
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    oh = output_size(h, kh, stride[0], padding[0])
    ow = output_size(w, kw, stride[1], padding[1])
    y = np.zeros((n, o, oh, ow), dtype=x.dtype)
    for i in range(n):
        for k in range(o):
            for r in range(oh):
                for s in range(ow):
                    y[i, k, r, s] = bias[k]
                    for u in range(kh):
                        for v in range(kw):
                            row, column = r * stride[0] + u, s * stride[1] + v
                            row, column = row - padding[0], column - padding[1]
                            if 0 <= row < h and 0 <= column < w:
                                for a in range(c):
                                    y[i, k, r, s] += x[i, a, row, column] * weight[k, a, u, v]
    return y


def windows(x, kernel, stride):
    places = [output_size(x.shape[1 + i], kernel[i], stride[i]) for i in (0, 1)]
    inner = x.strides[1:3]
    steps = [inner[i] * stride[i] for i in (0, 1)]
    return as_strided(
        x,
        (x.shape[0], *kernel, *places, x.shape[3]),
        (x.strides[0], *inner, *steps, x.strides[3]),
        writeable=True,
    )


class Cells:
    """A padded array with channels last, and for each kernel position the numbers it meets."""

    def __init__(self, x, kernel, stride, padding, edge=0.0):
        n, c, h, w = x.shape
        self.kernel, self.stride = kernel, stride
        self.inside = (
            slice(None),
            slice(padding[0], padding[0] + h),
            slice(padding[1], padding[1] + w),
        )
        sizes = zip((h, w), kernel, stride, padding, strict=True)
        self.oh, self.ow = (output_size(*axis) for axis in sizes)
        shape = (n, h + 2 * padding[0], w + 2 * padding[1], c)
        self.array = np.full(shape, edge, dtype=x.dtype)
        self.array[self.inside] = np.moveaxis(x, 1, -1)

    def __iter__(self):
        for u in range(self.kernel[0]):
            for v in range(self.kernel[1]):
                yield (
                    u,
                    v,
                    self.array[:, u :: self.stride[0], v :: self.stride[1]][
                        :, : self.oh, : self.ow
                    ],
                )

    def unpadded(self):
        return np.moveaxis(self.array[self.inside], -1, 1)


def conv2d(x, weight, bias, stride, padding):
    total = 0
    for u, v, met in Cells(x, weight.shape[2:], stride, padding):
        total = total + met @ weight[:, :, u, v].T
    if bias is not None:
        total = total + bias
    return np.moveaxis(total, -1, 1)


def conv2d_weight(g, x, kernel, stride, padding):
    rows = np.moveaxis(g, 1, -1).reshape(-1, g.shape[1])
    dw = np.empty((g.shape[1], x.shape[1], *kernel), dtype=np.result_type(g, x))
    for u, v, met in Cells(x, kernel, stride, padding):
        dw[:, :, u, v] = rows.T @ met.reshape(-1, x.shape[1])
    return dw


def conv2d_input(g, x, weight, stride, padding):
    spots = Cells(np.zeros(x.shape, dtype=g.dtype), weight.shape[2:], stride, padding)
    g = np.moveaxis(g, 1, -1)
    for u, v, spot in spots:
        spot += g @ weight[:, :, u, v]
    return spots.unpadded()


def conv2d_backward(g, x, weight, stride, padding):
    dw = conv2d_weight(g, x, weight.shape[2:], stride, padding)
    return conv2d_input(g, x, weight, stride, padding), dw


class Convolution(Function):
    def forward(self, x, weight, bias=None, stride=(1, 1), padding=(0, 0)):
        self.saved = x, weight, stride, padding
        self.inputs = 2 if bias is None else 3
        return conv2d(x, weight, bias, stride, padding)

    def backward(self, gradient):
        x, weight, stride, padding = self.saved
        found = [
            conv2d_input(gradient, x, weight, stride, padding),
            conv2d_weight(gradient, x, weight.shape[2:], stride, padding),
            gradient.sum(axis=3).sum(axis=2).sum(axis=0),
        ]
        return tuple(found[: self.inputs])


class Conv2d(Layer):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        self.stride, self.padding = two(stride), two(padding)
        cells = two(kernel_size)
        fan_in = in_channels * prod(cells)
        self.weight = uniform_parameter((out_channels, in_channels, *cells), fan_in)
        self.bias = None
        if bias:
            self.bias = uniform_parameter((out_channels,), fan_in)

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != self.weight.shape[1]:
            raise ValueError(f"a batch of shape {x.shape} for filters of {self.weight.shape}")
        options = {"stride": self.stride, "padding": self.padding}
        if self.bias is None:
            return Convolution.apply(x, self.weight, **options)
        return Convolution.apply(x, self.weight, self.bias, **options)


class MaxPooling(Function):
    def forward(self, x, kernel, stride, padding):
        self.options = kernel, stride, padding
        self.shape = x.shape
        best = winner = None
        for number, (_, _, met) in enumerate(Cells(x, kernel, stride, padding, -np.inf)):
            if best is None:
                best, winner = met.copy(), np.zeros(met.shape, dtype=np.int32)
            better = met > best  # a tie does not replace the first
            best[better] = met[better]
            winner[better] = number
        self.winner = winner
        return np.moveaxis(best, -1, 1)

    def backward(self, gradient):
        spots = Cells(np.zeros(self.shape, dtype=gradient.dtype), *self.options)
        gradient = np.moveaxis(gradient, 1, -1)
        for number, (_, _, spot) in enumerate(spots):
            spot += np.where(self.winner == number, gradient, np.zeros_like(gradient))
        return spots.unpadded()


class AveragePooling(Function):
    def forward(self, x, kernel, stride, padding):
        self.options, self.shape = (kernel, stride, padding), x.shape
        total = sum(met for _, _, met in Cells(x, kernel, stride, padding))
        return np.moveaxis(total / prod(kernel), -1, 1)

    def backward(self, gradient):
        spots = Cells(np.zeros(self.shape, dtype=gradient.dtype), *self.options)
        for _, _, spot in spots:
            spot += np.moveaxis(gradient, 1, -1) / prod(self.options[0])
        return spots.unpadded()


class MaxPool2d(Layer):
    function = MaxPooling

    def __init__(self, kernel_size, stride=None, padding=0):
        self.size, self.step = two(kernel_size), two(stride or kernel_size)
        self.padding = two(padding)

    def forward(self, x):
        return self.function.apply(x, kernel=self.size, stride=self.step, padding=self.padding)


class AvgPool2d(MaxPool2d):
    function = AveragePooling


def statistics(x):
    """Mean and variance of every channel, (c,), channel by channel."""
    rows = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    means = np.array([row.mean() for row in rows], dtype=x.dtype)
    return means, np.array([((r - m) ** 2).mean() for r, m in zip(rows, means)], dtype=x.dtype)  # noqa: B905


class Normalization(Function):
    """The chain rule step by step: through z, the variance and the mean."""

    def forward(self, x, weight, bias, eps=1e-5):
        mean, variance = statistics(x)
        self.centred = x - mean[:, None, None]
        self.inverse = ((variance + eps) ** -0.5)[:, None, None]
        self.weight = weight[:, None, None]
        return self.centred * self.inverse * self.weight + bias[:, None, None]

    def backward(self, gradient):
        axes, count = (0, 2, 3), gradient.size // gradient.shape[1]
        dw = (gradient * self.centred * self.inverse).sum(axes)
        dz = gradient * self.weight
        d_variance = (dz * self.centred).sum(axes, keepdims=True) * -0.5 * self.inverse**3
        dx = dz * self.inverse + d_variance * 2 * self.centred / count
        d_mean = -(dz * self.inverse).sum(axes, keepdims=True)
        return dx + d_mean / count, dw, gradient.sum(axes)


class BatchNorm2d(Layer):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        ones, zeros = np.ones(num_features, np.float32), np.zeros(num_features, np.float32)
        self.weight, self.bias = Tensor(ones, True), Tensor(zeros, True)
        self.running_mean, self.running_var = Tensor(zeros.copy()), Tensor(ones.copy())
        self.eps = eps
        self.momentum = momentum

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != self.weight.size:
            raise ValueError(f"a batch of shape {x.shape} for {self.weight.size} channels")
        if self.training:
            mean, variance = statistics(x.data)
            count = x.size // x.shape[1]
            old, new = 1 - self.momentum, self.momentum
            self.running_mean.data[:] = old * self.running_mean.data + new * mean
            variance = variance * count / (count - 1)
            self.running_var.data[:] = old * self.running_var.data + new * variance
            return Normalization.apply(x, self.weight, self.bias, eps=self.eps)
        factor = self.weight * (self.running_var + self.eps) ** -0.5
        centred = x - self.running_mean.reshape(1, -1, 1, 1)
        return centred * factor.reshape(1, -1, 1, 1) + self.bias.reshape(1, -1, 1, 1)


Conv2D = Conv2d
MaxPool2D = MaxPool2d
