"""The example state that both sides of the wire are tested with."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from tinytorch_milestones import state

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests" / "fixtures"


def _builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_state", FIXTURES / "make_state.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_fixture_is_what_the_state_encodes_to() -> None:
    stored = (FIXTURES / "state.json").read_bytes()
    assert stored == _builder().encoded(), "run python tests/fixtures/make_state.py"
    assert msgspec.json.decode(stored, type=state.State) == _builder().example()


@pytest.mark.parametrize(
    ("python", "typescript"),
    [
        (state.GateState, "gate"),
        (state.AttemptState, "attempt"),
        (state.PartState, "part"),
        (state.RunningState, "running"),
        (state.MilestoneState, "milestone"),
        (state.TestState, "test"),
        (state.ModuleState, "courseModule"),
        (state.CheckpointState, "checkpoint"),
        (state.NextStep, "nextStep"),
        (state.WorkspaceState, "workspace"),
        (state.TrackState, "track"),
        (state.State, "state"),
        (state.Completion, "completion"),
    ],
)
def test_the_page_knows_the_same_keys(python: type[msgspec.Struct], typescript: str) -> None:
    """A key that is added, renamed or dropped on one side only is a fault of both."""
    source = (ROOT / "labextension" / "src" / "state.ts").read_text(encoding="utf-8")
    body = re.search(rf"^const {typescript} = record\(\{{(.*?)\}}\);", source, re.S | re.M)
    assert body, f"no guard named {typescript}"
    keys = re.findall(r"(?:^|[{,\n])\s*(\w+)(?=:|,|\s*$)", re.sub(r"//.*", "", body[1]))
    assert sorted(keys) == sorted(python.__struct_fields__)
