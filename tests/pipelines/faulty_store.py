"""A proxy before an object store that does what stores and networks do: it asks to slow down, cuts uploads, is away.

Requests are passed on as they came, so that their signatures hold: they name the proxy as the host.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SLOW_DOWN = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"""


class Faults:
    """What the proxy does: `throttled`, every so many requests get 503; `cut`, every so many uploads end half-way;
    `away_s`, for so long after the first upload every connection is closed; `lost_at`, from the first upload to a path
    that ends so on (`lost`) every connection is closed until somebody sets `mended`, when that upload arrives. `seen`
    counts what it did."""

    def __init__(self, throttled: int = 0, cut: int = 0, away_s: float = 0.0, lost_at: str = "") -> None:
        self.throttled, self.cut, self.away_s, self.lost_at = throttled, cut, away_s, lost_at
        self.lost, self.mended = threading.Event(), threading.Event()
        self.seen: Counter[str] = Counter()
        self._until = 0.0
        self._lock = threading.Lock()

    def of(self, method: str, path: str, size: int) -> str:
        """`pass`, `throttle`, `cut`, `away` or `late`."""
        with self._lock:
            self.seen["requests"] += 1
            upload = method in ("PUT", "POST") and size > 0
            self.seen["uploads"] += upload
            if self.away_s and upload and not self._until:
                self._until = time.monotonic() + self.away_s
            found = "pass"
            if time.monotonic() < self._until or (self.lost.is_set() and not self.mended.is_set()):
                found = "away"
            elif self.lost_at and upload and not self.lost.is_set() and urlsplit(path).path.endswith(self.lost_at):
                self.lost.set()
                found = "late"
            elif self.throttled and self.seen["requests"] % self.throttled == 0:
                found = "throttle"
            elif self.cut and upload and self.seen["uploads"] % self.cut == 0:
                found = "cut"
            self.seen[found] += 1
            return found


@contextmanager
def faulty(endpoint: str, faults: Faults) -> Iterator[str]:
    """The URL of a proxy before `endpoint`."""
    behind = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            what = faults.of(self.command, self.path, size)
            if what == "away":
                self._hang_up()
                return
            if what == "cut":
                self.rfile.read(size // 2)
                self._hang_up()
                return
            body = self.rfile.read(size)
            if what == "late":
                faults.mended.wait()
            if what == "throttle":
                self._reply(503, {"Content-Type": "application/xml"}, SLOW_DOWN)
                return
            there = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=60)
            there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                there.putheader(name, value)
            there.endheaders(body)
            answer = there.getresponse()
            content = answer.read()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in ("transfer-encoding", "connection")
            }
            self._reply(answer.status, kept, content)
            there.close()

        def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() != "content-length" or self.command == "HEAD":
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _hang_up(self) -> None:
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    for method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
