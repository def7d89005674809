"""What the benchmarks of a tier print, kept in `RESULTS.md` with machine and date.

    TORCH_PYTHON=/path/to/python python benchmarks/results.py foundation [--write]

Run it while nothing else computes. What needs CIFAR-10 finds it where `TINYTORCH_DATA` says.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
TIERS = {
    "foundation": ["mlp_epoch.py", "digits_to_95.py", "loader.py", "autograd_overhead.py"],
    # with the kernels of module 17; beside the other tiers, which are measured without
    "optimization": [
        "ACCELERATED=1 lenet_epoch.py",
        "ACCELERATED=1 convolution.py",
        "ACCELERATED=1 cifar.py",
        "ACCELERATED=1 gpt.py step",
        "deployment.py generation",
        "ACCELERATED=1 cifar.py --recipe vision",
    ],
    "vision": [
        "lenet_epoch.py",
        "convolution.py",
        "cifar.py",
        "cifar.py --recipe converge",
        "cifar.py --recipe objects",
        "cifar.py --recipe vision",
    ],
    "language": [
        "gpt.py step",
        "gpt.py generate",
        "tokenization.py",
        "milestones.py transformer",
        "milestones.py language-generation",
        "milestones.py built-gpt",
        "gpt.py shakespeare",
    ],
}


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


def printed(command: str) -> str:
    """What a benchmark prints; it goes to the screen as it comes."""
    words = command.split()
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    script, *options = [word for word in words if "=" not in word]
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    lines = []
    with subprocess.Popen(
        [sys.executable, str(HERE / script), *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **settings},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}")
    return "".join(lines)


def main() -> int:
    """Measure, print, and write when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("tier", choices=TIERS)
    parser.add_argument("--write", action="store_true", help="replace the section in RESULTS.md")
    chosen = parser.parse_args()
    section = f"## {chosen.tier.capitalize()} tier"
    parts = [section, f"{datetime.date.today()}, {machine()}"]
    for command in TIERS[chosen.tier]:
        before, found, rest = command.rpartition("=1 ")
        typed = f"{before}{found}python benchmarks/{rest}"
        parts.append(f"`{typed}`\n\n{printed(command).strip()}")
    if chosen.write:
        known = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Measured\n"
        before, found, after = known.partition(section)
        rest = after[after.index("\n## ") + 1 :] if "\n## " in after else ""
        kept = before if found else before.rstrip() + "\n\n"
        text = kept + "\n\n".join(parts) + "\n" + ("\n" + rest if rest else "")
        RESULTS.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
