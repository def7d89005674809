"""Mistakes in `setup.py`, the file that module 00 exports."""

from __future__ import annotations

from tests.mutants import Mutant

_DEFINITIONS = [
    (
        "missing-package-unsaid",
        'found[name] = "not installed"',
        'found[name] = ""',
        "a missing package looks like one without a version",
    ),
    (
        "python-as-package",
        'platform.python_version() if name == "python" else metadata.version(name)',
        "metadata.version(name)",
        "Python itself is looked up as a package",
    ),
    ("versions-as-text", "return have >= want", "return found >= needed", "compares letters"),
    (
        "zeros-forgotten",
        "have += [0] * (length - len(have))",
        "pass",
        "2 counts as older than 2.0",
    ),
    (
        "first-library",
        'if pool["user_api"] == "blas":',
        "if True:",
        "takes the first library, whatever it is",
    ),
    ("version-none", 'pool["version"] or ""', 'pool["version"]', "a version of None comes out"),
    (
        "only-here",
        "for place in (folder, *folder.parents):",
        "for place in (folder,):",
        "looks in the start folder only",
    ),
    (
        "from-the-outside",
        "for place in (folder, *folder.parents):",
        "for place in (*reversed(folder.parents), folder):",
        "the outermost course wins",
    ),
    (
        "stops-at-first-file",
        "if name:\n                return name",
        "return name",
        "a pyproject.toml of another tool ends the search",
    ),
]

MUTANTS = [
    Mutant(name=name, module="00_setup", old=old, new=new, wrong=wrong)
    for name, old, new, wrong in _DEFINITIONS
]
