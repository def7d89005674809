"""A server of data files that misbehaves as a test wants it to."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Mirror(http.server.ThreadingHTTPServer):
    """Serves files by name; what it does wrong is set by a test."""

    ranges = True  # whether it understands Range
    break_off: int | None = None  # bytes after which the next answer ends
    altered = False

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.strip("/")
        wanted = self.headers.get("Range")
        self.server.asked.append((name, wanted))
        data = self.server.files[name]
        if self.server.altered:
            data = data[:-1] + b"?"
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if not self.server.ranges:
            start = 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        stop, self.server.break_off = self.server.break_off, None
        self.wfile.write(data[start : stop if stop is not None else len(data)])

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Mirror]:
    """A mirror that answers while the block runs."""
    with Mirror(files) as mirror:
        options = {"poll_interval": 0.01}  # so that it ends soon
        thread = threading.Thread(target=mirror.serve_forever, kwargs=options, daemon=True)
        thread.start()
        yield mirror
        mirror.shutdown()
        thread.join()
