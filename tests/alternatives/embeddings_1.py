"""`core/embeddings.py` by products with one-hot rows and module 01's operations; no Function."""

import numpy as np

from . import autograd  # noqa: F401  (so that operations are recorded)
from .layers import Layer, uniform_parameter
from .tensor import Tensor


def one_hot(indices, count):
    return (np.asarray(indices)[..., np.newaxis] == np.arange(count)).astype(np.float32)


def normal_parameter(shape, std=1.0):
    """A sum of twelve uniform numbers is nearly normal."""
    parts = sum(uniform_parameter(shape, 1).data for _ in range(12)) / 2
    return Tensor((parts * std).astype(np.float32), requires_grad=True)


def as_indices(indices, count):
    array = np.asarray(indices.data if isinstance(indices, Tensor) else indices)
    for number in array.ravel().tolist():
        if number != int(number) or not 0 <= number < count:
            raise ValueError(f"{int(number)} is not one of the {count} tokens")
    return array.astype(np.int64)


def lookup_backward(g, indices, count):
    hot = one_hot(indices, count).reshape(-1, count).astype(g.dtype)
    return hot.T @ g.reshape(-1, g.shape[-1])


class Embedding(Layer):
    def __init__(self, num_embeddings, embedding_dim):
        self.size = (num_embeddings, embedding_dim)
        self.weight = normal_parameter(self.size)

    def forward(self, indices):
        tokens = as_indices(indices, self.size[0])
        found = Tensor(one_hot(tokens.reshape(-1), self.size[0])) @ self.weight
        return found.reshape(*tokens.shape, self.size[1])


def similarity(table):
    products = table @ table.T
    lengths = np.sqrt(np.diagonal(products))
    return products / np.outer(lengths, lengths)


class AddRows:
    """Not an operation here: the rows are picked by a product, and module 01 adds them."""

    @staticmethod
    def apply(x, table):
        return x + Tensor(np.eye(x.shape[-2], table.shape[0], dtype=np.float32)) @ table


class PositionalEncoding(Layer):
    def __init__(self, max_length, dim):
        self.weight = normal_parameter((max_length, dim))

    def forward(self, x):
        longest, dim = self.weight.shape
        if len(x.shape) < 2 or x.shape[-1] != dim or x.shape[-2] > longest:
            raise ValueError(f"{x.shape} does not fit {longest} places of {dim} numbers")
        return AddRows.apply(x, self.weight)


def sinusoidal_positions(length, dim):
    rates = np.exp(-np.log(10000.0) * (np.arange(dim) // 2 * 2 / dim))
    quarter = np.where(np.arange(dim) % 2, np.pi / 2, 0)  # a cosine is a sine, a quarter ahead
    return np.sin(np.outer(np.arange(length), rates) + quarter).astype(np.float32)
