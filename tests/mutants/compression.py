"""Mistakes in `perf/compression.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_ZEROS = "zeros = sum(int((tensor.data == 0).sum()) for tensor in weights.values())"
_SHARE = "return zeros / sum(tensor.size for tensor in weights.values())"
_ORDER = 'order = np.argsort(sizes.reshape(-1), kind="stable")'
_CHOSEN = "chosen[order[:count]] = True"
_GROUPS = "groups = [[name] for name in sizes] if per_layer else [list(sizes)]"
_GONE = "gone = smallest(row, round(amount * row.size))"
_KEPT = "kept[name] = ~part.reshape(sizes[name].shape)"
_PART = "part, gone = np.split(gone, [sizes[name].size])"
_HELD = "for step in trainer.fit(loader, epochs):\n        masks.apply()\n        yield step"
_NORMS = "norms = np.sqrt((weight.reshape(len(weight), -1) ** 2).sum(axis=1))"
_WEAKEST = "gone = smallest(norms, len(norms) - count)"
_STAY = "return np.flatnonzero(~gone)"
_ROWS = "array = tensor.data[outputs]"
_COLUMNS = "array = array[:, inputs]"
_TWIN = "setattr(twin, name, Tensor(array.copy(), requires_grad=tensor.requires_grad))"
_AREA = "return (channels[:, np.newaxis] * area + np.arange(area)).reshape(-1)"
_ENOUGH = "enough = np.cumsum(squares) >= energy * squares.sum() * (1 - 1e-12)"
_RANK = "return int(np.argmax(enough)) + 1"
_ROOT = "root = np.sqrt(s[:rank])"
_THIN = "narrow, wide = root[:, np.newaxis] * vt[:rank], u[:, :rank] * root"
_ASKED = "self.teacher.eval()"
_UNSEEN = "with no_grad():"
_SOFT = "return softmax(self.teacher(inputs) / self.temperature)"
_LOGS = "logs = log_softmax(student_logits / self.temperature)"
_MEAN = "soft = -(soft_targets * logs).sum(axis=-1).mean()"
_MIX = "return soft * (self.alpha * self.temperature**2) + hard * (1 - self.alpha)"

_MISTAKES = [
    (
        "mean-of-shares",
        _ZEROS + "\n    " + _SHARE,
        "return float(np.mean([(t.data == 0).mean() for t in weights.values()]))",
        "a small layer counts as much as a large one",
    ),
    (
        "biases-counted",
        _SHARE,
        "return zeros / sum(tensor.size for _, tensor in named_tensors(model))",
        "biases and norms are no weights",
    ),
    ("share-of-what-is-left", _SHARE, "return 1 - " + _SHARE[7:], "the weights that are not 0"),
    (
        "threshold",
        _ORDER + "\n    " + _CHOSEN,
        "if count:\n        chosen[:] = sizes.ravel() <= np.sort(sizes, axis=None)[count - 1]",
        "a threshold takes all equal weights or none",
    ),
    (
        "sorted-row-by-row",
        _ORDER,
        'order = np.argsort(sizes, kind="stable").reshape(-1)',
        "places within rows, not in the whole",
    ),
    ("largest-first", _CHOSEN, "chosen[order[len(order) - count :]] = True", "the largest go"),
    ("one-too-few", _CHOSEN, "chosen[order[: max(count - 1, 0)]] = True", "one stays"),
    ("groups-turned-round", _GROUPS, _GROUPS.replace("if per", "if not per"), "global is local"),
    ("cut-off-count", _GONE, _GONE.replace("round(", "int("), "the count is cut off, not rounded"),
    ("mask-turned-round", _KEPT, _KEPT.replace("~part", "part"), "True is what went"),
    (
        "first-part-for-all",
        _PART,
        "part = gone[: sizes[name].size]",
        "every layer gets the beginning of the row",
    ),
    (
        "biases-pruned",
        _KEPT,
        _KEPT + "\n    for name, tensor in named_tensors(model):\n        if name not in kept:\n"
        "            tensor.data[smallest(np.abs(tensor.data), round(amount * tensor.size))] = 0",
        "biases and norms are pruned as well",
    ),
    (
        "mask-forgotten",
        _HELD,
        "yield from trainer.fit(loader, epochs)",
        "the optimizer brings the weights back",
    ),
    (
        "mask-at-the-end",
        _HELD,
        "yield from trainer.fit(loader, epochs)\n    masks.apply()",
        "between steps the pruned weights are there",
    ),
    (
        "mask-after-yield",
        _HELD,
        "for step in trainer.fit(loader, epochs):\n        yield step\n        masks.apply()",
        "whoever looks at a step sees no zeros",
    ),
    ("one-epoch", _HELD, _HELD.replace("epochs)", "1)"), "the number of epochs is not handed on"),
    ("signed-sums", _NORMS, "norms = weight.reshape(len(weight), -1).sum(axis=1)", "signs cancel"),
    ("strong-go", _WEAKEST, _WEAKEST.replace("(norms", "(-norms", 1), "the strongest are cut out"),
    (
        "order-of-strength",
        _STAY,
        "return np.argsort(-norms, kind='stable')[:count]",
        "units change their places",
    ),
    (
        "one-side-only",
        "if array.ndim > 1:\n            " + _COLUMNS,
        "",
        "the next layer still waits for all inputs",
    ),
    ("first-columns", _COLUMNS, "array = array[:, : len(inputs)]", "other inputs than those kept"),
    (
        "columns-turned-round",
        _COLUMNS,
        "array = array[:, inputs[::-1]]",
        "inputs in another order than they come",
    ),
    (
        "statistics-left",
        _ROWS,
        "array = tensor.data[outputs if name[:7] != 'running' else slice(len(outputs))]",
        "running statistics of other channels",
    ),
    ("frozen", _TWIN, "setattr(twin, name, Tensor(array.copy()))", "the copy cannot be trained"),
    (
        "statistics-trained",
        _TWIN,
        _TWIN.replace("tensor.requires_grad", "True"),
        "running statistics become parameters",
    ),
    (
        "layer-changed",
        _TWIN,
        "tensor.data = array.copy()\n        setattr(twin, name, tensor)",
        "the model itself is cut",
    ),
    (
        "channels-interleaved",
        _AREA,
        "return (channels + len(channels) * np.arange(area)[:, np.newaxis]).reshape(-1)",
        "as if channels were the last axis",
    ),
    ("no-area", _AREA, "return np.repeat(channels, area)", "a channel is taken for a column"),
    ("energy-unsquared", _ENOUGH, _ENOUGH.replace("squares", "squares**0.5"), "not squared"),
    ("rank-one-too-few", _RANK, "return max(1, int(np.argmax(enough)))", "counted from 0"),
    ("rank-one-too-many", _RANK, "return int(np.argmax(enough)) + 2", "one more than needed"),
    (
        "smallest-kept",
        _THIN,
        "narrow, wide = root[:, np.newaxis] * vt[-rank:], u[:, -rank:] * root",
        "the least directions are kept",
    ),
    ("singular-twice", _ROOT, "root = s[:rank]", "both sides get the whole of s"),
    (
        "singular-once",
        _THIN,
        _THIN.replace("u[:, :rank] * root", "u[:, :rank]"),
        "a root is missing",
    ),
    ("teacher-in-training", _ASKED, "self.teacher.train()", "dropout and batch statistics at work"),
    ("teacher-as-it-is", _ASKED, "pass", "whatever mode the teacher is in"),
    (
        "teacher-recorded",
        _UNSEEN,
        "if True:",
        "the teacher is trained along with the student",
    ),
    (
        "teacher-not-softened",
        _SOFT,
        "return softmax(self.teacher(inputs))",
        "T = 1 for the teacher",
    ),
    ("student-not-softened", _LOGS, "logs = log_softmax(student_logits)", "T = 1 for the student"),
    ("mean-over-classes", _MEAN, "soft = -(soft_targets * logs).mean()", "divided by the classes"),
    ("square-forgotten", _MIX, _MIX.replace(" * self.temperature**2", ""), "T^2 is missing"),
    (
        "square-for-both",
        _MIX,
        "return (soft * self.alpha + hard * (1 - self.alpha)) * self.temperature**2",
        "the hard part is multiplied, too",
    ),
    (
        "alpha-turned-round",
        _MIX,
        "return soft * ((1 - self.alpha) * self.temperature**2) + hard * self.alpha",
        "alpha is taken for the share of the targets",
    ),
]

MUTANTS = [Mutant(name, "16_compression", old, new, wrong) for name, old, new, wrong in _MISTAKES]
