"""Claims about module 20: arrays in one file, files in one folder, and damage that is noticed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Source, shape
from tinytorch_milestones.diagnosis.trial import Raises, Trial

_FILE = "tinygpt"
_KINDS = (("float32", "F32"), ("int8", "I8"), ("float64", "F64"), ("int64", "I64"))


# arrays in a file


def _pack(source: Source) -> Iterator[Trial]:
    """The header, in words of JSON, and the bytes: large numbers first, then by name."""
    given, arrays, kinds = [], {}, {}
    for name in ("b", "a", "c")[: source.pick((1, 2, 3))]:
        (kind, stored), sizes = source.pick(_KINDS), shape(source, 1, 2)
        turned = source.pick((False, True))
        made = f"np.arange({math.prod(sizes)}, dtype=np.{kind}).reshape{tuple(sizes)}"
        array = np.arange(math.prod(sizes), dtype=kind).reshape(sizes)
        given.append(f"{name!r}: {made}{'.T' if turned else ''}")
        arrays[name], kinds[name] = array.T if turned else array, stored
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header: dict[str, Any] = {}
    body = b""
    for name in order:
        data = arrays[name].astype(arrays[name].dtype.newbyteorder("<")).tobytes()
        offsets = [len(body), len(body) + len(data)]
        sizes_ = list(arrays[name].shape)
        header[name] = {"dtype": kinds[name], "shape": sizes_, "data_offsets": offsets}
        body += data
    lines = (
        "import json",
        f"data = pack_tensors({{{', '.join(given)}}})",
        "length = int.from_bytes(data[:8], 'little')",
    )
    for shown, right, label in (
        ("json.loads(data[8 : 8 + length])", header, "the header"),
        ("data[8 + length :]", body, "the bytes after it"),
        ("length % 8", 0, "the rest of its length, divided by 8,"),
    ):
        yield Trial(
            says=f"`pack_tensors({{{', '.join(given)}}})`",
            lines=lines,
            shown=shown,
            right=right,
            names=(f"{_FILE}.pack_tensors",),
            label=label,
        )


def _entry(begin: int, end: int, sizes: list[int]) -> dict[str, Any]:
    return {"dtype": "F32", "shape": sizes, "data_offsets": [begin, end]}


def _file(header: dict[str, Any], length: str = "len(text)") -> tuple[str, ...]:
    """The lines that write a file with this header over 32 bytes of numbers."""
    return (
        "import json",
        f"text = json.dumps({header}).encode()",
        "body = np.arange(8, dtype=np.float32).tobytes()",
        f"data = ({length}).to_bytes(8, 'little') + text + body",
    )


def _unpack(source: Source) -> Iterator[Trial]:
    """Whatever order the header has; arrays that can be written to."""
    cut, first = source.pick((8, 4, 16, 28)), source.pick((True, False))
    counts = {"a": cut // 4, "b": 8 - cut // 4}
    entries = {"a": _entry(0, cut, [counts["a"]]), "b": _entry(cut, 32, [1, counts["b"]])}
    names = ("a", "b") if first else ("b", "a")
    lines = _file({name: entries[name] for name in names})
    whole = np.arange(8.0)
    for shown, right, fault, label in (
        ("unpack_tensors(data)[0]['a']", whole[: counts["a"]], "", "a"),
        ("unpack_tensors(data)[0]['b']", whole[counts["a"] :].reshape(1, -1), "", "b"),
        (
            "unpack_tensors(data)[0]['a'].flags.writeable",
            True,
            "gives arrays that cannot be written to",
            "that they can",
        ),
    ):
        yield Trial(
            says=f"`unpack_tensors` of a file with {' and '.join(names)} in its header",
            fault=fault,
            lines=lines,
            shown=shown,
            right=right,
            names=(f"{_FILE}.unpack_tensors",),
            label=label,
            dtype="" if fault else "float32",
        )


def _damaged(source: Source) -> Iterator[Trial]:
    good = {"a": _entry(0, 32, [8])}
    for what, lines in (
        ("five bytes", ("data = b'hello'",)),
        ("a header longer than the file", _file(good, "2**40")),
        ("a header one byte too long", ("data = (3).to_bytes(8, 'little') + b'{}'",)),
        ("the last bytes cut off", (*_file(good), "data = data[:-4]")),
        ("four bytes too many", (*_file(good), "data += bytes(4)")),
        (
            "two tensors on the same bytes",
            _file({"a": _entry(0, 24, [6]), "b": _entry(16, 32, [4])}),
        ),
        ("a gap between tensors", _file({"a": _entry(0, 8, [2]), "b": _entry(16, 32, [4])})),
        ("a gap at the start", _file({"a": _entry(4, 32, [7])})),
        ("a shape that is too small", _file({"a": _entry(0, 32, [7])})),
        ("a shape that is too large", _file({"a": _entry(0, 32, [9])})),
    ):
        yield Trial(
            says=f"`unpack_tensors` of a file with {what}",
            lines=lines,
            shown="unpack_tensors(data)[0]",
            right=Raises("ValueError"),
            names=(f"{_FILE}.unpack_tensors",),
        )


# files in a folder


def in_a_folder(lines: Sequence[str], shown: str, imports: str = "pathlib") -> tuple[str, ...]:
    """The lines, run while `home` is an empty folder; what is shown of it is `found`."""
    return (
        f"import {imports}, tempfile",
        "with tempfile.TemporaryDirectory() as place:",
        "    home = pathlib.Path(place)",
        *(f"    {line}" for line in lines),
        f"    found = {shown}",
    )


_FOLDER = ("write_folder(home / 'model', {'b.txt': b'two', 'a.txt': b'one'})",)
_INSIDE = "sorted(p.name for p in (home / 'model').iterdir())"
_TEXT = "(home / 'model' / 'a.txt').read_bytes()"
_BROKEN = (
    "def broken(a, b): raise OSError('the disk is gone')",
    "before, os.replace = os.replace, broken",
    "try: write_folder(home / 'model', {'a.txt': b'new', 'b.txt': b'new'})",
    "except OSError: pass",
    "finally: os.replace = before",
)
_SECOND = "write_folder(home / 'model', {'a.txt': b'new', 'b.txt': b'new'})"
_HALF = (
    "try: write_folder(home / 'model', {'a.txt': b'new', 'no/such': b''})",
    "except OSError: pass",
)


def _write(source: Source) -> Iterator[Trial]:
    """Files and their checksums, all of them or none."""
    sums = [
        f"{hashlib.sha256(data).hexdigest()}  {name}"
        for name, data in (("a.txt", b"one"), ("b.txt", b"two"))
    ]
    for more, shown, right, fault, label in (
        ((), _INSIDE, ["SHA256SUMS", "a.txt", "b.txt"], "", "the files"),
        ((), "(home / 'model' / 'SHA256SUMS').read_text().splitlines()", sums, "", "SHA256SUMS"),
        ((_SECOND,), _TEXT, b"new", "keeps the old version", "a.txt"),
        (_HALF, f"(home / 'model').exists() and {_TEXT}", b"one", "loses it", "a.txt"),
        (_BROKEN, f"(home / 'model').exists() and {_TEXT}", b"one", "loses it", "a.txt"),
        (_HALF, "[p.name for p in home.iterdir()]", ["model"], "leaves something behind", "it"),
    ):
        about = {_HALF: ", where a file cannot be written,", _BROKEN: ", where renaming fails,"}
        yield Trial(
            says=f"`write_folder`{about.get(more, '')}",
            fault=fault,
            lines=in_a_folder((*_FOLDER, *more), shown, "os, pathlib"),
            shown="found",
            right=right,
            names=(f"{_FILE}.write_folder",),
            label=label,
        )


def _read(source: Source) -> Iterator[Trial]:
    """The bytes that were written; whatever is missing or has changed is named."""
    written = {"b.txt": b"two", "a.txt": b"one"}
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in written.items()]
    lines = (
        f"for name, data in {written}.items(): (home / name).write_bytes(data)",
        f"(home / 'SHA256SUMS').write_text({''.join(sums)!r})",
    )
    asked = (
        "try: said = str(read_folder(home))",
        "except ValueError as error: said = str(error)",
    )
    spoiled = ("(home / 'a.txt').write_bytes(b'One')", "(home / 'b.txt').unlink()")
    for more, about, shown, right, label in (
        ((), "", "read_folder(home)", written, "the files"),
        (
            (*spoiled, *asked),
            " where a.txt has changed and b.txt is missing",
            "['a.txt' in said, 'b.txt' in said]",
            [True, True],
            "which are named in its error",
        ),
        (
            (spoiled[0],),
            " where a byte has changed",
            "read_folder(home)",
            Raises("ValueError"),
            "",
        ),
        ((spoiled[1],), " where a file is missing", "read_folder(home)", Raises("ValueError"), ""),
    ):
        yield Trial(
            says=f"`read_folder`{about}",
            lines=in_a_folder((*lines, *more), shown),
            shown="found",
            right=right,
            names=(f"{_FILE}.read_folder",),
            label=label,
        )


CLAIMS = [
    Claim("20 pack_tensors", "20", "20.pack", _pack, tries=24),
    Claim("20 unpack_tensors", "20", "20.unpack", _unpack, tries=8),
    Claim("20 unpack_tensors refuses", "20", "20.unpack", _damaged, tries=1),
]
FOLDERS = [
    Claim("20 write_folder", "20", "20.save", _write, tries=1),
    Claim("20 read_folder", "20", "20.check", _read, tries=1),
]
