"""The rules of DESIGN.md that a program can hold."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinytorch_milestones
from tinytorch_milestones.catalog import load

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinytorch_milestones"

# Layers from the bottom up. A file may import from its own layer and from those below.
LAYERS = [
    [
        *("errors", "state", "files", "records", "catalog", "workspace"),
        *("data", "corpora", "threads", "interrupting", "speed"),
    ],
    [
        "sandbox",
        "sandbox_child",
        "sandbox_parent",
        "sweep",
        "trust",
        "training",
        "checks",
        "diagnosis",
    ],
    ["progress", "export", "export_child", "notebook_check", "verify"],
    [
        "standing",
        "picture",
        "person",
        *("watching", "resume", "cell_settings", "part_steps", "part_run"),
        "playing",
        "runs",
        "completions",
        *("speed_trial", "doctor"),
        "tracker",
        "api",
    ],
    [
        *("cli", "magic", "magic_line", "widgets"),
        *("milestone_words", "diagnosis_words", "timeline"),
        *("server_ext", "server_handlers", "server_watch", "server_course", "server_news"),
    ],
]
FRONT_ENDS_MAY_USE = {
    *(
        "tracker",
        "api",
        "state",
        "errors",
        "files",
        "workspace",
        "catalog",
        "checks",
        "training",
        "data",
        "speed",
    ),
    *LAYERS[-1],
}
FRONT_LIBRARIES = {"click", "rich", "tornado", "ipywidgets", "anywidget", "IPython", "matplotlib"}


def sources() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "course" not in p.relative_to(PACKAGE).parts)


def unit(path: Path) -> str:
    """The file or sub-package a source belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every dotted name a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = node.module or ""
            if node.level:  # counted from the folder the file is in
                folder = path.relative_to(PACKAGE.parent).parts[: -node.level]
                home = ".".join([*folder, *home.split(".")]).rstrip(".")
            found.add(home)
            found |= {_home_of(home, alias.name) for alias in node.names}
    return found


def _home_of(package: str, name: str) -> str:
    """The dotted name of what is imported; our lazy names stand for where they are defined."""
    if package == "tinytorch_milestones":
        package = tinytorch_milestones._LAZY.get(name, package)
    return f"{package}.{name}"


def own_units(path: Path) -> set[str]:
    prefix = "tinytorch_milestones."
    units = {name[len(prefix) :].split(".")[0] for name in imports(path) if name.startswith(prefix)}
    return {name for name in units if any(name in layer for layer in LAYERS)}


def level(name: str) -> int:
    return next(i for i, layer in enumerate(LAYERS) if name in layer)


def test_every_source_has_a_layer() -> None:
    named = {name for layer in LAYERS for name in layer}
    entry_points = {"__init__", "__main__"}
    assert {unit(path) for path in sources()} - entry_points <= named


def test_imports_point_down_only() -> None:
    for path in sources():
        if unit(path) in ("__init__", "__main__"):
            continue
        for other in own_units(path):
            assert level(other) <= level(unit(path)), f"{path.name} imports {other}: upwards"


def test_front_ends_reach_state_only_through_the_tracker() -> None:
    for path in sources():
        if unit(path) in LAYERS[-1]:
            extra = own_units(path) - FRONT_ENDS_MAY_USE
            assert not extra, f"{path.name} goes round the tracker: {sorted(extra)}"


def test_front_end_libraries_stay_in_front_ends() -> None:
    for path in sources():
        if unit(path) in LAYERS[-1] or unit(path) in ("__init__", "__main__"):
            continue
        used = {name.split(".")[0] for name in imports(path)} & FRONT_LIBRARIES
        assert not used, f"{path.name} imports {sorted(used)} below the front ends"


def test_only_recipes_and_judges_meet_a_students_tinytorch() -> None:
    for path in sources():
        if unit(path) in ("training", "checks"):
            continue
        names = {name.split(".")[0] for name in imports(path)}
        assert "tinytorch" not in names, f"{path.name} imports a student's tinytorch"


