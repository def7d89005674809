"""The judge of module 18: a GPT that writes with its cache, beside the same GPT without."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinytorch_milestones.training.author import Author
from tinytorch_milestones.training.clocks import seconds_of
from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.gates import NOT_COMPARABLE
from tinytorch_milestones.training.implementation import Framework

NEW = 256  # tokens that are written in a race
SLICES = 32  # of the race, each one step of the run
_PAIRS = 3  # races that are timed, the one that is shown among them
WARMTH = 0.8  # temperature
_EDGE = 1e-6  # of chance, that rounding may move
_PAST = 12  # tokens beyond the end of the context
_CHUNKS = (1, 2, 5, 1, 9, 16)  # how many tokens are read at once, in turn


class Raced:
    """Compares what a cache says, keeps, writes and needs; `metrics` collects what was found."""

    def __init__(self, fw: Framework, author: Author, seed: int) -> None:
        self._fw, self._author, self._seed = fw, author, seed
        self._model = author.model
        self._prompt = author.bound.prompts[0]
        self._tokens = list(author.tokenizer.encode(self._prompt))
        self.metrics: dict[str, float] = {}
        self.problem = ""
        self._lanes: list[dict[str, Any]] = [
            {"name": name, "text": "", "tokens": 0, "seconds": 0.0, "of": NEW}
            for name in ("without the cache", "with the cache")
        ]
        self._lane_tokens: list[list[int]] = [[], []]

    def logits(self, rows: Array) -> None:
        """`cache.logits`: the largest difference at any place of texts (2, t), however they are
        read: token by token, and in pieces.
        """
        fw, model = self._fw, self._model
        with fw.no_grad():
            whole = array_of(model(fw.Tensor(rows)))
        scale = max(1.0, float(np.abs(whole).max()))
        worst = 0.0
        for chunks in ((1,), _CHUNKS):
            cache = fw.KVCache(model, texts=len(rows))
            at, number = 0, 0
            while at < rows.shape[1]:
                end = min(rows.shape[1], at + chunks[number % len(chunks)])
                got = np.asarray(cache.read(rows[:, at:end]))
                expected = whole[:, at:end]
                if got.shape != expected.shape:
                    self._fault("cache.logits", f"read gives {got.shape}, not {expected.shape}")
                    return
                difference = float(np.abs(got - expected).max()) / scale
                if not difference <= 1e-5 and not self.problem:
                    self.problem = (
                        f"with the cache the logits of token {at + 1} differ by {difference:.2g}"
                    )
                worst = max(worst, difference if np.isfinite(difference) else NOT_COMPARABLE)
                at, number = end, number + 1
        self.metrics["cache.logits"] = worst

    def memory(self) -> None:
        """`cache.memory`: by how many bytes the cache says something else than its arrays hold.

        Two arrays of float32, a number for each layer, place and column of the model.
        """
        model = self._model
        cache = self._fw.KVCache(model)
        dim = int(array_of(model.token_embedding.weight).shape[1])
        right = 2 * len(model.blocks) * int(model.context_length) * dim * 4
        held = int(cache.keys.nbytes) + int(cache.values.nbytes)
        cache.read(np.array([self._tokens]))
        used = right // int(model.context_length) * len(self._tokens)
        off = max(abs(int(cache.nbytes) - right), abs(held - right), abs(int(cache.used) - used))
        self.metrics["cache.memory"] = float(off)
        self.metrics["cache.bytes"] = float(held)
        if off:
            self.problem = self.problem or (
                f"the cache says {int(cache.nbytes):,} bytes, {int(cache.used):,} in use; "
                f"{right:,} and {used:,} are right"
            )

    def tokens(self, rows: Array) -> None:
        """`cache.tokens`: how many tokens differ, the likeliest ones and drawn ones, also where the
        context is full and its beginning is forgotten; and where the chances of the next token do.
        Two `rows` of tokens have enough to fill it.
        """
        model = self._model
        cache = self._fw.KVCache(model)
        room = int(model.context_length)
        text = [int(token) for token in rows[:2].reshape(-1)]
        full = text[: room - _PAST // 2]
        asked: list[tuple[list[int], int, dict[str, Any]]] = [
            (self._tokens, 40, {"temperature": 0.0}),
            (self._tokens, 40, {"temperature": 1.0, "top_k": 5, "seed": self._seed + 1}),
            (full, _PAST, {"temperature": WARMTH, "seed": self._seed + 2}),
        ]
        first, second = self._lane_tokens
        wrong = self._different(first, second, {"temperature": WARMTH, "seed": self._seed})
        for prompt, count, options in asked:
            plain = model.generate(prompt, count, **options)
            fast = cache.generate(prompt, count, **options)
            wrong += self._different(plain, fast, options)
        # one text after another, without a word in between that the cache might start anew by
        for length in (5, room - 1, room, room + 1, room + 2, 9):
            given = text[length % 3 :][:length]
            right, got = (np.asarray(w.next_probabilities(given)) for w in (model, cache))
            wrong += bool(right.shape != got.shape or not np.abs(right - got).max() <= 1e-5)
        self.metrics["cache.tokens"] = float(wrong)
        if wrong:
            self.problem = self.problem or f"with the cache {wrong} tokens are others"

    def _different(self, one: list[int], other: list[int], options: dict[str, Any]) -> int:
        """How many tokens differ, from the first one that does.

        Where a draw fell on the edge between two tokens, so that the last bit of a sum decided,
        both are right; from there on the two are asked again, with the same beginning.
        """
        pairs = list(zip(one, other, strict=False))
        same = next((i for i, (a, b) in enumerate(pairs) if int(a) != int(b)), len(pairs))
        left = max(len(one), len(other)) - same
        if not left or "seed" not in options or not self._on_edge(one, other, same, options):
            return left
        options = {**options, "seed": options["seed"] + 1}
        begun = one[: same + 1]
        plain = self._model.generate(begun, left - 1, **options)
        fast = self._fw.KVCache(self._model).generate(begun, left - 1, **options)
        return self._different(plain, fast, options)

    def _on_edge(self, one: list[int], other: list[int], at: int, options: dict[str, Any]) -> bool:
        """Whether two other tokens are neighbours, with no chance between them worth the name."""
        if at >= min(len(one), len(other)):
            return False
        chosen = {k: v for k, v in options.items() if k != "seed"}
        chances = np.asarray(self._model.next_probabilities(one[:at], **chosen), np.float64)
        low, high = sorted((int(one[at]), int(other[at])))
        both = min(chances[low], chances[high]) > 0.0
        return bool(both and chances[low + 1 : high].sum() <= _EDGE)

    def race(self) -> Iterator[str]:
        """Write the same text both ways, a slice of time after the other; a note for each slice.

        While the one without a cache writes its next tokens, the other may write for as long.
        """
        streams = [
            writer.stream(self._tokens, NEW, temperature=WARMTH, seed=self._seed)
            for writer in (self._model, self._fw.KVCache(self._model))
        ]
        written: list[list[int]] = [[], []]
        for number in range(SLICES):
            self._run(0, streams[0], written[0], NEW // SLICES, math.inf)
            ahead = self._lanes[0]["seconds"] - self._lanes[1]["seconds"]
            # others may have used the machine meanwhile: in the end both have written all
            ahead = math.inf if number + 1 == SLICES else ahead
            self._run(1, streams[1], written[1], NEW, ahead)
            yield f"{len(written[0])} and {len(written[1])} tokens"
        self._lane_tokens = [[*self._tokens, *new] for new in written]

    def _run(self, lane: int, stream: Any, new: list[int], count: int, seconds: float) -> None:
        began = time.perf_counter()
        last = began
        for _ in range(count):
            if last - began >= seconds:
                break
            token = next(stream, None)
            if token is None:
                break
            new.append(int(token))
            last = time.perf_counter()
        state = self._lanes[lane]
        state["seconds"] += last - began
        state["tokens"] = len(new)
        state["text"] = self._author.tokenizer.decode(new)

    def speed(self) -> None:
        """`cache.speed`: how many times as fast, the median of pairs; both rates beside it.

        By the time that the processor works for this thread, whatever else it does meanwhile; each
        time the likeliest token, since drawing one has nothing to do with the cache.
        """
        cache = self._fw.KVCache(self._model)
        quotients, rates = [], []
        options: dict[str, Any] = {"temperature": 0.0}
        cache.generate(self._tokens, NEW, **options)
        for _ in range(_PAIRS):
            plain = seconds_of(lambda: self._model.generate(self._tokens, NEW, **options))
            fast = seconds_of(lambda: cache.generate(self._tokens, NEW, **options), 3)
            quotients.append(plain / fast)
            rates.append((NEW / plain, NEW / fast))
        self.metrics["cache.speed"] = float(np.median(quotients))
        plain_rate, fast_rate = np.median(rates, axis=0)
        self.metrics["rate.plain"] = float(plain_rate)
        self.metrics["rate.cached"] = float(fast_rate)
        for lane, rate in zip(self._lanes, (plain_rate, fast_rate), strict=True):
            lane["rate"] = float(rate)

    def picture(self) -> dict[str, Any]:
        """Both texts as far as they are."""
        if "cache.speed" in self.metrics:
            title = f"the same {NEW} tokens, {self.metrics['cache.speed']:.0f} times as fast"
        else:
            title = f"the same model writes {NEW} tokens twice"
        lanes = [dict(lane) for lane in self._lanes]
        return {"kind": "race", "prompt": self._prompt, "lanes": lanes, "title": title}

    def _fault(self, metric: str, problem: str) -> None:
        self.metrics[metric] = NOT_COMPARABLE
        self.problem = self.problem or problem
