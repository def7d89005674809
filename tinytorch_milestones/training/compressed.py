"""The judge of modules 15 and 16: what a network weighs, reads and takes once it is made smaller.

Nothing here is taken from what the student's code says of itself: files are measured on disk,
accuracies are those of what was loaded from these files, zeros are counted, times are taken.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.clocks import as_written, paired, times_as_fast
from tinytorch_milestones.training.clouds import Array, Examples, array_of
from tinytorch_milestones.training.counting_work import parts_of
from tinytorch_milestones.training.deploying import arrays, asked
from tinytorch_milestones.training.gates import NOT_COMPARABLE
from tinytorch_milestones.training.implementation import Framework

_BATCH = 256  # images in a measurement of speed
_ROUNDS = 25
_ROW = ("Linear", "ReLU", "Flatten", "Sequential")


@dataclass
class Weighed:
    """One version of the network, as a file and as what was loaded from it."""

    name: str
    bytes: int
    accuracy: float
    loss: float
    model: Any  # loaded again
    speed: float = 1.0  # how many times as fast as the first one


class Scales:
    """Weighs one version of a network after the other; `metrics` collects what was found."""

    def __init__(self, fw: Framework, held_out: Examples) -> None:
        self._fw, self._held_out = fw, held_out
        self.metrics: dict[str, float] = {}
        self.problem = ""
        self.weighed: list[Weighed] = []
        self._folder = Path(tempfile.mkdtemp(prefix="tinytorch-mlperf-"))

    def close(self) -> None:
        """Throw the files away."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def weigh(self, name: str, model: Any, like: Any = None) -> Weighed:
        """Save a model, load it again, ask what was loaded about everything held out.

        `like` has the layers that are loaded into, the model's own unless said.
        """
        files = self._fw.module("perf.quantization")
        path = self._folder / f"{len(self.weighed)}.npz"
        files.save(model, path)
        loaded = files.load(path, model if like is None else like)
        size = path.stat().st_size if path.exists() else 0
        answers, loss = asked(self._fw, loaded, self._held_out)
        found = Weighed(name, size, answers.accuracy, loss, loaded)
        if self.weighed:
            found.speed = self._speed(self.weighed[0].model, loaded)
        self.weighed.append(found)
        return found

    def _speed(self, first: Any, other: Any) -> float:
        """How many times as fast, the median of quotients of measurements in turns."""
        x = self._fw.Tensor(self._held_out.inputs[:_BATCH])
        with self._fw.no_grad(), as_written(self._fw):
            seconds = paired([lambda: first(x), lambda: other(x)], _ROUNDS)
        return times_as_fast(seconds[0], seconds[1])

    def cut(self, whole: Any, before: dict[str, Array], smaller: Any, amount: float) -> None:
        """`cut.units`: how many hidden units are missing or too many, and weights that are not
        those of the strongest units; `cut.kept`: whether the model itself is as it was.
        """
        self.metrics["cut.kept"] = self._changed(whole, before)
        right = _cut_by_hand(before, amount)
        got = arrays(self._fw, smaller)
        wrong = 0
        if list(right) != list(got):
            self.problem = self.problem or f"the copy has the parameters {', '.join(got) or 'none'}"
            wrong = max(len(right), len(got))
        else:
            for name, array in right.items():
                if array.shape != got[name].shape:
                    wrong += 1
                    said = f"{name} has shape {got[name].shape}, {array.shape} is right"
                    self.problem = self.problem or said
                elif not np.array_equal(array, got[name]):
                    wrong += 1
                    said = f"{name} does not hold the weights of the units with the largest norms"
                    self.problem = self.problem or said
        self.metrics["cut.units"] = float(wrong)

    def zeros(self, model: Any, before: dict[str, Array], amount: float) -> None:
        """`zeros.off`: by how many weights the zeros differ from round(amount * n), of the smallest
        ones, and `sparsity` from their share.
        """
        got = {name: array for name, array in arrays(self._fw, model).items() if array.ndim > 1}
        weights = {name: array for name, array in before.items() if array.ndim > 1}
        count = sum(array.size for array in weights.values())
        asked_for = round(amount * count)
        found = sum(int((array == 0).sum()) for array in got.values())
        off = abs(found - asked_for)
        if off:
            self.problem = self.problem or f"{found:,} weights are 0, {asked_for:,} were asked for"
        else:
            sizes = np.sort(np.abs(np.concatenate([a.reshape(-1) for a in weights.values()])))
            border = sizes[asked_for - 1] if asked_for else -1.0
            off = sum(int(((got[n] == 0) & (np.abs(a) > border)).sum()) for n, a in weights.items())
            off += sum(int(((got[n] != a) & (got[n] != 0)).sum()) for n, a in weights.items())
            if off:
                self.problem = self.problem or f"{off:,} of the smallest weights are not the ones"
        said = float(self._fw.module("perf.compression").sparsity(model))
        if abs(said - found / count) > 1e-9:
            off = max(off, 1)
            self.problem = self.problem or (
                f"sparsity says {said:.4f}, of {count:,} weights {found:,} are 0"
            )
        self.metrics["zeros.off"] = float(off)

    def held(self, model: Any, amount: float) -> None:
        """`zeros.lost`: how many of the zeros that were asked for are none after training."""
        weights = [a for a in arrays(self._fw, model).values() if a.ndim > 1]
        asked_for = round(amount * sum(array.size for array in weights))
        found = sum(int((array == 0).sum()) for array in weights)
        self.metrics["zeros.lost"] = float(max(0, asked_for - found))
        if found < asked_for:
            self.problem = self.problem or (
                f"after training {found:,} of {asked_for:,} weights are still 0"
            )

    def rounded(self, model: Any, before: dict[str, Array], loaded: Any) -> None:
        """`int8.error`: the largest distance of a weight from what its code stands for, in scales;
        `int8.outputs`: how far the answers are from those of the weights that the codes stand for.

        A scale is what it has to be: the largest weight of an output, divided by 127.
        """
        self.metrics["int8.kept"] = self._changed(model, before)
        layers = dict(parts_of(self._fw, loaded))
        worst = 0.0
        unfolded: list[tuple[Array, Array | None]] = []
        for name, layer in parts_of(self._fw, model):
            if type(layer).__name__ != "Linear":
                continue
            weight = before[f"{name}.weight"].astype(np.float64)
            other = layers.get(name)
            codes = getattr(other, "codes", None)
            if other is None or codes is None or array_of(codes).dtype != np.int8:
                self._fault("int8.error", f"the weights of {name} in the file are no int8")
                return
            got = array_of(codes).astype(np.float64) * array_of(other.scale).astype(np.float64)
            if got.shape != weight.shape:
                self._fault("int8.error", f"{name}: codes of shape {got.shape}")
                return
            scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True) / 127, 1e-30)
            error = float((np.abs(got - weight) / scale).max())
            if error > 0.501:
                self.problem = self.problem or f"a weight of {name} is {error:.3g} scales off"
            worst = max(worst, error if np.isfinite(error) else NOT_COMPARABLE)
            unfolded.append((got, before.get(f"{name}.bias")))
        self.metrics["int8.error"] = worst
        images = self._held_out.inputs[:_BATCH]
        right = images.reshape(len(images), -1).astype(np.float64)
        for number, (weight, bias) in enumerate(unfolded):
            right = right @ weight.T + (0.0 if bias is None else bias)
            if number < len(unfolded) - 1:
                right = np.maximum(right, 0.0)
        with self._fw.no_grad():
            outputs = array_of(loaded(self._fw.Tensor(images))).astype(np.float64)
        off = float(np.sqrt(np.mean((outputs - right) ** 2) / np.mean(right**2)))
        self.metrics["int8.outputs"] = off if np.isfinite(off) else NOT_COMPARABLE
        if not off <= 0.05:
            self.problem = self.problem or (
                f"the int8 network answers {off:.0%} beside what its own weights say"
            )

    def totals(self) -> None:
        """`smaller`, `lost`, `faster`: the last version, beside the first one; and its accuracy."""
        first, last = self.weighed[0], self.weighed[-1]
        self.metrics["smaller"] = first.bytes / max(1, last.bytes)
        self.metrics["lost"] = first.accuracy - last.accuracy
        self.metrics["accuracy.first"] = first.accuracy

    def picture(self) -> dict[str, Any]:
        """Size against accuracy, a point for each version."""
        points = [
            {"name": w.name, "bytes": w.bytes, "accuracy": w.accuracy, "speed": w.speed}
            for w in self.weighed
        ]
        last = self.weighed[-1] if self.weighed else None
        title = "the file and what it reads"
        if last is not None and len(self.weighed) > 1:
            title = f"{self.weighed[0].bytes / max(1, last.bytes):.1f} times smaller on disk"
        return {"kind": "pareto", "points": points, "title": title}

    def _changed(self, model: Any, before: dict[str, Array]) -> float:
        now = arrays(self._fw, model)
        same = list(now) == list(before) and all(
            np.array_equal(now[name], array) for name, array in before.items()
        )
        if not same:
            self.problem = self.problem or "the model that was copied is no longer what it was"
        return float(not same)

    def _fault(self, metric: str, problem: str) -> None:
        self.metrics[metric] = NOT_COMPARABLE
        self.problem = self.problem or problem


