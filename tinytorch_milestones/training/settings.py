"""`Settings`: what can be chosen about a run, and the check that a choice makes sense."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from tinytorch_milestones.errors import TinyTorchError, UnknownName


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Where an interrupted run of a recipe goes on."""

    model: str  # path of what the student's own Trainer saved
    epoch: int  # the last one that was finished
    memory: dict[str, Any] = {}  # what `Step.checkpoint` returned then


class Settings(msgspec.Struct, kw_only=True):
    """The choices a recipe reads.

    Built by `Settings.of` from a part's settings in the catalog plus what the user replaced.
    """

    epochs: int = 1
    learning_rate: float = 1.0
    batch_size: int = 1
    seed: int = 0
    quick: bool = False  # a quarter of the epochs, to see that something works
    labels: Literal["true", "shuffled"] = "true"  # shuffled: nothing to learn, gates must fail
    patience: int = 0  # stop once all gates held for so many steps in a row; 0: never
    model: Any = None  # a model built by the user instead of the recipe's own
    extra: dict[str, Any] = {}  # options that only one recipe has
    resume: Resume | None = None  # where an interrupted run was; never a choice

    @classmethod
    def of(
        cls,
        chosen: Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
        options: Iterable[str] = (),
    ) -> Settings:
        """Merge a part's settings with overrides.

        `options` are the names that the recipe takes beyond the fields of this class. Raises
        `UnknownName` for any other name, `TinyTorchError` for a value of a wrong type or range.
        """
        extra_names = set(options)
        fields: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for source in (chosen, overrides or {}):
            for name, value in source.items():
                if name in extra_names:
                    extra[name] = value
                elif name in _FIELDS:
                    fields[name] = value
                else:
                    raise UnknownName("setting", name, known_settings(extra_names))
        model = fields.pop("model", None)
        for name in ("epochs", "batch_size", "seed", "patience"):
            if name in fields:
                fields[name] = _whole(name, fields[name])
        try:
            settings = msgspec.convert(fields, cls, strict=True)
        except msgspec.ValidationError as error:
            problem, _, where = str(error).partition(" - at `$.")
            raise TinyTorchError(
                f"The setting {where.rstrip('`') or '?'} cannot be used: {problem}.",
                "Give a value of the right type.",
            ) from error
        settings.model = model
        settings.extra = extra
        settings._check()
        return settings

    def _check(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise TinyTorchError(f"{name} is {getattr(self, name)}.", "Give at least 1.")
        if not 0 < self.learning_rate < float("inf"):
            raise TinyTorchError(
                f"learning_rate is {self.learning_rate}.", "Give a finite number above 0."
            )
        for name in ("seed", "patience"):
            if getattr(self, name) < 0:
                raise TinyTorchError(f"{name} is {getattr(self, name)}.", "Give 0 or more.")

    def choice(self, name: str, *allowed: str) -> str:
        """An option that is one of a few words, the first of them unless it was given."""
        value = self.extra.get(name, allowed[0])
        if not isinstance(value, str) or value not in allowed:
            raise TinyTorchError(f"{name} is {value!r}.", f"Give {' or '.join(allowed)}.")
        return value

    def whole(self, name: str, default: int) -> int:
        """An option that is a whole number from 1."""
        number = _whole(name, self.extra.get(name, default))
        if number < 1:
            raise TinyTorchError(f"{name} is {number}.", "Give at least 1.")
        return number

    def number(self, name: str, default: float) -> float:
        """An option that is a finite number from 0."""
        value = self.extra.get(name, default)
        if not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise TinyTorchError(f"{name} is {value!r}.", "Give a number from 0.")
        return float(value)

    def fraction(self, name: str, default: float) -> float:
        """An option that is a number from 0 up to, not including, 1."""
        value = self.extra.get(name, default)
        if not isinstance(value, int | float) or not 0 <= value < 1:
            raise TinyTorchError(f"{name} is {value!r}.", "Give a number from 0 to below 1.")
        return float(value)

    @property
    def rounds(self) -> int:
        """Epochs to run, fewer when `quick`."""
        return max(1, self.epochs // 4) if self.quick else self.epochs

    def options(self) -> dict[str, Any]:
        """What was chosen, JSON-able; of a model it only says that there was one."""
        chosen = {name: getattr(self, name) for name in _FIELDS if name != "model"}
        for name, value in self.extra.items():
            value = value.tolist() if hasattr(value, "tolist") else value
            plain = isinstance(value, bool | int | float | str | list | tuple)
            chosen[name] = value if plain else type(value).__name__
        chosen["own_model"] = self.model is not None
        return chosen


_FIELDS = tuple(n for n in Settings.__struct_fields__ if n not in ("extra", "resume"))


def known_settings(options: Iterable[str] = ()) -> tuple[str, ...]:
    """Every name a run of a recipe with these options can be given."""
    return (*_FIELDS, *sorted(options))


def _whole(name: str, value: Any) -> int:
    """A whole number from an int, a numpy integer or a float like 20.0."""
    try:
        number = int(value)
        if number == value and not isinstance(value, bool):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise TinyTorchError(f"{name} is {value!r}.", "Give a whole number.")
