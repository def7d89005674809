"""A course on the server side with a scripted tracker: no Jupyter server, no checks that run."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tinytorch_milestones.catalog import load
from tinytorch_milestones.errors import UnknownName
from tinytorch_milestones.server_course import Course
from tinytorch_milestones.state import Completion, State, TestState
from tinytorch_milestones.workspace import Workspace

FIXTURE = Path(__file__).parent.parent / "fixtures" / "state.json"
LONG = 10.0  # seconds after which something that should happen counts as not happening
_T = TypeVar("_T")


class ScriptedTracker:
    """Says what a test tells it to say, and remembers what it was asked."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.catalog = load()
        self.trusted = True
        self.now = msgspec.json.decode(FIXTURE.read_bytes(), type=State)
        self.changed: list[str] = []  # what `stale` answers
        self.completed: list[str] = []
        self.prepared = threading.Event()
        self.begun = threading.Event()  # a check has begun
        self.go = threading.Event()  # checks may end
        self.go.set()
        self.keeps_stale = False
        self.unlocks: list[str] = []
        self.refuses = ""
        self.raises: Exception | None = None
        self.closed = False
        self.in_flight = 0
        self.most_in_flight = 0

    def state(self, track: str | None = None) -> State:
        if track is not None and track != self.now.track:
            raise UnknownName("track", track, [self.now.track])
        return msgspec.structs.replace(self.now)

    def stale(self) -> list[str]:
        return list(self.changed)

    def module(self, name: str) -> Any:
        return self.catalog.module(name)

    def prepare(self) -> None:
        self.prepared.set()

    def close(self) -> None:
        self.closed = True

    def trust(self) -> None:
        self.trusted = True
        self.step()

    def step(self) -> None:
        self.now = msgspec.structs.replace(self.now, sequence=self.now.sequence + 1)

    def complete_module(self, name: str) -> Completion:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.completed.append(name)
        self.begun.set()
        try:
            assert self.go.wait(LONG)
            if self.raises is not None:
                raise self.raises
            if not self.keeps_stale and name in self.changed:
                self.changed.remove(name)
            self.step()
            return self._completion(name)
        finally:
            self.in_flight -= 1

    def _completion(self, name: str) -> Completion:
        test = TestState(
            id="01.add", title="Sum", passed=False, status="failed", message="got 2", cell_id="c7"
        )
        return Completion(
            module=name,
            title="01 Tensor",
            exported=not self.refuses,
            changed=True,
            passed=3,
            total=4,
            complete=False,
            tests=[test],
            seconds=0.5,
            message="",
            refused=self.refuses,
            remedy="Correct it." if self.refuses else "",
            cell_id="c7",
            newly_unlocked=self.unlocks,
        )


class RecordingHost:
    """A server extension that only remembers what was emitted."""

    def __init__(self) -> None:
        self.check_on_save = True
        self.debounce_seconds = 0.01
        self.news_seconds = 0.0
        self.log = logging.getLogger("tinytorch-test")
        self.events: list[dict[str, Any]] = []
        self.heard = asyncio.Event()
        self.pool = ThreadPoolExecutor(4)

    def emit(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.heard.set()

    def run(self, work: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(self.pool, work)

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events]

    async def hears(self, kind: str, times: int = 1) -> dict[str, Any]:
        async def wait() -> dict[str, Any]:
            while self.kinds().count(kind) < times:
                self.heard.clear()
                await self.heard.wait()
            return [event for event in self.events if event["kind"] == kind][times - 1]

        return await asyncio.wait_for(wait(), LONG)


class Scene:
    """A course with its scripted tracker and its host."""

    def __init__(self, root: Path) -> None:
        for folder in ("modules", "tinytorch/core", ".tito"):
            (root / folder).mkdir(parents=True)
        self.tracker = ScriptedTracker(root)
        self.host = RecordingHost()
        self.course = Course(self.tracker, "my/course", self.host)  # type: ignore[arg-type]

    def notebook(self, module: str, content: str = "{}") -> Path:
        path = self.course.root / "modules" / f"{module}.ipynb"
        path.write_text(content)
        return path

    async def settled(self) -> None:
        """Everything that was under way is done."""
        course = self.course
        while True:
            waiting = [t for t in (course._worker, course._teller, *course._side) if t is not None]
            if course._later is None and all(task.done() for task in waiting):
                return
            if course._later is not None:
                await asyncio.sleep(self.host.debounce_seconds)
            await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), LONG)


SceneTest = Callable[[Scene], Coroutine[Any, Any, None]]


def scene(test: SceneTest) -> Callable[[Path], None]:
    """Run an async test with a fresh scene, and leave no thread behind."""

    @functools.wraps(test)
    def run(tmp_path: Path) -> None:
        async def play() -> None:
            stage = Scene(tmp_path / "course")
            try:
                await asyncio.wait_for(test(stage), 3 * LONG)
            finally:
                stage.tracker.go.set()
                await stage.course.close()
                stage.host.pool.shutdown()

        asyncio.run(play())

    del run.__wrapped__  # pytest reads the signature of what it wraps
    return run
