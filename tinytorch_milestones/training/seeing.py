"""What a network looks for and what it sees: filters, feature maps, its best and worst answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Answers, Learner

View = Callable[[], dict[str, Any]]

MAPS = 12  # feature maps shown
EXTREMES = 8  # images of each kind
_SHOWN = 16  # images in the picture
_WRONG = 12  # of them at most so many that it still gets wrong


def first_convolution(fw: Framework, model: Any) -> tuple[str, Any] | None:
    """The first layer with trainable filters (o, c, kh, kw), and its name as in `state_dict`.

    None where the model has none. Filters that do not learn, such as a fixed whitening, are
    passed over.
    """
    for name, layer, _ in _places(fw, model, ""):
        if _filters(fw, layer) is not None:
            return name, layer
    return None


def layers_inside(fw: Framework, model: Any) -> Iterator[tuple[str, Any]]:
    """Every layer of a model, itself among them, with its name."""
    for name, layer, _ in _places(fw, model, ""):
        yield name, layer


def feature_maps(fw: Framework, model: Any, image: Array) -> tuple[str, Array] | None:
    """What the first convolution makes of one image (c, h, w), after its activation: (k, h', w').

    In a `Sequential` what stands between the two (pooling, normalisation) is applied too; where
    no activation follows it is the bare result. The first `MAPS` channels. None where there is no
    convolution, where it does not take part, or where the model cannot take a batch of one.
    """
    found = next((p for p in _places(fw, model, "") if _filters(fw, p[1]) is not None), None)
    if found is None:
        return None
    name, layer, after = found
    try:
        maps = _result(fw, model, layer, _to_activation(fw, after), image)
    except Exception:  # the student's code, asked for something a run does not need
        return None
    if maps is None or maps.ndim != 4:
        return None
    return name, np.array(maps[0, :MAPS], dtype=np.float32)


def _result(
    fw: Framework, model: Any, layer: Any, after: Sequence[Any], image: Array
) -> Array | None:
    heard: list[Any] = []
    forward = layer.forward

    def listening(*inputs: Any, **options: Any) -> Any:
        result = forward(*inputs, **options)
        heard.append(result)
        return result

    was_training = model.training
    model.eval()
    layer.forward = listening  # stands before the method of its class until it is deleted
    try:
        with fw.no_grad(), np.errstate(all="ignore"):
            model(fw.Tensor(np.ascontiguousarray(image[None])))
            result = heard[0] if heard else None
            for following in after:
                result = following(result)
    finally:
        del layer.forward
        if was_training:
            model.train()
    return None if result is None else array_of(result)


def _places(fw: Framework, value: Any, name: str) -> Iterator[tuple[str, Any, Sequence[Any]]]:
    """Every layer inside a model: its name, itself, and what follows it in its list."""
    if not isinstance(value, fw.Layer):
        return
    yield name, value, ()
    for key, inner in list(vars(value).items()):
        prefix = f"{name}." if name else ""
        if isinstance(inner, list | tuple):
            # a Sequential's layers are called "0", "1", as PyTorch does
            start = prefix if key == "layers" else f"{prefix}{key}."
            for i, item in enumerate(inner):
                for place, layer, after in _places(fw, item, f"{start}{i}"):
                    yield place, layer, inner[i + 1 :] if layer is item else after
        else:
            yield from _places(fw, inner, f"{prefix}{key}")


def _filters(fw: Framework, layer: Any) -> Array | None:
    weight = getattr(layer, "weight", None)
    if isinstance(weight, fw.Tensor) and weight.requires_grad and array_of(weight).ndim == 4:
        return array_of(weight)
    return None


def _to_activation(fw: Framework, after: Sequence[Any]) -> list[Any]:
    """What follows up to the first activation; nothing where a layer of weights comes first."""
    passed: list[Any] = []
    for layer in after:
        passed.append(layer)
        if type(layer).__module__.endswith("core.activations"):
            return passed
        weight = getattr(layer, "weight", None)
        weighs = isinstance(weight, fw.Tensor) and array_of(weight).ndim > 1
        if weighs or isinstance(layer, fw.Flatten | fw.Sequential):
            break
    return []


class Gallery:
    """The picture function of a `Problem` whose examples are images.

    Sixteen held-out images with the model's guesses, first those it still gets wrong; and from
    the last time that everything held out was asked: confusions, each class's accuracy, the most
    confident right and wrong answers. For a convolutional network its filters, now and at the
    start, and what they make of one image.
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        colour: bool = False,
        noun: str = "images",
        pixels: Callable[[Array], Array] | None = None,
        given: Callable[[Array], Array] | None = None,
    ) -> None:
        """`pixels` turns held-out inputs (n, c, h, w) into numbers 0..1 of the same shape, and
        `given` into what the network is given; both leave them as they are unless said.
        """
        self._classes = list(classes)
        self._colour, self._noun = colour, noun
        self._pixels = pixels or _as_fractions
        self._given = given or (lambda inputs: inputs)
        self._whole: dict[str, Any] = {}  # from the last time that everything was asked
        self._start: Array | None = None

    def __call__(self, learner: Learner, answers: Answers) -> View:
        wrong = np.flatnonzero(~answers.right)[:_WRONG]
        right = np.flatnonzero(answers.right)[: _SHOWN - len(wrong)]
        shown = self._told(learner, answers, np.concatenate([wrong, right]))
        count = f"{len(answers.right):,}"
        # a sample's figure stands beside gates, which are judged on everything held out
        said = (
            f"{count} held-out {self._noun} right" if answers.whole else f"the last {count} asked"
        )
        view = {
            "kind": "images",
            **shown,
            "weights": None,
            "title": f"{answers.accuracy:.1%} of {said}",
        }
        if answers.whole:
            self._whole = self._of_all(learner, answers)
        # a run that stops early may end between two such times: its picture keeps the last one
        view.update(self._whole)
        view.update(self._seen(learner))
        return lambda: view

    def shares(self) -> dict[str, float]:
        """Each class's accuracy as a metric, `class.cat`, when everything was asked last."""
        return {f"class.{label}": share for label, share, _ in self._whole.get("classes", ())}

    def _told(self, learner: Learner, answers: Answers, chosen: Array) -> dict[str, Any]:
        indices = answers.chosen[chosen]
        return {
            "images": self._images(learner.held_out.inputs[indices]),
            "truths": [self._classes[i] for i in learner.held_out.labels[indices]],
            "guesses": [self._classes[i] if i >= 0 else "?" for i in answers.guesses[chosen]],
            "confidence": [float(value) for value in answers.confidence[chosen]],
        }

    def _of_all(self, learner: Learner, answers: Answers) -> dict[str, Any]:
        matrix = learner.confusion(answers, len(self._classes))
        truths = learner.held_out.labels[answers.chosen]
        counts = np.bincount(truths, minlength=len(self._classes))
        right = np.bincount(truths[answers.right], minlength=len(self._classes))
        # an answer that is no number has no confidence to speak of
        sure = np.where(answers.guesses >= 0, answers.confidence, -1.0)
        order = np.argsort(-sure, kind="stable")
        best, worst = order[answers.right[order]], order[~answers.right[order]]
        return {
            "confusion": {"matrix": matrix, "labels": self._classes},
            "classes": [
                (label, float(hits / max(1, count)), int(count))
                for label, hits, count in zip(self._classes, right, counts, strict=True)
            ],
            "extremes": {
                "best": self._told(learner, answers, best[:EXTREMES]),
                "worst": self._told(learner, answers, worst[:EXTREMES]),
            },
        }

    def _seen(self, learner: Learner) -> dict[str, Any]:
        """The filters of this moment, copied, and what they make of the first held-out image."""
        found = first_convolution(learner.fw, learner.model)
        if found is None:
            return {}
        name, layer = found
        weights = np.array(array_of(layer.weight))
        if self._start is None:
            self._start = weights
        seen: dict[str, Any] = {
            "filters": {"weights": weights, "start": self._start, "layer": name}
        }
        example = learner.held_out.inputs[:1]
        maps = feature_maps(learner.fw, learner.model, self._given(example)[0])
        if maps is not None:
            seen["maps"] = {
                "image": self._images(example)[0],
                "label": self._classes[learner.held_out.labels[0]],
                "maps": maps[1],
                "layer": maps[0],
            }
        return seen

    def _images(self, inputs: Array) -> Array:
        pixels = self._pixels(inputs)
        return np.moveaxis(pixels, 1, -1) if self._colour else pixels[:, 0]


def _as_fractions(inputs: Array) -> Array:
    return inputs.astype(np.float32) / 255 if inputs.dtype == np.uint8 else inputs
