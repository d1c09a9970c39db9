"""A server of our own that misbehaves on demand, for tests of transfers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """How the server answers for one path.

    `cuts` are the bytes after which the first answers break off; `endless` sends the content again and again;
    `location` redirects; `encoding` says how the content is packed.
    """

    content: bytes
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    etag: str = '"one"'
    status: list[int] = field(default_factory=list)
    kind: str = "application/zip"
    lie: bool = False
    endless: bool = False
    location: str = ""
    encoding: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def starts(self) -> list[int]:
        """The first byte that each request asked for."""
        return [int(wanted.removeprefix("bytes=")[:-1]) if wanted else 0 for _, wanted in self.requests]


class Misbehaving(BaseHTTPRequestHandler):
    def do_HEAD(self):
        how = self.server.behaviours.get(self.path)
        self.send_response(200 if how else 404)
        self.send_header("Content-Length", str(len(how.content) if how else 0))
        self.end_headers()

    def do_GET(self):
        how = self.server.behaviours.get(self.path)
        if how is None:
            self.send_error(404)
            return
        wanted = self.headers["Range"]
        how.requests.append((self.path, wanted))
        if how.status:
            self.send_error(how.status.pop(0))
            return
        if how.location:
            self.send_response(302)
            self.send_header("Location", how.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and how.ranges else 0
        if "If-Range" in self.headers and self.headers["If-Range"] != how.etag:
            start = 0
        if start and start >= len(how.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(how.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_rest(how, start)

    def send_rest(self, how: Behaviour, start: int):
        body = how.content[start:]
        self.send_response(206 if start else 200)
        if start:
            first = 0 if how.lie else start
            self.send_header("Content-Range", f"bytes {first}-{len(how.content) - 1}/{len(how.content)}")
        if how.etag:
            self.send_header("ETag", how.etag)
        self.send_header("Content-Type", how.kind)
        if how.encoding:
            self.send_header("Content-Encoding", how.encoding)
        if not how.endless:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: how.cuts.pop(0)] if how.cuts else body)
        with suppress(OSError):  # until the other side has had enough
            while how.endless:
                self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def listening(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """A server in a thread, as long as it is needed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Folder(SimpleHTTPRequestHandler):
    """Files of a folder, without noise."""

    def log_message(self, *_):
        pass
