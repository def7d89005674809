"""Say in one line what an exception means, and which of the student's lines it came from."""

from __future__ import annotations

import linecache
import re
import sysconfig
from pathlib import Path
from types import FrameType, TracebackType

_LONGEST_MESSAGE = 600
_LONGEST_LINE = 160
_HERE = str(Path(__file__).resolve().parent.parent)
_LIBRARIES = tuple(
    {
        *(
            sysconfig.get_paths()[name]
            for name in ("stdlib", "platstdlib", "purelib", "platlib")
            if name in sysconfig.get_paths()
        )
    }
)
# the line nbdev writes above every exported cell, "# %% ../../modules/01_tensor.ipynb #01-matmul"
_CELL = re.compile(r"# %% \S.*\.ipynb #(?P<id>[\w.-]+)\s*$")
# how the judge names the code of a test cell
TEST_FILE = "<test "


def readable(error: BaseException) -> str:
    """The exception's message on one line, of bounded length."""
    try:
        text = str(error)
    except Exception:
        return "(the exception's message cannot be shown)"
    return shorten(text, _LONGEST_MESSAGE)


def shorten(text: str, longest: int) -> str:
    """`text` on one line, with the middle left out when it is too long."""
    if len(text) > 8 * longest:
        # do not split a message of a hundred megabytes into words
        text = text[: 4 * longest] + text[-longest:]
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    head = longest * 2 // 3
    return f"{line[:head]} ... {line[-(longest - head) :]}"


def own_line(error: BaseException) -> tuple[str, bool]:
    """The innermost line of the student's code on the way to `error`: "`source` (place)".

    Lines of the standard library, of installed packages and of this package are nobody's own.
    When only the test itself is left, its line is given and the second value is true. Empty when
    there is none.
    """
    found: tuple[str, FrameType, int] | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        name = frame.f_code.co_filename
        if not _is_library(name):
            from_test = name.startswith(TEST_FILE) or frame.f_code.co_name.startswith("test_")
            if not from_test or found is None or found[0] == "test":
                found = ("test" if from_test else "own", frame, trace.tb_lineno)
        trace = trace.tb_next
    if found is None:
        return "", False
    kind, frame, number = found
    source = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    where = _place(frame, number)
    line = f"`{shorten(source, _LONGEST_LINE)}` ({where})" if source else where
    return line, kind == "test"


def _is_library(name: str) -> bool:
    if name.startswith(("<frozen", _HERE)):
        return True
    return name.startswith(_LIBRARIES) or "site-packages" in name


def _place(frame: FrameType, number: int) -> str:
    name = frame.f_code.co_filename
    cell = _cell_above(name, number)
    if cell:
        return f"cell {cell}"
    function = frame.f_code.co_name
    if function.startswith("<"):
        return f"line {number}"
    return f"in {function}, line {number}"


def _cell_above(name: str, number: int) -> str:
    for line in reversed(linecache.getlines(name)[: max(number - 1, 0)]):
        match = _CELL.match(line)
        if match:
            return match["id"]
    return ""
