"""The figures of the foundation tier in one table, kept in `RESULTS.md` with machine and date.

    TORCH_PYTHON=/path/to/python benchmarks/foundation.py [--write]

Run it while nothing else computes.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import sys
from pathlib import Path

from peers import HEADER, compare

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
FIGURES: list[tuple[str, str, int, float | None]] = [
    ("mlp_epoch.py", "MLP 784-128-10, epoch of 10,000 images, batch 64", 15, 1.0),
    ("digits_to_95.py", "8x8 digits: training until 95 % of the held-out are right", 15, None),
    ("loader.py", "DataLoader: shuffled pass over 10,000 images", 15, 0.1),
    ("autograd_overhead.py", "one operation, recorded and differentiated", 9, None),
]
SECTION = "## Foundation tier"


def machine() -> str:
    """Processor, cores, Python, numpy and its BLAS, in one line."""
    import numpy as np
    import threadpoolctl

    model = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.*)", info.read_text())
        model = found.group(1) if found else ""
    blas = next((p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"), {})
    kernel = f"{blas.get('internal_api', 'no BLAS')} {blas.get('architecture', '')}".strip()
    return (
        f"{model or platform.processor()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, numpy {np.__version__} ({kernel})"
    )


def main() -> int:
    """Measure, print, and write when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--write", action="store_true", help="replace the section in RESULTS.md")
    chosen = parser.parse_args()
    lines = [SECTION, "", f"{datetime.date.today()}, {machine()}", "", *HEADER.splitlines()]
    for script, what, rounds, target in FIGURES:
        for figure in compare(str(HERE / script), what, rounds=rounds, target=target):
            lines.append(figure.row())
    text = "\n".join(lines) + "\n"
    print(text)
    if chosen.write:
        known = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Measured\n\n"
        before, _, after = known.partition(SECTION)
        rest = after[after.index("\n## ") + 1 :] if "\n## " in after else ""
        RESULTS.write_text(before + text + ("\n" + rest if rest else ""), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
