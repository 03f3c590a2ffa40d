"""What tests of scoring share: a few pictures as files, the network that judges by brightness, and runs of the job."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fer_spark.cli.commands.score import main
from fer_spark.pipelines.score import books
from fer_spark.rows import SCORE
from fer_spark.scoring.lease import Lease
from fer_spark.scoring.ledger import Entry, Ledger
from fer_spark.scoring.outputs.output import Output
from tests.pipelines.evaluate.evaluations import SIDE

NAMES = ["angry", "happy", "sad"]
DARK, MIDDLE, BRIGHT = 51, 128, 204
LONG_AGO = 1_500_000_000


def picture(path: Path, gray: int, age_s: int = LONG_AGO, right: int = -1) -> Path:
    """An 8x8 gray PNG of one gray, or of two; last written at `age_s` seconds of the epoch."""
    pixels = np.full((SIDE, SIDE), gray, np.uint8)
    pixels[:, SIDE // 2 :] = gray if right < 0 else right
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    os.utime(path, (age_s, age_s))
    return path


def lake(root: Path, grays: dict[str, int]) -> Path:
    """Pictures by name."""
    for name, gray in grays.items():
        picture(root / name, gray)
    return root


def score(bundle: Path, source: Path | str, output: Path | str, *more: str, kind: str = "images") -> int:
    """The job in this process, on the running session."""
    words = ["--bundle", str(bundle), "--source", kind, "--input", str(source), "--output", str(output)]
    return main([*words, *more])


def scores(output: Path) -> list[dict[str, Any]]:
    """Rows of the files that the summary lists, by path and face."""
    tables = [pq.read_table(output / name) for name in summary(output)["files"]]
    rows = pa.concat_tables(tables).to_pylist() if tables else []
    return sorted(rows, key=lambda row: (row["source_path"], row["source_row"] or 0, row["face_index"] or 0))


def every_score(output: Path) -> list[dict[str, Any]]:
    """Rows of all data files that lie there, listed or not."""
    tables = [pq.read_table(path) for path in sorted(output.glob("*.parquet"))]
    return pa.concat_tables(tables).to_pylist() if tables else []


def summary(output: Path) -> dict[str, Any]:
    return dict(json.loads((output / "_summary.json").read_text(encoding="utf-8")))


def columns() -> list[str]:
    return SCORE.names


class Death(BaseException):
    """Nothing catches it."""


@contextmanager
def dies_at_the_second_commit(monkeypatch: pytest.MonkeyPatch, moment: str) -> Iterator[None]:
    """A run in here ends at its second entry in the ledger: `before the entry`, or after it."""
    real, calls = Ledger.commit, 0

    def dying(self: Ledger, entry: Entry) -> None:
        nonlocal calls
        calls += 1
        if calls == 2 and moment == "before the entry":
            raise Death
        real(self, entry)
        if calls == 2:
            raise Death

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "commit", dying)
        try:
            yield
        except Death:
            return
    raise AssertionError("it lived on")


@contextmanager
def both_hold_the_lease(monkeypatch: pytest.MonkeyPatch, moment: str, other: Callable[[], int]) -> Iterator[list[int]]:
    """No run sees another in here, and the first is overtaken by a whole other one: before its first rows are staged,
    `before the entry` or `before the summary`. Yields a list that gets the other's exit code."""
    codes: list[int] = []
    places = {"before the entry": (Ledger, "commit"), "before the summary": (books, "publish_summary")}
    place, name = places.get(moment, (Output, "stage"))
    real = getattr(place, name)

    def overtaken(*arguments: Any) -> Any:
        if not codes:
            codes.append(-1)
            codes[0] = other()
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Lease, "_others", lambda self: {})
        patched.setattr(Lease, "verify", lambda self: None)
        patched.setattr(place, name, overtaken)
        yield codes
