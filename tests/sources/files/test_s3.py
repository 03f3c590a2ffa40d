"""Arrow's errors of S3 are those that a worker knows: a file that is missing, a file or a store that is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from fer_spark.sources.files.s3 import S3Store, named_errors

READING = "When reading information for key 'a.png' in bucket 'lake': AWS Error {} during HeadObject operation: no."


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (FileNotFoundError("Path does not exist 'lake/a.png'"), FileNotFoundError),
        (OSError(READING.format("NO_SUCH_KEY")), FileNotFoundError),
        (OSError(READING.format("ACCESS_DENIED")), PermissionError),
        (OSError(READING.format("SLOW_DOWN")), OSError),
    ],
)
def test_errors_by_their_kind(raised: OSError, kind: type[OSError]) -> None:
    with pytest.raises(kind) as found, named_errors():
        raise raised
    assert type(found.value) is kind
    assert str(found.value) == str(raised)


@dataclass(frozen=True)
class Failing:
    """As much of a file system as is asked for here."""

    error: OSError

    def open_input_file(self, path: str) -> Any:
        raise self.error


def test_what_arrow_fails_at_is_read_again_and_what_is_missing_or_closed_is_not() -> None:
    options = {"endpoint_override": "http://127.0.0.1:9", "region": "us-east-1", "anonymous": True}
    store = S3Store("s3a://lake/in", options, lambda path: f"again {path}".encode())
    store._system = Failing(OSError("AWS Error INTERNAL_FAILURE during GetObject operation"))
    assert store.read("a.png") == b"again a.png"
    for kind in (FileNotFoundError, PermissionError):
        store._system = Failing(kind("a.png"))
        with pytest.raises(kind):
            store.read("a.png")
