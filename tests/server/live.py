"""What tests do with a running server: run on its loop, ask it, listen to it."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from jupyter_core.utils import ensure_event_loop
from tornado.httpclient import HTTPClientError, HTTPResponse

from tinytorch_milestones.server_ext import EVENTS
from tinytorch_milestones.state import State
from tinytorch_milestones.tracker import Tracker

LONG = 30.0  # seconds after which something that should happen counts as not happening

Test = Callable[..., Coroutine[Any, Any, None]]


def on_server(test: Test) -> Callable[..., None]:
    """Run an async test on the server's event loop."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        loop = ensure_event_loop(prefer_selector_loop=True)
        loop.run_until_complete(asyncio.wait_for(test(**fixtures), 2 * LONG))

    return run


class Client:
    """Talks to the endpoints as a page does."""

    def __init__(self, fetch: Callable[..., Any]) -> None:
        self.fetch = fetch

    async def get(self, path: str = "", **query: str) -> State:
        answer = await self.fetch("tinytorch", "state", params={"path": path, **query})
        return msgspec.json.decode(answer.body, type=State)

    async def post(self, endpoint: str, **body: object) -> HTTPResponse:
        return await self.fetch("tinytorch", endpoint, method="POST", body=json.dumps(body))

    async def refusal(self, request: Coroutine[Any, Any, Any]) -> tuple[int, dict[str, str]]:
        """Status and JSON of a request that must fail."""
        with pytest.raises(HTTPClientError) as caught:
            await request
        assert caught.value.response is not None
        problem = json.loads(caught.value.response.body)
        assert set(problem) == {"reason", "message", "remedy"}
        assert problem["reason"]
        assert problem["message"]
        return caught.value.code, problem


class Window:
    """An open page: hears what comes over the event bus."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []

    async def hears(self, kind: str, **details: object) -> dict[str, Any]:
        async def wait() -> dict[str, Any]:
            while True:
                event = json.loads(await self.socket.read_message())
                if event["schema_id"] != EVENTS:
                    continue
                self.heard.append(event)
                if event["kind"] == kind and all(event.get(k) == v for k, v in details.items()):
                    return event

        return await asyncio.wait_for(wait(), LONG)


def solve(tracker: Tracker, number: str) -> None:
    tracker.solve_module(number)
