"""What numpy says about convolution, pooling and batch normalisation, forward and backward.

Float64 and one loop over the places of a small window, so that it shares nothing with the code it
judges. Images are (n, c, h, w) throughout; sizes, strides and paddings are pairs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.training.clouds import Array

Two = tuple[int, int]
Slices = tuple[slice, slice, slice, slice]


def _padded(x: Array, padding: Two, value: float = 0.0) -> Array:
    (ph, pw), edges = padding, np.asarray(x, dtype=np.float64)
    return np.pad(edges, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=value)


def _inner(x: Array, padding: Two) -> Array:
    (ph, pw), (h, w) = padding, x.shape[2:]
    return x[:, :, ph : h - ph, pw : w - pw]


def _places(padded: Array, size: Two, stride: Two) -> Iterator[tuple[int, int, Slices]]:
    """For each place (i, j) of a window, where it lies in the image for every output."""
    heights, widths = (
        (padded.shape[2 + axis] - size[axis]) // stride[axis] * stride[axis] + 1 for axis in (0, 1)
    )
    for i in range(size[0]):
        for j in range(size[1]):
            rows = slice(i, i + heights, stride[0])
            columns = slice(j, j + widths, stride[1])
            yield i, j, (slice(None), slice(None), rows, columns)


def convolve(x: Array, weight: Array, bias: Array | None, stride: Two, padding: Two) -> Array:
    """Slide every filter (o, c, kh, kw) over the images."""
    edged = _padded(x, padding)
    size = (weight.shape[2], weight.shape[3])
    result = sum(
        np.einsum("nchw,oc->nohw", edged[at], weight[:, :, i, j].astype(np.float64))
        for i, j, at in _places(edged, size, stride)
    )
    return np.asarray(result if bias is None else result + bias.reshape(1, -1, 1, 1))


def convolve_back(
    gradient: Array, x: Array, weight: Array, stride: Two, padding: Two
) -> tuple[Array, Array, Array]:
    """Derivatives with respect to images, filters and biases."""
    edged = _padded(x, padding)
    size = (weight.shape[2], weight.shape[3])
    images, filters = np.zeros_like(edged), np.zeros(weight.shape)
    for i, j, at in _places(edged, size, stride):
        images[at] += np.einsum("nohw,oc->nchw", gradient, weight[:, :, i, j])
        filters[:, :, i, j] = np.einsum("nohw,nchw->oc", gradient, edged[at])
    return _inner(images, padding), filters, gradient.sum(axis=(0, 2, 3))


def pool(kind: str, x: Array, size: Two, stride: Two, padding: Two) -> Array:
    """The largest ("max") or mean ("average") number of every window; padding counts in a mean."""
    edged = _padded(x, padding, -np.inf if kind == "max" else 0.0)
    stack = np.stack([edged[at] for _, _, at in _places(edged, size, stride)])
    return np.asarray(stack.max(axis=0) if kind == "max" else stack.mean(axis=0))


def pool_back(
    gradient: Array, kind: str, x: Array, size: Two, stride: Two, padding: Two
) -> tuple[Array]:
    """Derivative with respect to the images; of equal largest numbers the first takes it."""
    edged = _padded(x, padding, -np.inf if kind == "max" else 0.0)
    places = [at for _, _, at in _places(edged, size, stride)]
    stack = np.stack([edged[at] for at in places])
    shares = np.full(stack.shape, 1.0 / len(stack))
    if kind == "max":
        numbers = np.arange(len(stack)).reshape(-1, 1, 1, 1, 1)
        shares = (numbers == stack.argmax(axis=0)).astype(np.float64)
    images = np.zeros_like(edged)
    for at, share in zip(places, shares, strict=True):
        images[at] += gradient * share
    return (_inner(images, padding),)


_AXES = (0, 2, 3)


def normalize(
    x: Array, weight: Array, bias: Array, mean: Array, variance: Array, eps: float = 1e-5
) -> Array:
    """Each channel moved and scaled by these statistics, then by its weight and bias."""
    weight, bias, mean, variance = (a.reshape(1, -1, 1, 1) for a in (weight, bias, mean, variance))
    standard = (np.asarray(x, dtype=np.float64) - mean) / np.sqrt(variance + eps)
    return np.asarray(standard * weight + bias)


def statistics(x: Array) -> tuple[Array, Array]:
    """Mean and (biased) variance of each channel over a batch."""
    exact = np.asarray(x, dtype=np.float64)
    return exact.mean(axis=_AXES), exact.var(axis=_AXES)


def normalize_back(
    gradient: Array, x: Array, weight: Array, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """Derivatives with respect to images, weight and bias, by the batch's own statistics."""
    mean, variance = statistics(x)
    one, zero = np.ones_like(mean), np.zeros_like(mean)
    standard = normalize(x, one, zero, mean, variance, eps)
    inner = gradient * weight.reshape(1, -1, 1, 1)
    centred = inner - inner.mean(axis=_AXES, keepdims=True)
    along = (inner * standard).mean(axis=_AXES, keepdims=True)
    images = (centred - standard * along) / np.sqrt(variance + eps).reshape(1, -1, 1, 1)
    return images, (gradient * standard).sum(axis=_AXES), gradient.sum(axis=_AXES)
