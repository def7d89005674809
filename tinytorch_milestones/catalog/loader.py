"""Read the catalog: the manifest, the tracks that ship with the product, and a user's own tracks.

Everything that knows about modules, checkpoints or milestones reads it from here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cached_property, lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones.catalog.model import Checkpoint, Milestone, Module, Part, Track
from tinytorch_milestones.errors import CatalogError, UnknownName

_HERE = Path(__file__).parent
_TRACKS = ("history", "capabilities", "epics")
ENTRY_POINT_GROUP = "tinytorch_milestones.tracks"


class Catalog:
    """The modules, checkpoints and tracks of one workspace.

    `problems` lists user tracks that could not be read; the shipped catalog must be valid.
    """

    def __init__(
        self, modules: list[Module], checkpoints: list[Checkpoint], tracks: list[Track]
    ) -> None:
        self.modules = modules
        self.checkpoints = checkpoints
        self.tracks = tracks
        self.problems: list[CatalogError] = []

    @cached_property
    def _modules(self) -> dict[str, Module]:
        names: dict[str, Module] = {}
        for module in self.modules:
            names |= {module.id: module, module.number: module, module.id[3:]: module}
            names.setdefault(str(int(module.number)), module)
        return names

    def module(self, name: str) -> Module:
        """A module by id, number (`01`, `1`) or bare name (`tensor`)."""
        key = name.strip().lower().removesuffix(".ipynb")
        if key not in self._modules:
            raise UnknownName("module", name, [m.id for m in self.modules])
        return self._modules[key]

    def checkpoint(self, name: str) -> Checkpoint:
        """A checkpoint by number."""
        key = name.strip().zfill(2)
        for checkpoint in self.checkpoints:
            if checkpoint.id == key:
                return checkpoint
        raise UnknownName("checkpoint", name, [c.id for c in self.checkpoints])

    def track(self, name: str) -> Track:
        """A track by id."""
        for track in self.tracks:
            if track.id == name.strip().lower():
                return track
        raise UnknownName("track", name, [t.id for t in self.tracks])

    def milestone(self, name: str, track: str | None = None) -> Milestone:
        """A milestone by id, alias or number; numbers are those of `track`, else the first's."""
        key = name.strip().lower()
        for candidate in self._search_order(track):
            for milestone in candidate.milestones:
                if key in (milestone.id, *milestone.aliases):
                    return milestone
        first = next(self._search_order(track))
        for milestone in first.milestones:
            if key.zfill(2) == milestone.number.zfill(2):
                return milestone
        raise UnknownName("milestone", name, self.milestone_names(track))

    def milestone_names(self, track: str | None = None) -> list[str]:
        """Ids and aliases, for completion and suggestions."""
        return [
            name
            for candidate in self._search_order(track)
            for milestone in candidate.milestones
            for name in (milestone.id, *milestone.aliases)
        ]

    def part(self, milestone: Milestone, name: str) -> Part:
        """A part of a milestone by id; spaces, underscores and case do not matter."""
        key = name.strip().lower().replace("_", "-").replace(" ", "-")
        for part in milestone.parts:
            if part.id == key:
                return part
        raise UnknownName(f"part of {milestone.id}", name, [p.id for p in milestone.parts])

    def all_milestones(self) -> Iterator[Milestone]:
        """Every milestone once, whatever tracks it stands in."""
        seen: set[str] = set()
        for track in self.tracks:
            for milestone in track.milestones:
                if milestone.id not in seen:
                    seen.add(milestone.id)
                    yield milestone

    def _search_order(self, track: str | None) -> Iterator[Track]:
        if track is not None:
            yield self.track(track)
        for candidate in self.tracks:
            if candidate.id != track:
                yield candidate


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(path.name, "(file)", str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(path.name, "(file)", f"not valid TOML: {error}") from error


def _convert(path: Path, key: str, value: object, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # msgspec says "... - at `$.parts[0].gates[2].required`"; turn it into our key
        problem, _, where = str(error).partition(" - at `$")
        raise CatalogError(path.name, key + where.rstrip("`"), problem) from error


def read_track(path: Path, modules: set[str], checkpoints: set[str]) -> Track:
    """Read and validate one track file.

    Raises `CatalogError` naming file and key for anything that is not as `catalog/model.py` says.
    """
    track: Track = _convert(path, "", _read(path), Track)
    seen: dict[str, str] = {}
    for m, milestone in enumerate(track.milestones):
        where = f"milestones[{m}]"
        for name in (milestone.id, milestone.number, *milestone.aliases):
            if name in seen:
                raise CatalogError(
                    path.name, f"{where}.id", f"{name!r} is also a name of {seen[name]!r}"
                )
            seen[name] = milestone.id
        for checkpoint in milestone.checkpoints:
            if checkpoint not in checkpoints:
                raise CatalogError(
                    path.name, f"{where}.checkpoints", f"no checkpoint {checkpoint!r}"
                )
        if not milestone.parts and not milestone.coming:
            raise CatalogError(path.name, f"{where}.parts", "a milestone needs at least one part")
        for p, part in enumerate(milestone.parts):
            _check_part(path, f"{where}.parts[{p}]", part, modules)
    return track


def _check_part(path: Path, where: str, part: Part, modules: set[str]) -> None:
    for number in part.needs:
        if number not in modules:
            raise CatalogError(path.name, f"{where}.needs", f"no module {number!r}")
    if part.coming:
        return
    if ":" not in part.recipe:
        raise CatalogError(path.name, f"{where}.recipe", "expected 'file:function'")
    if not part.gates:
        raise CatalogError(path.name, f"{where}.gates", "credit needs at least one gate")
    for g, gate in enumerate(part.gates):
        if gate.module and gate.module not in modules:
            raise CatalogError(
                path.name, f"{where}.gates[{g}].module", f"no module {gate.module!r}"
            )
        if gate.comparison == "within" and gate.upper is None:
            raise CatalogError(path.name, f"{where}.gates[{g}].upper", "'within' needs an upper")


def _other_packages_tracks() -> Iterator[Path]:
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        yield Path(entry.load()())


@lru_cache(maxsize=1)
def _shipped() -> tuple[list[Module], list[Checkpoint], list[Track]]:
    path = _HERE / "manifest.toml"
    manifest = _read(path)
    modules: list[Module] = [
        _convert(path, f"modules[{i}]", value, Module)
        for i, value in enumerate(manifest.get("modules", []))
    ]
    checkpoints: list[Checkpoint] = [
        _convert(path, f"checkpoints[{i}]", value, Checkpoint)
        for i, value in enumerate(manifest.get("checkpoints", []))
    ]
    numbers = {m.number for m in modules}
    tracks = [
        read_track(file, numbers, {c.id for c in checkpoints})
        for name in _TRACKS
        if (file := _HERE / f"{name}.toml").exists()
    ]
    return modules, checkpoints, tracks


def load(user_tracks: Path | None = None) -> Catalog:
    """The shipped catalog plus the tracks in `user_tracks` and those of other packages.

    A damaged user track is left out and listed in `problems`, so that it cannot stop a course.
    """
    modules, checkpoints, tracks = _shipped()
    catalog = Catalog(list(modules), list(checkpoints), list(tracks))
    numbers, checks = {m.number for m in modules}, {c.id for c in checkpoints}
    files = list(_other_packages_tracks())
    if user_tracks is not None and user_tracks.is_dir():
        files += sorted(user_tracks.glob("*.toml"))
    for file in files:
        try:
            track = read_track(file, numbers, checks)
            if any(track.id == known.id for known in catalog.tracks):
                raise CatalogError(file.name, "id", f"there is already a track {track.id!r}")
        except CatalogError as problem:
            catalog.problems.append(problem)
        else:
            catalog.tracks.append(track)
    return catalog
