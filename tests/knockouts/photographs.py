"""Knock-outs for the recipes on photographs, trained on a small folder of made up ones.

What other recipes on images lean on is sabotaged in the same way for these; batch normalisation,
which only these use, is sabotaged here.
"""

from __future__ import annotations

from dataclasses import replace

from tests.knockouts.gradients import GRADIENTS
from tests.knockouts.making import DATA, OPTIMIZERS, PHOTOGRAPHS, TRAINING, after
from tests.knockouts.rules import Knockout
from tests.knockouts.vision import SPATIAL, VISION

_SHARED = ("shifts", "convolution", "backward", "pooling", "network")


def _retold(knockout: Knockout) -> Knockout:
    """The same sabotage, asked of a recipe on photographs."""
    gate = knockout.fails["cnn-mnist"]
    fails = dict.fromkeys(PHOTOGRAPHS, gate)
    return replace(knockout, name=f"{knockout.name}: photographs", fails=fails)


_RETOLD = [
    _retold(knockout)
    for knockout in (*GRADIENTS, *VISION)
    if knockout.fails.get("cnn-mnist") in _SHARED
]

_HABITS = [
    after(
        "Normalize forgets the channels",
        "05",
        DATA,
        """
        class Normalize(Normalize):
            def __call__(self, images):
                return ((images - self.mean.mean()) / self.std.mean()).astype(np.float32)
        """,
        "shifts",
        PHOTOGRAPHS,
    ),
    after(
        "a batch is mirrored as a whole",
        "05",
        DATA,
        """
        class RandomHorizontalFlip(RandomHorizontalFlip):
            def __call__(self, images):
                return images[..., ::-1].copy() if self._generator.random() < 2 else images
        """,
        "shifts",
        PHOTOGRAPHS,
    ),
    after(
        "Nesterov's look-ahead is forgotten",
        "07",
        OPTIMIZERS,
        "look_ahead = lambda velocity, gradient, momentum: velocity",
        "update",
        PHOTOGRAPHS,
    ),
    after(
        "OneCycle never comes down",
        "08",
        TRAINING,
        """
        _right = OneCycle.lr_at
        OneCycle.lr_at = lambda self, step: _right(self, min(step, int(self.peak)))
        """,
        "trainer",
        PHOTOGRAPHS,
    ),
]

_STATISTICS = """
class BatchNorm2d(BatchNorm2d):
    def forward(self, x):
        {}
"""


def _normalising(name: str, change: str, gate: str = "normalization") -> Knockout:
    code = _STATISTICS.format(change.replace("\n", "\n        "))
    return Knockout(
        name, dict.fromkeys(PHOTOGRAPHS, gate), "09", ((SPATIAL, "", code),), {"epochs": 2}
    )


_KEPT = """kept = self.running_mean.data.copy(), self.running_var.data.copy()
result = super().forward(x)
{}self.running_mean.data[...], self.running_var.data[...] = kept
return result"""

_NORMALISING = [
    _normalising("statistics never run", _KEPT.format("")),
    _normalising(
        "in use the batch's own statistics",
        """mode, self.training = self.training, True
kept = self.running_mean.data.copy(), self.running_var.data.copy()
result = super().forward(x)
self.training = mode
if not mode:
    self.running_mean.data[...], self.running_var.data[...] = kept
return result""",
    ),
    _normalising(
        "the shift of batch normalisation is forgotten",
        "return super().forward(x) - self.bias.reshape(1, -1, 1, 1)",
    ),
    _normalising(
        "large batches do not move the statistics",
        _KEPT.format("if len(x) > 15:\n    "),
        gate="statistics",
    ),
]

_FROZEN = """
_right = Convolution.backward

def _wrong(self, g):
    back = _right(self, g)
    dx, dw, *rest = back
    if g.shape[2:] in ((31, 31), (15, 15), (7, 7)):
        dw = dw * (1 - np.arange(len(dw)) % 2).reshape(-1, 1, 1, 1).astype(dw.dtype)
    return (dx, dw, *rest)

Convolution.backward = _wrong
"""
# all that it knows of a picture is one number
_NARROW = "Sequential(Conv2d(3, 1, 1), AvgPool2d(32), BatchNorm2d(1), Flatten(), Linear(1, 10))"
_RUNNING = [
    Knockout(
        "half of the filters learn nothing from photographs",
        dict.fromkeys(PHOTOGRAPHS, "filters"),
        "09",
        ((SPATIAL, "", _FROZEN),),
        {"epochs": 2, "weight_decay": 0.0},
    ),
    Knockout(
        "one number must tell ten classes apart",
        dict.fromkeys(PHOTOGRAPHS, "accuracy"),
        "",
        settings={
            "epochs": 4,
            "patience": 0,
            "learning_rate": 0.3,
            "label_smoothing": 0.0,
            "model": _NARROW,
        },
    ),
]

ON_PHOTOGRAPHS = [*_RETOLD, *_HABITS, *_NORMALISING, *_RUNNING]
