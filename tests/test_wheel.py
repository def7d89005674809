"""The wheel, in an environment of its own outside the repository, is a whole course."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(command: list[str | Path], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run outside the repository, with nothing of this process's Python in the environment."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JUPYTER"))}
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**clean, **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    built = run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        folder,
    )
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment")
    made = run([sys.executable, "-m", "venv", folder / "venv"], folder)
    assert made.returncode == 0, made.stderr
    python = folder / "venv" / "bin" / "python"
    installed = run([python, "-m", "pip", "install", "--quiet", wheel], folder)
    assert installed.returncode == 0, installed.stderr[-3000:]
    return folder


def test_the_wheel_carries_the_course_and_no_top_level_tinytorch(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith("tinytorch/")]
    course = [*ROOT.glob("modules/*.ipynb"), *ROOT.glob("notebooks/*.ipynb")]
    course += [path for path in ROOT.glob("tinytorch/**/*.py") if path.name != "_modidx.py"]
    assert len(course) > 10
    for path in course:
        assert f"tinytorch_milestones/course/{path.relative_to(ROOT).as_posix()}" in names
    for path in (ROOT / "tinytorch_milestones" / "catalog").glob("*.toml"):
        assert path.relative_to(ROOT).as_posix() in names
    assert "tinytorch_milestones/events.yaml" in names
    assert any("labextensions/tinytorch-milestones/static" in name for name in names)
    assert not [name for name in names if "_modidx" in name or "__pycache__" in name]


def test_both_extensions_are_ok(environment: Path) -> None:
    jupyter = environment / "venv" / "bin" / "jupyter"
    server = run([jupyter, "server", "extension", "list"], environment)
    lines = [
        line
        for line in (server.stdout + server.stderr).splitlines()
        if "tinytorch_milestones" in line
    ]
    assert "enabled" in lines[0]
    assert "OK" in lines[-1], lines
    lab = run([jupyter, "labextension", "list"], environment)
    (line,) = [
        line for line in (lab.stdout + lab.stderr).splitlines() if "tinytorch-milestones" in line
    ]
    assert "enabled" in line
    assert "OK" in line


def test_a_course_from_init_to_a_milestone(environment: Path) -> None:
    tito = environment / "venv" / "bin" / "tito"
    home = {"TINYTORCH_HOME": str(environment / "home")}
    made = run([tito, "init", "course", "--solve", "03"], environment, **home)
    assert made.returncode == 0, made.stdout + made.stderr
    course = environment / "course"
    for number in ("00", "01", "02", "03"):
        done = run([tito, "module", "complete", number], course, **home)
        assert done.returncode == 0, done.stdout + done.stderr
    won = run([tito, "milestone", "run", "perceptron"], course, **home)
    assert won.returncode == 0, won.stdout + won.stderr
    status = run([tito, "milestone", "status", "--json"], course, **home)
    states = {milestone["id"]: milestone["status"] for milestone in json.loads(status.stdout)}
    assert states["perceptron"] == "complete"
    kept = json.loads((course / ".tito" / "milestones.json").read_text())
    assert kept["completed_milestones"] == ["perceptron"]
