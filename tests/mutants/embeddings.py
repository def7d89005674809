"""Mistakes in `core/embeddings.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_HOT = "rows[(*place, indices[place])] = 1"
_ORDER = 'order = np.argsort(flat, kind="stable")'
_FIRST = "first = np.flatnonzero(np.diff(ordered, prepend=-1))"
_TOTAL = "total[ordered[first]] = np.add.reduceat(rows[order], first, axis=0)"
_ROWS = "rows = as_indices(indices, self.num_embeddings)"
_LOOKUP = "return Lookup.apply(self.weight, indices=rows)"
_LENGTHS = "lengths = np.sqrt((table**2).sum(axis=1, keepdims=True))"
_ALIKE = "return directions @ directions.T"
_ADDED = "return x + table[: x.shape[-2]]"
_SLOPES = "slopes[:t] = g.reshape(-1, t, dim).sum(axis=0)"
_ANGLES = "angles = places / 10000 ** (np.arange(0, dim, 2) / dim)"
_SIN = "table[:, 0::2] = np.sin(angles)"
_COS = "table[:, 1::2] = np.cos(angles[:, : dim // 2])"

_MISTAKES = [
    (
        "one-hot-counted",
        _HOT,
        "rows[(*place, indices[place])] += indices[place]",
        "the number itself stands where a 1 belongs",
    ),
    ("one-hot-from-one", _HOT, "rows[(*place, indices[place] - 1)] = 1", "counted from 1"),
    (
        "last-one-wins",
        _ORDER + "\n    ordered = flat[order]\n    " + _FIRST + "\n    " + _TOTAL,
        "total[flat] += rows",
        "a row that was used twice gets only one of its gradients",
    ),
    (
        "rows-unsorted",
        _TOTAL,
        _TOTAL.replace("rows[order]", "rows"),
        "the indices are sorted, the gradients are not",
    ),
    (
        "groups-in-order-of-appearance",
        _TOTAL,
        _TOTAL.replace("total[ordered[first]]", "total[: len(first)]"),
        "the sums are written into the first rows",
    ),
    (
        "first-group-lost",
        _FIRST,
        "first = np.flatnonzero(np.diff(ordered)) + 1",
        "the group at the beginning is forgotten",
    ),
    (
        "groups-averaged",
        _TOTAL,
        _TOTAL + "\n    total /= np.maximum(1, np.bincount(flat, minlength=count))[:, None]",
        "the mean of the gradients where their sum belongs",
    ),
    (
        "backward-in-float64",
        _TOTAL,
        _TOTAL + "\n    total = total.astype(np.float64)",
        "the gradient becomes float64",
    ),
    (
        "lookup-not-recorded",
        _LOOKUP,
        "return Tensor(self.weight.data[rows])",
        "the table never learns",
    ),
    (
        "negative-wraps",
        _ROWS,
        "rows = np.asarray(indices.data).astype(np.int64)",
        "a token of -1 is taken for the last one",
    ),
    (
        "out-of-range-clipped",
        _ROWS,
        "rows = np.clip(indices.data.astype(np.int64), 0, self.num_embeddings - 1)",
        "tokens outside of the table become its first or last",
    ),
    (
        "dot-product-only",
        "directions = table / lengths",
        "directions = table",
        "long vectors look more alike",
    ),
    (
        "one-length-for-all",
        _LENGTHS,
        "lengths = np.sqrt((table**2).sum())",
        "divided by the length of the whole table",
    ),
    ("length-squared", _LENGTHS, _LENGTHS.replace("np.sqrt", ""), "the root is forgotten"),
    (
        "columns-compared",
        _ALIKE,
        "return (directions.T @ directions)",
        "columns are compared, not rows",
    ),
    (
        "last-places",
        _ADDED,
        "return x + table[len(table) - x.shape[-2] :]",
        "the last rows are added, so places depend on the length",
    ),
    (
        "same-place-for-all",
        _ADDED,
        "return x + table[:1]",
        "every word stands at place 0",
    ),
    (
        "texts-are-places",
        _ADDED,
        "return x + table[: len(x)].reshape(len(x), *[1] * (x.ndim - 2), x.shape[-1])",
        "the number of the text is taken for the place",
    ),
    (
        "places-of-one-text",
        _SLOPES,
        "slopes[:t] = g.reshape(-1, t, dim)[0]",
        "only the first text counts",
    ),
    (
        "places-averaged",
        _SLOPES,
        _SLOPES.replace(".sum(", ".mean("),
        "the mean over the texts where the sum belongs",
    ),
    (
        "exponent-halved",
        _ANGLES,
        "angles = places / 10000 ** (np.arange((dim + 1) // 2) / dim)",
        "i / dim where 2i / dim belongs",
    ),
    (
        "sines-then-cosines",
        _SIN + "\n    " + _COS,
        (
            "half = (dim + 1) // 2\n    table[:, :half] = np.sin(angles)\n"
            "    table[:, half:] = np.cos(angles[:, : dim // 2])"
        ),
        "all sines first, then all cosines",
    ),
    ("cosines-first", _SIN, "table[:, 0::2] = np.cos(angles)", "no sine anywhere"),
    ("places-from-one", _SIN, "table[:, 0::2] = np.sin(angles + 1)", "the sines run ahead"),
]

MUTANTS = [Mutant(name, "11_embeddings", old, new, wrong) for name, old, new, wrong in _MISTAKES]
