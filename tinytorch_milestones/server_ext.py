"""The Jupyter server extension: finds courses, follows them, and tells every open window."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from jupyter_core.paths import is_hidden
from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Float, Unicode

from tinytorch_milestones import speed
from tinytorch_milestones.errors import NoWorkspace, TinyTorchError
from tinytorch_milestones.files import write_atomic
from tinytorch_milestones.server_course import WATCHED, Course
from tinytorch_milestones.server_handlers import HANDLERS, NotHere
from tinytorch_milestones.server_watch import FolderWatch
from tinytorch_milestones.workspace import find, home, read_config

if TYPE_CHECKING:
    from jupyter_events import EventLogger

    from tinytorch_milestones.tracker import Tracker

EVENTS = "https://tinytorch-milestones.org/events/v1"
_SAVES = "https://events.jupyter.org/jupyter_server/contents_service/v1"
_KERNELS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
_T = TypeVar("_T")


class TinyTorchApp(ExtensionApp):
    """Serves the state of courses below the server's root, and checks what changes in them."""

    name = "tinytorch_milestones"
    load_other_extensions = True

    check_on_save = Bool(
        True, help="Export and check a module when its notebook or package file changes."
    ).tag(config=True)
    course = Unicode(
        "",
        help="Course folder, below the server's root, to use where a file belongs to no course.",
    ).tag(config=True)
    debounce_seconds = Float(
        0.3, min=0.0, help="How long to wait for more changes before looking at changed files."
    ).tag(config=True)
    poll_seconds = Float(
        10.0,
        min=0.05,
        help="How often to look for changes that the system's file watching did not report.",
    ).tag(config=True)
    news_seconds = Float(
        0.3, min=0.0, help="Shortest time between two reports of what other processes did."
    ).tag(config=True)

    def initialize_settings(self) -> None:
        """Register the events and get ready to follow courses."""
        # kernels and terminals inherit it, however this server was started
        os.environ.update(speed.environment())
        self.courses: dict[Path, Course] = {}
        self._opening: dict[Path, asyncio.Task[Course]] = {}
        self._executor = ThreadPoolExecutor(max_workers=8, thread_name_prefix="tinytorch")
        self._busy: set[Future[Any]] = set()
        self._folders = FolderWatch(self._on_files, self.log)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poll: asyncio.Task[None] | None = None
        self._side: set[asyncio.Task[Any]] = set()
        if EVENTS not in self._bus.schemas:
            self._bus.register_event_schema(Path(__file__).with_name("events.yaml"))
        self._bus.add_listener(schema_id=_SAVES, listener=self._on_contents)
        self._bus.add_listener(schema_id=_KERNELS, listener=self._on_kernel)

    def initialize_handlers(self) -> None:
        """Serve the endpoints below `tinytorch/`."""
        self.handlers.extend(HANDLERS)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        await self.start_following()

    async def start_following(self) -> None:
        """Begin to watch, and open the course that is there, if any, in the background."""
        self._loop = asyncio.get_running_loop()
        self._poll = self._loop.create_task(self._look_now_and_then())
        self._in_background(self._open_default())

    async def stop_extension(self) -> None:
        """Stop watching; end tasks and threads."""
        self._bus.remove_listener(schema_id=_SAVES, listener=self._on_contents)
        self._bus.remove_listener(schema_id=_KERNELS, listener=self._on_kernel)
        self._folders.close()
        tasks = [t for t in (self._poll, *self._opening.values(), *self._side) if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for course in self.courses.values():
            await course.close()
        self.courses.clear()
        self._executor.shutdown(wait=False, cancel_futures=True)
        # a check under way is bounded by its own time limit, but nobody should wait that long
        for _ in range(100):
            if all(work.done() for work in list(self._busy)):
                break
            await asyncio.sleep(0.05)

    @property
    def _bus(self) -> EventLogger:
        assert self.serverapp is not None
        assert self.serverapp.event_logger is not None
        return self.serverapp.event_logger

    # what courses need

    def open_tracker(self, root: Path) -> Tracker:
        """The tracker of a course folder; called on a thread."""
        from tinytorch_milestones.tracker import Tracker

        return Tracker.open(root)

    def emit(self, event: dict[str, Any]) -> None:
        """Put an event on Jupyter's bus."""
        self._bus.emit(schema_id=EVENTS, data=event)

    def run(self, work: Callable[[], _T]) -> Awaitable[_T]:
        """Run blocking work in a thread."""
        busy = self._executor.submit(work)
        self._busy.add(busy)
        busy.add_done_callback(self._busy.discard)
        return asyncio.wrap_future(busy)

    # finding courses

    @property
    def root(self) -> Path:
        """The folder that contents paths start from."""
        assert self.serverapp is not None
        contents = self.serverapp.contents_manager
        return Path(getattr(contents, "root_dir", "") or self.serverapp.root_dir).resolve()

    async def course_of(self, path: str) -> Course:
        """The course of a contents path, followed from now on.

        Raises `NoWorkspace`, and `NotHere` for a path that is hidden or outside of the root.
        """
        return await self._follow(await self.run(partial(self._find, path)))

    def _find(self, path: str) -> Path:
        root = self.root
        place = self._confined(path)
        found = self._at_or_above(place)
        if found is None and self.course:
            found = self._at_or_above(self._confined(self.course))
        if found is None:
            found = self._only_course(root)
        if found is None:
            raise NoWorkspace(
                f"There is no TinyTorch course in {root}.",
                "Make one with `tito init course`, or start JupyterLab in one with `tito lab`.",
            )
        return found

    def _confined(self, path: str) -> Path:
        root = self.root
        try:
            place = (root / path.strip("/")).resolve()
        except (OSError, ValueError, RuntimeError):
            raise NotHere(path) from None
        if not place.is_relative_to(root):
            raise NotHere(path)
        # a hidden file is hidden under every name that leads to it
        for name in (root / path.strip("/"), place):
            if any(part.startswith(".") for part in name.relative_to(root).parts):
                raise NotHere(path)
            if name.exists() and is_hidden(str(name), str(root)):
                raise NotHere(path)
        return place

    def _at_or_above(self, place: Path) -> Path | None:
        try:
            found = find(place).root
        except NoWorkspace:
            return None
        return found if found.is_relative_to(self.root) else None

    def _only_course(self, root: Path) -> Path | None:
        if read_config(root) is not None:
            return root
        try:
            below = [f for f in root.iterdir() if not f.name.startswith(".") and f.is_dir()]
        except OSError:
            return None
        courses = {f.resolve() for f in below if read_config(f) is not None}
        courses = {f for f in courses if f.is_relative_to(root)}
        return courses.pop() if len(courses) == 1 else None

    async def _follow(self, root: Path) -> Course:
        if root not in self.courses:
            if root not in self._opening:
                self._opening[root] = asyncio.create_task(self._open(root))
            # one request that goes away does not stop the others
            return await asyncio.shield(self._opening[root])
        return self.courses[root]

    async def _open(self, root: Path) -> Course:
        try:
            tracker = await self.run(partial(self.open_tracker, root))
            path = root.relative_to(self.root).as_posix()
            course = Course(tracker, "" if path == "." else path, self)
            await course.open()
            self.courses[root] = course
        finally:
            del self._opening[root]
        self._watch()
        return course

    async def _open_default(self) -> None:
        try:
            await self.course_of("")
        except (NoWorkspace, NotHere):
            pass  # nothing to follow until a page shows a course
        except TinyTorchError as error:
            self.log.warning("TinyTorch: %s", error)

    # changes

    def _watch(self) -> bool:
        if self._loop is None:
            return False
        return self._folders.watch(c.root / name for c in self.courses.values() for name in WATCHED)

    def _on_files(self, paths: set[Path]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._sort_changes, paths)

    def _sort_changes(self, paths: set[Path]) -> None:
        for root, course in self.courses.items():
            own = {path for path in paths if path.is_relative_to(root) and path != root}
            if own:
                course.changed(own)

    async def _on_contents(self, logger: object, schema_id: str, data: dict[str, Any]) -> None:
        path = str(data.get("path", ""))
        if data.get("action") != "save" or not path.endswith(".ipynb"):
            return
        try:
            place = await self.run(partial(self._confined, path))
        except NotHere:
            return
        for course in self.courses.values():
            if place.is_relative_to(course.root):
                course.saved(place)

    async def _on_kernel(self, logger: object, schema_id: str, data: dict[str, Any]) -> None:
        # a run may have died with its kernel: then nobody else says that it was interrupted
        if data.get("action") in ("restart", "shutdown"):
            for course in self.courses.values():
                course.hear()

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self.poll_seconds)
            try:
                if self._watch():
                    self.log.debug("TinyTorch: watched folders changed")
                for course in list(self.courses.values()):
                    course.look()
                    course.hear()
            except Exception:
                self.log.exception("TinyTorch: looking for changes failed")

    # choices

    def choose_check_on_save(self, course: Course | None, value: bool) -> None:
        """Check after a save, or not: in one course, or in all where none is named."""
        chosen = list(self.courses.values()) if course is None else [course]
        if course is None:
            self.check_on_save = value
        for each in chosen:
            each.check_on_save = value if course is not None else None
            if value:
                each.look()

    async def choose_theme(self, theme: str) -> None:
        """Let kernels draw in the theme that Lab shows."""
        data = msgspec.json.encode({"theme": theme})
        path = home() / "appearance.json"
        try:
            await self.run(partial(write_atomic, path, data, durable=False))
        except OSError as error:
            # figures stay readable in the other theme: not worth a message to the student
            self.log.warning("TinyTorch: %s cannot be written: %s", path, error)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._side.add(task)
        task.add_done_callback(self._side.discard)
