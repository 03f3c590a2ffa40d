"""What a worker reads from storage beyond its machine: each row once, with its content or why it has none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from fer_spark.rows import PICTURE
from fer_spark.sources.files.contents import remote_contents

HELD = {f"p{number:03d}.png": bytes([number]) * (number + 1) for number in range(40)}
LISTED = pa.schema([*PICTURE.arrow_schema, ("size", pa.int64())])


@dataclass(frozen=True)
class Shelf:
    """A store: `errors` by path, for all of it `closed`. `read_paths`: what was read of it."""

    errors: dict[str, Exception] = field(default_factory=dict)
    closed: bool = False
    read_paths: list[str] = field(default_factory=list)
    uri = "s3a://shelf"

    def open(self, probe: str) -> Any:
        return self

    def read(self, path: str) -> bytes:
        self.read_paths.append(path)
        self.touch(path)
        return HELD[path]

    def touch(self, path: str) -> None:
        if self.closed:
            raise PermissionError("the token has expired")
        if path in self.errors:
            raise self.errors[path]


def read(shelf: Any, too_large: tuple[str, ...] = ()) -> dict[str, tuple[Any, ...]]:
    """Of every path the content and the reason; the rows come to the worker in batches of seven."""
    rows = [
        {"path": path, "size": len(content), "reject_reason": "too_large" if path in too_large else None}
        for path, content in HELD.items()
    ]
    batches = (pa.RecordBatch.from_pylist(rows[first : first + 7], schema=LISTED) for first in range(0, len(rows), 7))
    found = [row for batch in remote_contents(shelf, "p000.png")(batches) for row in batch.to_pylist()]
    assert [row["path"] for row in found] == sorted({row["path"] for row in found})
    return {row["path"]: (row["content"], row["reject_reason"]) for row in found}


def test_contents_come_with_their_paths_and_too_large_ones_are_not_read() -> None:
    shelf = Shelf()
    found = read(shelf, too_large=("p003.png", "p039.png"))
    large = {"p003.png": (None, "too_large"), "p039.png": (None, "too_large")}
    assert found == {path: (content, None) for path, content in HELD.items()} | large
    assert sorted(shelf.read_paths) == sorted(set(HELD) - set(large))


def test_a_file_that_vanished_is_no_row_and_one_that_is_closed_has_a_reason() -> None:
    found = read(Shelf({"p002.png": FileNotFoundError("p002.png"), "p004.png": PermissionError("Access Denied")}))
    assert set(HELD) - set(found) == {"p002.png"}
    assert {path: why for path, (_, why) in found.items() if why} == {"p004.png": "missing_file"}


@pytest.mark.parametrize("shelf", [Shelf(closed=True), Shelf({"p005.png": OSError("503")})])
def test_a_store_that_fails_is_an_error_of_the_task_and_no_row(shelf: Shelf) -> None:
    with pytest.raises(OSError, match=r"503|s3a://shelf refuses .*expired"):
        read(shelf)
