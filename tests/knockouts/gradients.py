"""Knock-outs of modules 01 to 05 in recipes that learn by gradients."""

from __future__ import annotations

from tests.knockouts.descent import DESCENT
from tests.knockouts.making import (
    ACTIVATIONS,
    DATA,
    EVERY,
    IMAGES,
    LAYERS,
    LOSSES,
    TENSOR,
    after,
    instead,
)

_FOUNDATIONS = [
    instead(
        "the mean divides by one too few",
        "01",
        TENSOR,
        "return np.mean(a, axis=axis, keepdims=keepdims)",
        "return np.sum(a, axis=axis, keepdims=keepdims) / (a.size - 1)",
        "tensor",
        EVERY,
    ),
    instead(
        "transpose gives its input",
        "01",
        TENSOR,
        "return np.swapaxes(a, axis0, axis1)",
        "return a",
        "tensor",
    ),
    instead(
        "addition changes its input", "01", TENSOR, "return a + b", "a += b; return a", "tensor"
    ),
    instead("subtraction turned", "01", TENSOR, "return a - b", "return b - a", "tensor"),
    after(
        "ReLU lets everything through",
        "02",
        ACTIVATIONS,
        "relu.forward = lambda x: x",
        "activation",
        IMAGES,
    ),
    after(
        "Tanh and ReLU always say the same",
        "02",
        ACTIVATIONS,
        "tanh.forward = relu.forward = np.ones_like",
        "activation",
    ),
    after(
        "the sigmoid overflows",
        "02",
        ACTIVATIONS,
        "sigmoid.forward = lambda x: np.exp(x) / (1 + np.exp(x))",
        "activation",
        ("learned",),
    ),
    after(
        "activations work in place",
        "02",
        ACTIVATIONS,
        """
        relu.forward = lambda x: np.maximum(x, 0, out=x)
        tanh.forward = lambda x: np.tanh(x, out=x)
        """,
        "activation",
    ),
    instead(
        "Linear forgets its bias",
        "03",
        LAYERS,
        "return product if self.bias is None else product + self.bias",
        "return product",
        "layer",
        EVERY,
    ),
    instead(
        "Flatten mixes the examples",
        "03",
        LAYERS,
        "return x.reshape(x.shape[0], columns)",
        "return x.reshape(columns, x.shape[0]).T",
        "layer",
    ),
    instead(
        "a bias is not listed",
        "03",
        LAYERS,
        "if isinstance(value, Tensor):\n            found",
        'if isinstance(value, Tensor) and name != "bias":\n            found',
        "parameters",
        EVERY,
    ),
    instead(
        "weights do not ask for gradients",
        "03",
        LAYERS,
        "Tensor(values.astype(np.float32), requires_grad=True)",
        "Tensor(values.astype(np.float32))",
        "parameters",
    ),
    instead(
        "all weights start equal",
        "03",
        LAYERS,
        "_generator.uniform(-bound, bound, size=shape)",
        "np.full(shape, bound)",
        "parameters",
    ),
]

_LOSSES = [
    after(
        "the loss is summed, not averaged",
        "04",
        LOSSES,
        """
        _right, _wrong = cross_entropy.forward, binary_cross_entropy.forward
        cross_entropy.forward = lambda x, t, **o: _right(x, t, **o) * np.float32(len(t))
        binary_cross_entropy.forward = lambda p, t: _wrong(p, t) * np.float32(len(t))
        """,
        "formula",
    ),
    after(
        "softmax over the batch",
        "04",
        LOSSES,
        """
        def _over_the_batch(x, t, **options):
            w = np.exp(x - x.max(axis=0))
            return -np.log(w / w.sum(axis=0))[np.arange(len(t)), t.astype(int)].mean()

        cross_entropy.forward = _over_the_batch
        """,
        "formula",
        IMAGES,
    ),
    after(
        "the logarithm of zero",
        "04",
        LOSSES,
        """
        def _naive(x, t, **options):
            w = np.exp(x)
            p = w / w.sum(axis=1, keepdims=True)
            return -np.log(p[np.arange(len(t)), t.astype(int)]).mean()

        cross_entropy.forward = _naive
        binary_cross_entropy.forward = lambda p, t: -np.mean(
            t * np.log(p) + (1 - t) * np.log(1 - p)
        )
        """,
        "formula",
    ),
    after(
        "the loss has the wrong sign",
        "04",
        LOSSES,
        """
        _right, _wrong = cross_entropy.forward, binary_cross_entropy.forward
        cross_entropy.forward = lambda x, t, **o: -_right(x, t, **o)
        binary_cross_entropy.forward = lambda p, t: -_wrong(p, t)
        """,
        "formula",
    ),
    after(
        "the loss of large batches is halved",
        "04",
        LOSSES,
        """
        _right, _wrong = cross_entropy.forward, binary_cross_entropy.forward
        cross_entropy.forward = lambda x, t, **o: _right(x, t, **o) * np.float32(
            0.5 if len(t) > 15 else 1
        )
        binary_cross_entropy.forward = lambda p, t: _wrong(p, t) * np.float32(
            0.5 if len(t) > 15 else 1
        )
        """,
        "running",
    ),
]

_DATA = [
    after(
        "the last batch is lost",
        "05",
        DATA,
        """
        class DataLoader(DataLoader):
            def __iter__(self):
                yield from list(super().__iter__())[:-1]
        """,
        "loader",
    ),
    after(
        "inputs are shuffled without their labels",
        "05",
        DATA,
        """
        class DataLoader(DataLoader):
            def __iter__(self):
                for x, y in super().__iter__():
                    yield x[::-1], y
        """,
        "loader",
    ),
    after(
        "every epoch has the same order",
        "05",
        DATA,
        """
        class DataLoader(DataLoader):
            def __iter__(self):
                if not hasattr(self, "kept"):
                    self.kept = list(super().__iter__())
                return iter(self.kept)
        """,
        "loader",
    ),
    after(
        "labels become floats",
        "05",
        DATA,
        """
        class DataLoader(DataLoader):
            def __iter__(self):
                for x, y in super().__iter__():
                    yield x, Tensor(y.data.astype(np.float32))
        """,
        "loader",
    ),
    after(
        "shuffle has no effect",
        "05",
        DATA,
        """
        class DataLoader(DataLoader):
            def __init__(self, dataset, shuffle=False, **options):
                super().__init__(dataset, shuffle=False, **options)
        """,
        "loader",
    ),
]

_SHIFTS = [
    after(
        "a crop lies outside the image",
        "05",
        DATA,
        """
        class RandomCrop(RandomCrop):
            def __call__(self, images):
                return np.roll(super().__call__(images), 3, axis=2)
        """,
        "shifts",
        ("cnn-mnist", "computer-vision"),
    ),
    after(
        "all images of a batch are shifted alike",
        "05",
        DATA,
        """
        class RandomCrop(RandomCrop):
            def __call__(self, images):
                one = images.swapaxes(0, 1).reshape(1, -1, *images.shape[2:])
                cut = super().__call__(one)
                return cut.reshape(images.shape[1], -1, *cut.shape[2:]).swapaxes(0, 1)
        """,
        "shifts",
        ("cnn-mnist", "computer-vision"),
    ),
]

GRADIENTS = [*_FOUNDATIONS, *_LOSSES, *_DATA, *_SHIFTS, *DESCENT]
