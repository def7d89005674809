"""Where data sets are: bundled with the product, in a folder the user names, or in a cache.

`digits` and `mnist` (a subset) are bundled and need no network; `mnist-full`, `cifar10` and
`shakespeare` are looked for in `TINYTORCH_DATA`, then in the user's cache, and can be fetched.
A folder holds the original files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["Report", "data_folder", "fetch"]

Report = Callable[[str, int, int | None], None]
"""Told while something arrives: the file, the bytes so far, the bytes in all where known."""


def data_folder(name: str) -> Path:
    """The folder that holds the files of a data set, such as "digits" or "cifar10".

    Where only its archive is there, that is unpacked into the user's cache first. Raises
    `DataMissing`, saying what to fetch and where to put it, when it is not on this machine,
    `DataDamaged` when a file is not the original, and `UnknownName` for another name.
    """
    from tinytorch_milestones.data.unpack import ready

    return ready(name)


def fetch(name: str, report: Report | None = None) -> Path:
    """`data_folder`, after downloading what is missing into the user's cache.

    A download that was broken off goes on where it stopped. Raises `DataMissing` when no mirror
    can be reached, none has the original, or the disk is full.
    """
    from tinytorch_milestones.data.download import fetch as download

    return download(name, report)
