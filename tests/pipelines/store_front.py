"""What stands before fake-gcs-server, for what that one leaves out: tokens, refusals, TLS under Google's own name,
moves, batches, and that the condition of an upload in parts holds when its last part comes."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import threading
from email import message_from_bytes, message_from_string
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

HOST = "storage.googleapis.com"
TOKEN = "ya29.a-token-of-the-tests"
FORBIDDEN = "forbidden"
"""A bucket that this token opens for nobody."""
_MOVE = re.compile(r"/storage/v1(?P<bucket>/b/[^/]+)/o/(?P<source>[^/?]+)/moveTo(?P<target>/o/[^/?]+)(?P<query>\?.*)?$")

Headers = Message | dict[str, str]
Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and content."""
_NOTHING: Answer = (0, {}, b"")
"""The connection is closed without an answer."""


def _refusal(code: int, message: str) -> Answer:
    reason = {401: "required", 403: "forbidden", 412: "conditionNotMet"}[code]
    details = [{"message": message, "domain": "global", "reason": reason}]
    error = {"error": {"code": code, "message": message, "errors": details}}
    return code, {"Content-Type": "application/json; charset=UTF-8"}, json.dumps(error).encode()


class Held:
    """An upload that waits before the store: the first of an object whose name ends with `name`. What the client may do
    meanwhile is to die."""

    def __init__(self, name: str) -> None:
        self.reached = threading.Event()
        self._ending, self._go, self._arrives = quote(name, safe=""), threading.Event(), False

    def is_of(self, place: str) -> bool:
        return place.endswith(self._ending) and not self.reached.is_set()

    def wait(self) -> bool:
        """Whether it is to be passed on."""
        self.reached.set()
        self._go.wait()
        return self._arrives

    def release(self, arrives: bool) -> None:
        """Let the store have it, or nobody."""
        self._arrives = arrives
        self._go.set()


