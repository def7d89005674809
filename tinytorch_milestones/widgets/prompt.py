"""A box in the notebook for a prompt, which the student's own model goes on writing."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.python_judge import Attempt, body_of, judge, same
from tinytorch_milestones.training.python_prompts import function_of

if TYPE_CHECKING:
    from tinytorch_milestones.training.author import Author

MOST = {"text": 600, "python": 200, "sequence": 64}
"""Tokens written after a prompt, at most."""
_LABEL = 90  # letters of a choice
LONGEST = 4000  # characters of a prompt
HOTTEST = 2.0  # temperature
_GAP = 0.04  # seconds between two messages to the page
_HERE = Path(__file__).parent


class PromptBox(anywidget.AnyWidget):
    """The widget; prompt.js says what the traits hold.

    The model writes in a thread of its own, so that cells can run meanwhile and Stop is heard. It
    looks at one flag after every token.
    """

    _esm = _HERE / "prompt.js"
    _css = _HERE / "prompt.css"
    title = traitlets.Unicode().tag(sync=True)
    about = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    choices: Any = traitlets.List().tag(sync=True)
    wish = traitlets.Dict().tag(sync=True)
    story = traitlets.Dict().tag(sync=True)

    def __init__(self, author: Author, title: str, about: str) -> None:
        self._author = author
        self._stop = threading.Event()
        self._writer: threading.Thread | None = None
        # a kernel may serve the page from another thread while a cell runs
        self._one_at_a_time = threading.Lock()
        super().__init__(title=title, about=about, kind=author.kind, choices=offered(author))
        self.observe(self._wished, names=["wish"])

    def _wished(self, change: Mapping[str, Any]) -> None:
        wish = dict(change["new"])
        with self._one_at_a_time:
            self._stop.set()
            if not wish.get("write"):
                return
            before, stop = self._writer, threading.Event()
            self._stop = stop
            self._writer = threading.Thread(
                target=self._write,
                args=(wish, stop, before),
                name="tinytorch-prompt",
                daemon=True,
            )
            self._writer.start()

    def close(self) -> None:
        """Stop writing, and go."""
        self._stop.set()
        super().close()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is being written any more; whether that came in time."""
        writer = self._writer
        if writer is not None:
            writer.join(seconds)
        return writer is None or not writer.is_alive()

    def _write(
        self, wish: dict[str, Any], stop: threading.Event, before: threading.Thread | None
    ) -> None:
        if before is not None:
            before.join()  # a model writes one text at a time
        key = str(wish.get("key", ""))
        waiting: list[dict[str, Any]] = []
        sent = 0.0
        story = Story(wish)
        self.story = story.told()
        for piece in story.pieces(self._author, stop):
            waiting.append(piece)
            now = time.monotonic()
            if now - sent >= _GAP:
                self.send({"key": key, "pieces": waiting})
                waiting, sent = [], now
        if waiting:
            self.send({"key": key, "pieces": waiting})
        if story.ended == "whole" and self._author.kind == "python":
            self.send({"key": key, "judging": True})
            story.judge()
        self.story = story.told()


class Story:
    """One text: a prompt, what was written after it, and how that ended.

    `ended` is "" while it is written; then "whole" (complete, or as long as it may be), "stopped",
    or "problem".
    """

    def __init__(self, wish: Mapping[str, Any]) -> None:
        self.key = str(wish.get("key", ""))
        self.prompt = str(wish.get("prompt", "")).replace("\r\n", "\n")
        self.temperature = _number(wish.get("temperature"), 0.0, HOTTEST, 0.8)
        self.top_k = round(_number(wish.get("topK"), 0, 1 << 20, 0)) or None
        self.written: list[dict[str, Any]] = []
        self.ended = ""
        self.problem = ""
        self.verdict: dict[str, Any] = {}
        self.seconds = 0.0

    @property
    def text(self) -> str:
        """What was written, without the prompt."""
        return "".join(piece["text"] for piece in self.written)

    def pieces(self, author: Author, stop: threading.Event) -> Iterator[dict[str, Any]]:
        """Have it written, a token at a time. Never raises: a problem is part of the story."""
        if not self.prompt.strip():
            self.ended, self.problem = "problem", "Type the beginning of a text first."
            return
        if len(self.prompt) > LONGEST:
            self.ended = "problem"
            self.problem = f"The prompt has more than {LONGEST:,} characters."
            return
        begun = time.monotonic()
        try:
            yield from self._taken(author, stop)
        except TinyTorchError as error:
            self.ended, self.problem = "problem", f"{error.message} {error.remedy}".strip()
        except Exception as error:
            # raised by the student's code, which would otherwise leave the box without a word
            self.ended = "problem"
            self.problem = f"The network cannot write: {type(error).__name__}: {error}"
        self.seconds = time.monotonic() - begun

    def _taken(self, author: Author, stop: threading.Event) -> Iterator[dict[str, Any]]:
        seed = secrets.randbelow(1 << 31)
        prompt = self.prompt.replace("    ", "\t") if author.kind == "python" else self.prompt
        stream: Any = author.stream(prompt, MOST[author.kind], self.temperature, self.top_k, seed)
        with closing(stream):
            for text, likely in stream:
                if stop.is_set():
                    self.ended = "stopped"
                    return
                if not all(math.isfinite(share) for _, share in likely):
                    raise ValueError("a probability is no number")
                piece = {
                    "text": _shown(text),
                    "likely": [[_shown(token), round(float(p), 4)] for token, p in likely],
                }
                self.written.append(piece)
                yield piece
                if author.kind == "python" and is_whole(self.text):
                    break
        self.ended = "whole"

    def judge(self) -> None:
        """Run the function that was written on examples, in a child that can do no harm.

        Only where the prompt says what is right, as those of the training text do.
        """
        try:
            function = function_of(self.prompt)
            if function is None:
                return
            found = judge([Attempt.of(function, self.text)])[0]
        except Exception as error:
            self.problem = f"It could not be run: {type(error).__name__}: {error}"
            return
        calls = [
            {
                "call": call.written,
                "returned": call.returned,
                "expected": call.expected,
                "right": same(call.returned, call.expected),
            }
            for call in found.calls
        ]
        self.verdict = {"right": found.right, "detail": found.detail, "calls": calls}

    def told(self) -> dict[str, Any]:
        """All of it, for the page."""
        return {
            "key": self.key,
            "prompt": self.prompt,
            "pieces": list(self.written),
            "ended": self.ended,
            "problem": self.problem,
            "verdict": self.verdict,
            "seconds": round(self.seconds, 3),
        }


def is_whole(text: str) -> bool:
    """Whether a function's body has come to its end: an empty line, or one at the margin."""
    return "\n\n" in text.lstrip("\n") or bool(text[len(body_of(text).rstrip("\n")) :].strip())


def offered(author: Author) -> list[dict[str, str]]:
    """The prompts to choose from: what they are called, and their text."""
    found = []
    for given in author.bound.prompts:
        prompt = _shown(given)
        # of a function its signature and what its docstring says
        words = (
            prompt.removeprefix("def ").replace('"""', "") if author.kind == "python" else prompt
        )
        label = " ".join(words.split())
        found.append({"label": label[:_LABEL], "prompt": prompt})
    return found


def _shown(text: str) -> str:
    return text.replace("\t", "    ")


def _number(value: Any, low: float, high: float, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return default
    return float(min(high, max(low, value)))
