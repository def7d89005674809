"""Mistakes in `perf/quantization.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_ROUNDED = "q = np.rint(x / grid.scale) + grid.zero"
_CLIPPED = "return np.clip(q, -128, 127).astype(np.int8)"
_BACK = "return (q.astype(np.float32) - grid.zero) * grid.scale"
_WIDENED = "low, high = min(low, 0), max(high, 0)"
_GAPS = "scale = max((high - low) / 255, SMALLEST)"
_ZERO = "zero = round(-128 - low / scale)"
_AXES = "axes = tuple(range(1 if per_channel else 0, weight.ndim))"
_LARGEST = "largest = np.abs(weight).max(axis=axes, keepdims=True)"
_STEPS = "scale = np.maximum(largest / 127, SMALLEST)"
_PART = "part = a[:, piece].astype(np.float32) @ b[:, piece].astype(np.float32).T"
_PIECES = "for start in range(0, a.shape[1], EXACT):"
_TAKEN = "total -= grid.zero * self.sums.data"
_SCALES = "scale = grid.scale * self.scale.data[:, 0]"
_WIDE = "y = total.astype(np.float32) * scale"
_BIAS = "y += self.bias.data"
_OUTSIDE = "outside = (100 - percent) / 2"
_ENDS = "low, high = np.percentile(numbers, [outside, 100 - outside])"
_TWIN = "twin = copy.copy(value)"
_ITEM = "setattr(twin, attribute, copied(names.get(id(item), name), item))"
_RANGE = "return QuantizedLinear(layer, ranges.get(name), per_channel)"
_KINDS = "if type(layer) in (Conv2d, Embedding):"

_MISTAKES = [
    ("cut-off-digits", _ROUNDED, "q = np.trunc(x / grid.scale) + grid.zero", "not rounded, cut"),
    ("zero-forgotten", _ROUNDED, "q = np.rint(x / grid.scale)", "0 is put on place 0, always"),
    ("zero-scaled", _ROUNDED, "q = np.rint((x + grid.zero) / grid.scale)", "zero before scale"),
    ("wrapped", _CLIPPED, "return q.astype(np.int64).astype(np.int8)", "300 comes back as 44"),
    ("clipped-at-127", _CLIPPED, _CLIPPED.replace("-128", "-127"), "the lowest place is not used"),
    ("codes-of-int16", _CLIPPED, _CLIPPED.replace("int8", "int16"), "two bytes for each weight"),
    (
        "back-in-int8",
        _BACK,
        "return ((q - grid.zero) * grid.scale).astype(np.float32)",
        "130 wraps",
    ),
    ("back-without-zero", _BACK, "return q.astype(np.float32) * grid.scale", "all is shifted"),
    (
        "back-in-float64",
        _BACK,
        "return (q.astype(float) - grid.zero) * grid.scale",
        "twice as wide",
    ),
    ("zero-has-no-place", _WIDENED, "low, high = low, max(high, low)", "a range need not hold 0"),
    ("gaps-of-256", _GAPS, _GAPS.replace("255", "256"), "the upper end lies beyond the grid"),
    ("scale-of-127", _GAPS, _GAPS.replace("255", "127"), "one bit is given away"),
    ("zero-of-high", _ZERO, "zero = round(-128 + high / scale)", "the wrong end of the range"),
    ("zero-from-127", _ZERO, "zero = round(127 + low / scale)", "the range is turned around"),
    ("one-scale-for-all", _AXES, "axes = tuple(range(weight.ndim))", "per_channel is not asked"),
    (
        "scale-of-inputs",
        _LARGEST,
        f"{_LARGEST}\n    largest = np.full_like(largest, np.abs(weight[0]).max())",
        "the first output sets the scale of all",
    ),
    ("sign-forgotten", _LARGEST, _LARGEST.replace("np.abs(weight)", "weight"), "negative weights"),
    ("scale-of-128", _STEPS, _STEPS.replace("127", "128"), "the largest weight is never exact"),
    ("zeros-divide", _STEPS, "scale = largest / 127", "weights of 0 have a scale of 0"),
    (
        "sums-in-int8",
        _PART,
        "part = a[:, piece] @ b[:, piece].T",
        "int8 products are added up in int8",
    ),
    (
        "pieces-too-long",
        _PIECES + "\n        piece = slice(start, start + EXACT)",
        "for start in range(0, a.shape[1], 9999):\n        piece = slice(start, start + 9999)",
        "float32 adds up more than it can hold",
    ),
    (
        "last-piece-lost",
        _PIECES,
        _PIECES.replace("a.shape[1]", "max(1, a.shape[1] - EXACT)"),
        "tail",
    ),
    ("zero-point-forgotten", _TAKEN, "pass", "what the zero point takes away is not taken"),
    ("zero-point-added", _TAKEN, _TAKEN.replace("-=", "+="), "it is added instead"),
    (
        "scale-of-weights-only",
        _SCALES,
        "scale = self.scale.data[:, 0]",
        "the input's scale is forgotten",
    ),
    ("first-scale-only", _SCALES, "scale = grid.scale * self.scale.data[0]", "one output's scale"),
    ("output-in-float64", _WIDE, "y = total * scale.astype(float)", "float64 from here on"),
    (
        "bias-scaled",
        _BIAS,
        "y += self.bias.data * scale",
        "the bias is float32 and needs no scale",
    ),
    ("one-sided", _OUTSIDE, "outside = 100 - percent", "twice as much is left out"),
    ("lower-end-kept", _ENDS, _ENDS.replace("[outside,", "[0,"), "nothing is left out below"),
    ("original-changed", _TWIN, "twin = value", "the layers are exchanged in the model itself"),
    ("shared-inside", _ITEM, "setattr(twin, attribute, item)", "the copy shares what is inside"),
    (
        "lists-passed-over",
        _ITEM,
        f"if not isinstance(item, list):\n                {_ITEM}",
        "layers in lists are not gone through",
    ),
    ("names-lost", _ITEM, _ITEM.replace("names.get(id(item), name)", "attribute"), "short names"),
    (
        "calibration-unused",
        _RANGE,
        _RANGE.replace("ranges.get(name)", "None"),
        "ranges are ignored",
    ),
    (
        "channels-unused",
        _RANGE,
        _RANGE.replace(", per_channel", ""),
        "per_channel is not handed on",
    ),
    ("convolutions-kept", _KINDS, "if type(layer) is Embedding:", "Conv2d stays float32"),
    ("embeddings-kept", _KINDS, "if type(layer) is Conv2d:", "Embedding stays float32"),
    (
        "weights-rounded-only",
        _RANGE,
        (
            "twin = copy.copy(layer)\n            twin.weight = QuantizedLinear(layer).weight\n"
            "            return twin"
        ),
        "rounded weights, stored in float32: nothing is saved",
    ),
]

MUTANTS = [Mutant(name, "15_quantization", old, new, wrong) for name, old, new, wrong in _MISTAKES]
