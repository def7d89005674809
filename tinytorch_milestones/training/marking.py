"""What a model of language wrote, read by the judge: Python that is run, and stories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinytorch_milestones.corpora.functions import END, Function
from tinytorch_milestones.corpora.stories import Stories
from tinytorch_milestones.training.author import Tokenizer
from tinytorch_milestones.training.python_judge import Attempt, Verdict, body_of, judge
from tinytorch_milestones.training.reading import Reader, Reading

View = Callable[[], dict[str, Any]]

_CHUNK = 12  # tokens written before a look whether the end has come
_BODY = 60  # tokens of a body at most; the longest right one has fewer
_FEW = 8  # prompts of each kind while training; all of them at its end

_STORY = 120  # tokens written for each beginning
_PIECE = 40  # characters that count as copied when they stand in the training text
_WARMTH = 0.7
_TOLD = 9  # texts that are measured


class Scribe:
    """Asks a student's `generate` to write on, and gives text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def write(self, model: Any, prompt: str, count: int, ends: str = "", **options: Any) -> str:
        """What comes after `prompt`: `count` tokens, or up to `ends` where that is given.

        Text that has an end is written without chance, a few tokens at a time, so that little is
        written in vain.
        """
        given = self._tokenizer.encode(prompt)
        if not ends:
            whole = model.generate(given, count, **options)
            return self._text(whole[len(given) :])
        tokens = list(given)
        text = ""
        while len(tokens) - len(given) < count and ends not in text:
            tokens = list(model.generate(tokens, _CHUNK, temperature=0.0))
            text = self._text(tokens[len(given) :])
        before, end, _ = text.partition(ends)
        return before + end

    def _text(self, tokens: Iterable[int]) -> str:
        return self._tokenizer.decode([int(token) for token in tokens])


class Marker:
    """Lets a model complete held-out functions, and has them run."""

    def __init__(
        self, asked: Mapping[str, Sequence[Function]], tokenizer: Tokenizer, rounds: int
    ) -> None:
        """`rounds`: how often everything will be asked; the last time every prompt is."""
        self._asked, self._scribe, self._left = asked, Scribe(tokenizer), rounds
        self._shown = [functions[-1] for functions in asked.values()]

    def judged(self, reader: Reader, reading: Reading) -> dict[str, float]:
        """The shares of completions that are Python and that are right, all and of each kind."""
        self._left -= 1
        verdicts: list[Verdict] = []
        found: dict[str, float] = {}
        for kind, functions in self._asked.items():
            new = self._verdicts(reader, functions[: _FEW if self._left > 0 else None])
            found[f"right.{kind}"] = _share(verdict.right for verdict in new)
            verdicts += new
        found["accuracy"] = found["right"] = _share(verdict.right for verdict in verdicts)
        found["parsed"] = _share(verdict.why != "syntax" for verdict in verdicts)
        found["prompts"] = float(len(verdicts))
        return found

    def picture(self, reader: Reader, reading: Reading) -> View:
        """A function of each kind as it is completed now, with its verdict."""
        texts = [self._complete(reader, function) for function in self._shown]
        samples = [
            {
                "prompt": function.prompt.expandtabs(4),
                "text": body_of(text),
                "note": "right" if verdict.right else f"wrong: {verdict.detail}",
                "good": verdict.right,
            }
            for function, text, verdict in zip(
                self._shown, texts, _judged(self._shown, texts), strict=True
            )
        ]
        title = "Functions it has never seen, completed and run"
        return lambda: {"kind": "texts", "samples": samples, "title": title}

    def _verdicts(self, reader: Reader, functions: Sequence[Function]) -> list[Verdict]:
        return _judged(functions, [self._complete(reader, function) for function in functions])

    def _complete(self, reader: Reader, function: Function) -> str:
        return self._scribe.write(reader.model, function.prompt, _BODY, ends=END)


def _judged(functions: Sequence[Function], texts: Sequence[str]) -> list[Verdict]:
    pairs = zip(functions, texts, strict=True)
    return judge([Attempt.of(function, text) for function, text in pairs])


class Teller:
    """Lets a model tell stories, and measures whether they are made of words and are its own."""

    prompts = ("One day", "It was a sunny day.", "Rosa had a blue kite.")

    def __init__(
        self,
        corpus: Stories,
        counted: Mapping[str, float],
        tokenizer: Tokenizer,
        characters: int,
        seed: int,
    ) -> None:
        """`counted`: bits a character of models that count, "bigram" and "trigram".

        `characters`: how many the tokens that are asked of held-out stories stand for.
        """
        self._corpus, self._counted, self._seed = corpus, counted, seed
        self._characters = characters
        self._scribe = Scribe(tokenizer)
        self._usual = copied(corpus.held_out[:6000], corpus.training)

    def judged(self, reader: Reader, reading: Reading) -> dict[str, float]:
        """Bits beside what counting needs; of what it writes, words and what is copied."""
        asked = int((reader.held_out.labels >= 0).sum())
        bits = reading.nats / np.log(2) * asked / self._characters
        texts = self._texts(reader, _TOLD)
        words = [word for text in texts for word in whole_words(text)]
        own = copied("\n".join(texts), self._corpus.training)
        shares = {
            f"beside.{name}": float(bits / counted) for name, counted in self._counted.items()
        }
        return {
            **shares,
            "words": _share(word in self._corpus.words for word in words),
            "different": len(set(words)) / max(1, len(words)),
            "copied": own / max(1e-9, self._usual),
        }

    def picture(self, reader: Reader, reading: Reading) -> View:
        """The same beginnings, written on as well as it can now."""
        samples = [
            {"prompt": prompt, "text": text, "note": "", "good": None}
            for prompt, text in zip(
                self.prompts, self._texts(reader, len(self.prompts)), strict=True
            )
        ]
        title = "What it writes after the same beginnings"
        return lambda: {"kind": "texts", "samples": samples, "title": title}

    def _texts(self, reader: Reader, count: int) -> list[str]:
        """What is written after the beginnings in turn, each time by another chance."""
        return [
            self._scribe.write(
                reader.model,
                self.prompts[number % len(self.prompts)],
                _STORY,
                temperature=_WARMTH,
                seed=self._seed + number,
            )
            for number in range(count)
        ]


def whole_words(text: str) -> list[str]:
    """The words of a text in small letters, but for the first and last, which may be cut."""
    return re.findall(r"[a-z]+", text.lower())[1:-1]


def copied(text: str, source: str) -> float:
    """The share of pieces of a text that stand in `source` letter by letter."""
    places = range(0, max(0, len(text) - _PIECE), 4)
    return _share(text[i : i + _PIECE] in source for i in places)


def _share(answers: Iterable[bool]) -> float:
    found = list(answers)
    return sum(found) / max(1, len(found))
