"""What a run on language shows: attention maps, texts, levels to compare the loss with."""

from __future__ import annotations

import itertools
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from tests.board import PART, Recorder, drive, opened, steps
from tests.test_widgets_vision import words_of
from tinytorch_milestones.training.wire import decode, encode
from tinytorch_milestones.watching import Run
from tinytorch_milestones.widgets import Dashboard, blocks
from tinytorch_milestones.widgets.description import describe
from tinytorch_milestones.widgets.figure import RunFigure
from tinytorch_milestones.widgets.heads import aims, heading, outlines, shown_of
from tinytorch_milestones.widgets.layout import panels_of
from tinytorch_milestones.widgets.letters import label, wrapped, written
from tinytorch_milestones.widgets.texts import Texts, cut, lines_of, note_of, shared
from tinytorch_milestones.widgets.theme import DARK, LIGHT, Theme

LAYERS = (
    *("token_embedding", "position_embedding"),
    *(f"blocks.{b}.{part}" for b in (0, 1) for part in ("norm1", "attention", "norm2", "mlp")),
    *("norm", "head"),
)
HOSTILE = "a\x00b\x1b[31m$x^2$\u202eקר 漢字 🐢 é \ud800 \\frac{1}"
TABLE = {"columns": ["asked", "answered", ""], "rows": [["abc", "cba", "right"]] * 5}


def heads(count: int = 4, length: int = 12, *, marked: bool = True, **more: Any) -> dict[str, Any]:
    """A view of attention; its second head looks at the mirrored place."""
    rng = np.random.default_rng(0)
    half = length // 2
    maps = np.tril(rng.random((count, length, length)) * 0.2)
    expected = [(row, length - 1 - row) for row in range(half, length)]
    for row, column in expected:
        maps[min(1, count - 1), row] = 0.1 / length
        maps[min(1, count - 1), row, column] = 0.9
    return {
        "kind": "heads",
        "title": "80.0% of 100 sequences right",
        "tokens": [chr(97 + i % 26) for i in range(length)],
        "heads": maps,
        "names": [f"layer {i // 4 + 1}, head {i % 4 + 1}" for i in range(count)],
        **({"expected": expected} if marked else {}),
        **more,
    }


def texts(*samples: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "texts", "title": "what it writes", "samples": list(samples), **more}


def sample(prompt: str = "def f(x):\n", text: str = "\treturn x\n", **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "text": text, "note": "", "good": None, **more}


SAMPLES = [
    sample(note="right", good=True),
    sample(text="\treturn y\n", note="wrong: f(1) raised NameError, not 1", good=False),
    sample("Once upon a time", " there was a fox. " * 12),
]


def run_of(layers: tuple[str, ...] = LAYERS, lines: dict[str, float] | None = None) -> Run:
    run = Run(PART, "yours", "/course/tinytorch", {})
    for step in steps(30):
        step.parameters = {f"{layer}.weight": (0.1, 1.0) for layer in layers}
        step.lines, lines = lines or {}, None
        step.noun = "tokens"
        run.take(step)
    return run


def figure_of(
    picture: dict[str, Any], *, layers: tuple[str, ...] = LAYERS, final: bool = False, **more: Any
) -> Any:
    panels = panels_of(picture, final=final)
    theme = more.pop("theme", LIGHT)
    figure = RunFigure(PART, theme, layers=layers, panels=panels, final=final)
    figure.update(run_of(layers, **more), picture, final=final)
    return figure


