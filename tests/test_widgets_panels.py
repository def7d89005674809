"""The curves with their ghosts, labels that keep clear of each other, and the gradients."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.board import PART, boundary, opened, steps
from tinytorch_milestones.catalog.model import Gate, Part
from tinytorch_milestones.part_run import Ghost, Run
from tinytorch_milestones.widgets.figure import RunFigure
from tinytorch_milestones.widgets.gradients import layer_names, state_of
from tinytorch_milestones.widgets.layout import HEIGHT
from tinytorch_milestones.widgets.theme import LIGHT


def run_of(
    count: int, ghosts: dict[str, Ghost] | None = None, part: Part = PART, level: float = 1.0
) -> Run:
    run = Run(part, "yours", "/course/tinytorch", ghosts or {})
    for step in steps(count):
        assert step.accuracy is not None
        step.accuracy *= level
        run.take(step)
    return run


def ghost(start: float, steps: int, count: int = 50) -> Ghost:
    fall = [start * 0.97**i for i in range(count)]
    right = [(1 + i * (steps - 1) // (count - 1), 0.9 - 0.8 * 0.9**i) for i in range(count)]
    return Ghost(losses=fall, steps=steps, accuracies=right)


def drawn(run: Run, final: bool = False, layers: tuple[str, ...] = ()) -> RunFigure:
    figure = RunFigure(run.part, LIGHT, ghosts=run.ghosts, layers=layers)
    figure.update(run, None, final=final)
    figure.png()
    return figure


def labels(panel: Any) -> list[Any]:
    return [*panel._words, panel._value]


def boxes(figure: RunFigure, panel: Any) -> list[Any]:
    renderer = figure._canvas.get_renderer()
    return [words.get_window_extent(renderer) for words in labels(panel)]


def test_a_ghost_is_drawn_on_its_own_scale_of_steps() -> None:
    run = run_of(100, {"last run": ghost(1.0, steps=40, count=20)})
    figure = drawn(run)
    line = next(line for line in figure._loss.axes.lines if line.get_color() == LIGHT.faint)
    xs = np.asarray(line.get_xdata(), dtype=float)
    assert xs[0] == 1
    assert xs[-1] == pytest.approx(40)
    assert len(xs) == 20
    held_out = next(line for line in figure._accuracy.axes.lines if line.get_color() == LIGHT.faint)
    assert np.asarray(held_out.get_xdata())[-1] == 40


def test_every_ghost_is_named_beside_its_curve() -> None:
    two = {"last run": ghost(1.0, 100), "reference": ghost(0.5, 100)}
    figure = drawn(run_of(100, two))
    for panel in (figure._loss, figure._accuracy):
        said = [words.get_text() for words in panel._words]
        assert {name for name in said if "run" in name or "reference" in name} in (
            {"last run", "reference"},
            {"last run and reference"},
        )
    assert "last run" in [words.get_text() for words in figure._loss._words]


def test_ghosts_that_lie_on_each_other_share_one_name() -> None:
    same = {"last run": ghost(1.0, 100), "reference": ghost(1.001, 100)}
    said = [words.get_text() for words in drawn(run_of(100, same))._loss._words]
    assert said == ["last run and reference"]


def test_a_ghost_that_ends_beyond_the_axis_is_named_within_it() -> None:
    run = run_of(30, {"last run": ghost(1.0, 900)})
    figure = drawn(run, final=True)
    (name,) = boxes(figure, figure._loss)[:1]
    frame = figure._loss.axes.get_window_extent()
    assert frame.x0 - 5 <= name.x0 <= name.x1 <= frame.x1 + 8


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("level", [0.55, 0.93, 1.0])
@pytest.mark.parametrize("chance", [0.1, 0.85])
def test_no_label_lies_on_another(final: bool, level: float, chance: float) -> None:
    gates = (
        PART.gates[0],
        Gate(
            id="limit",
            title="",
            metric="accuracy",
            comparison="within",
            required=0.4,
            upper=0.6,
            hint="",
        ),
    )
    part = msgspec.structs.replace(PART, gates=gates, chance=chance)
    ghosts = {"last run": ghost(1.0, 300), "reference": ghost(0.6, 250)}
    figure = drawn(run_of(300, ghosts, part, level), final=final)
    for panel in (figure._loss, figure._accuracy):
        placed = list(zip(labels(panel), boxes(figure, panel), strict=True))
        for (one, a), (other, b) in itertools.combinations(placed, 2):
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            high = min(a.y1, b.y1) - max(a.y0, b.y0)
            # letters end below the top of their box
            assert wide <= 0 or high <= 3, (one.get_text(), other.get_text())


def test_a_loss_that_jumps_is_drawn_as_the_mean_that_gates_are_judged_on() -> None:
    rng = np.random.default_rng(0)
    noisy = Run(PART, "yours", "/course/tinytorch", {})
    for step in steps(400):
        step.loss = 1.0 + float(rng.normal(0, 0.2))
        noisy.take(step)
    panel = drawn(noisy)._loss
    assert np.asarray(panel._line.get_ydata())[-1] == pytest.approx(noisy.evidence.metrics["loss"])
    assert len(panel._single.get_xdata()) == 400
    smooth = drawn(run_of(400))._loss
    assert np.asarray(smooth._line.get_ydata())[-1] == pytest.approx(0.01)
    assert len(smooth._single.get_xdata()) == 0


# gradients


def with_gradients(**norms: float) -> Run:
    run = Run(PART, "yours", "/course/tinytorch", {})
    for step in steps(30):
        step.parameters = {name.replace("_", "."): (norm, 1.0) for name, norm in norms.items()}
        run.take(step)
    return run


def test_layers_are_named_after_what_their_parameters_share() -> None:
    names = dict.fromkeys(["0.weight", "0.bias", "block.1.query.weight", "weight"])
    assert layer_names(names) == ["0", "block.1.query", ""]


def test_one_layer_has_no_strip_and_two_have() -> None:
    run = with_gradients(l0_weight=0.3, l0_bias=0.4, l2_weight=1e-9)
    one, two = drawn(run, layers=("l0",)), drawn(run, layers=("l0", "l2"))
    assert opened(one.png()).size == (960, round(100 * HEIGHT))
    assert opened(two.png()).size[1] > 100 * HEIGHT
    assert two._strip is not None
    said = [words.get_text() for words in two._strip._words]
    assert said == ["0.5", "1e-09  \u2717 vanishing"]
    ends = [bar.get_x() + bar.get_width() for bar in two._strip._bars]
    assert ends[0] == pytest.approx(0.5)
    assert ends[1] < 1e-6


@pytest.mark.parametrize(
    ("norm", "word"),
    [
        (0.0, "none"),
        (1e-6, "vanishing"),
        (1e-3, ""),
        (30.0, ""),
        (1e3, "exploding"),
        (float("inf"), "exploding"),
        (float("nan"), "not a number"),
    ],
)
def test_a_gradient_out_of_hand_is_named(norm: float, word: str) -> None:
    assert state_of(norm) == word
    run = with_gradients(a_w=norm, b_w=0.1)
    figure = drawn(run, layers=("a", "b"))
    assert figure._strip is not None
    said = figure._strip._words[0].get_text()
    assert word in said
    assert ("\u2717" in said) == bool(word)


def test_many_layers_fit() -> None:
    names = tuple(f"blocks.{i}" for i in range(60))
    run = with_gradients()
    figure = drawn(run, layers=names)
    assert opened(figure.png()).size[1] < 480


def test_the_curves_stand_where_they_stand_without_gradients() -> None:
    run = with_gradients(a_w=0.1, b_w=0.1)
    plain, long = RunFigure(PART, LIGHT), RunFigure(PART, LIGHT, layers=["a", "b"])
    for figure in (plain, long):
        figure.update(run, boundary(1))
    before, after = (np.asarray(opened(f.png()), dtype=int) for f in (plain, long))
    # a pixel may be rounded the other way
    assert np.abs(before[:260, :620] - after[:260, :620]).max() <= 2