def check_row(fw: Framework, model: Any) -> None:
    """Raise `TinyTorchError` for a model of one's own that the judge could not cut by hand."""
    for _, layer in parts_of(fw, model):
        if type(layer).__name__ not in _ROW:
            raise TinyTorchError(
                f"The model given has a {type(layer).__name__} in it; what becomes of a model is "
                f"judged here for rows of {', '.join(_ROW[:-1])} and {_ROW[-1]}.",
                "Build it of these, with the widths you like.",
            )


def _cut_by_hand(before: dict[str, Array], amount: float) -> dict[str, Array]:
    """The arrays of a row of Linears without the weakest hidden units, in numpy."""
    names = [name.removesuffix(".weight") for name in before if name.endswith(".weight")]
    found: dict[str, Array] = {}
    kept: Array | None = None
    for number, name in enumerate(names):
        weight, bias = before[f"{name}.weight"], before.get(f"{name}.bias")
        norms = np.sqrt((weight.astype(np.float64) ** 2).sum(axis=1))
        left = len(weight) - round(amount * len(weight)) if number < len(names) - 1 else len(weight)
        units = np.sort(np.argsort(norms, kind="stable")[len(weight) - left :])
        smaller = weight[units]
        found[f"{name}.weight"] = smaller if kept is None else smaller[:, kept]
        if bias is not None:
            found[f"{name}.bias"] = bias[units]
        kept = units
    return found