class Front(ThreadingHTTPServer):
    """Answers on a free port of this machine; the server is at the port `behind`."""

    daemon_threads = True

    def __init__(self, behind: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.context = behind, context
        self.writing = threading.Lock()
        self.uploads: dict[str, tuple[str, str]] = {}
        self.lost: list[str] = []
        self.held: list[Held] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Front

    def setup(self) -> None:
        super().setup()
        self._address = "http"
        self._there = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)

    def finish(self) -> None:
        self._there.close()
        super().finish()

    def do_CONNECT(self) -> None:
        self.send_response_only(200)
        self.end_headers()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self._address = "https"
        self.close_connection = False

    def _answer(self) -> None:
        body = self._body()
        if self.path == "/token":
            self._give_token(body)
        elif self.path.lstrip("/").startswith("batch/"):
            self._batch(body)
        else:
            self._reply(*self._checked(self.command, self.path, body, self.headers))

    def _checked(self, method: str, path: str, body: bytes, headers: Headers) -> Answer:
        """One request's answer; without the token, or to the bucket that it does not open, a refusal as Google's."""
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return _refusal(401, "Anonymous caller does not have storage.objects.get access to the object.")
        if re.search(rf"/b/{FORBIDDEN}\b", path):
            return _refusal(
                403, "known@p.iam.gserviceaccount.com does not have storage.objects.get access to the object."
            )
        if match := _MOVE.match(path):
            with self.server.writing:
                return self._move(match)
        if "uploadType=resumable" in path:
            return self._upload(method, path, body, headers)
        return self._ask(method, path, body, headers)

    def _upload(self, method: str, path: str, body: bytes, headers: Headers) -> Answer:
        """Begin an upload in parts, or go on with it."""
        query = parse_qs(urlsplit(path).query)
        if method == "POST":
            answer = self._ask(method, path, body, headers)
            upload = parse_qs(urlsplit(answer[1].get("Location", "")).query).get("upload_id", [""])[0]
            bucket = re.sub("^/upload|/o$", "", urlsplit(path).path)
            place = f"{bucket}/o/{quote(query['name'][0], safe='')}"
            self.server.uploads[upload] = (place, query.get("ifGenerationMatch", [""])[0])
            return answer
        place, expected = self.server.uploads[query["upload_id"][0]]
        if any(held.is_of(place) and not held.wait() for held in self.server.held):
            return _NOTHING
        if not expected or headers.get("Content-Range", "").endswith("/*"):
            return self._ask(method, path, body, headers)
        with self.server.writing:
            status, _, there = self._ask("GET", place, b"", {})
            if expected != (json.loads(there)["generation"] if status == 200 else "0"):
                return _refusal(412, "At least one of the pre-conditions you specified did not hold.")
            lost = self.server.lost.pop(0) if self.server.lost else ""
            answer = _NOTHING if lost == "upload" else self._ask(method, path, body, headers)
            return _NOTHING if lost else answer

    def _batch(self, body: bytes) -> None:
        """Several requests in one, each with a token of its own."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = b""
        for part in message_from_bytes(head + body).get_payload():
            line, _, rest = part.get_payload().lstrip().partition("\n")
            request, (method, address) = message_from_string(rest), line.split()[:2]
            path, content = re.sub(r"^https?://[^/]+", "", address), request.get_payload().encode()
            status, _, answer = self._checked(method, path, content, request)
            there = part["Content-ID"].replace("<", "<response-", 1)
            kind = "Content-Type: application/json\r\n" if answer else ""
            parts += f"--batch\r\nContent-Type: application/http\r\nContent-ID: {there}\r\n\r\n".encode()
            parts += f"HTTP/1.1 {status} -\r\n{kind}Content-Length: {len(answer)}\r\n\r\n".encode() + answer + b"\r\n"
        self._reply(200, {"Content-Type": "multipart/mixed; boundary=batch"}, parts + b"--batch--\r\n")

    def _give_token(self, body: bytes) -> None:
        """For an account that is known; Google looks at the signature too."""
        claims = parse_qs(body.decode())["assertion"][0].split(".")[1]
        if b'"known@' in base64.urlsafe_b64decode(claims + "==").replace(b" ", b""):
            self._reply(
                200, {}, json.dumps({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}).encode()
            )
        else:
            error = {"error": "invalid_grant", "error_description": "Invalid grant: account not found"}
            self._reply(400, {}, json.dumps(error).encode())

    def _move(self, match: re.Match[str]) -> Answer:
        """As a copy and a deletion, which fake-gcs-server has; nobody sees both, or neither."""
        source = f"/storage/v1{match['bucket']}/o/{match['source']}"
        copy = f"{source}/rewriteTo{match['bucket']}{match['target']}{match['query'] or ''}"
        status, _, content = self._ask("POST", copy, b"{}", {"Content-Type": "application/json"})
        if status == 200:
            self._ask("DELETE", source, b"", {})
            content = json.dumps(json.loads(content)["resource"]).encode()
        return status, {"Content-Type": "application/json"}, content

    def _body(self) -> bytes:
        """Raises ConnectionError where the client closes the connection before the end: nothing is stored then."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self._whole(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self._whole(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _whole(self, size: int) -> bytes:
        read = self.rfile.read(size)
        if len(read) < size:
            raise ConnectionError("the client closed the connection")
        return read

    def _ask(self, method: str, path: str, body: bytes, headers: Headers) -> Answer:
        """What the server behind answers."""
        left_out = ("host", "connection", "transfer-encoding", "content-length", "accept-encoding")
        kept = {name: value for name, value in headers.items() if name.lower() not in left_out}
        self._there.request(method, path, body, kept | {"Host": HOST, "Content-Length": str(len(body))})
        answer = self._there.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        if status == 0:
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() == "location":  # of an upload: where the client found this front
                value = re.sub(r"^https?://[^/]+", f"{self._address}://{self.headers['Host']}", value)
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if status == 412:  # Java's client closes its connection, though another thread may have been given it since
            self.send_header("Connection", "close")
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer = []
        self.wfile.write(head + (b"" if self.command == "HEAD" else content))

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815
