"""What is wrong with a `DataLoader`, found on numbered examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch_milestones.training.clouds import Array, array_of

_SIZE = 5
_COUNTS = (23, 20)  # the last batch shorter, and full


def loading_problem(fw: Any) -> str:
    """The first thing that is wrong, in words; "" where nothing is."""
    return next(filter(None, (_problem(fw, count) for count in _COUNTS)), "")


def rows_problem(fw: Any) -> str:
    """The same for examples that are rows of tokens, each with a row of targets."""
    tokens = np.arange(23 * 4).reshape(23, 4)
    loader = fw.DataLoader(
        fw.TensorDataset(tokens.copy(), tokens + 100), batch_size=_SIZE, shuffle=True, seed=3
    )
    batches = [tuple(map(array_of, batch)) for batch in loader]
    inputs, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    if inputs.dtype.kind not in "iu" or targets.dtype.kind not in "iu":
        return f"whole-number tokens become {inputs.dtype}, targets {targets.dtype}"
    if inputs.shape != tokens.shape or not np.array_equal(np.sort(inputs, axis=0), tokens):
        return "rows of tokens do not come out as they went in"
    if not np.array_equal(inputs + 100, targets):
        return "tokens come with the targets of other places"
    return ""


def _problem(fw: Any, count: int) -> str:
    # each example's numbers say which one it is, and so does its label
    inputs = np.arange(count, dtype=np.float32)[:, None] + np.array([0.25, 0.5], np.float32)
    labels = np.arange(count)
    batches = -(-count // _SIZE)

    def epochs(shuffle: bool, times: int = 1) -> list[list[Any]]:
        dataset = fw.TensorDataset(inputs.copy(), labels.copy())
        loader = fw.DataLoader(dataset, batch_size=_SIZE, shuffle=shuffle, seed=3)
        if len(loader) != batches:
            raise ValueError(f"len() of {count} examples in batches of {_SIZE} is {len(loader)}")
        return [[tuple(map(array_of, batch)) for batch in loader] for _ in range(times)]

    orders = []
    for epoch in [*epochs(True, times=2), *epochs(True), *epochs(False)]:
        problem = _epoch_problem(epoch, inputs)
        if problem:
            return problem
        orders.append(np.concatenate([batch[1] for batch in epoch]).tolist())
    first, second, again, plain = orders
    if plain != labels.tolist():
        return "without shuffle, examples do not come in their own order"
    if first == plain or second == plain:
        return "shuffle=True leaves the examples in their own order"
    if all(np.ptp(first[i : i + _SIZE]) == _SIZE - 1 for i in range(0, count - _SIZE, _SIZE)):
        return "shuffle=True shuffles the batches, not the examples"
    if first == second:
        return "the second epoch has the order of the first"
    if again != first:
        return "the same seed gives another order"
    return ""


def _epoch_problem(batches: Sequence[tuple[Array, ...]], inputs: Array) -> str:
    if any(len(batch) != 2 or len(batch[0]) != len(batch[1]) for batch in batches):
        return "a batch does not hold as many labels as inputs"
    sizes = [len(batch[0]) for batch in batches]
    if any(size > _SIZE for size in sizes) or 0 in sizes:
        return f"batches of {_SIZE} have the sizes {sizes}"
    seen = np.concatenate([batch[1].reshape(-1) for batch in batches]) if batches else np.empty(0)
    if seen.dtype.kind not in "iu":
        return f"whole-number labels become {seen.dtype}"
    counts = np.bincount(seen[(seen >= 0) & (seen < len(inputs))], minlength=len(inputs))
    if (counts == 0).any():
        return f"an epoch leaves out {int((counts == 0).sum())} of {len(inputs)} examples"
    if (counts > 1).any() or len(seen) != len(inputs):
        return f"an epoch of {len(inputs)} examples shows some of them twice"
    rows = np.concatenate([batch[0] for batch in batches])
    if rows.shape != inputs.shape:
        return f"inputs of shape {inputs.shape[1:]} become {rows.shape[1:]}"
    if not np.array_equal(rows, inputs[seen]):
        return "inputs come with the labels of other examples"
    if rows.dtype != np.float32:
        return f"float32 inputs become {rows.dtype}"
    return ""