def modules_after(statement: str) -> set[str]:
    command = f"import sys; {statement}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    return set(result.stdout.decode().split())


def test_importing_the_package_is_light() -> None:
    heavy = {"numpy", "matplotlib", "tornado", "ipywidgets", "IPython", "nbdev", "msgspec"}
    assert not modules_after("import tinytorch_milestones") & heavy


def test_exported_names_exist_and_nothing_else_is_promised() -> None:
    for name in tinytorch_milestones.__all__:
        assert getattr(tinytorch_milestones, name) is not None
    with pytest.raises(AttributeError):
        _ = tinytorch_milestones.no_such_name


def test_catalog_agrees_with_notebooks_and_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "tinytorch"]:
        monkeypatch.delitem(sys.modules, name)  # another test's course
    catalog = load()
    written = {m.id for m in catalog.modules if not m.coming}
    assert {p.stem for p in (ROOT / "modules").glob("*.ipynb")} == written
    for module in catalog.modules:
        if module.coming:
            continue
        exported = importlib.import_module(f"tinytorch.{module.target}")
        for name in module.public:
            assert hasattr(exported, name), f"{module.id} does not export {name}"
        first = json.loads((ROOT / "modules" / f"{module.id}.ipynb").read_text())["cells"]
        code = "\n".join("".join(c["source"]) for c in first if c["cell_type"] == "code")
        assert f"#| default_exp {module.target}\n" in code


def test_the_packages_public_names_are_the_catalogs() -> None:
    source = (ROOT / "tinytorch" / "__init__.py").read_text()
    table = next(
        ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_EXPORTS"
    )
    promised = {home: names.split() for home, names in table.items()}
    assert promised == {m.target: list(m.public) for m in load().modules}


def test_milestone_notebooks_exist() -> None:
    for milestone in load().all_milestones():
        if not milestone.coming:
            assert (ROOT / "notebooks" / milestone.notebook).is_file(), milestone.id


def test_python_and_npm_versions_are_equal() -> None:
    npm = json.loads((ROOT / "package.json").read_text())["version"]
    assert npm == tinytorch_milestones.__version__


def test_notebooks_are_committed_without_outputs_and_with_stable_ids() -> None:
    for path in [*(ROOT / "modules").glob("*.ipynb"), *(ROOT / "notebooks").glob("*.ipynb")]:
        cells = json.loads(path.read_text())["cells"]
        ids = [cell["id"] for cell in cells]
        assert len(set(ids)) == len(ids), path.name
        for cell in cells:
            assert not cell.get("outputs"), f"{path.name}: {cell['id']} has outputs"
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell["id"])


DOCUMENTS = ["README.md", "CONTRIBUTING.md", "DESIGN.md"]


def commands_in(document: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`((?:tito|make|jlpm) [^`]*)`", text)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()] + inline


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_commands_in_documents_exist(document: str) -> None:
    from click.testing import CliRunner

    from tinytorch_milestones.cli.commands import tito

    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    scripts = json.loads((ROOT / "package.json").read_text())["scripts"]
    found = commands_in(document)
    assert found, f"{document} names no command"
    for command in found:
        words = command.split("#")[0].split()
        if not words:
            continue
        if words[0] == "make":
            names = [w for w in words[1:] if "=" not in w and not w.startswith("-")]
            assert set(names) <= targets, command
        elif words[0] == "jlpm":
            assert len(words) == 1 or words[1] in {*scripts, "install"}, command
        elif words[0] == "tito":
            path: list[str] = []
            for word in words[1:]:
                if not re.fullmatch(r"[a-z]+", word):
                    break
                path.append(word)
            result = CliRunner().invoke(tito, [*path[:2], "--help"])
            assert result.exit_code == 0, f"{command}: {result.output}"
            for option in re.findall(r"--[a-z-]+", command.split("#")[0]):
                assert option in result.output, command


def test_links_in_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)", (ROOT / document).read_text()):
            if "://" not in target:
                assert (ROOT / target).exists(), f"{document} links to {target}"
