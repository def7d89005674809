"""Mistakes in `core/spatial.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_ROOM = "room = size + 2 * padding - kernel"
_PLACES = "return room // stride + 1"
_LOOP = (
    "total += padded[i, a, r * stride[0] + u, s * stride[1] + v] * weight[k, a, u, v]\n"
    "        y[i, k, r, s] = total"
)
_STRIDES = "strides = (channel, row, column, stride[0] * row, stride[1] * column, image)"
_VIEW = "return view(x, shape, strides)"
_MATRIX = "matrix = weight.reshape(o, -1)"
_BIAS = "y += bias[:, np.newaxis]\n    ### END SOLUTION\n    return images_first(y.reshape(o"
_TOTAL = "total += block @ slopes[:, places].T"
_TURNED = "turned = weight.reshape(o, -1).T"
_DW = "dw += block @ slopes[:, places].T"
_SPOTS = "spots[:, u, v, rows] += parts[:, u, v]"
_CROP = "dx = dx[:, padding[0] : padding[0] + h, padding[1] : padding[1] + w]"
_FAN_IN = "fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]"
_WEIGHT = "self.weight = uniform_parameter(shape, fan_in)"
_FIRST = "y = seen[:, 0, 0].copy()"
_WINS = "wins &= waiting"
_GIVEN = "spots[:, u, v] += g * wins"
_LEVEL = "level, slope = row_sums(g) / count, row_sums(g * z) / count"
_DX = "dx = z * -slope[:, np.newaxis]"
_DX_SCALE = "dx *= (weight * scale)[:, np.newaxis]"
_SUMS = "dw, db = slope * count, level * count"
_UNBIASED = "unbiased = variance * (count / (count - 1))"
_RUN_MEAN = "self.running_mean.data += self.momentum * (mean - self.running_mean.data)"
_RUN_VAR = "self.running_var.data += self.momentum * (unbiased - self.running_var.data)"
_EVAL = "scale = self.weight / (self.running_var + self.eps).sqrt()"
_SHIFT = "shift = self.bias - self.running_mean * scale"

_SIZES = [
    ("one-padding", _ROOM, "room = size + padding - kernel", "padding is added at one end only"),
    ("places-off-by-one", _PLACES, "return room // stride", "the first place is not counted"),
    (
        "places-rounded-up",
        _PLACES,
        "return -(-room // stride) + 1",
        "the kernel may hang over the edge",
    ),
    ("no-room-unsaid", "if room < 0:", "if False:", "a kernel that fits nowhere makes no error"),
]

_LOOPS = [
    (
        "loops-kernel-flipped",
        _LOOP,
        _LOOP.replace("weight[k, a, u, v]", "weight[k, a, kh - 1 - u, kw - 1 - v]"),
        "the mathematician's convolution",
    ),
    (
        "loops-stride-ignored",
        _LOOP,
        _LOOP.replace("r * stride[0] + u, s * stride[1] + v", "r + u, s + v"),
        "places are neighbours, whatever the stride",
    ),
    (
        "loops-one-channel",
        "for a, u, v in np.ndindex(c, kh, kw):",
        "for a, u, v in np.ndindex(1, kh, kw):",
        "only the first channel is looked at",
    ),
    ("loops-bias-forgotten", "total = bias[k]", "total = 0.0", "the bias is not added"),
]

_FORWARD = [
    (
        "windows-stride-ignored",
        _STRIDES,
        "strides = (channel, row, column, row, column, image)",
        "places are neighbours, whatever the stride",
    ),
    (
        "windows-flipped",
        _VIEW,
        "return view(x, shape, strides)[:, ::-1, ::-1]",
        "the kernel is flipped",
    ),
    (
        "windows-copied",
        _VIEW,
        "return view(x, shape, strides).copy()",
        "all windows in memory",
    ),
    (
        "windows-strides-exchanged",
        _STRIDES,
        "strides = (channel, row, column, stride[1] * row, stride[0] * column, image)",
        "the steps down and to the right are exchanged",
    ),
    (
        "channels-mixed-up",
        _MATRIX,
        "matrix = weight.transpose(0, 2, 3, 1).reshape(o, -1)",
        "weights in the order row, column, channel beside columns in another",
    ),
    (
        "filters-flipped",
        _MATRIX,
        "matrix = weight[:, :, ::-1, ::-1].reshape(o, -1)",
        "the kernel is flipped on the way forward",
    ),
    ("bias-left-out", _BIAS, _BIAS.replace("bias[", "0 * bias["), "the bias is not added"),
    (
        "output-float64",
        "y = np.empty((o, oh * ow * n), dtype=np.result_type(x, weight))",
        "y = np.empty((o, oh * ow * n))",
        "the output is float64",
    ),
]

_BACKWARD = [
    ("last-block-only", _TOTAL, _TOTAL.replace("+=", "="), "the blocks are not added up"),
    (
        "weight-flipped",
        "return total.T.reshape(o, c, *kernel)",
        "return total.T.reshape(o, c, *kernel)[:, :, ::-1, ::-1]",
        "the gradient of the weights is flipped",
    ),
    (
        "weight-mean",
        _TOTAL,
        "total += block @ slopes[:, places].T / x.shape[0]",
        "a mean over the images where the sum belongs",
    ),
    (
        "weight-unpadded",
        "seen = windows(pad(images_last(x), padding), kernel, stride)",
        (
            "inner = pad(images_last(x), padding)\n"
            "    inner[:, : padding[0]] = inner[:, :, : padding[1]] = 1\n"
            "    seen = windows(inner, kernel, stride)"
        ),
        "on the way back the padding is not zero",
    ),
    (
        "spots-overwritten",
        _SPOTS,
        _SPOTS.replace("+=", "="),
        "overlapping windows replace each other",
    ),
    (
        "kernel-not-turned",
        _TURNED,
        "turned = weight[:, :, ::-1, ::-1].reshape(o, -1).T",
        "the kernel is flipped in scattering, which needs it as it is",
    ),
    (
        "padding-lost",
        _CROP,
        "dx = dx[:, :h, :w]",
        "the gradient is moved by the padding",
    ),
    (
        "gradient-stride-ignored",
        "seen, spots = (windows(array, (kh, kw), stride) for array in (padded, dx))",
        (
            "seen, spots = windows(padded, (kh, kw), stride), windows(dx, (kh, kw), (1, 1))\n"
            "    spots = spots[:, :, :, : seen.shape[3], : seen.shape[4]]"
        ),
        "no zeros between: gradients go to neighbouring pixels",
    ),
    ("input-last-block", _DW, _DW.replace("+=", "="), "the weights' blocks are not added up"),
    (
        "input-gradient-missing",
        _SPOTS,
        "pass",
        "layers below a convolution learn nothing",
    ),
    (
        "bias-gradient-missing",
        "(dx, dw, row_sums(images_last(g).reshape(len(bias), -1)))",
        "(dx, dw, np.zeros_like(bias))",
        "the bias is never trained",
    ),
    (
        "backward-float64",
        "dw = np.zeros((c * kh * kw, o), dtype=np.result_type(g, x))",
        "dw = np.zeros((c * kh * kw, o))",
        "the gradient of the weights is float64",
    ),
]

_LAYERS = [
    (
        "filters-frozen",
        _WEIGHT,
        "self.weight = Tensor(uniform_parameter(shape, fan_in).data)",
        "without requires_grad the filters stay as they were drawn",
    ),
    (
        "fan-in-channels",
        _FAN_IN,
        "fan_in = in_channels",
        "the cells of the kernel are not counted: weights too large",
    ),
    (
        "fan-out",
        _FAN_IN,
        "fan_in = out_channels * self.kernel_size[0] * self.kernel_size[1]",
        "counts what goes out instead of what comes in",
    ),
    (
        "bias-bound",
        "self.bias = uniform_parameter((out_channels,), fan_in) if bias else None",
        "self.bias = uniform_parameter((out_channels,), out_channels) if bias else None",
        "the bias is drawn with another bound",
    ),
    (
        "layer-stride-lost",
        "return Convolution.apply(*inputs, stride=self.stride, padding=self.padding)",
        "return Convolution.apply(*inputs, padding=self.padding)",
        "the layer forgets its stride",
    ),
    (
        "layer-padding-lost",
        "return Convolution.apply(*inputs, stride=self.stride, padding=self.padding)",
        "return Convolution.apply(*inputs, stride=self.stride)",
        "the layer forgets its padding",
    ),
]

_POOLS = [
    (
        "max-of-zeros",
        _FIRST,
        "y = np.zeros_like(seen[:, 0, 0])",
        "starts at zero, which is larger than every negative number",
    ),
    ("max-pads-zeros", "edge = -np.inf", "edge = 0.0", "a padding of zeros beats negative numbers"),
    (
        "max-is-min",
        "np.maximum(y, seen[:, u, v], out=y)",
        "np.minimum(y, seen[:, u, v], out=y)",
        "the smallest",
    ),
    ("ties-all", _WINS, "pass", "every winner of a tie gets the whole gradient"),
    (
        "ties-last",
        "for u, v in np.ndindex(kh, kw):\n            wins",
        "for u, v in reversed(list(np.ndindex(kh, kw))):\n            wins",
        "the last winner of a tie gets the gradient",
    ),
    (
        "wrong-cell",
        _GIVEN,
        "spots[:, u, kw - 1 - v] += g * wins",
        "the gradient goes to the mirrored cell",
    ),
    (
        "pool-overwritten",
        _GIVEN,
        _GIVEN.replace("+=", "="),
        "overlapping windows replace each other",
    ),
    ("shared-by-all", _GIVEN, "spots[:, u, v] += g / (kh * kw)", "the gradient of a mean"),
]

_NORMS = [
    ("norm-mean-kept", "dx -= level[:, np.newaxis]", "pass", "the mean of g is not taken away"),
    ("norm-slope-kept", _DX, "dx = np.zeros_like(z)", "the part along z is not taken away"),
    (
        "norm-unscaled",
        _DX_SCALE,
        "dx *= weight[:, np.newaxis]",
        "the division by the deviation is lost",
    ),
    ("norm-weight-lost", _DX_SCALE, "dx *= scale[:, np.newaxis]", "the learned scale is lost"),
    ("norm-sums-are-means", _SUMS, "dw, db = slope, level", "means where sums belong"),
    ("norm-exchanged", _SUMS, "db, dw = slope * count, level * count", "weight and bias exchanged"),
    ("running-biased", _UNBIASED, "unbiased = variance", "the variance divided by count is kept"),
    ("never-updated", _RUN_MEAN, "pass", "the running mean stays 0"),
    ("variance-never-updated", _RUN_VAR, "pass", "the running variance stays 1"),
    (
        "momentum-reversed",
        _RUN_MEAN,
        "self.running_mean.data += (1 - self.momentum) * (mean - self.running_mean.data)",
        "momentum is the share of the old",
    ),
    (
        "running-summed",
        _RUN_MEAN,
        "self.running_mean.data += self.momentum * mean",
        "the old mean is not forgotten",
    ),
    (
        "batch-in-eval",
        _EVAL,
        (
            "if x.size > self.num_features:\n"
            "            options = {'eps': self.eps}\n"
            "            return Normalization.apply(x, self.weight, self.bias, **options)\n"
            "        " + _EVAL
        ),
        "the batch's statistics are used after eval()",
    ),
    (
        "eval-variance",
        _EVAL,
        "scale = self.weight / (self.running_var + self.eps)",
        "the root is lost",
    ),
    ("eval-unshifted", _SHIFT, "shift = self.bias - self.running_mean", "the mean is not scaled"),
    ("eval-no-eps", _EVAL, "scale = self.weight / self.running_var.sqrt()", "eps is left out"),
]

MUTANTS = [
    Mutant(name, "09_convolutions", old, new, wrong)
    for name, old, new, wrong in (
        _SIZES + _LOOPS + _FORWARD + _BACKWARD + _LAYERS + _POOLS + _NORMS
    )
]
