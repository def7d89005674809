"""What each data set consists of, where it can be fetched, and by which checksums it is known."""

from __future__ import annotations

import msgspec

from tinytorch_milestones.errors import UnknownName


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a data set.

    `content` is the sha256 of what is in it once unpacked, so that a copy that was compressed
    anew, or never, is as good as the original download, whose md5 is `download`.
    """

    name: str  # without ".gz"
    content: str
    download: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One data set."""

    name: str
    title: str
    files: tuple[File, ...]
    bundled: bool = False
    folders: tuple[str, ...] = ()  # names of folders that people keep it in, below TINYTORCH_DATA
    mirrors: tuple[str, ...] = ()  # addresses that a file's name and ".gz" are added to
    megabytes: int = 0  # to download
    instead: str = ""  # what works without it


MNIST_FILES = (
    File(
        name="train-images-idx3-ubyte",
        content="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        download="f68b3c2dcbeaaa9fbdd348bbdeb94873",
    ),
    File(
        name="train-labels-idx1-ubyte",
        content="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        download="d53e105ee54ea40749a09fcbcd1e9432",
    ),
    File(
        name="t10k-images-idx3-ubyte",
        content="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        download="9fb629c4189551a2d022fa330f9573f3",
    ),
    File(
        name="t10k-labels-idx1-ubyte",
        content="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        download="ec29112dd5afa0611ce80d1b7f02629c",
    ),
)

SOURCES = (
    Source(
        name="digits",
        title="8x8 handwritten digits (UCI)",
        bundled=True,
        files=(File(name="optdigits.tes", content=""),),
    ),
    Source(
        name="mnist",
        title="12,000 images of MNIST",
        bundled=True,
        files=tuple(File(name=file.name, content="") for file in MNIST_FILES),
    ),
    Source(
        name="mnist-full",
        title="MNIST, all 70,000 images",
        files=MNIST_FILES,
        folders=("mnist", "MNIST/raw", "MNIST"),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        megabytes=11,
        instead="12,000 of its images come with the product: choose data = bundled.",
    ),
)


def source(name: str) -> Source:
    """A data set by name."""
    for candidate in SOURCES:
        if candidate.name == name.strip().lower():
            return candidate
    raise UnknownName("data set", name, [candidate.name for candidate in SOURCES])
