"""Mistakes in `core/autograd.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_SEND = """        elif node.number in arrived:
            arrived[node.number] = arrived[node.number] + part
        else:
            arrived[node.number] = part
            heapq.heappush(waiting, (-node.number, node))
"""

_RECURSIVE = """        else:
            for inner, its_part in parts(node, part):
                send(inner, its_part)
"""

_EXPLORE = """
        def explore(node):
            for inner in node.inputs[:1]:
                if isinstance(inner, Tensor) and inner.node is not None:
                    explore(inner.node)

        if node is not None:
            explore(node)
"""

_LOOP = """        for value in inputs:
            if isinstance(value, Tensor) and value.requires_grad:
                result.requires_grad = True
"""

_DEFINITIONS = [
    # nudging
    (
        "nudged-one-side",
        "gradient[place] = (above - below) / (2 * eps)",
        "nudged[place] = kept\n        gradient[place] = (above - float(function(nudged))) / eps",
        "one-sided instead of central differences",
    ),
    (
        "nudge-left-in",
        "        nudged[place] = kept\n        gradient[place]",
        "        gradient[place]",
        "an element that was nudged is not put back",
    ),
    (
        "nudged-float32",
        "nudged = np.array(array, dtype=np.float64)",
        "nudged = np.array(array, dtype=np.float32)",
        "nudging in float32",
    ),
    # recording
    (
        "first-input-only",
        _LOOP,
        _LOOP.replace("in inputs:", "in inputs[:1]:"),
        "only the first input is asked whether it requires a gradient",
    ),
    (
        "mark-does-not-travel",
        "                result.requires_grad = True\n",
        "",
        "a result does not require a gradient itself",
    ),
    (
        "whole-numbers-recorded",
        'if not self.recording or result.data.dtype.kind != "f":',
        "if not self.recording:",
        "comparisons and whole numbers are recorded",
    ),
    (
        "everything-recorded",
        _LOOP,
        _LOOP.replace(" and value.requires_grad", ""),
        "constants are recorded",
    ),
    (
        "always-recording",
        'if not self.recording or result.data.dtype.kind != "f":',
        'if result.data.dtype.kind != "f":',
        "no_grad has no effect on the tape",
    ),
    (
        "no-grad-switches-on",
        "tape.recording = self.before.pop()",
        "tape.recording = True",
        "an inner no_grad ends the outer one",
    ),
    (
        "no-grad-stays-after-error",
        "tape.recording = self.before.pop()",
        "tape.recording = error[0] is None and self.before.pop()",
        "after an error nothing is recorded any more",
    ),
    (
        "no-grad-one-memory",
        "self.before.append(tape.recording)",
        "self.before[:] = [tape.recording] * 2",
        "a decorated function that calls itself does not restore recording",
    ),
    # rules of arithmetic
    ("sub-sign", "    return -g\n", "    return g\n", "a - b: the sign of b's gradient is lost"),
    ("div-sign", "return -g * y / b", "return g * y / b", "a / b: the sign for b is lost"),
    ("div-not-squared", "return -g * y / b", "return -g * y", "a / b: for b divided only once"),
    ("pow-exponent", "g * b * a ** (b - 1)", "g * b * a**b", "the exponent is not lowered"),
    ("exp-of-nothing", "    return g * y\n", "    return g\n", "the slope of exp is left out"),
    ("log-inverted", "    return g / a\n", "    return g * a\n", "the slope of log is inverted"),
    ("sqrt-half", "return g / (2 * y)", "return g / y", "the slope of sqrt lacks its 1/2"),
    (
        "sqrt-in-place",
        "return g / (2 * y)",
        "y *= 2\n    return g / y",
        "a rule changes an array that others use",
    ),
    (
        "product-own-factor",
        "return g * (x > 0)",
        "return y * (x > 0)",
        "relu forgets the gradient that arrives",
    ),
    # broadcasting
    (
        "broadcast-not-undone",
        "return gradient.sum(axis=tuple(repeated)).reshape(shape)",
        "return gradient",
        "gradients keep the broadcast shape",
    ),
    (
        "broadcast-mean",
        "return gradient.sum(axis=tuple(repeated)).reshape(shape)",
        "return gradient.mean(axis=tuple(repeated)).reshape(shape)",
        "copies are averaged instead of added",
    ),
    (
        "stretched-axes-forgotten",
        "return gradient.sum(axis=tuple(repeated)).reshape(shape)",
        (
            "gradient = gradient.sum(axis=tuple(range(in_front)))\n"
            "    return gradient[tuple(slice(0, size) for size in shape)]"
        ),
        "only axes in front are summed, of stretched ones the first copy counts",
    ),
    (
        "aligned-from-the-left",
        "repeated += [in_front + i for i, size in enumerate(shape) if size == 1]",
        "repeated += [i for i, size in enumerate(shape) if size == 1 and i >= in_front]",
        "axes are compared from the left",
    ),
    # the walk
    (
        "leaf-overwritten",
        "own(part, taken) if value.grad is None else value.grad + part",
        "own(part, taken)",
        "a leaf keeps the last gradient only",
    ),
    (
        "node-overwritten",
        "arrived[node.number] = arrived[node.number] + part",
        "arrived[node.number] = part",
        "inside the graph the last gradient replaces the others",
    ),
    (
        "leaf-in-place",
        "value.grad = own(part, taken) if value.grad is None else value.grad + part",
        (
            "value.grad = own(part, taken) if value.grad is None else np.add(\n"
            "                value.grad, part, out=value.grad)"
        ),
        "gradients are added in place",
    ),
    (
        "leaves-share",
        "value.grad = own(part, taken) if",
        "value.grad = part if",
        "two leaves hold the same array",
    ),
    (
        "oldest-first",
        "heapq.heappush(waiting, (-node.number, node))",
        "heapq.heappush(waiting, (node.number, node))",
        "nodes are visited oldest first",
    ),
    (
        "once-per-use",
        _SEND,
        _RECURSIVE,
        "every use of a result is a visit of its own, by recursion",
    ),
    (
        "recursion",
        _SEND,
        _SEND + _EXPLORE,
        "the graph is explored by recursion",
    ),
    ("not-freed", "        node.free()\n", "", "the graph stays in memory"),
    (
        "float64-leaks",
        "            part = part.astype(value.data.dtype)\n",
        "",
        "a float32 weight gets a float64 gradient",
    ),
    # matrix products
    (
        "matmul-left-transposed",
        "part = product(g, swap(b), like=rows)",
        "part = swap(product(g, swap(b), like=rows))",
        "the gradient for the left factor is transposed",
    ),
    (
        "matmul-right-transposed",
        "part = product(swap(a), g, like=columns)",
        "part = swap(product(swap(a), g, like=columns))",
        "the gradient for the right factor is transposed",
    ),
    (
        "matmul-not-transposed",
        "part = product(g, swap(b), like=rows)",
        "part = product(g, b if b.shape[-1] == b.shape[-2] else swap(b), like=rows)",
        "square matrices are not transposed",
    ),
    (
        "matmul-all-axes",
        "part = product(g, swap(b), like=rows)",
        "part = product(g, b.T, like=rows)",
        ".T turns the axes of the batch around as well",
    ),
    # sums, shapes, indexing
    (
        "transpose-last-axes",
        "return np.swapaxes(g, axis0, axis1)",
        "return np.swapaxes(g, -1, -2)",
        "other axes than the last two are not swapped back",
    ),
    (
        "mean-is-a-sum",
        "np.broadcast_to(kept(g, axis, keepdims) * (y.size / a.size), a.shape)",
        "np.broadcast_to(kept(g, axis, keepdims), a.shape)",
        "the mean's 1/n is missing",
    ),
    (
        "mean-over-everything",
        "kept(g, axis, keepdims) * (y.size / a.size)",
        "kept(g, axis, keepdims) * (1 / a.size)",
        "a mean along an axis is divided by all elements",
    ),
    (
        "mean-float64",
        "kept(g, axis, keepdims) * (y.size / a.size)",
        "kept(g, axis, keepdims) * np.float64(y.size / a.size)",
        "a numpy constant turns gradients into float64",
    ),
    (
        "axis-not-put-back",
        "return np.broadcast_to(kept(g, axis, keepdims), a.shape)",
        "return np.broadcast_to(g, a.shape)",
        "the summed axis is not put back",
    ),
    (
        "max-counts-ties-twice",
        "kept(g, axis, keepdims) / largest.sum(axis=axis, keepdims=True)",
        "kept(g, axis, keepdims)",
        "equal largest elements all get the whole gradient",
    ),
    (
        "getitem-overwrites",
        "np.add.at(whole, index, g)",
        "whole[index] = g",
        "an element that was read twice keeps one gradient",
    ),
    (
        "getitem-buffered",
        "np.add.at(whole, index, g)",
        "whole[index] += g",
        "an element that was read twice keeps one gradient",
    ),
    # activations
    ("relu-passes-negatives", "return g * (x > 0)", "return g * (x == x)", "relu lets all pass"),
    ("relu-corner", "return g * (x > 0)", "return g * (x >= 0)", "relu has slope 1 at 0"),
    ("sigmoid-of-x", "return g * y * (1 - y)", "return g * x * (1 - x)", "x taken for y"),
    ("tanh-not-squared", "return g * (1 - y * y)", "return g * (1 - y)", "y is not squared"),
    (
        "softmax-elementwise",
        "return y * (g - (g * y).sum(axis=axis, keepdims=True))",
        "return g * y * (1 - y)",
        "softmax is taken for a sigmoid: the other shares are forgotten",
    ),
    (
        "softmax-last-axis",
        "return y * (g - (g * y).sum(axis=axis, keepdims=True))",
        "return y * (g - (g * y).sum(axis=-1, keepdims=True))",
        "softmax along another axis",
    ),
    (
        "softmax-unweighed",
        "(g - (g * y).sum(axis=axis, keepdims=True))",
        "(g - g.mean(axis=axis, keepdims=True))",
        "the mean of g is not weighed with the shares",
    ),
    # losses
    ("mse-no-two", "(g * (2 / a.size))", "(g * (1 / a.size))", "the 2 of the square is missing"),
    ("mse-no-mean", "(g * (2 / a.size))", "(g * 2)", "the 1/n of the mean is missing"),
    (
        "mse-rows",
        "(g * (2 / a.size))",
        "(g * (2 / len(a)))",
        "divided by examples instead of elements",
    ),
    (
        "cross-entropy-no-mean",
        "part *= g / len(chosen)",
        "part *= g",
        "the 1/n of the mean is missing",
    ),
    (
        "cross-entropy-no-target",
        "    part[rows, chosen] -= 1 - label_smoothing\n",
        "",
        "the one-hot target is missing",
    ),
    (
        "cross-entropy-unsmoothed",
        "    part[rows, chosen] -= 1 - label_smoothing\n    if label_smoothing:",
        "    part[rows, chosen] -= 1\n    if False:",
        "label smoothing is ignored on the way back",
    ),
    (
        "cross-entropy-forgets-g",
        "part *= g / len(chosen)",
        "part /= len(chosen)",
        "the gradient that arrives is ignored",
    ),
    (
        "cross-entropy-overflows",
        "part = np.exp(scores - scores.max(axis=1, keepdims=True))",
        "part = np.exp(scores)",
        "large scores overflow",
    ),
]

MUTANTS = [Mutant(name, "06_autograd", old, new, wrong) for name, old, new, wrong in _DEFINITIONS]
