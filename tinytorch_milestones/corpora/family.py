"""What a family of generated Python functions is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Family(NamedTuple):
    """Functions that do the same with other names and other constants.

    In `says` and `body`, {a} and {b} are the parameters, {k}, {m} and {n} the constants. A tab
    indents one level. `means` computes the answer in another way than the body: it takes the
    arguments, then the constants.
    """

    id: str
    names: tuple[str, ...]  # what such a function may be called
    takes: tuple[str, ...]  # the kind of each parameter
    says: str
    body: str
    means: Callable[..., Any]
    constants: tuple[str, ...]  # the kind of each constant
    unseen: bool  # a combination of parts that training never shows


def one(
    id: str,
    names: str,
    takes: str,
    says: str,
    body: str,
    means: Callable[..., Any],
    constants: str = "",
    *,
    unseen: bool = False,
) -> Family:
    """A family, with words separated by blanks."""
    return Family(
        id,
        tuple(names.split()),
        tuple(takes.split()),
        says,
        body,
        means,
        tuple(constants.split()),
        unseen,
    )
