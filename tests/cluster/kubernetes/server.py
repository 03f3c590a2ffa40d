"""A Kubernetes API server of this process, over HTTP, as far as Spark's client speaks to it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cluster.kubernetes.api import Api, MissingError
from tests.cluster.kubernetes.changes import Object

_PATH = re.compile(r"/(?:api/v1|apis/[^/]+/[^/]+)/namespaces/[^/]+/(?P<kind>[a-z]+)(?:/(?P<name>[^/]+))?")


@contextmanager
def serving() -> Iterator[Api]:
    """On a free port of 127.0.0.1. Skips where the schema is not installed."""
    pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    api = Api()
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    api.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.close()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Api

    def do_GET(self) -> None:
        kind, name, query = self._place()
        selector = query.get("labelSelector", "")
        if query.get("watch") == "true":
            if "name=" in (fields := query.get("fieldSelector", "")):
                name = fields.partition("name=")[2]
            self._watch(kind, selector, name)
        elif name:
            self._answer(lambda: self.api.get(kind, name))
        else:
            version = {"resourceVersion": "0"}
            listed = {"kind": "List", "apiVersion": "v1", "metadata": version, "items": self.api.find(kind, selector)}
            self._send(200, listed)

    def do_POST(self) -> None:
        thing = self._body()
        self._send(201, self.api.create(self._place()[0], thing))

    def do_PATCH(self) -> None:
        """A server-side apply of an object that is not there creates it."""
        kind, name, _ = self._place()
        changes = self._body()
        if "apply" in self.headers["Content-Type"] and (kind, name) not in self.api.objects:
            self._send(201, self.api.create(kind, changes))
        else:
            self._answer(lambda: self.api.change(kind, name, changes))

    def do_DELETE(self) -> None:
        """Of one object, or of all that the selector fits."""
        kind, name, query = self._place()
        self._body()
        if name:
            self._answer(lambda: self.api.delete(kind, name))
        else:
            for thing in self.api.find(kind, query.get("labelSelector", "")):
                self.api.delete(kind, thing["metadata"]["name"])
            self._send(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def log_message(self, format: str, *words: Any) -> None:
        """Nothing: tests look at objects."""

    def _place(self) -> tuple[str, str, dict[str, str]]:
        parts = urlsplit(self.path)
        found = _PATH.fullmatch(parts.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return (found["kind"], found["name"] or "", query) if found else ("nothing", parts.path, query)

    def _body(self) -> Any:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return json.loads(text) if text else {}

    def _answer(self, act: Callable[[], Object]) -> None:
        try:
            self._send(200, act())
        except MissingError as error:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            self._send(404, status | {"message": f"{error} not found"})

    def _send(self, code: int, thing: Object) -> None:
        text = json.dumps(thing).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _watch(self, kind: str, selector: str, name: str) -> None:
        """By a stream of lines. Who asks for a web socket first gets an answer that makes it ask for the stream."""
        if "upgrade" in self.headers.get("Connection", "").lower():
            self._send(200, {})
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        events = self.api.watch(kind, selector, name)
        try:
            for event in events:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:  # the watcher left
            self.close_connection = True
        finally:
            events.close()
