"""Knock-outs of modules 15 and 16, and of what comes before them, in the parts of MLPerf.

What spoils learning spoils these parts too; of that table one of each gate is enough here. The
instruments have a table of their own.
"""

from __future__ import annotations

from dataclasses import replace

from tests.knockouts.gradients import GRADIENTS
from tests.knockouts.instruments import INSTRUMENTS, LITTLE, OF, QUICK, WHOLE, deployed
from tests.knockouts.language import LANGUAGE
from tests.knockouts.rules import Knockout

DIGITS = ("profile", "compress", "report")
QUANTIZATION, COMPRESSION = "perf/quantization.py", "perf/compression.py"

_OF_DIGITS = {
    "the mean divides by one too few": "tensor",
    "ReLU lets everything through": "activation",
    "Linear forgets its bias": "layer",
    "a bias is not listed": "parameters",
    "softmax over the batch": "formula",
    "the last batch is lost": "loader",
    "the weight's gradient is transposed": "gradients",
    "the step goes uphill": "update",
    "gradients are not cleared": "trainer",
    "the loss of large batches is halved": "running",
    "large batches leave no gradient": "alive",
    "large parameters never move": "moved",
    "labels shuffled, gradients right": "loss",
}
_OF_TEXTS = {
    "the mean divides by one too few, in sequences": "tensor",
    "GELU lets everything through": "activation",
    "Linear forgets its bias, in sequences": "layer",
    "a bias is not listed, in sequences": "parameters",
    "softmax over the batch, in sequences": "formula",
    "targets are off by one place": "loader",
    "the gradient of GELU is forgotten": "gradients",
    "AdamW skips the last parameter": "update",
    "gradients are never shortened": "trainer",
    "no position": "embedding",
    "the mask is ignored": "attention",
    "a block forgets what was there": "transformer",
    "top_k keeps one too many": "generation",
    "the loss of large batches is halved, in sequences": "running",
    "large batches leave no gradient, in sequences": "alive",
    "large tables never move": "moved",
    "in long sentences the next word is seen": "causal",
    "in long sentences every place is the first": "position",
    "labels shuffled, gradients right, in sequences": "loss",
}


def _shared() -> list[Knockout]:
    by_name = {knockout.name: knockout for knockout in [*GRADIENTS, *LANGUAGE]}
    made = []
    for name, gate in _OF_DIGITS.items():
        known = by_name[name]
        made += [
            replace(
                known,
                name=f"{name}, in {part}",
                fails={part: gate},
                settings={**known.settings, **OF[part]},
            )
            for part in DIGITS
        ]
    for name, gate in _OF_TEXTS.items():
        known = by_name[name]
        little = WHOLE if gate == "loss" else LITTLE  # the gate of speed comes before
        settings = {**known.settings, **little, "epochs": 1}
        fails = {"generate": gate}
        made.append(replace(known, name=f"{name}, remembered", fails=fails, settings=settings))
    return made


_ROUNDED = [
    deployed(name, "15", QUANTIZATION, code, gate, "compress", **OF["compress"])
    for name, gate, code in (
        (
            "codes are cut, not rounded",
            "rounding",
            """
            def quantize(x, grid):
                return np.clip(np.floor(x / grid.scale) + grid.zero, -128, 127).astype(np.int8)
            """,
        ),
        (
            "a scale that is a bit off",
            "rounding",
            """
            _right = symmetric_grid

            def symmetric_grid(weight, per_channel=True):
                grid = _right(weight, per_channel)
                return Grid(grid.scale * np.float32(0.97), grid.zero)
            """,
        ),
        (
            "zero points are forgotten",
            "integers",
            """
            class QuantizedLinear(QuantizedLinear):
                def forward(self, x):
                    self.sums = Tensor(self.sums.data * 0)
                    return super().forward(x)
            """,
        ),
        (
            "quantizing changes the model",
            "kept",
            """
            _whole = quantize_model

            def quantize_model(model, *rest, **options):
                found = _whole(model, *rest, **options)
                model.parameters()[1].data[...] += np.float32(0.001)
                return found
            """,
        ),
        (
            "codes are written as they come",
            "smaller",
            """
            def save(model, path):
                state = model.state_dict().items()
                with Path(path).open("wb") as file:
                    np.savez(file, **{name: array.astype(np.float64) for name, array in state})
                return Path(path).stat().st_size

            def load(path, model, _right=load):
                with np.load(path) as file:
                    state = dict(file)
                for name, array in state.items():
                    kind = np.int8 if name.endswith("codes") else np.float32
                    state[name] = array.astype(np.int32 if name.endswith("sums") else kind)
                with Path(path).with_suffix(".again").open("wb") as file:
                    np.savez(file, **state)
                return _right(Path(path).with_suffix(".again"), model)
            """,
        ),
    )
]

_CUT = [
    deployed(name, "16", COMPRESSION, code, gate, "compress", **OF["compress"])
    for name, gate, code in (
        (
            "the weakest units stay",
            "units",
            """
            _right = strongest

            def strongest(weight, count):
                return _right(1 / (np.abs(weight) + 1e-6), count)
            """,
        ),
        (
            "units are only set to 0",
            "units",
            """
            def structured_prune(model, amount):
                twin = replaced(model, lambda name, layer: None)
                for name, tensor in named_tensors(twin):
                    tensor.requires_grad = True
                return twin
            """,
        ),
        (
            "the small network asks the large one as well",
            "faster",
            """
            _right = structured_prune

            def structured_prune(model, amount):
                smaller = _right(model, amount)
                first = smaller.layers[1]
                alone = first.forward

                def forward(x):
                    with no_grad():
                        model(x)
                    return alone(x)

                first.forward = forward
                return smaller
            """,
        ),
        (
            "inputs of units that are gone stay",
            "units",
            """
            _right = cut

            def cut(layer, outputs, inputs):
                return _right(layer, outputs, np.arange(layer.weight.shape[1]))
            """,
        ),
        (
            "the model is cut as well",
            "untouched",
            """
            _right = structured_prune

            def structured_prune(model, amount):
                smaller = _right(model, amount)
                model.parameters()[0].data[...] *= np.float32(0.9)
                return smaller
            """,
        ),
        (
            "a few weights too few",
            "sparsity",
            """
            _right = magnitude_prune

            def magnitude_prune(model, amount, per_layer=False):
                return _right(model, 0.999 * amount, per_layer)
            """,
        ),
        (
            "each layer by itself",
            "sparsity",
            """
            _right = magnitude_prune

            def magnitude_prune(model, amount, per_layer=False):
                return _right(model, amount, True)
            """,
        ),
        (
            "the masks are kept, the weights are not",
            "masks",
            """
            class Masks(Masks):
                done = False

                def apply(self):
                    if not self.done:
                        super().apply()
                    self.done = True
            """,
        ),
    )
]
_CUT.append(
    Knockout(
        "nearly all weights are 0",
        {"compress": "lost"},
        "",
        settings={**QUICK, "zeros": 0.99},
    )
)

DEPLOYMENT = [*_shared(), *_ROUNDED, *_CUT, *INSTRUMENTS]
