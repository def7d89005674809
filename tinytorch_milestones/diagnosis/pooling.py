"""Claims about the pooling layers of module 09: the largest, or the mean, of every window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.sliding import Window, distinct, sizes, two
from tinytorch_milestones.diagnosis.source import Array, Source, numbers
from tinytorch_milestones.diagnosis.trial import Trial, literal, size_text
from tinytorch_milestones.training import oracle
from tinytorch_milestones.training import spatial_oracle as right


@dataclass(frozen=True)
class _Pool:
    kind: str  # "max" or "average"
    name: str  # "MaxPool2d"
    task: str

    def claims(self) -> Iterator[Claim]:
        """Results, gradients, and for the largest also what is done with several of them."""
        about: list[tuple[str, Callable[[Source], Iterator[Trial]]]] = [
            ("", self.forward),
            (" backward", self.backward),
        ]
        if self.kind == "max":
            about.append((" ties", self.ties))
        for words, trials in about:
            yield Claim(f"09 {self.name}{words}", "09", self.task, trials, tries=16)

    def _drawn(self, source: Source) -> tuple[Array, Window]:
        """Images, also all negative ones, and a window that always sees a pixel of them."""
        size = two(source, (1, 2, 3))
        padding = two(source, (0, 1))
        padding = (min(padding[0], size[0] // 2), min(padding[1], size[1] // 2))
        window = Window(size, size, padding)
        if source.pick((False, True)):
            window = replace(window, stride=two(source, (1, 2, 3)))
        shape = (source.pick((1, 2)), source.pick((1, 2)), *sizes(source, window))
        return distinct(source, shape) - source.pick((0.0, 1.0, 80.0)), window

    def _layer(self, window: Window) -> str:
        return f"{self.name}({window.arguments(usual=window.size)})"

    def _result(self, x: Array, window: Window) -> Array:
        return right.pool(self.kind, x, window.size, window.stride, window.padding)

    def forward(self, source: Source) -> Iterator[Trial]:
        """Numbers, shape and dtype."""
        x, window = self._drawn(source)
        yield Trial(
            says=f"`{self._layer(window)}` on {size_text(x)} input",
            lines=(f"layer = {self._layer(window)}", f"x = Tensor({literal(x)})"),
            shown="layer(x).data",
            right=self._result(x, window),
            names=(self.name, "Tensor"),
            dtype="float32",
            kept={"x": x},
        )

    def backward(self, source: Source) -> Iterator[Trial]:
        """The gradient of images without equal numbers against finite differences."""
        x, window = self._drawn(source)
        seed = numbers(source, self._result(x, window).shape, (1.0, 2.0, 0.0))

        def total(moved: Array) -> float:
            return float(np.sum(seed * self._result(moved, window)))

        (slope,) = oracle.slope(total, [x.copy()])
        yield self._gradient(x, window, seed, np.round(slope, 6))

    def ties(self, source: Source) -> Iterator[Trial]:
        """Of several largest numbers in a window, the first one gets the gradient."""
        x, window = self._drawn(source)
        x = numbers(source, x.shape, (0.0, 1.0))
        seed = numbers(source, self._result(x, window).shape, (1.0, 2.0))
        how = (window.size, window.stride, window.padding)
        (slope,) = right.pool_back(seed, self.kind, x, *how)
        yield self._gradient(x, window, seed, slope)

    def _gradient(self, x: Array, window: Window, seed: Array, slope: Array) -> Trial:
        return Trial(
            says=f"`{self._layer(window)}` backward on {size_text(x)} input",
            lines=(
                f"layer = {self._layer(window)}",
                f"x = Tensor({literal(x)}, requires_grad=True)",
                f"layer(x).backward({literal(seed)})",
            ),
            shown="x.grad",
            right=slope,
            names=(self.name, "Tensor"),
            label="dx",
            dtype="float32",
            kept={"x": x},
            tolerance=1e-3,
        )


# the averages are given in the notebook: no task is to blame for them
CLAIMS = [
    *_Pool("max", "MaxPool2d", "09.max_pool").claims(),
    *_Pool("average", "AvgPool2d", "").claims(),
]
