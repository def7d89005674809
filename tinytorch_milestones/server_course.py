"""One course as the server follows it: what changed, what to check, whom to tell."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.server_news import News
from tinytorch_milestones.state import Completion, State

if TYPE_CHECKING:
    from tinytorch_milestones.tracker import Tracker

WATCHED = ("modules", "tinytorch", ".tito")
_T = TypeVar("_T")
# how long a notebook that is not JSON may be one that is just being written
_WRITING_SECONDS = 3.0

_Stamp = tuple[int, int] | None  # time of change and size; None: no such file
_Stamps = tuple[_Stamp, _Stamp]  # of a module's notebook and of its package file


class Host(Protocol):
    """What a course needs of the server extension."""

    check_on_save: bool
    debounce_seconds: float
    news_seconds: float
    log: logging.Logger

    def emit(self, event: dict[str, Any]) -> None: ...

    def run(self, work: Callable[[], _T]) -> Awaitable[_T]:
        """Run blocking work in a thread."""
        ...


class Course:
    """A course folder below the server's root. All methods belong to the event loop.

    At most one check is under way. Whatever changes meanwhile is remembered as one wish to look
    again, so that a burst of saves costs one more check, of the newest content.
    """

    def __init__(self, tracker: Tracker, path: str, host: Host) -> None:
        self.tracker = tracker
        self.root: Path = tracker.workspace.root
        self.path = path  # contents path
        self.news = News(path, self._emit)
        self.checking = ""  # id of the module being checked
        self.check_on_save: bool | None = None  # None: as the server says
        self._host = host
        self._asked: dict[str, asyncio.Future[Completion]] = {}
        self._look = False
        self._recent: list[str] = []  # modules saved in Lab, newest first
        self._seen: dict[str, _Stamps] = {}  # what files were like when they were last checked
        self._saved: dict[str, _Stamp] = {}  # what notebooks were like when Lab had saved them
        self._worker: asyncio.Task[None] | None = None
        self._teller: asyncio.Task[None] | None = None
        self._news_wanted = False
        self._side: set[asyncio.Task[None]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._closed = False

    async def open(self) -> None:
        """Take stock, and check what changed while nobody was watching."""
        self.news.heard(await self._host.run(self.tracker.state))
        self.look()
        self._prepare()

    async def close(self) -> None:
        """Stop following, and end a check that is under way."""
        self._closed = True
        self.tracker.close()
        if self._later is not None:
            self._later.cancel()
        tasks = [task for task in (self._worker, self._teller, *self._side) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for answer in self._asked.values():
            answer.cancel()

    async def state(self, track: str | None = None) -> State:
        """The course's state as a page shows it. Raises `UnknownName` for a track."""
        state = await self._host.run(partial(self.tracker.state, track))
        return self._dressed(state)

    async def complete(self, module: str) -> Completion:
        """Export and check a module because its user asked for it."""
        module = self.tracker.module(module).id
        answer = self._asked.get(module)
        if answer is None:
            answer = self._asked[module] = asyncio.get_running_loop().create_future()
            self._wake()
        return await asyncio.shield(answer)

    async def trust(self) -> State:
        """Trust the course and check what was waiting for that."""
        await self._host.run(self.tracker.trust)
        self._seen.clear()
        state = await self.state()
        self.news.changed(state.sequence)
        self.look()
        self._prepare()
        return state

    async def set_track(self, track: str) -> State:
        """Show another track in every window."""
        await self._host.run(partial(self.tracker.set_track, track))
        state = await self.state()
        self.news.changed(state.sequence)
        return state

    @property
    def automatic(self) -> bool:
        """Whether a change is checked without being asked; trust comes on top."""
        chosen = self.check_on_save
        return self._host.check_on_save if chosen is None else chosen

    # what changed

    def saved(self, notebook: Path) -> None:
        """Lab saved a notebook of this course."""
        if notebook.parent == self.tracker.workspace.modules:
            self._recent = [notebook.stem, *(m for m in self._recent if m != notebook.stem)]
            self._saved[notebook.stem] = _stamp(notebook)
            self.look()

    def changed(self, paths: Iterable[Path]) -> None:
        """Files of this course changed on disk, whoever wrote them."""
        areas = {path.relative_to(self.root).parts[0] for path in paths}
        if areas & {"modules", "tinytorch"}:
            self._look_later()
        if ".tito" in areas:
            self.hear()

    def look(self) -> None:
        """Check what is stale, soon."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._look = True
        self._wake()

    def _look_later(self) -> None:
        if self._later is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._later = loop.call_later(self._host.debounce_seconds, self.look)

    def hear(self) -> None:
        """Tell the windows what another process did, soon."""
        self._news_wanted = True
        if not self._closed and (self._teller is None or self._teller.done()):
            self._teller = asyncio.get_running_loop().create_task(self._spread_news())

    def _emit(self, event: dict[str, Any]) -> None:
        if not self._closed:
            self._host.emit(event)

    # checks

    def _wake(self) -> None:
        if not self._closed and (self._worker is None or self._worker.done()):
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._asked or self._look:
            if self._asked:
                module = next(iter(self._asked))
                await self._check(module, self._asked.pop(module))
                continue
            self._look = False
            try:
                stale, unsettled = await self._host.run(self._find_stale)
            except TinyTorchError as error:
                self._host.log.warning("TinyTorch: %s cannot be read: %s", self.root, error)
                continue
            except Exception:
                self._host.log.exception("TinyTorch: looking at %s failed", self.root)
                continue
            if unsettled:
                self._look_later()
            if stale:
                self._look = True  # for the others, and for what changes meanwhile
                await self._check(stale[0], None)

    def _find_stale(self) -> tuple[list[str], bool]:
        """What to check now, and whether there is something to look at again in a moment."""
        if not self.automatic or not self.tracker.trusted:
            return [], False
        # what stays stale after a check (its record could not be kept) is not tried for ever
        stale = [m for m in self.tracker.stale() if self._seen.get(m) != self._stamps(m)]
        settled = [m for m in stale if self._settled(m)]
        recent = [m for m in self._recent if m in settled]
        return recent + [m for m in settled if m not in recent], settled != stale

    def _settled(self, module: str) -> bool:
        """Whether nobody is still writing the notebook.

        Jupyter empties the file, then makes the text, then writes it: a reader meets half of it.
        """
        stamp = self._stamps(module)[0]
        if stamp is None:
            return True
        age = time.time() - stamp[0] / 1e9
        if 0 <= age < _WRITING_SECONDS and not self._is_whole(module):
            return False
        saved = stamp == self._saved.get(module)
        return saved or not 0 <= age < self._host.debounce_seconds

    def _is_whole(self, module: str) -> bool:
        try:
            json.loads(self.tracker.workspace.notebook(self.tracker.module(module)).read_bytes())
        except OSError:
            return True  # whoever checks it says what is wrong
        except ValueError:
            return False
        return True

    async def _check(self, module: str, answer: asyncio.Future[Completion] | None) -> None:
        self.checking = module
        title = self._title(module)
        self.news.checking(module, title)
        try:
            done, state, overtaken = await self._host.run(partial(self._complete, module))
        except TinyTorchError as error:
            self.checking = ""
            self.news.failed(module, title, error.message, error.remedy)
            _settle(answer, error)
        except asyncio.CancelledError:
            if answer is not None:
                answer.cancel()
            raise
        except Exception as error:
            self.checking = ""
            self._host.log.exception("TinyTorch: checking %s in %s failed", module, self.root)
            self.news.failed(module, title, "The check itself failed; the server's log says more.")
            _settle(answer, error)
        else:
            self.checking = ""
            self.news.checked(done, state, overtaken=overtaken and answer is None)
            if answer is not None and not answer.done():
                answer.set_result(done)
            self._prepare()

    def _complete(self, module: str) -> tuple[Completion, State, bool]:
        """The result, the state after it, and whether it is about content that is gone."""
        before = self._stamps(module)[0]
        try:
            done = self.tracker.complete_module(module)
        finally:
            after = self._stamps(module)
            self._seen[module] = (before, after[1])
        overtaken = after[0] != before and self.automatic and module in self.tracker.stale()
        return done, self.tracker.state(), overtaken

    def _stamps(self, module: str) -> _Stamps:
        described = self.tracker.module(module)
        workspace = self.tracker.workspace
        return _stamp(workspace.notebook(described)), _stamp(workspace.export(described))

    def _prepare(self) -> None:
        if self._closed:
            return
        task = asyncio.get_running_loop().create_task(self._warm())
        self._side.add(task)
        task.add_done_callback(self._side.discard)

    async def _warm(self) -> None:
        def warm() -> None:
            if self.automatic and self.tracker.trusted:
                self.tracker.prepare()

        try:
            await self._host.run(warm)
        except Exception:
            # only a head start is lost: the check starts its own process
            self._host.log.debug("TinyTorch: no process could be prepared", exc_info=True)

    async def _spread_news(self) -> None:
        while self._news_wanted:
            self._news_wanted = False
            if not self.checking:  # a check speaks for itself when it ends
                try:
                    state = await self._host.run(self.tracker.state)
                except Exception as error:
                    self._host.log.warning("TinyTorch: %s cannot be read: %s", self.root, error)
                else:
                    if not self.checking:
                        self.news.heard(state)
            # a run writes its progress many times a second; windows need to hear a few of them
            await asyncio.sleep(self._host.news_seconds)

    # names

    def _dressed(self, state: State) -> State:
        """The state with this server's paths, and the module that is being checked just now."""
        workspace = msgspec.structs.replace(state.workspace, path=self.path)
        modules = [
            msgspec.structs.replace(m, status="checking") if m.id == self.checking else m
            for m in state.modules
        ]
        return msgspec.structs.replace(state, workspace=workspace, modules=modules)

    def _title(self, module: str) -> str:
        described = self.tracker.module(module)
        return f"{described.number} {described.title}"


def _settle(answer: asyncio.Future[Completion] | None, error: Exception) -> None:
    if answer is not None and not answer.done():
        answer.set_exception(error)


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