VIEWS = {
    "one head": heads(1),
    "one head and a table": heads(1, table=TABLE),
    "four heads": heads(4, 24),
    "four heads and a table": heads(4, 24, table=TABLE),
    "eight heads": heads(8, 24, marked=False),
    "eight heads and a table": heads(8, 64, table=TABLE),
    "words": heads(2, 24, tokens=["internationalization", " a", "\n"] * 8),
    "texts": texts(*SAMPLES),
    "texts and heads": texts(*SAMPLES, **{n: heads(2)[n] for n in ("heads", "names", "tokens")}),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("layers", [LAYERS, ()])
def test_everything_is_within_the_figure_and_nothing_on_others(
    name: str, layers: tuple[str, ...]
) -> None:
    figure = figure_of(VIEWS[name], layers=layers)
    figure.png()
    boxes = [axes.get_position() for axes in figure._figure.axes]
    for one, other in itertools.combinations(boxes, 2):
        wide = min(one.x1, other.x1) - max(one.x0, other.x0)
        high = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert wide <= 0.001 or high <= 0.001
    width, height = figure._canvas.get_width_height()
    shown = words_of(figure)
    for text, box in shown:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width + 1, text
        # the label of a tick beyond the end of its axis is not drawn
        assert box.y1 <= height or text.replace(".", "").isdigit(), text
    small = [(t, b) for t, b in shown if b.height < 14 and b.width > 8]
    for (one, a), (other, b) in itertools.combinations(small, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide <= 1 or high <= 5, (one, other)


# attention


def test_the_places_where_it_should_look_are_outlined_and_the_share_is_said() -> None:
    figure = figure_of(heads(4, table=TABLE))
    panel = figure._beside["heads"]
    assert len(panel._marks.get_paths()) == 4 * 6
    said = [words.get_text() for words in panel._names]
    assert said[1] == "layer 1, head 2: 90 %"
    assert [words.get_fontweight() for words in panel._names] == ["normal", "bold", *["normal"] * 2]
    assert aims(shown_of(heads(4)))[1] == pytest.approx(0.9, abs=0.01)  # type: ignore[arg-type]
    none = figure_of(heads(4, marked=False))._beside["heads"]
    assert none._marks is None
    assert [words.get_text() for words in none._names][1] == "layer 1, head 2"


def test_the_ink_is_where_attention_is() -> None:
    picture = heads(1, 6, marked=False)
    picture["heads"] = np.zeros((1, 6, 6))
    picture["heads"][0, 4, 2] = 1.0
    for theme, ink in ((LIGHT, 0), (DARK, 255)):
        view = figure_of(picture, theme=theme)._view
        sheet = view._tiles._pixels(100.0)[..., 0]
        cell = sheet.shape[0] / 6
        at = sheet[round(4.5 * cell), round(2.5 * cell)]
        elsewhere = sheet[round(2.5 * cell), round(4.5 * cell)]
        assert (at, elsewhere) == (ink, 255 - ink)


def test_outlines_surround_cells_or_whole_runs_where_cells_are_fine() -> None:
    spots = [(3, 2), (4, 1), (5, 0), (7, 7)]
    assert len(outlines(spots, fine=False)) == 4
    assert outlines([(3, 2)], fine=False) == [[(2, 3), (3, 3), (3, 4), (2, 4), (2, 3)]]
    runs = outlines(spots, fine=True)
    assert len(runs) == 2
    xs, ys = zip(*runs[0], strict=True)
    assert min(xs) < 0.5
    assert max(xs) > 2.5
    assert min(ys) < 3.5 < 5.5 < max(ys)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("length", [24, 64])
def test_marks_are_still_there_in_the_picture_that_stays(theme: Theme, length: int) -> None:
    figure = figure_of(heads(2, length, table=TABLE), theme=theme, final=True)
    figure.sharpen(2.0)
    kept = figure.keepsakes()
    box = figure._beside["heads"].axes.get_window_extent()
    for png, drawn in ((kept.light, LIGHT), (kept.dark, DARK), (kept.paper, LIGHT)):
        pixels = np.asarray(opened(png).convert("RGBA").convert("RGB"), dtype=float)
        high = len(pixels)
        part = pixels[high - int(box.y1) : high - int(box.y0), int(box.x0) : int(box.x1)]
        gate = 255 * np.array(to_rgb(drawn.gate))
        near = np.abs(part - gate).max(axis=2) < 60
        assert near.sum() > 600


def test_of_many_heads_the_first_eight_are_shown_and_the_rest_is_told() -> None:
    shown = shown_of(heads(11))
    assert shown is not None
    assert len(shown.maps) == 8
    assert "the first 8 of 11 heads" in heading(shown)
    figure = figure_of(heads(11, table=TABLE))
    assert len(figure._beside["heads"]._names) == 8
    assert "8 of 11" in figure._beside["heads"].axes.get_title(loc="left")


def test_other_tokens_are_written_anew_and_others_are_only_drawn() -> None:
    picture = heads(2, 8)
    figure = figure_of(picture)
    panel = figure._beside["heads"]
    before = list(panel.moving)
    figure.update(run_of(), {**picture, "heads": picture["heads"] * 0.5})
    assert panel.moving == before
    figure.update(run_of(), {**picture, "tokens": list("stuvwxyz")})
    assert {"s", "z"} <= {words.get_text() for words in panel.axes.texts}
    count = len(panel.axes.get_children())
    figure.update(run_of(), {**picture, "tokens": list("ABCDEFGH")})
    assert len(panel.axes.get_children()) == count


@pytest.mark.parametrize(
    "change",
    [
        {"heads": None},
        {"heads": []},
        {"heads": np.full((2, 4, 4), np.nan), "expected": []},
        {"names": [], "tokens": []},
        {"tokens": [HOSTILE] * 12},
        {"expected": [(50, 50), (-1, 0)]},
        {"rows": ["only one"]},
        {"heads": np.zeros((2, 4, 9)), "tokens": list("abcdefghi"), "rows": list("wxyz")},
    ],
)
def test_strange_heads_do_no_harm(change: dict[str, Any]) -> None:
    for table in ({}, {"table": TABLE}):
        figure = figure_of({**heads(2), **change, **table})
        assert opened(figure.png()).size[0] == 960


# letters


def test_whatever_is_written_can_be_drawn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = figure_of(texts(sample(HOSTILE, HOSTILE * 20, note=HOSTILE, good=False)))
        figure.png()
        figure_of(heads(2, tokens=[HOSTILE] * 12)).png()
    lines = written("a\x00\x1b\u202e漢\r\n\tb$")
    assert lines == ["a▯▯▯▯", "    b$"]


def test_blanks_of_a_token_are_seen_and_long_ones_are_cut() -> None:
    assert label(" a\n\t") == "␣a↵⇥"
    assert label("internationalization", 6) == "inter…"
    assert label("x" * 10**6, 6) == "xxxxx…"


def test_long_lines_are_broken_and_keep_their_indentation() -> None:
    assert wrapped("short", 10) == ["short"]
    assert wrapped("one two three", 8) == ["one two", "three"]
    pieces = wrapped("    return first + second + third", 20)
    assert pieces[0].startswith("    return")
    assert all(len(piece) <= 20 for piece in pieces)
    assert pieces[1].startswith("      ")
    assert wrapped("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


# texts


def shown_lines(figure: Any) -> list[str]:
    view: Texts = figure._view
    return [
        g.get_text() + a.get_text()
        for g, a in zip(view._given, view._added, strict=True)
        if g.get_text() or a.get_text()
    ]


def test_right_and_wrong_are_a_sign_and_a_word_besides_their_colour() -> None:
    figure = figure_of(texts(*SAMPLES))
    lines = shown_lines(figure)
    assert "✓ right" in lines
    assert any(line.startswith("✗ wrong: f(1)") for line in lines)
    assert note_of(sample(good=True)) == "✓ right"
    assert note_of(sample(good=False)) == "✗ wrong"
    assert note_of(sample()) == ""


def test_indentation_stays_and_what_was_given_is_quieter() -> None:
    figure = figure_of(texts(sample()))
    view: Texts = figure._view
    assert shown_lines(figure) == ["def f(x):", "    return x"]
    assert view._given[0].get_text() == "def f(x):"
    assert view._added[1].get_text() == "    return x"
    assert view._given[0].get_color() == LIGHT.muted
    assert view._added[1].get_color() == LIGHT.text
    assert view._added[1].get_family() == ["DejaVu Sans Mono"]


def test_a_prompt_that_ends_within_a_line_is_told_from_what_follows() -> None:
    lines = lines_of(sample("Once upon a", " time there was a fox"), 20)
    assert [(line.given, line.added) for line in lines] == [
        ("Once upon a", " time"),
        ("", "there was a fox"),
    ]
    lines = lines_of(sample("Once upon a time in a", " wood"), 12)
    assert "".join(line.given for line in lines).replace(" ", "") == "Onceuponatimeina"


def test_forty_lines_do_not_flow_out_of_the_figure() -> None:
    long = sample(text="".join(f"\tx = {i}\n" for i in range(40)), note="wrong", good=False)
    figure = figure_of(texts(long, long, long))
    figure.png()
    lines = shown_lines(figure)
    assert sum(line.startswith("✗ wrong") for line in lines) == 3
    assert sum(line.endswith("…") for line in lines) == 3
    bottom = figure._view.axes.get_window_extent().y0
    assert all(box.y0 >= bottom - 2 for text, box in words_of(figure) if text.strip() in lines)


def test_lines_are_shared_and_those_that_need_few_leave_theirs() -> None:
    assert shared([3, 30, 30], 23) == [3, 10, 10]
    assert shared([3, 4], 100) == [3, 4]
    assert sum(shared([50] * 3, 20)) <= 20
    long = lines_of(sample(text="".join(f"\tx{i}\n" for i in range(40))), 40)
    assert next(line.given for line in cut(long, 3)) == "def f(x):"
    assert cut(long, 3)[-1].added.endswith("…")
    assert cut(long, 0) == []


def test_texts_of_a_later_moment_replace_the_earlier_ones() -> None:
    figure = figure_of(texts(*SAMPLES))
    figure.update(run_of(), texts(sample(text="\tpass\n")))
    assert shown_lines(figure) == ["def f(x):", "    pass"]
    assert sum(bar.get_visible() for bar in figure._view._bars) == 1
    figure.update(run_of(), texts())
    assert shown_lines(figure) == []


# the loss beside what counting achieves


def test_levels_are_lines_in_the_plot_of_the_loss_and_have_their_names() -> None:
    figure = figure_of(texts(*SAMPLES), lines={"bigram": 2.5, "trigram": 1.75})
    panel = figure._loss
    assert panel.axes.get_ylim()[1] > 2.5
    levels = {line.get_ydata()[0] for line in panel.axes.get_lines() if len(line.get_ydata()) == 2}
    assert {2.5, 1.75} <= levels
    assert {"bigram", "trigram"} <= {words.get_text() for words in panel._words}
    count = len(panel.axes.get_lines())
    figure.update(run_of(lines={"bigram": 2.5, "trigram": 1.75}), None)
    assert len(panel.axes.get_lines()) == count


def test_a_level_that_is_no_number_is_left_out() -> None:
    figure = figure_of(texts(*SAMPLES), lines={"bigram": float("nan"), "trigram": 1.5})
    assert {words.get_text() for words in figure._loss._words} == {"trigram"}
    figure.png()


def test_levels_and_nouns_travel_and_are_kept() -> None:
    run = run_of(lines={"bigram": 2.5})
    assert run.evidence.lines == {"bigram": 2.5}
    again = type(run.evidence).restored(run.evidence.state())
    assert (again.lines, again.noun) == ({"bigram": 2.5}, "tokens")
    step = next(steps(1))
    step.lines, step.noun = {"bigram": 2.5}, "tokens"
    (back,) = decode(encode([step]))
    assert (back.lines, back.noun) == ({"bigram": 2.5}, "tokens")


def test_tokens_are_counted_by_their_name() -> None:
    run = run_of()
    assert "tokens/s" in blocks.progress(run, None)["text/plain"]
    assert "samples/s" not in blocks.progress(run, None)["text/plain"]
    screen = Recorder()
    report = drive(Dashboard(fast=True, screen=screen), steps(5))
    report.noun = "tokens"
    assert "tokens/s" in blocks.ending(report, 5, 0.1, {})["text/plain"]


# layers, words and the dashboard


def test_layers_within_layers_are_told_together() -> None:
    from tinytorch_milestones.widgets.gradients import layer_names

    names = ["blocks.0.attention.query.weight", "blocks.0.attention.out.bias", "blocks.0.mlp.up.b"]
    assert layer_names(dict.fromkeys(names)) == ["blocks.0.attention", "blocks.0.mlp"]
    strip = figure_of(heads(4))._strip
    assert [words.get_text() for words in strip.axes.get_yticklabels()] == list(LAYERS)


def test_all_of_it_is_said_in_words() -> None:
    report: Any = SimpleNamespace(losses=[3.0, 1.0], accuracies=[])
    run = run_of(lines={"bigram": 2.5})
    said = describe(PART, report, run, (), heads(4, table=TABLE))
    assert "To compare it with: bigram 2.5." in said
    assert "Attention maps of 4 heads over 12 tokens; layer 1, head 2 looks" in said
    assert "abc, cba, right." in said
    said = describe(PART, report, run, (), texts(*SAMPLES))
    assert "After “def f(x):”: “return x” (right)." in said
    assert "(wrong: f(1) raised NameError, not 1)" in said


@pytest.mark.parametrize("name", VIEWS)
def test_the_dashboard_draws_it_and_leaves_a_picture(name: str) -> None:
    def source() -> Any:
        for step in steps(5):
            step.view = lambda: VIEWS[name]
            yield step

    screen = Recorder()
    drive(Dashboard(fast=True, screen=screen), source())
    last = screen.last("figure")
    assert "could not be drawn" not in last["text/plain"]
    assert "text/html" in last
