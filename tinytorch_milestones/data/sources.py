"""What each data set consists of, where it can be fetched, and by which checksums it is known."""

from __future__ import annotations

import msgspec

from tinytorch_milestones.errors import UnknownName


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a data set.

    `content` is the checksum of what is in it once unpacked, so that a copy that was compressed
    anew, or never, is as good as the original download, whose checksum is `download`. Checksums
    are written "md5:..." or "sha256:...".
    """

    name: str  # without ".gz"
    content: str
    download: str = ""
    address: str = ""  # what it is called at the mirrors, where that is not its name and ".gz"

    @property
    def remote(self) -> str:
        """What it is called at the mirrors."""
        return self.address or f"{self.name}.gz"

    @property
    def arrival(self) -> str:
        """What it is called in the cache once it has been fetched."""
        return self.name if self.address else f"{self.name}.gz"


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """A tar.gz that holds a data set: one folder with the set's files in it, and `others`."""

    name: str
    download: str
    folder: str
    others: tuple[File, ...] = ()  # what else is in it, and not needed
    unpacked: int  # bytes it holds at most


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One data set."""

    name: str
    title: str
    files: tuple[File, ...]
    bundled: bool = False
    archive: Archive | None = None
    batches: bool = False  # CIFAR-10's pickles; a user's own may have other bytes
    folders: tuple[str, ...] = ()  # names of folders that people keep it in, below TINYTORCH_DATA
    mirrors: tuple[str, ...] = ()  # addresses that a name is added to
    megabytes: int = 0  # to download
    instead: str = ""  # what works without it


MNIST_FILES = (
    File(
        name="train-images-idx3-ubyte",
        content="sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        download="md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    ),
    File(
        name="train-labels-idx1-ubyte",
        content="sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        download="md5:d53e105ee54ea40749a09fcbcd1e9432",
    ),
    File(
        name="t10k-images-idx3-ubyte",
        content="sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        download="md5:9fb629c4189551a2d022fa330f9573f3",
    ),
    File(
        name="t10k-labels-idx1-ubyte",
        content="sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        download="md5:ec29112dd5afa0611ce80d1b7f02629c",
    ),
)

CIFAR10_FILES = (
    File(name="data_batch_1", content="md5:c99cafc152244af753f735de768cd75f"),
    File(name="data_batch_2", content="md5:d4bba439e000b95fd0a9bffe97cbabec"),
    File(name="data_batch_3", content="md5:54ebc095f3ab1f0389bbae665268c751"),
    File(name="data_batch_4", content="md5:634d18415352ddfa80567beed471001a"),
    File(name="data_batch_5", content="md5:482c414d41f54cd18b22e5b47cb7c3cb"),
    File(name="test_batch", content="md5:40351d587109b95175f43aff81a1287e"),
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
    Source(
        name="cifar10",
        title="CIFAR-10, 60,000 photographs",
        files=CIFAR10_FILES,
        batches=True,
        archive=Archive(
            name="cifar-10-python.tar.gz",
            download="sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            folder="cifar-10-batches-py",
            others=(
                File(name="batches.meta", content="md5:5ff9c542aee3614f3951f8cda6e48888"),
                File(name="readme.html", content=""),
            ),
            unpacked=200_000_000,
        ),
        folders=("cifar-10-batches-py", "cifar10/cifar-10-batches-py"),
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        megabytes=170,
        instead="The milestones on digits and on MNIST need no download.",
    ),
    Source(
        name="shakespeare",
        title="Tiny Shakespeare",
        files=(
            File(
                name="tinyshakespeare.txt",
                content="sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                download="sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                address="input.txt",
            ),
        ),
        folders=("text", "shakespeare"),
        mirrors=(
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",
        ),
        megabytes=1,
    ),
)


def source(name: str) -> Source:
    """A data set by name."""
    for candidate in SOURCES:
        if candidate.name == name.strip().lower():
            return candidate
    raise UnknownName("data set", name, [candidate.name for candidate in SOURCES])
