"""A store that speaks enough S3 to be listed and read, and holds nothing: names, sizes and bytes come from a number."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

BUCKET, FOLDER = "computed", "in"
_PAGE = 1_000
_MODIFIED = "2026-01-02T03:04:05.000Z"
MODIFIED_US = 1_767_323_045_000_000


def name(number: int) -> str:
    """Below the folder; sorted as the numbers are."""
    return f"{number // 5000:04d}/IMG_{number:07d} {number % 7}.jpg"


def size(number: int) -> int:
    return 20_000 + number * 7919 % 30_000


@dataclass
class Computed:
    """`requests`: how many came of each kind."""

    endpoint: str
    requests: Counter[str] = field(default_factory=Counter)

    def for_hadoop(self) -> dict[str, str]:
        return {
            "fs.s3a.endpoint": self.endpoint,
            "fs.s3a.endpoint.region": "us-east-1",
            "fs.s3a.path.style.access": "true",
            "fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider",
        }


@contextmanager
def computed_store(objects: int) -> Iterator[Computed]:
    """A bucket of so many pictures in one folder."""
    store = Computed("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            address = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(address.query, keep_blank_values=True).items()}
            key = unquote(address.path).removeprefix(f"/{BUCKET}").removeprefix("/")
            if query.get("list-type") == "2":
                store.requests["list"] += 1
                self._reply(200, _page(objects, query), "application/xml")
                return
            store.requests[self.command] += 1
            number = _number(key, objects)
            if number is None:
                self._reply(404, b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>", "application/xml")
            else:
                self._reply(200, b"\0" * size(number), "image/jpeg")

        def _reply(self, status: int, content: bytes, kind: str) -> None:
            self.send_response_only(status)
            head = {"Content-Type": kind, "Content-Length": str(len(content)), "ETag": '"e"'}
            head["Last-Modified"] = "Fri, 02 Jan 2026 03:04:05 GMT"
            for title, value in head.items():
                self.send_header(title, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    for method in ("GET", "HEAD"):
        setattr(Handler, f"do_{method}", Handler._answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    store.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()


def _number(key: str, objects: int) -> int | None:
    digits = key.partition("IMG_")[2][:7]
    number = int(digits) if digits.isdigit() else -1
    return number if 0 <= number < objects and key == f"{FOLDER}/{name(number)}" else None


def _page(objects: int, query: dict[str, str]) -> bytes:
    """Keys after the token, whatever folder below `in/` the prefix names."""
    prefix, most = query.get("prefix", ""), min(int(query.get("max-keys", _PAGE)), _PAGE)
    here = f"{FOLDER}/".startswith(prefix) or prefix == f"{FOLDER}/"
    first = int(query.get("continuation-token", "0"))
    last = min(first + most, objects) if here else first
    encode = quote if query.get("encoding-type") == "url" else str
    contents = "".join(
        f"<Contents><Key>{encode(f'{FOLDER}/{name(number)}')}</Key><LastModified>{_MODIFIED}</LastModified>"
        f"<ETag>&quot;e&quot;</ETag><Size>{size(number)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for number in range(first, last)
    )
    more = here and last < objects
    token = f"<NextContinuationToken>{last}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix>{encode(prefix)}</Prefix><KeyCount>{last - first}</KeyCount>"
        f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
    ).encode()
