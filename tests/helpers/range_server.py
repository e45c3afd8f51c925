"""A server of a folder on this machine."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar


class RangeHandler(BaseHTTPRequestHandler):
    """A static server that knows ranges and versions, as the real ones do, unless a test tells it otherwise.

    Attributes:
        ranges: the ranges that were asked for.
        breaks_after: the bytes of an answer after which the connection ends.
        faults: what the server does wrong: "no ranges", "no tag", "no If-Range", "other start", "other total".
    """

    ranges: ClassVar[list[str]] = []
    breaks_after: ClassVar[list[int]] = []
    faults: ClassVar[set[str]] = set()

    def __init__(self, *arguments, folder: Path) -> None:
        self.folder = folder
        super().__init__(*arguments)

    def do_GET(self) -> None:
        file = self.folder / self.path.removeprefix("/")
        if not file.is_file():
            return self.send_error(404)
        content = file.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        wanted = self.headers.get("Range")
        if wanted is not None:
            self.ranges.append(wanted)
        is_current = "no If-Range" in self.faults or self.headers.get("If-Range", tag) == tag
        start = int(wanted[6:-1]) if wanted and is_current and "no ranges" not in self.faults else 0
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            start -= "other start" in self.faults
            total = len(content) + ("other total" in self.faults)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{total}")
        self.send_header("Content-Length", str(len(content) - start))
        if "no tag" not in self.faults:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(content[start:][: self.breaks_after.pop() if self.breaks_after else None])

    def log_message(self, *_) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Yield the address of a server of this folder."""
    for what in (RangeHandler.ranges, RangeHandler.breaks_after, RangeHandler.faults):
        what.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(RangeHandler, folder=folder)) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
