"""A model of language while it learns, as the judge sees it: surprise, causality, attention."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch_milestones.training.clouds import Array, Examples, array_of
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Learner
from tinytorch_milestones.training.seeing import layers_inside

_ROWS = 16  # windows on which causality and position are measured
_NUMBERS = 4_000_000  # outputs asked at a time, so that memory stays small


@dataclass
class Reading:
    """What a model said about held-out windows, wherever something was asked."""

    chosen: Array  # indices of the windows that were asked
    nats: float  # mean surprise at the right token, in nats; not finite where an output was not
    shares: Array  # for each window the share of its asked tokens that were guessed right
    right: float  # share of all asked tokens that were guessed right
    whole: bool  # whether everything held out was asked

    @property
    def exact(self) -> float:
        """The share of windows in which every asked token was guessed right."""
        return float(np.mean(self.shares == 1.0))


class Reader(Learner):
    """Reads a student's model of language between steps without changing anything.

    `held_out` are windows of tokens (n, t) and, as labels, the tokens that follow (n, t), -1 where
    nothing is asked.
    """

    def __init__(self, fw: Framework, model: Any, held_out: Examples) -> None:
        super().__init__(fw, model, held_out, binary=False)

    def read(self, chosen: Array | None = None) -> Reading:
        """Ask the model about held-out windows, all or the chosen ones."""
        indices = np.arange(len(self.held_out)) if chosen is None else chosen
        total, asked, hits = 0.0, 0, 0
        shares = np.zeros(len(indices))
        size = self._batch()
        for first in range(0, len(indices), size):
            part = indices[first : first + size]
            targets = self.held_out.labels[part]
            surprise, right = _surprise(self.logits(self.held_out.inputs[part]), targets)
            counts = (targets >= 0).sum(axis=1)
            shares[first : first + size] = right.sum(axis=1) / np.maximum(1, counts)
            total += float(surprise.sum())
            asked += int(counts.sum())
            hits += int(right.sum())
        asked = max(1, asked)
        return Reading(indices, total / asked, shares, hits / asked, chosen is None)

    def logits(self, tokens: Array) -> Array:
        """What the model says after every token of (n, t): (n, t, vocabulary), in eval mode."""
        model = self.model
        was_training = model.training
        model.eval()
        try:
            with self.fw.no_grad():
                return array_of(model(self.fw.Tensor(np.ascontiguousarray(tokens))))
        finally:
            if was_training:
                model.train()

    def causal(self) -> float:
        """How much the answers before a place change when all tokens from there on do.

        The largest difference, relative to the largest answer; 0 where nobody looks ahead.
        """
        rows = self.held_out.inputs[:_ROWS]
        rng = np.random.default_rng(17)
        length = rows.shape[1]
        before = self.logits(rows)
        # other tokens, all of which the model knows
        known = np.unique(rows)
        worst = 0.0
        for cut in sorted({1, length // 2, length - 1} - {0}):
            changed = rows.copy()
            new = known[rng.integers(0, len(known) - 1, changed[:, cut:].shape)]
            changed[:, cut:] = np.where(new == changed[:, cut:], known[-1], new)
            after = self.logits(changed)[:, :cut]
            scale = max(1.0, float(np.abs(before[:, :cut]).max()))
            change = float(np.abs(after - before[:, :cut]).max()) / scale
            if not math.isfinite(change):
                return math.inf
            worst = max(worst, change)
        return worst

    def position(self) -> float:
        """How much answers depend on the place alone: asked with the same token at every place.

        Their spread from place to place, relative to that over all places and tokens. To a model
        that adds nothing for the place, all places of such a row look the same, and it is 0,
        however many layers and whatever mask it has. That shuffled tokens change the answer proves
        less: a causal mask tells deep layers the order as well (Haviv et al., "Transformer Language
        Models without Positional Encodings Still Learn Positional Information", 2022). What knows
        distances only, and no places, is not seen.
        """
        known = np.unique(self.held_out.inputs)
        known = known[np.linspace(0, len(known) - 1, min(len(known), _ROWS)).astype(np.int64)]
        rows = np.repeat(known[:, None], self.held_out.inputs.shape[1], axis=1)
        answers = self.logits(rows).astype(np.float64)
        answers -= answers.mean(axis=-1, keepdims=True)  # softmax does not see a shift
        of_place = float((answers - answers.mean(axis=1, keepdims=True)).std())
        of_all = float((answers - answers.mean(axis=(0, 1))).std())
        return of_place / max(1e-12, of_all)

    def maps(self, tokens: Array) -> list[tuple[str, Array]]:
        """For every head its name and what it looks at in windows (n, t): (n, t, t).

        What every layer with attention keeps of a forward, in the order of the layers.
        """
        self.logits(tokens)
        count, length = tokens.shape
        found: list[tuple[str, Array]] = []
        layers = 0
        for _, layer in layers_inside(self.fw, self.model):
            kept = getattr(layer, "attention", None)
            if not isinstance(kept, np.ndarray) or kept.ndim != 4:
                continue
            layers += 1
            if kept.shape[0] == count and kept.shape[2:] == (length, length):
                heads = np.array(kept, dtype=np.float32).swapaxes(0, 1)
                found += [
                    (f"layer {layers}, head {number}", head)
                    for number, head in enumerate(heads, start=1)
                ]
        return found

    def _batch(self) -> int:
        """Windows asked at a time."""
        length: int = self.held_out.inputs.shape[1]
        return max(1, min(256, _NUMBERS // (length * max(1, self._vocabulary()))))

    def _vocabulary(self) -> int:
        classes: int = self.logits(self.held_out.inputs[:1]).shape[-1]
        return classes


def _surprise(logits: Array, targets: Array) -> tuple[Array, Array]:
    """For each place the surprise at its target in nats, and whether the guess was right.

    Both (n, t), 0 where nothing is asked.
    """
    asked = targets >= 0
    numbers = logits.astype(np.float64)
    best = numbers.max(axis=-1, keepdims=True)
    shifted = numbers - best
    total = np.log(np.exp(shifted).sum(axis=-1))
    chosen = np.take_along_axis(shifted, np.maximum(targets, 0)[..., None], axis=-1)[..., 0]
    surprise = np.where(asked, total - chosen, 0.0)
    right = asked & (numbers.argmax(axis=-1) == targets) & np.isfinite(best[..., 0])
    return surprise, right
