"""What windows are told, and that they are told it once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tinytorch_milestones.server_news import News
from tinytorch_milestones.state import Completion, MilestoneState, State

FIXTURE = Path(__file__).parent / "fixtures" / "state.json"
replace = msgspec.structs.replace


class Windows:
    """A course's news, and what came out of it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.news = News("course", self.events.append)
        state = msgspec.json.decode(FIXTURE.read_bytes(), type=State)
        self.state = replace(state, milestones=[with_status(state.milestones[0], "locked")])
        self.news.heard(self.state)

    def later(self, **changes: Any) -> State:
        """The state after one more change."""
        self.state = replace(self.state, sequence=self.state.sequence + 1, **changes)
        return self.state

    def checked_modules(self) -> list[Any]:
        first, *others = self.state.modules
        return [replace(first, checked_at="2031-01-01T00:00:00Z", problem=""), *others]

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events]


def with_status(milestone: MilestoneState, status: Any) -> MilestoneState:
    parts = [replace(part, status=status) for part in milestone.parts]
    return replace(milestone, status=status, parts=parts, running=None)


def completion(module: str, **details: Any) -> Completion:
    return Completion(
        module=module,
        title="Title",
        exported=True,
        changed=True,
        passed=1,
        total=1,
        complete=True,
        tests=[],
        seconds=0.1,
        message="",
        **details,
    )


@pytest.fixture
def windows() -> Windows:
    return Windows()


def test_what_was_checked_here_is_told_once(windows: Windows) -> None:
    state = windows.later(modules=windows.checked_modules())
    windows.news.checked(completion(state.modules[0].id), state)
    windows.news.heard(state)
    assert windows.kinds() == ["checked", "state"]


def test_what_was_checked_elsewhere_is_told_once(windows: Windows) -> None:
    windows.news.heard(windows.later(modules=windows.checked_modules()))
    windows.news.heard(windows.later())
    assert windows.kinds() == ["checked", "state"]
    assert windows.events[0]["module"] == windows.state.modules[0].id


@pytest.mark.parametrize("here", [True, False])
def test_an_unlocked_milestone_is_told_once(windows: Windows, here: bool) -> None:
    ready = with_status(windows.state.milestones[0], "ready")
    state = windows.later(milestones=[ready])
    if here:
        windows.news.checked(completion("03_layers", newly_unlocked=[ready.id]), state)
    else:
        windows.news.heard(state)
    windows.news.heard(windows.later())
    assert windows.kinds().count("unlocked") == 1


def test_a_milestone_that_was_won_is_not_announced_as_unlocked(windows: Windows) -> None:
    won = with_status(windows.state.milestones[0], "complete")
    state = windows.later(milestones=[won])
    windows.news.checked(completion("03_layers", newly_unlocked=[won.id]), state)
    assert "unlocked" not in windows.kinds()


def test_a_check_that_was_overtaken_is_not_told(windows: Windows) -> None:
    state = windows.later(modules=windows.checked_modules())
    windows.news.checked(completion(state.modules[0].id), state, overtaken=True)
    assert windows.kinds() == ["state"]


def test_sequence_numbers_never_fall(windows: Windows) -> None:
    windows.news.changed(windows.state.sequence + 10)
    windows.news.checking("01_tensor", "01 Tensor")
    windows.news.changed(windows.state.sequence + 3)
    numbers = [event["sequence"] for event in windows.events]
    assert numbers == sorted(numbers)
    assert numbers[0] == windows.state.sequence + 10
