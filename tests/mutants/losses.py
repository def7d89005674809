"""Mistakes in `core/losses.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_MSE = "return np.mean(difference * difference)"
_RETURN_TARGET = "return target.astype(prediction.dtype, copy=False)"
_SHAPES = "if prediction.shape != target.shape:"
_YES = "log_yes = np.maximum(np.log(probability), -100)"
_NO = "log_no = np.maximum(np.log(1 - probability), -100)"
_BCE = "return -np.mean(target * log_yes + (1 - target) * log_no)"
_PICK = "return scores[np.arange(len(classes)), classes]"
_LARGEST = "largest = scores.max(axis=1, keepdims=True)"
_SUMS = "sums = np.exp(shifted, out=shifted).sum(axis=1)"
_LOG = "return largest[:, 0] + np.log(sums)"
_AHEAD = "ahead = scores - right[:, None]"
_MEAN = "return np.mean(log_sum_exp(ahead))"
_SMOOTH = "return (1 - label_smoothing) * right + label_smoothing * scores.mean(axis=1)"

_DEFINITIONS = [
    ("shapes-unchecked", _SHAPES, "if False:", "(n, 1) against (n,) is broadcast unnoticed"),
    (
        "sizes-compared",
        _SHAPES,
        "if prediction.size != target.size:",
        "(n, 1) and (n,) have equally many numbers",
    ),
    (
        "lengths-compared",
        _SHAPES,
        "if prediction.shape[:1] != target.shape[:1]:",
        "only the first axis is looked at",
    ),
    (
        "shape-error-unnamed",
        (
            'f"a prediction of shape {prediction.shape} cannot be compared number by number "\n'
            '            f"with a target of shape {target.shape}"'
        ),
        '"the shapes differ"',
        "the error does not say which shapes",
    ),
    ("target-dtype-kept", _RETURN_TARGET, "return target", "a float64 target gives a float64 loss"),
    (
        "target-always-float32",
        _RETURN_TARGET,
        "return target.astype(np.float32)",
        "digits of a float64 target are lost",
    ),
    (
        "target-cut",
        _RETURN_TARGET,
        "return target.astype(np.int64).astype(prediction.dtype)",
        "the target is rounded to whole numbers",
    ),
    ("mse-sum", _MSE, "return np.sum(difference * difference)", "a sum instead of a mean"),
    (
        "mse-halved",
        _MSE,
        "return np.mean(difference * difference) / 2",
        "half the mean, as textbooks write it",
    ),
    ("mse-absolute", _MSE, "return np.mean(np.abs(difference))", "absolute for squared"),
    ("mse-not-squared", _MSE, "return np.mean(difference)", "differences cancel"),
    ("mse-root", _MSE, "return np.sqrt(np.mean(difference * difference))", "a root too many"),
    ("mse-by-column", _MSE, "return np.mean(difference * difference, axis=0)", "not one number"),
    (
        "mse-per-example",
        _MSE,
        "return np.sum(difference * difference) / len(difference)",
        "divided by the number of examples, not of numbers",
    ),
    (
        "mse-in-place",
        "difference = prediction - target",
        "difference = prediction\n    difference -= target",
        "overwrites the prediction",
    ),
    ("mse-negative", _MSE, "return -np.mean(difference * difference)", "the wrong sign"),
    (
        "mse-float64",
        _MSE,
        "return np.mean(difference * difference, dtype=np.float64)",
        "the mean is float64",
    ),
    ("bce-log-of-zero", _YES, "log_yes = np.log(probability)", "minus infinity where p is 0"),
    ("bce-log-of-one", _NO, "log_no = np.log(1 - probability)", "minus infinity where p is 1"),
    (
        "bce-clipped-early",
        "    with np.errstate(divide",
        "    probability = np.clip(probability, 1e-7, 1 - 1e-7)\n    with np.errstate(divide",
        "all surprises above 16 are alike",
    ),
    (
        "bce-small-number-added",
        "np.log(probability)",
        "np.log(probability + 1e-3)",
        "a small number that is not small",
    ),
    ("bce-one-half", _BCE, "return -np.mean(target * log_yes)", "no cost for a false yes"),
    (
        "bce-exchanged",
        _BCE,
        "return -np.mean(target * log_no + (1 - target) * log_yes)",
        "yes and no exchanged",
    ),
    ("bce-sign", _BCE, _BCE.replace("-np.mean", "np.mean"), "the minus is missing"),
    ("bce-sum", _BCE, _BCE.replace("np.mean", "np.sum"), "a sum instead of a mean"),
    ("bce-base-2", _YES, _YES.replace("np.log(", "np.log2("), "a logarithm of another base"),
    (
        "bce-hard-targets",
        _BCE,
        "return -np.mean(np.where(target == 1, log_yes, log_no))",
        "a target of 0.5 counts as no",
    ),
    (
        "bce-any-number",
        "if np.any((probability < 0) | (probability > 1)):",
        "if False:",
        "logits are taken for probabilities",
    ),
    ("classes-negative", "(targets < 0) | ", "", "class -1 picks the last one"),
    (
        "classes-cut",
        " | (targets % 1 != 0)",
        "",
        "class 0.5 becomes 0",
    ),
    (
        "classes-shape-unchecked",
        "if logits.ndim == 0 or targets.shape != logits.shape[:-1]:",
        "if targets.size != logits.size // logits.shape[-1]:",
        "targets of shape (n, 1) are taken",
    ),
    ("pick-table", _PICK, "return scores[:, classes]", "columns of every row"),
    (
        "pick-next-class",
        _PICK,
        "return scores[np.arange(len(classes)), classes - 1]",
        "the wrong class, counted from 1",
    ),
    (
        "pick-transposed",
        _PICK,
        "return scores.T[np.arange(len(classes)) % scores.shape[1], classes % len(scores)]",
        "rows and columns exchanged",
    ),
    (
        "pick-best",
        _PICK,
        "return scores.max(axis=1)",
        "the likeliest class instead of the right one",
    ),
    (
        "one-hot-of-wrong-class",
        _PICK,
        (
            "one_hot = np.eye(scores.shape[1], dtype=scores.dtype)[::-1][classes]\n"
            "    return (one_hot * scores).sum(axis=1)"
        ),
        "the one-hot table is upside down",
    ),
    (
        "one-hot-float64",
        _PICK,
        "return (np.eye(scores.shape[1])[classes] * scores).sum(axis=1)",
        "a float64 one-hot table",
    ),
    (
        "softmax-wrong-axis",
        _SUMS,
        (
            "sums = np.exp(shifted).sum(axis=0)[: len(scores)]\n"
            "    sums = np.resize(sums, len(scores))"
        ),
        "sums over the batch",
    ),
    (
        "softmax-all",
        _SUMS,
        "sums = np.full(len(scores), np.exp(shifted).sum())",
        "one sum for the whole batch",
    ),
    ("lse-unstable", _LARGEST, "largest = 0 * scores[:, :1]", "exp of 1000 is infinite"),
    (
        "lse-largest-of-batch",
        _LARGEST,
        "largest = np.full((len(scores), 1), scores.max())",
        "log of zero in rows far below the largest",
    ),
    ("lse-shift-forgotten", _LOG, "return np.log(sums)", "the largest is not added again"),
    ("lse-largest-only", _LOG, "return largest[:, 0]", "the log of the sum is missing"),
    (
        "lse-in-place",
        "shifted = scores - largest",
        "shifted = scores\n    shifted -= largest",
        "overwrites the scores",
    ),
    (
        "lse-float64",
        _LARGEST,
        "scores = scores.astype(np.float64)\n    " + _LARGEST,
        "computes in float64",
    ),
    (
        "log-of-softmax",
        _MEAN,
        (
            "weights = np.exp(scores - scores.max(axis=1, keepdims=True))\n"
            "    shares = pick(weights / weights.sum(axis=1, keepdims=True), classes)\n"
            "    return -np.mean(np.log(shares))"
        ),
        "the log of a share that became 0; smoothing is lost",
    ),
    ("ce-sign", _AHEAD, "ahead = right[:, None] - scores", "the wrong way round"),
    ("ce-negative", _MEAN, "return -np.mean(log_sum_exp(ahead))", "the wrong sign"),
    (
        "ce-row-broadcast",
        _AHEAD,
        "ahead = scores - np.resize(right, scores.shape[1])",
        "(n,) runs along the classes",
    ),
    ("ce-sum", _MEAN, "return np.sum(log_sum_exp(ahead))", "a sum instead of a mean"),
    (
        "ce-mean-over-classes",
        _MEAN,
        "return np.sum(log_sum_exp(ahead)) / scores.shape[1]",
        "a mean over classes instead of examples",
    ),
    (
        "ce-per-example",
        _MEAN,
        "return log_sum_exp(ahead)",
        "one loss for each example",
    ),
    (
        "ce-float64",
        _MEAN,
        "return np.mean(log_sum_exp(ahead), dtype=np.float64)",
        "the mean is float64",
    ),
    (
        "ce-first-example",
        _MEAN,
        "return log_sum_exp(ahead)[0]",
        "only one example counts",
    ),
    (
        "smoothing-others-only",
        _SMOOTH,
        (
            "rest = (scores.sum(axis=1) - right) / max(scores.shape[1] - 1, 1)\n"
            "    return (1 - label_smoothing) * right + label_smoothing * rest"
        ),
        "spread over the other classes only",
    ),
    (
        "smoothing-not-divided",
        _SMOOTH,
        "return (1 - label_smoothing) * right + label_smoothing * scores.sum(axis=1)",
        "every class gets the whole share",
    ),
    (
        "smoothing-added",
        _SMOOTH,
        "return right + label_smoothing * scores.mean(axis=1)",
        "shares add up to more than 1",
    ),
    (
        "smoothing-over-examples",
        _SMOOTH,
        "return (1 - label_smoothing) * right + label_smoothing * scores.mean()",
        "a mean over the whole batch",
    ),
    (
        "smoothing-exchanged",
        _SMOOTH,
        "return label_smoothing * right + (1 - label_smoothing) * scores.mean(axis=1)",
        "the two shares are exchanged",
    ),
    ("smoothing-ignored", _SMOOTH, "return right", "smoothing has no effect"),
    (
        "smoothing-not-handed-on",
        "cross_entropy(logits, targets, label_smoothing=self.label_smoothing)",
        "cross_entropy(logits, targets)",
        "the class ignores its option",
    ),
]

MUTANTS = [Mutant(name, "04_losses", old, new, wrong) for name, old, new, wrong in _DEFINITIONS]
