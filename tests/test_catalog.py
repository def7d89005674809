"""The catalog is read strictly, and its errors name file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinytorch_milestones.catalog import load, read_track
from tinytorch_milestones.catalog.tasks import read_tasks
from tinytorch_milestones.errors import CatalogError, UnknownName
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.workspace import master_notebook

GOOD = """
id = "mine"
title = "Mine"
description = "A track of my own"

[[milestones]]
id = "again"
number = "01"
year = 1958
title = "Again"
headline = "The perceptron, again"
people = "me"
story = "Once more."
changed = "Nothing."

[[milestones.parts]]
id = "trained"
title = "Trained"
story = "Watch."
needs = ["03"]
recipe = "perceptron:trained"

[[milestones.parts.gates]]
id = "accuracy"
title = "accuracy"
metric = "accuracy"
comparison = ">="
required = 0.9
hint = "Look."
"""


def track_file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def read(path: Path) -> None:
    read_track(path, {"03"}, set())


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("year = 1958", 'year = "then"', "milestones[0].year"),
        ("required = 0.9", 'required = "much"', "milestones[0].parts[0].gates[0].required"),
        ('comparison = ">="', 'comparison = "=>"', "milestones[0].parts[0].gates[0].comparison"),
        ('needs = ["03"]', 'needs = ["33"]', "milestones[0].parts[0].needs"),
        ('recipe = "perceptron:trained"', 'recipe = "perceptron"', "milestones[0].parts[0].recipe"),
        (
            'hint = "Look."',
            'hint = "Look."\nmodule = "77"',
            "milestones[0].parts[0].gates[0].module",
        ),
        ('id = "again"', 'id = "again"\nfamous = true', "milestones[0]"),
        ('id = "again"', 'id = "again"\naliases = ["01"]', "milestones[0].id"),
        ('id = "again"', 'id = "again"\ncheckpoints = ["77"]', "milestones[0].checkpoints"),
        ('comparison = ">="', 'comparison = "within"', "milestones[0].parts[0].gates[0].upper"),
        (GOOD[GOOD.index("[[milestones.parts]]") :], "parts = []", "milestones[0].parts"),
        (GOOD[GOOD.index("[[milestones.parts.gates]]") :], "", "milestones[0].parts[0].gates"),
        ('title = "Mine"', "title = Mine", "(file)"),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in GOOD
    with pytest.raises(CatalogError) as caught:
        read(track_file(tmp_path, GOOD.replace(old, new, 1)))
    assert caught.value.file == "mine.toml"
    assert caught.value.key.lstrip(".") == key


def test_a_users_track_is_read_and_a_damaged_one_stops_nothing(course: Tracker) -> None:
    folder = course.workspace.state_dir / "tracks"
    folder.mkdir()
    track_file(folder, GOOD)
    (folder / "broken.toml").write_text("id = 3")
    (folder / "twice.toml").write_text(GOOD.replace('title = "Again"', 'title = "Twice"'))
    tracker = Tracker.open(course.workspace.root)
    assert [track.id for track in tracker.state().tracks].count("mine") == 1
    assert tracker.state("mine").milestones[0].title == "Again"
    for name in ("broken.toml", "twice.toml"):
        assert any(name in warning for warning in tracker.state().workspace.warnings)


@pytest.mark.parametrize("name", ["perceptron", "Perceptron", "rosenblatt", "1", "01"])
def test_milestones_answer_to_id_alias_and_number(name: str) -> None:
    assert load().milestone(name, "history").id == "perceptron"


@pytest.mark.parametrize("name", ["1", "01", "tensor", "01_tensor", "01_tensor.ipynb"])
def test_modules_answer_to_number_and_name(name: str) -> None:
    assert load().module(name).id == "01_tensor"


def test_a_wrong_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        load().milestone("perceptrom")
    assert caught.value.suggestions[0] == "perceptron"
    assert "perceptron" in str(caught.value)


def test_every_written_module_has_tasks_with_three_hints() -> None:
    for module in load().modules:
        if module.coming:
            assert not master_notebook(module).exists()
            continue
        for task in read_tasks(master_notebook(module)):
            assert task.id.startswith(f"{module.number}.")
            assert len(task.hints) == 3
            assert task.points > 0
            assert task.cell_id
            assert task.test_cell_id
