"""The prompt box: a text that streams, Stop, what else was likely, and functions that are run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.prompting import FUNCTION, WRITTEN, learner, scripted
from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.author import Author, Piece
from tinytorch_milestones.training.implementation import Framework, Implementation
from tinytorch_milestones.training.weights import pack, rebuild
from tinytorch_milestones.widgets import play, prompt
from tinytorch_milestones.widgets.prompt import PromptBox, is_whole

PROMPT = FUNCTION.prompt.expandtabs(4)
SECONDS = 60.0  # until something that was asked for counts as not coming


@pytest.fixture
def fw() -> Iterator[Framework]:
    with Implementation.reference().active() as framework:
        yield framework


class Box(PromptBox):
    """A box whose messages to the page are kept."""

    def __init__(self, author: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        self.first = threading.Event()
        super().__init__(author, "title", "about")

    def send(self, content: Any, buffers: Any = None) -> None:
        self.sent.append(content)
        self.first.set()

    def ask(self, text: str = PROMPT, key: str = "a-1", **more: Any) -> None:
        self.wish = {"key": key, "write": True, "prompt": text, **more}

    def told(self) -> dict[str, Any]:
        """The story once it has ended."""
        assert self.wait(SECONDS)
        return dict(self.story)

    @property
    def streamed(self) -> str:
        return "".join(p["text"] for m in self.sent for p in m.get("pieces", ()))


# writing


def test_what_is_written_comes_in_pieces_and_whole_at_the_end(fw: Framework) -> None:
    box = Box(scripted(fw))
    box.ask(temperature=0.5, topK=3)
    story = box.told()
    assert story["ended"] == "whole"
    assert story["key"] == "a-1"
    assert box.streamed == WRITTEN.expandtabs(4)
    assert [p for m in box.sent for p in m.get("pieces", ())] == story["pieces"]
    first = story["pieces"][0]
    assert first["text"] == "    "
    assert first["likely"][0] == ["    ", 0.6]
    assert len(first["likely"]) == 5


def test_the_network_is_asked_as_the_sliders_stand(fw: Framework) -> None:
    author = scripted(fw)
    box = Box(author)
    box.ask(temperature=0.3, topK=5)
    box.told()
    asked = author.model.asked[-1]
    assert asked["prompt"] == FUNCTION.prompt  # with the tabs that it learned from
    assert (asked["temperature"], asked["top_k"]) == (0.3, 5)
    box.ask(key="a-2", temperature=9.0, topK=0)
    box.told()
    assert (author.model.asked[-1]["temperature"], author.model.asked[-1]["top_k"]) == (2.0, None)
    assert author.model.asked[-1]["seed"] != asked["seed"]


def test_stop_stops_at_the_next_token_and_closes_the_stream(fw: Framework) -> None:
    gate = threading.Semaphore(0)
    author = scripted(fw, "a" * 500, kind="text", prompts=(), gate=gate)
    box = Box(author)
    box.ask("count")
    for _ in range(3):
        gate.release()
    assert box.first.wait(SECONDS)
    assert not box.wait(0)
    box.wish = {"key": "a-2"}
    gate.release()
    story = box.told()
    assert story["ended"] == "stopped"
    assert story["key"] == "a-1"
    assert 0 < len(story["pieces"]) <= 4
    assert author.model.closed.is_set()


def test_what_is_asked_anew_ends_what_was_before_and_one_writes_at_a_time(fw: Framework) -> None:
    gate = threading.Semaphore(0)
    author = scripted(fw, "a" * 500, kind="text", prompts=(), gate=gate)
    box = Box(author)
    box.ask("count")
    gate.release()
    assert box.first.wait(SECONDS)
    box.ask("return", key="a-2")
    assert len(author.model.asked) == 1
    for _ in range(600):
        gate.release()
    story = box.told()
    assert story["key"] == "a-2"
    assert story["prompt"] == "return"
    assert len(story["pieces"]) == 500
    assert len(author.model.asked) == 2


def test_a_box_that_goes_stops_writing(fw: Framework) -> None:
    gate = threading.Semaphore(0)
    box = Box(scripted(fw, "a" * 500, kind="text", prompts=(), gate=gate))
    box.ask("count")
    gate.release()
    assert box.first.wait(SECONDS)
    box.close()
    gate.release()
    gate.release()
    assert box.wait(SECONDS)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_prompt_is_told_so(fw: Framework, text: str) -> None:
    box = Box(scripted(fw))
    box.ask(text)
    story = box.told()
    assert (story["ended"], story["pieces"]) == ("problem", [])
    assert "Type the beginning" in story["problem"]


@pytest.mark.parametrize(
    "wish",
    [
        {"write": True},
        {"write": True, "prompt": 7, "temperature": "hot", "topK": None},
        {"write": True, "prompt": "x" * 5000},
        {"write": True, "prompt": PROMPT, "temperature": float("nan"), "topK": -3},
        {"prompt": PROMPT},
    ],
)
def test_a_strange_message_does_no_harm(fw: Framework, wish: dict[str, Any]) -> None:
    box = Box(scripted(fw))
    box.wish = {"key": "k", **wish}
    assert box.wait(SECONDS)
    assert not wish.get("write") or box.story["ended"]


def test_code_that_fails_is_told_in_the_box(fw: Framework) -> None:
    author = scripted(fw)

    def broken(*args: Any, **options: Any) -> Any:
        yield from author.tokenizer.encode("\tre")
        raise IndexError("position 64 is out of range")

    author.model.stream = lambda tokens, count, **o: (
        author.model.asked.append({"prompt": author.tokenizer.decode(tokens)}),
        broken(),
    )[1]
    box = Box(author)
    box.ask()
    story = box.told()
    assert story["ended"] == "problem"
    assert story["problem"] == ("The network cannot write: IndexError: position 64 is out of range")
    assert "".join(p["text"] for p in story["pieces"]) == "    re"
    # and the next wish is heard
    box.ask("", key="a-2")
    assert box.told()["key"] == "a-2"


def test_what_the_prompt_lacks_is_said_in_the_words_of_whoever_knows(fw: Framework) -> None:
    author = scripted(fw)

    def refuse(text: str) -> list[int]:
        raise TinyTorchError("This cannot be written on from.", "Give 8 letters.")

    author.tokenizer.encode = refuse  # type: ignore[method-assign]
    box = Box(author)
    box.ask("abc")
    assert box.told()["problem"] == "This cannot be written on from. Give 8 letters."


def test_probabilities_that_are_no_numbers_are_a_problem(
    fw: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = scripted(fw)
    monkeypatch.setattr(
        author, "stream", lambda *a: (Piece("x", [("x", p)]) for p in [float("nan")])
    )
    box = Box(author)
    box.ask()
    assert "no number" in box.told()["problem"]


# functions that are run


def test_a_function_that_is_right_is_run_and_said_to_be(fw: Framework) -> None:
    box = Box(scripted(fw))
    box.ask()
    verdict = box.told()["verdict"]
    assert {"key": "a-1", "judging": True} in box.sent
    assert verdict["right"]
    assert len(verdict["calls"]) == 16
    assert all(call["right"] for call in verdict["calls"])
    assert verdict["calls"][0]["call"].startswith("add(")


def test_a_function_that_is_wrong_says_which_call(fw: Framework) -> None:
    box = Box(scripted(fw, "\treturn count + count\n\n"))
    box.ask()
    verdict = box.told()["verdict"]
    assert not verdict["right"]
    assert "returned" in verdict["detail"]
    right = {call["call"]: call["right"] for call in verdict["calls"]}
    assert right["add(7)"]
    assert not right["add(8)"]


def test_a_function_that_never_ends_is_stopped(fw: Framework) -> None:
    box = Box(scripted(fw, "\twhile True:\n\t\tcount += 1\n\treturn count\n\n"))
    box.ask()
    verdict = box.told()["verdict"]
    assert not verdict["right"]
    assert verdict["detail"]


def test_what_a_prompt_of_ones_own_asks_for_is_known_from_its_docstring(fw: Framework) -> None:
    box = Box(scripted(fw, "\treturn bees + 31\n\n"))
    box.ask(PROMPT.replace("count", "bees").replace("7", "31").replace("add", "hive"))
    story = box.told()
    assert story["verdict"]["right"]
    assert story["verdict"]["calls"][0]["call"].startswith("hive(")
    box.ask('def f(x):\n    """Do something clever."""\n', key="a-2")
    story = box.told()
    assert (story["ended"], story["verdict"]) == ("whole", {})


def test_a_function_ends_with_an_empty_line_or_at_the_margin(fw: Framework) -> None:
    assert not is_whole("    return x")
    assert not is_whole("    if x:\n        return 1\n")
    assert is_whole("    return x\n\n")
    assert is_whole("    return x\ndef")
    box = Box(scripted(fw, "\treturn count + 7\ndef add(count):\n\treturn 1\n"))
    box.ask()
    story = box.told()
    assert story["verdict"]["right"]
    assert "".join(p["text"] for p in story["pieces"]) == "    return count + 7\nd"


def test_a_stopped_function_is_not_run(fw: Framework) -> None:
    gate = threading.Semaphore(0)
    box = Box(scripted(fw, gate=gate))
    box.ask()
    gate.release()
    assert box.first.wait(SECONDS)
    box.wish = {"key": "a-2"}
    gate.release()
    story = box.told()
    assert (story["ended"], story["verdict"]) == ("stopped", {})


# what is offered, and where it stands


def test_prompts_are_offered_with_blanks_and_short_names(fw: Framework) -> None:
    box = Box(scripted(fw))
    assert box.choices == [{"label": "add(count): Return count plus 7.", "prompt": PROMPT}]
    text = Box(scripted(fw, "a", kind="text", prompts=("Once upon  a time, " * 9,)))
    assert len(text.choices[0]["label"]) <= 90


def test_the_front_end_loads_nothing_and_its_files_are_there() -> None:
    folder = Path(prompt.__file__).parent
    for name in ("prompt.js", "prompt.css"):
        source = (folder / name).read_text()
        assert "://" not in source
        assert "import" not in source.replace("!important", "")
    assert "tinytorch-game" in (folder / "prompt.js").read_text()


def parts() -> list[Part]:
    return [p for m in load().all_milestones() for p in m.parts if p.plays]


def test_the_note_and_the_words_fit_what_is_played() -> None:
    catalog = load()
    kinds = set()
    for milestone in catalog.all_milestones():
        for part in milestone.parts:
            if part.plays:
                kinds.add(part.plays)
                said = play.note(milestone, part, live=True)
                assert f"%milestone play {milestone.id} --part {part.id}" in said["text/plain"]
                assert ("Draw" in said["text/plain"]) == (part.plays == "digits")
    assert kinds <= set(play._GAMES)


def test_a_network_that_writes_gets_the_box(fw: Framework, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(play, "widgets_live", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: shown.append(a[0]))
    catalog = load()
    milestone = catalog.milestone("mlp")
    play.show_game(milestone, milestone.parts[-1], scripted(fw))
    assert "application/vnd.jupyter.widget-view+json" in shown[0]
    assert isinstance(play._widget(scripted(fw), "t", "a"), PromptBox)


# kept and brought back


def test_a_kept_network_writes_the_same_again(fw: Framework) -> None:
    author = learner(fw, steps=20)
    data = pack(author, "language:python")
    assert data is not None
    again = rebuild(fw, data, "kept.npz", {})
    assert isinstance(again, Author)
    assert again.bound == author.bound
    texts = ["".join(p.text for p in a.stream(PROMPT, 20, 0.8, 5, 1)) for a in (author, again)]
    assert texts[0] == texts[1] != ""
    box = Box(again)
    box.ask(temperature=0.0)
    assert box.told()["ended"] == "whole"


def test_keeping_passes_authors_on(fw: Framework) -> None:
    from tests.board import MILESTONE, PART, steps
    from tinytorch_milestones.watching import Run

    class Nobody:
        def started(self, *args: Any) -> None: ...
        def stepped(self, *args: Any) -> None: ...
        def finished(self, *args: Any) -> None: ...

    known: dict[tuple[str, str], Any] = {}
    keeping = play.Keeping(Nobody(), known)
    run = Run(PART, "yours", "/course", {})
    for step in steps(2):
        step.play = scripted(fw)
        run.take(step)
    report: Any = type(
        "Report",
        (),
        {"interrupted": False, "error": "", "milestone": MILESTONE.id, "part": PART.id},
    )()
    keeping.finished(report, run)
    assert known[(MILESTONE.id, PART.id)].writes
    assert keeping.last is not None
