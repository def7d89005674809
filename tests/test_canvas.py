"""Drawing for a network: its answers, its weights on disk, and the widget in the notebook."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from threadpoolctl import threadpool_limits

from tests.digit_strokes import DIGITS, drawn
from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.data.images import read_digits, read_mnist
from tinytorch_milestones.errors import Locked, TinyTorchError
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.training.drawing import image_of
from tinytorch_milestones.training.implementation import Framework, Implementation
from tinytorch_milestones.training.player import Player
from tinytorch_milestones.training.recipes import load_recipe
from tinytorch_milestones.training.weights import pack, rebuild, unpack
from tinytorch_milestones.widgets import play
from tinytorch_milestones.widgets.canvas import Canvas, read

# the network


def part_named(name: str) -> Part:
    catalog = load()
    return catalog.part(catalog.milestone("mlp"), name)


@pytest.fixture
def fw() -> Iterator[Framework]:
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        yield framework


def trained(fw: Framework, part: str, **overrides: Any) -> Player:
    """The network of a short run."""
    chosen = part_named(part)
    recipe = load_recipe(chosen.recipe)
    for last in recipe.function(fw, recipe.settings(chosen.settings, overrides)):
        step = last
    assert isinstance(step.play, Player)
    return step.play


_learned: dict[str, Any] = {}


@pytest.fixture
def reader(fw: Framework) -> Player:
    """A network that learned MNIST for three epochs, once for all tests of this file."""
    if not _learned:
        _learned.update(trained(fw, "mnist", epochs=3).weights())
    model = fw.Sequential(fw.Flatten(), fw.Linear(784, 128), fw.ReLU(), fw.Linear(128, 10))
    player = Player(fw, model, (1, 28, 28))
    player.load(_learned)
    return player


def test_the_network_reads_what_is_drawn_at_any_place_and_size(reader: Player) -> None:
    right = 0
    for digit in DIGITS:
        for left, top, size in ((40, 40, 200), (5, 150, 90), (170, 8, 100)):
            image = image_of(drawn(digit, left, top, size), reader.shape)
            assert image is not None
            right += int(reader.answer(image[None])[0].argmax()) == digit
    assert right >= 27


def test_answers_are_probabilities_and_those_of_the_model(reader: Player) -> None:
    images = (read_mnist(train=False)[0][:400, None] / 255.0).astype(np.float32)
    answers = reader.answer(images)
    assert answers.shape == (400, 10)
    np.testing.assert_allclose(answers.sum(axis=1), 1.0, atol=1e-5)
    truths = read_mnist(train=False)[1][:400]
    assert (answers.argmax(axis=1) == truths).mean() > 0.88
    with pytest.raises(ValueError, match="28"):
        reader.answer(images[:, :, :20])


def test_a_network_is_asked_without_switching_anything_for_other_threads(
    fw: Framework, reader: Player
) -> None:
    fw.module("core.autograd")  # puts its tape in place
    tape = fw.module("core.tensor").Operation.tape
    seen: list[bool] = []
    layer = reader.model[1]
    forward = layer.forward

    def watching(x: Any) -> Any:
        seen.append(tape.recording)
        return forward(x)

    layer.forward = watching
    reader.answer(np.zeros((1, 1, 28, 28), np.float32))
    assert seen == [True]


def test_dropout_is_off_when_the_network_is_asked(fw: Framework) -> None:
    fw.manual_seed(0)
    model = fw.Sequential(fw.Flatten(), fw.Dropout(0.5), fw.Linear(784, 10))
    player = Player(fw, model.train(), (1, 28, 28))
    image = np.random.default_rng(0).random((1, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(player.answer(image), player.answer(image))


def test_the_most_active_units_are_told_with_their_weights(reader: Player) -> None:
    image = image_of(drawn(3, 40, 40, 200), (1, 28, 28))
    assert image is not None
    units = reader.units(image)
    assert units is not None
    assert units.weights.shape == (6, 28, 28)
    assert units.activations == sorted(units.activations, reverse=True)
    first = reader.model[1]
    by_hand = np.maximum(first.weight.data @ image.reshape(-1) + first.bias.data, 0)
    assert units.numbers[0] == int(by_hand.argmax())
    assert units.activations[0] == pytest.approx(float(by_hand.max()), rel=1e-4)
    np.testing.assert_array_equal(units.weights[0].reshape(-1), first.weight.data[units.numbers[0]])
    assert reader.maps(image) is None


def test_a_convolution_shows_its_maps_instead(fw: Framework) -> None:
    model = fw.Sequential(
        fw.Conv2d(1, 4, 5), fw.ReLU(), fw.MaxPool2d(2), fw.Flatten(), fw.Linear(576, 10)
    )
    player = Player(fw, model, (1, 28, 28))
    image = image_of(drawn(3, 40, 40, 200), (1, 28, 28))
    assert image is not None
    maps = player.maps(image)
    assert maps is not None
    assert maps.shape == (4, 24, 24)
    assert maps.min() >= 0
    assert player.units(image) is None
    assert player.answer(image[None]).shape == (1, 10)


# weights on disk


def test_kept_weights_make_the_same_network_again(fw: Framework, reader: Player) -> None:
    data = pack(reader, "mlp:mnist")
    assert data is not None
    again = rebuild(fw, data, "kept.npz", part_named("mnist").settings)
    images = (read_mnist(train=False)[0][:50, None] / 255.0).astype(np.float32)
    np.testing.assert_array_equal(again.answer(images), reader.answer(images))
    assert again.model is not reader.model


def test_a_network_of_another_size_comes_back_in_that_size(fw: Framework) -> None:
    player = trained(fw, "digits", epochs=1, hidden=20)
    data = pack(player, "mlp:digits")
    assert data is not None
    again = rebuild(fw, data, "kept.npz", part_named("digits").settings)
    assert again.weights()["1.weight"].shape == (20, 64)


def test_code_that_no_longer_fits_is_told_with_what_changed(fw: Framework, reader: Player) -> None:
    data = pack(reader, "mlp:mnist")
    assert data is not None

    # a student who now keeps weights the other way round
    layers = fw.module("core.layers")

    class Turned(layers.Linear):  # type: ignore[name-defined, misc]
        def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
            super().__init__(inputs, outputs, bias)
            self.weight = fw.Tensor(self.weight.data.T.copy(), requires_grad=True)

        def forward(self, x: Any) -> Any:
            return x @ self.weight + self.bias

    turned = Player(
        fw,
        fw.Sequential(fw.Flatten(), Turned(784, 128), fw.ReLU(), Turned(128, 10)),
        (1, 28, 28),
    )
    before = turned.weights()["1.weight"].copy()
    with pytest.raises(TinyTorchError, match=r"1\.weight was of shape \(128, 784\), and is of"):
        turned.load(unpack(data, "kept.npz")[1])
    np.testing.assert_array_equal(turned.weights()["1.weight"], before)
    with pytest.raises(
        TinyTorchError, match=r"3\.weight was of shape \(10, 128\), and is not there"
    ):
        Player(fw, fw.Sequential(fw.Flatten(), fw.Linear(784, 128)), (1, 28, 28)).load(
            reader.weights()
        )


def test_broken_code_is_told_as_such(fw: Framework, reader: Player) -> None:
    data = pack(reader, "mlp:mnist")
    assert data is not None
    tensor = fw.module("core.tensor").Tensor
    right = tensor.__matmul__
    tensor.__matmul__ = lambda self, other: right(self, other) * 2
    try:
        with pytest.raises(TinyTorchError, match="cannot train this network"):
            rebuild(fw, data, "kept.npz", part_named("mnist").settings)
    finally:
        tensor.__matmul__ = right


@pytest.mark.parametrize("data", [b"", b"no weights", b"PK\x05\x06" + bytes(18)])
def test_a_damaged_file_of_weights_is_named(fw: Framework, data: bytes) -> None:
    with pytest.raises(TinyTorchError, match=r"kept\.npz does not hold the weights"):
        rebuild(fw, data, "kept.npz", part_named("mnist").settings)


def test_a_model_of_a_cell_and_what_nobody_can_draw_for_are_not_kept(fw: Framework) -> None:
    own = fw.Sequential(fw.Flatten(), fw.Linear(64, 10))
    assert pack(trained(fw, "digits", epochs=1, model=own), "mlp:digits") is None
    photograph = Player(fw, fw.Sequential(fw.Flatten(), fw.Linear(3072, 10)), (3, 32, 32))
    assert pack(photograph, "cifar:converge") is None
    assert pack(None, "perceptron:trained") is None


# the widget


def test_the_canvas_answers_every_drawing_with_its_key(reader: Player) -> None:
    canvas = Canvas(reader, "title", "about")
    strokes = [[c for p in s for c in p] for s in drawn(2, 30, 60, 150)]
    canvas.drawing = {"key": "a-1", "strokes": strokes}
    answer = canvas.answer
    assert answer["key"] == "a-1"
    assert int(np.argmax(answer["probabilities"])) == 2
    given, units = answer["tiles"]
    assert [i["width"] for i in given["images"]] == [28]
    assert len(given["images"][0]["data"]) == 28 * 28
    assert all(i["signed"] and i["caption"] for i in units["images"])
    canvas.drawing = {"key": "a-2", "strokes": []}
    assert canvas.answer == {"key": "a-2"}


@pytest.mark.parametrize(
    "drawing", [{}, {"strokes": [[1.0]]}, {"strokes": [[1.0, 2.0, 3.0]]}, {"strokes": "no"}]
)
def test_a_strange_message_is_answered_too(reader: Player, drawing: dict[str, Any]) -> None:
    assert read(reader, {"key": "k", **drawing})["key"] == "k"


def test_code_that_fails_is_told_on_the_canvas(fw: Framework, reader: Player) -> None:
    reader.model[1].weight.data = reader.model[1].weight.data[:, :100]
    strokes = [[c for p in s for c in p] for s in drawn(2, 30, 60, 150)]
    answer = read(reader, {"key": "k", "strokes": strokes})
    assert "The network cannot answer: ValueError" in answer["problem"]


def test_the_front_end_loads_nothing_and_its_files_are_there() -> None:
    folder = Path(play.__file__).parent
    for name in ("canvas.js", "canvas.css"):
        source = (folder / name).read_text()
        assert "http://www.w3.org/2000/svg" in source or "://" not in source
        assert "import" not in source
        assert "@import" not in source
    assert Canvas(None, "", "")._esm.startswith("/**")  # type: ignore[arg-type]


# from a run to the next day

Shell = Callable[[Path], InteractiveShell]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def winner(make_course: Callable[..., Tracker]) -> Tracker:
    """A course whose small digits were won in a child process, as `tito` does."""
    tracker = make_course(solve="08")
    for number in range(9):
        assert tracker.complete_module(f"{number:02d}").complete
    assert tracker.run_milestone("mlp", part="digits").parts[0].credited
    return tracker


def test_a_win_in_a_terminal_can_be_played_with_in_a_notebook(
    winner: Tracker, shell: Shell, capsys: Capture
) -> None:
    kept = winner.workspace.state_dir / "weights" / "mlp-digits.npz"
    assert kept.is_file()
    milestone, part, player = Tracker(winner.workspace).play("mlp", None, None, {})
    assert (milestone.id, part.id) == ("mlp", "digits")
    images, labels = read_digits()
    inputs = (images[:, None] / 16).astype(np.float32)
    assert (player.answer(inputs).argmax(axis=1) == labels).mean() > 0.93
    assert Tracker(winner.workspace).play(None, None, None, {})[1].id == "digits"

    # a notebook that a program executes gets the words only
    made = shell(winner.workspace.root)
    capsys.readouterr()
    made.run_line_magic("milestone", "play mlp")
    assert "%milestone play mlp --part digits" in capsys.readouterr().out

    with pytest.raises(TinyTorchError, match="No network of yours has won"):
        winner.play("mlp", "mnist", None, {})
    kept.write_bytes(b"damaged")
    with pytest.raises(TinyTorchError, match=r"mlp-digits\.npz does not hold"):
        winner.play("mlp", None, None, {})


def test_a_run_in_this_kernel_is_at_hand_whether_it_counts_or_not(
    make_course: Callable[..., Tracker], shell: Shell, capsys: Capture
) -> None:
    tracker = make_course(solve="08")
    with pytest.raises(Locked, match="01"):
        tracker.play("mlp", None, None, {})
    with pytest.raises(TinyTorchError, match="nothing to play with"):
        tracker.play("perceptron", None, None, {})
    with pytest.raises(TinyTorchError, match="has learned to read or to write yet"):
        tracker.play(None, None, None, {})
    for number in range(9):
        tracker.solve_module(f"{number:02d}")
        assert tracker.complete_module(f"{number:02d}").complete
    made = shell(tracker.workspace.root)
    made.run_line_magic("milestone", "run mlp --part digits --epochs 1")  # too few to win
    assert not (tracker.workspace.state_dir / "weights").exists()
    made.run_line_magic("milestone", "play")
    assert "%milestone play mlp --part digits" in capsys.readouterr().out.splitlines()[-1]


def test_a_part_that_is_drawn_for_has_a_recipe_that_exists() -> None:
    parts = [p for m in load().all_milestones() for p in m.parts if p.reads_digits]
    assert {p.recipe for p in parts} >= {"mlp:digits", "mlp:mnist"}
    for part in parts:
        load_recipe(part.recipe)


def test_only_a_notebook_that_somebody_looks_at_gets_a_widget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Live:
        live = True

    monkeypatch.setattr(play, "this_screen", Live)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.delenv("VSCODE_PID", raising=False)
    assert not play.widgets_live()
    monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/03_mlp.ipynb")
    assert play.widgets_live()


def test_a_kernel_without_the_widget_library_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put: list[dict[str, Any]] = []

    class Live:
        live = True

        def put(self, slot: str, bundle: dict[str, Any], metadata: object = None) -> None:
            put.append(bundle)

    monkeypatch.setattr(play, "this_screen", Live)
    monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/03_mlp.ipynb")
    monkeypatch.setitem(sys.modules, "tinytorch_milestones.widgets.canvas", None)
    milestone = load().milestone("mlp")
    reader: Any = SimpleNamespace(drawable=True)
    play.show_game(milestone, milestone.parts[-1], reader)
    assert "Install anywidget" in put[-1]["text/plain"]


def test_the_note_says_how_to_bring_the_canvas_back() -> None:
    catalog = load()
    milestone = catalog.milestone("mlp")
    said = play.note(milestone, catalog.part(milestone, "mnist"), live=True)
    for kind in ("text/html", "text/plain"):
        assert "%milestone play mlp --part mnist" in said[kind]
    json.dumps(said)
