"""Knock-outs of module 09, convolutions, and of what a convolutional network is asked for.

They wrap `forward` and `backward` of its Functions, so that they fit any right solution.
"""

from __future__ import annotations

from tests.knockouts.making import CNN, after
from tests.knockouts.rules import Knockout

SPATIAL = "core/spatial.py"

_FORWARD = """
_right = Convolution.forward

def _wrong(self, x, weight, bias=None, **options):
    {}

Convolution.forward = _wrong
"""
_BACK = """
_right = {0}.backward

def _wrong(self, g):
    back = _right(self, g)
    dx, *rest = back if isinstance(back, tuple) else (back,)
    {1}
    return (dx, *rest) if rest else dx

{0}.backward = _wrong
"""


def _forward(name: str, change: str, parts: tuple[str, ...] = ("cnn-digits",)) -> Knockout:
    return after(name, "09", SPATIAL, _FORWARD.format(change), "convolution", parts)


def _back(
    name: str, change: str, of: str = "Convolution", gate: str = "backward", **more: tuple[str, ...]
) -> Knockout:
    return after(name, "09", SPATIAL, _BACK.format(of, change), gate, more.get("parts", CNN[:1]))


_CONVOLUTIONS = [
    _forward(
        "filters are turned round",
        "return _right(self, x, weight[..., ::-1, ::-1], bias, **options)",
        CNN,
    ),
    _forward(
        "the bias of a convolution is forgotten",
        "return _right(self, x, weight, None if bias is None else bias * 0, **options)",
        CNN,
    ),
    _forward(
        "height and width of a filter are exchanged",
        "return _right(self, x, weight.swapaxes(2, 3), bias, **options)",
        CNN,
    ),
    _forward(
        "every filter sees the first channel only",
        "return _right(self, x, weight * (np.arange(weight.shape[1]) == 0).reshape(1, -1, 1, 1)"
        ".astype(weight.dtype), bias, **options)",
    ),
    _forward(
        "the stride is ignored",
        'return _right(self, x, weight, bias, **{**options, "stride": (1, 1)})',
    ),
    after(
        "all filters start equal",
        "09",
        SPATIAL,
        """
        class Conv2d(Conv2d):
            def __init__(self, *sizes, **options):
                super().__init__(*sizes, **options)
                self.weight.data[...] = self.weight.data[:1, :1, :1, :1]
        """,
        "convolution",
        CNN[:1],
    ),
    after(
        "filters do not ask for gradients",
        "09",
        SPATIAL,
        """
        class Conv2d(Conv2d):
            def __init__(self, *sizes, **options):
                super().__init__(*sizes, **options)
                self.weight.requires_grad = False
        """,
        "convolution",
        CNN[:1],
    ),
]

_GRADIENTS = [
    _back(
        "the gradient of the filters is transposed",
        "rest[0] = rest[0].swapaxes(2, 3).reshape(rest[0].shape)",
        parts=CNN,
    ),
    _back("a frozen filter", "rest[0] = rest[0].copy(); rest[0][0] = 0", parts=CNN),
    _back(
        "the images get no gradient",
        "dx = None if dx is None else dx * 0",
        parts=CNN,
    ),
    _back(
        "the gradient of the images is turned round", "dx = dx if dx is None else dx[:, :, ::-1]"
    ),
    _back(
        "the gradient of a bias is averaged",
        "rest = [rest[0], *(b / len(g) for b in rest[1:])]",
    ),
]

_POOLS = [
    after(
        "pooling averages",
        "09",
        SPATIAL,
        "MaxPool2d = MaxPool2D = AvgPool2d",
        "pooling",
        CNN,
    ),
    after(
        "pooling knows nothing below zero",
        "09",
        SPATIAL,
        """
        class MaxPool2d(MaxPool2d):
            def forward(self, x):
                return super().forward(x * Tensor((x.data > 0).astype(x.dtype)))
        """,
        "pooling",
        CNN,
    ),
    _back(
        "pooling hands the gradient to its left neighbour",
        "dx = np.roll(dx, -1, axis=3)",
        "MaxPooling",
        "pooling",
        parts=CNN,
    ),
]

_TOGETHER = [
    after(
        "what a convolution keeps is shared by all of them",
        "09",
        SPATIAL,
        """
        _first, _back = Convolution.forward, Convolution.backward
        _last = [None]

        def _forward(self, x, weight, *rest, **options):
            self._mine = _last[0] = x
            return _first(self, x, weight, *rest, **options)

        def _shared(self, g):
            dx, dw, *rest = _back(self, g)
            return (dx, dw if self._mine is _last[0] else dw * 0, *rest)

        Convolution.forward, Convolution.backward = _forward, _shared
        """,
        "network",
        CNN,
    ),
    Knockout(
        "batch normalisation forgets to count",
        {"cnn-digits": "network"},
        "09",
        (
            (
                SPATIAL,
                "",
                """
class BatchNorm2d(BatchNorm2d):
    def forward(self, x):
        kept = self.running_mean.data.copy(), self.running_var.data.copy()
        result = super().forward(x)
        self.running_mean.data[...], self.running_var.data[...] = kept
        return result
""",
            ),
        ),
        {
            "model": "Sequential(Conv2d(1, 8, 3), BatchNorm2d(8), ReLU(), MaxPool2d(2), "
            "Flatten(), Linear(72, 10))"
        },
    ),
]

_LARGE = "len(g) > 15 and rest[0].shape[1] in (1, 6, 12)"
_RUNNING = [
    _back(
        "half of the filters learn nothing from large batches",
        f"rest[0] = rest[0] * (1 - np.arange(len(rest[0])) % 2).reshape(-1, 1, 1, 1)"
        f".astype(np.float32) if {_LARGE} else rest[0]",
        gate="filters",
        parts=CNN,
    ),
]

_DENSE = "Sequential(Flatten(), Linear({}, 10))"
_CHOICES = [
    Knockout(
        "no filters at all",
        {"cnn-digits": "filters"},
        "09",
        settings={"model": _DENSE.format(64), "epochs": 1},
    ),
    Knockout(
        "more filters than needed",
        {"cnn-digits": "size"},
        "",
        settings={
            # no ReLU: a filter that is negative everywhere would never turn, which is another gate
            "model": "Sequential(Conv2d(1, 12, 3), Tanh(), Flatten(), Linear(432, 10))",
            "epochs": 2,
            "learning_rate": 0.03,
        },
    ),
    Knockout(
        "hardly trained, two epochs",
        {"cnn-digits": "accuracy"},
        "",
        settings={"epochs": 2, "patience": 0},
    ),
    Knockout(
        "one epoch of small steps",
        {"cnn-mnist": "accuracy", "computer-vision": "accuracy"},
        "",
        settings={"epochs": 1, "learning_rate": 0.02, "patience": 0},
    ),
]

VISION = [*_CONVOLUTIONS, *_GRADIENTS, *_POOLS, *_TOGETHER, *_RUNNING, *_CHOICES]
