"""A whole export with other helpers: log_softmax of module 02, one-hot shares, no base class."""

import math

import numpy as np

from .activations import log_softmax
from .tensor import Tensor, operation


def matched_target(prediction, target):
    """Shapes compared one size at a time, then a new array of the prediction's type."""
    values, given = np.array(prediction), np.array(target)
    if not np.issubdtype(values.dtype, np.floating):
        raise TypeError("floats are needed")
    same = values.ndim == given.ndim and all(
        a == b for a, b in zip(values.shape, given.shape, strict=False)
    )
    if not same:
        raise ValueError(f"shape {values.shape} is not shape {given.shape}")
    result = np.empty_like(values)
    result[...] = given
    return result


def class_numbers(logits, targets):
    """Each target one by one, as Python numbers."""
    if np.shape(targets) != np.shape(logits)[:-1]:
        raise ValueError(f"targets {np.shape(targets)} for logits {np.shape(logits)}")
    numbers = []
    for value in np.ravel(targets).tolist():
        if value not in range(logits.shape[-1]):
            raise ValueError(f"{value} is not a class")
        numbers.append(int(value))
    return np.array(numbers, dtype=np.int64)


def _one_hot(classes, like):
    table = np.zeros_like(like)
    for row, chosen in zip(table, classes, strict=True):
        row[chosen] = 1
    return table


def pick(scores, classes):
    """The table of shares, multiplied and summed."""
    return (scores * _one_hot(classes, scores)).sum(axis=-1)


def log_sum_exp(scores):
    """From log-softmax: a score is its log probability plus the log-sum-exp of its row."""
    best = scores.argmax(axis=1)
    return pick(scores, best) - pick(log_softmax.forward(scores), best)


def smoothed(right, scores, label_smoothing):
    """The right score, moved towards the mean of its row."""
    average = np.einsum("nk->n", scores) / scores.shape[1]
    return right + (average - right) * label_smoothing


@operation
def mse(prediction, target):
    """A dot product of the differences with themselves."""
    difference = (matched_target(prediction, target) - prediction).reshape(-1)
    return np.dot(difference, difference) / prediction.dtype.type(difference.size)


@operation
def cross_entropy(logits, targets, label_smoothing=0.0):
    """Shares times log probabilities, as the definition has it."""
    classes = class_numbers(logits, targets)
    scores = logits.reshape(len(classes), logits.shape[-1])
    shares = _one_hot(classes, scores) * (1 - label_smoothing)
    shares += label_smoothing / scores.shape[1]
    logs = log_softmax.forward(scores)
    return -(shares * logs).sum() / logits.dtype.type(len(classes))


@operation
def binary_cross_entropy(probability, target):
    """With log1p, logarithms limited before the target chooses, a sum divided at the end."""
    target = matched_target(probability, target)
    if not ((probability >= 0).all() and (probability <= 1).all()):
        raise ValueError("these are not probabilities")
    with np.errstate(divide="ignore"):
        logs = np.stack([np.log1p(-probability), np.log(probability)])
    logs[logs < -100] = -100
    cost = logs[0] + target * (logs[1] - logs[0])
    return -cost.sum() / probability.dtype.type(math.prod(probability.shape))


class MSELoss:
    """Nothing but a call."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        return mse(prediction, target)


class BinaryCrossEntropyLoss:
    """Nothing but a call."""

    def __call__(self, probability: Tensor, target: Tensor) -> Tensor:
        return binary_cross_entropy(probability, target)


class CrossEntropyLoss:
    """Keeps its option under another name."""

    def __init__(self, label_smoothing=0.0):
        if label_smoothing < 0 or label_smoothing > 1:
            raise ValueError("label_smoothing is between 0 and 1")
        self._epsilon = float(label_smoothing)

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(logits, targets, label_smoothing=self._epsilon)
