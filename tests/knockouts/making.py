"""How the knock-outs of recipes that learn by gradients are made.

Modules 04 to 09 are sabotaged from the outside, by code added at the end of their file that uses
nothing but their public names, so that the tables do not depend on how a solution is written.
"""

from __future__ import annotations

from textwrap import dedent

from tests.knockouts.rules import Knockout

MLP = ("digits", "mnist", "basic-inference", "machines-can-see")
CNN = ("cnn-digits", "cnn-mnist", "computer-vision")
PHOTOGRAPHS = ("full-training", "train-real-ai", "advanced-vision")
IMAGES = (*MLP, *CNN, *PHOTOGRAPHS)
EVERY = ("learned", *IMAGES)
TENSOR, ACTIVATIONS, LAYERS = "core/tensor.py", "core/activations.py", "core/layers.py"
LOSSES, DATA, AUTOGRAD = "core/losses.py", "core/dataloader.py", "core/autograd.py"
OPTIMIZERS, TRAINING = "core/optimizers.py", "core/training.py"


def after(
    name: str,
    module: str,
    file: str,
    code: str,
    gate: str,
    parts: tuple[str, ...] = EVERY,
) -> Knockout:
    """A knock-out by code that is added to the end of a file."""
    # where the checks before training find nothing, two epochs of it show enough
    return Knockout(
        name, dict.fromkeys(parts, gate), module, ((file, "", dedent(code)),), {"epochs": 2}
    )


def instead(
    name: str,
    module: str,
    file: str,
    old: str,
    new: str,
    gate: str,
    parts: tuple[str, ...] = ("learned", "digits"),
) -> Knockout:
    """A knock-out by a changed line."""
    return Knockout(name, dict.fromkeys(parts, gate), module, ((file, old, new),))
