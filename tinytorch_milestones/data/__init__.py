"""Where data sets are: bundled with the product, in a folder the user names, or in a cache.

`digits` and `mnist` (a subset) are bundled and need no network; `mnist-full` is looked for in
`TINYTORCH_DATA`, then in the user's cache, and can be fetched. A folder holds the original files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["Report", "data_folder", "fetch"]

Report = Callable[[str, int, int | None], None]
"""Told while something arrives: the file, the bytes so far, the bytes in all where known."""


def data_folder(name: str) -> Path:
    """The folder that holds the files of a data set: "digits", "mnist" or "mnist-full".

    Raises `DataMissing`, saying what to fetch and where to put it, when it is not on this machine,
    `DataDamaged` when a file is not the original, and `UnknownName` for another name.
    """
    from tinytorch_milestones.data.places import locate

    return locate(name)


def fetch(name: str, report: Report | None = None) -> Path:
    """`data_folder`, after downloading what is missing into the user's cache.

    A download that was broken off goes on where it stopped. Raises `DataMissing` when no mirror
    can be reached or none has the original.
    """
    from tinytorch_milestones.data.download import fetch as download

    return download(name, report)
