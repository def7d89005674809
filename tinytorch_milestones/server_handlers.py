"""The endpoints below `tinytorch/`: small, authenticated, and always answering in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web

from tinytorch_milestones import errors

if TYPE_CHECKING:
    from tinytorch_milestones.server_course import Course
    from tinytorch_milestones.server_ext import TinyTorchApp

_STATUS: list[tuple[type[errors.TinyTorchError], int, str]] = [
    (errors.NoWorkspace, 404, "no_workspace"),
    (errors.UnknownName, 404, "unknown_name"),
    (errors.NotTrusted, 403, "not_trusted"),
    (errors.Locked, 409, "locked"),
    (errors.Busy, 409, "busy"),
    (errors.ExportRefused, 409, "refused"),
    (errors.WorkspaceError, 409, "workspace"),
    (errors.CatalogError, 500, "catalog"),
    (errors.StateError, 500, "state"),
    (errors.TinyTorchError, 500, "error"),
]
_HTTP_REASONS = {400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method"}


class NotHere(errors.TinyTorchError):
    """A path outside of the server's root, or a hidden one. Says nothing about what is there."""

    def __init__(self, path: str) -> None:
        super().__init__(f"There is nothing to see at {path!r}.", "Name a file below Lab's folder.")


class BadRequest(errors.TinyTorchError):
    """A body or query that this endpoint does not understand."""


class CourseHandler(ExtensionHandlerMixin, APIHandler):
    """What all endpoints share."""

    auth_resource = "tinytorch_milestones"

    @property
    def app(self) -> TinyTorchApp:
        app: TinyTorchApp = self.settings[self.name]
        return app

    def body(self) -> dict[str, Any]:
        """The request's JSON object. Raises `BadRequest`."""
        try:
            body = json.loads(self.request.body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise BadRequest("The request's body is not a JSON object.")
        return body

    def text(self, body: dict[str, Any], name: str) -> str:
        """A text in the body. Raises `BadRequest`."""
        value = body.get(name)
        if not isinstance(value, str):
            raise BadRequest(f"The request needs {name!r}, a text.")
        return value

    async def course(self, path: str) -> Course:
        """The course of a contents path."""
        return await self.app.course_of(path)

    def answer(self, document: object) -> None:
        """Finish with a JSON document."""
        self.finish(msgspec.json.encode(document))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Every error is `{"reason", "message", "remedy"}`."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        message, remedy = "Something went wrong; the server's log says more.", ""
        reason = _HTTP_REASONS.get(status_code, "error")
        if isinstance(error, errors.TinyTorchError):
            status_code, reason = _status_of(error)
            self.set_status(status_code)
            message, remedy = error.message, error.remedy
        elif isinstance(error, web.HTTPError):
            message = error.log_message or error.reason or f"HTTP {status_code}"
            if error.args:
                message = message % error.args
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"reason": reason, "message": message, "remedy": remedy}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """What a user can act on is an answer, not a failure of the server."""
        if not isinstance(value, errors.TinyTorchError):
            super().log_exception(typ, value, tb)


def _status_of(error: errors.TinyTorchError) -> tuple[int, str]:
    if isinstance(error, NotHere):
        return 404, "not_found"
    if isinstance(error, BadRequest):
        return 400, "bad_request"
    return next((status, reason) for kind, status, reason in _STATUS if isinstance(error, kind))


class StateHandler(CourseHandler):
    """`GET tinytorch/state?path=…[&track=…]`: the course as a page shows it."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        course = await self.course(self.get_query_argument("path", ""))
        self.answer(await course.state(self.get_query_argument("track", "") or None))


class CompleteHandler(CourseHandler):
    """`POST tinytorch/complete {path, module}`: export and check; asking for it is consent."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        body = self.body()
        module = self.text(body, "module")
        course = await self.course(self.text(body, "path"))
        self.answer(await course.complete(module))


class TrustHandler(CourseHandler):
    """`POST tinytorch/trust {path}`: check this course without being asked from now on."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        course = await self.course(self.text(self.body(), "path"))
        self.answer(await course.trust())


class TrackHandler(CourseHandler):
    """`POST tinytorch/track {path, track}`: show another track of milestones."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        body = self.body()
        track = self.text(body, "track")
        course = await self.course(self.text(body, "path"))
        self.answer(await course.set_track(track))


class SettingsHandler(CourseHandler):
    """`POST tinytorch/settings {path?, check_on_save}`: check after a save, or not."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        body = self.body()
        value = body.get("check_on_save")
        if not isinstance(value, bool):
            raise BadRequest("The request needs 'check_on_save', true or false.")
        course = await self.course(self.text(body, "path")) if "path" in body else None
        self.app.choose_check_on_save(course, value)
        self.answer({})


class AppearanceHandler(CourseHandler):
    """`POST tinytorch/appearance {theme}`: the theme that figures should be drawn in."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        theme = self.text(self.body(), "theme")
        if theme not in ("light", "dark"):
            raise BadRequest("A theme is 'light' or 'dark'.")
        await self.app.choose_theme(theme)
        self.answer({})


HANDLERS: list[tuple[str, Callable[..., CourseHandler]]] = [
    (r"/tinytorch/state", StateHandler),
    (r"/tinytorch/complete", CompleteHandler),
    (r"/tinytorch/trust", TrustHandler),
    (r"/tinytorch/track", TrackHandler),
    (r"/tinytorch/settings", SettingsHandler),
    (r"/tinytorch/appearance", AppearanceHandler),
]
