"""Mistakes that students really make, as small changes of the exported source.

Each is put into a copy of the framework; the module's own tests or its checkpoint must then fail.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One mistake: `old` stands exactly once in the module's exported file and becomes `new`."""

    name: str  # short and unique within the module, used as the test's id
    module: str  # "01_tensor"
    old: str
    new: str
    wrong: str  # what the student got wrong, in one sentence

    def applied(self, source: str) -> str:
        """The source with the mistake in it. Raises `ValueError` when `old` is not there once."""
        count = source.count(self.old)
        if count != 1:
            raise ValueError(
                f"mutant {self.name!r} of {self.module}: its fragment must stand once in the file, "
                f"it stands {count} times"
            )
        return source.replace(self.old, self.new)


def all_mutants() -> list[Mutant]:
    """Every mistake there is, by module."""
    found: list[Mutant] = []
    for file in pkgutil.iter_modules(__path__):
        if not file.name.startswith("__"):
            module = importlib.import_module(f"{__name__}.{file.name}")
            found += getattr(module, "MUTANTS", [])
    return sorted(found, key=lambda mutant: mutant.module)
