"""`Player`: a trained network that can be asked about one image after another, and kept on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.seeing import feature_maps, first_convolution

DRAWABLE = ((1, 28, 28), (1, 8, 8))
"""Shapes of examples that a drawing can be made into."""

_UNITS = 6  # hidden units shown


class Units(msgspec.Struct, frozen=True):
    """The hidden units that an image stirs most, the strongest first."""

    numbers: list[int]
    activations: list[float]  # after the ReLU, if there is one
    weights: Array  # (k, h, w): what each adds for ink at a pixel


class Weighted:
    """A trained model of a student's layers, whose weights can be taken out and put back."""

    def __init__(self, fw: Framework, model: Any, settings: Mapping[str, Any] | None) -> None:
        self.model = model
        self.settings = dict(settings or {})  # of the run that made it, JSON-able
        # found now: after another import of the package these would be other classes
        names = {name: getattr(fw, name) for name in ("Tensor", "Layer", "Flatten", "Sequential")}
        self._names = SimpleNamespace(**names, no_grad=nullcontext)

    def weights(self) -> dict[str, Array]:
        """Every tensor of the model by name, batch-norm statistics too."""
        return {name: array_of(tensor) for name, tensor in self._tensors().items()}

    def load(self, weights: Mapping[str, Array]) -> None:
        """Give the model these weights, all or none. Raises `TinyTorchError` where one is amiss."""
        tensors = self._tensors()
        for name in {**weights, **tensors}:
            kept = weights[name].shape if name in weights else None
            now = array_of(tensors[name]).shape if name in tensors else None
            # what is not trained may be a layer's notes on the last batch
            trained = name in tensors and tensors[name].requires_grad
            if kept != now and (trained or now is None):
                raise TinyTorchError(
                    "The weights that were kept no longer fit your code: "
                    f"{name} {_shaped('was', kept)}, and {_shaped('is', now)} now.",
                    "Run the milestone again to train a network with the code as it is.",
                )
        for name, array in weights.items():
            data = array_of(tensors[name])
            if data.shape == array.shape:
                data[...] = array

    def _tensors(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        seen: set[int] = set()

        def visit(value: Any, name: str) -> None:
            if id(value) in seen:
                return
            seen.add(id(value))
            if isinstance(value, self._names.Tensor):
                found[name] = value
                return
            if isinstance(value, self._names.Layer):
                value = vars(value)
            elif isinstance(value, list | tuple):
                value = dict(enumerate(value))
            elif not isinstance(value, dict):
                return
            for key, inner in value.items():
                # a Sequential's layers are called "0", "1", as PyTorch does
                visit(inner, name if key == "layers" else f"{name}.{key}" if name else str(key))

        visit(self.model, "")
        return found


class Player(Weighted):
    """The model of one run, and the student's own code that computes with it.

    It answers in eval mode and switches nothing in the framework: another thread of the kernel
    may be training with the same code at that moment.
    """

    def __init__(
        self,
        fw: Framework,
        model: Any,
        shape: Sequence[int],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(fw, model, settings)
        self.shape = tuple(shape)  # of one example
        self._first = first_convolution(self._framework, model)

    writes = False

    @property
    def keepable(self) -> bool:
        """Whether its weights are worth a file: they can be drawn for, and it can be made again."""
        return self.drawable and not self.settings.get("own_model")

    @property
    def drawable(self) -> bool:
        """Whether a drawing can be made into an example for this network."""
        return self.shape in DRAWABLE

    def answer(self, images: Array) -> Array:
        """Probabilities (n, classes) for images of shape (n, *shape), ink 1 and paper 0."""
        if images.shape[1:] != self.shape:
            raise ValueError(f"images of shape {images.shape[1:]} given, {self.shape} needed")
        self._rest()
        outputs = array_of(self.model(self._names.Tensor(np.ascontiguousarray(images, np.float32))))
        return oracle.softmax(outputs)

    def maps(self, image: Array) -> Array | None:
        """What the first convolution makes of an image, (k, h', w'); None without one."""
        if self._first is None:
            return None
        self._rest()
        found = feature_maps(self._framework, self.model, image)
        return None if found is None else found[1]

    def units(self, image: Array) -> Units | None:
        """The hidden units most active for an image; None where the first layer is no `Linear`."""
        found = self._first_matrix()
        if found is None:
            return None
        weight, bias = found
        activations = np.maximum(weight @ image.reshape(-1) + bias, 0.0)
        order = np.argsort(-activations, kind="stable")[:_UNITS]
        order = order[activations[order] > 0]
        return Units(
            numbers=[int(number) for number in order],
            activations=[float(activations[number]) for number in order],
            weights=weight[order].reshape(-1, *self.shape[1:]),
        )

    @property
    def _framework(self) -> Framework:
        return cast(Framework, self._names)

    def _rest(self) -> None:
        if self.model.training:
            self.model.eval()

    def _first_matrix(self) -> tuple[Array, Array] | None:
        """The first weights (units, pixels), where they are applied to the pixels themselves."""
        if self._first is not None:
            return None
        pixels = int(np.prod(self.shape))
        weights = self.weights()
        for name, weight in weights.items():
            if weight.ndim == 2:
                if weight.shape[1] != pixels:
                    return None
                nothing = np.zeros(len(weight), weight.dtype)
                return weight, weights.get(name.removesuffix("weight") + "bias", nothing)
        return None


def _shaped(verb: str, shape: tuple[int, ...] | None) -> str:
    return f"{verb} not there" if shape is None else f"{verb} of shape {shape}"
