"""The pass over pictures: sums are exact, the kept pictures are those of the least draws, batches do not matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from fer_spark.exploring.looking import MEAN_PX, Keep, Look, Unseen, small, study
from fer_spark.exploring.sheets import contact_sheet
from fer_spark.rows import LOOKED

TEXTS = ("path", "split", "label", "reason")
SCHEMA = pa.schema([*((name, pa.string()) for name in TEXTS), ("draw", pa.int64()), ("content", pa.binary())])


def _look(row: Mapping[str, Any]) -> Look | Unseen:
    """A 3 x 5 picture of the one gray that the content says."""
    if row["content"] == b"bad":
        return Unseen("unreadable")
    gray = row["content"][0]
    return Look({"width": 5, "height": 3}, np.full((3, 5), gray, np.uint8), np.full((MEAN_PX, MEAN_PX), gray, np.uint8))


def _rows(count: int) -> list[dict[str, Any]]:
    rows = [
        {
            "path": f"{i}.png",
            "split": "train" if i % 3 else "val",
            "label": "happy" if i % 2 else "sad",
            "draw": i * 7919 % 101,
            "reason": None,
            "content": bytes([i * 5 % 256]),
        }
        for i in range(count)
    ]
    rows[4]["content"] = b"bad"
    rows[5] |= {"reason": "missing_file", "content": None}
    return rows


def _studied(rows: list[dict[str, Any]], size: int, keep: Keep) -> list[dict[str, Any]]:
    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(rows), size):
            yield pa.RecordBatch.from_pylist(rows[start : start + size], SCHEMA)

    found = list(study(batches(), _look, keep))
    assert all(batch.schema == LOOKED.arrow_schema for batch in found)
    return [row for batch in found for row in batch.to_pylist()]


def test_each_picture_is_one_row_and_sums_are_exact_whatever_the_batches() -> None:
    rows = _rows(50)
    answers = [_studied(rows, size, Keep(2, True)) for size in (1, 7, 50)]
    assert answers[0] == answers[1] == answers[2]
    pictures = [row for row in answers[0] if row["kind"] == "picture"]
    assert [row["path"] for row in pictures] == [f"{i}.png" for i in range(50)]
    assert {row["path"]: row["reason"] for row in pictures if row["reason"]} == {
        "4.png": "unreadable",
        "5.png": "missing_file",
    }
    sums = {(row["split"], row["label"]): row for row in answers[0] if row["kind"] == "sums"}
    seen = [row for i, row in enumerate(rows) if i not in (4, 5)]
    for (split, label), row in sums.items():
        grays = [one["content"][0] for one in seen if (one["split"], one["label"]) == (split, label)]
        assert row["pictures"] == len(grays)
        assert row["pixels"] == 15 * len(grays)
        assert row["total"] == 15 * sum(grays)
        assert row["squares"] == 15 * sum(gray * gray for gray in grays)
        assert set(np.frombuffer(row["content"], "<i8")) == {sum(grays)}
    kept = {(row["label"], row["path"]) for row in answers[0] if row["kind"] == "small"}
    for label in ("happy", "sad"):
        least = sorted((row["draw"], row["path"]) for row in seen if row["label"] == label)[:2]
        assert {path for of, path in kept if of == label} == {path for _, path in least}


def test_without_rows_only_sums_and_small_pictures_come() -> None:
    found = _studied(_rows(20), 20, Keep(0, False, rows=False))
    assert {row["kind"] for row in found} == {"sums", "picture"}  # a picture that could not be seen is still said
    assert all(row["reason"] for row in found if row["kind"] == "picture")
    assert all(row["content"] is None for row in found if row["kind"] == "sums")


def test_small_pictures_keep_their_proportions() -> None:
    assert small(np.zeros((300, 200, 3), np.uint8)).shape == (96, 64, 3)
    assert small(np.zeros((10, 1000), np.uint8)).shape == (1, 96)
    assert small(np.zeros((48, 48), np.uint8)).shape == (48, 48)


def test_a_contact_sheet_has_eight_in_a_row_each_in_its_own_place() -> None:
    files = [bytes(cv2.imencode(".png", np.full((96, 48), 10 + i, np.uint8))[1]) for i in range(9)]
    sheet = contact_sheet(files)
    assert sheet.shape == (2 * 102 + 6, 8 * 102 + 6, 3)
    centres = [sheet[6 + i // 8 * 102 + 48, 6 + i % 8 * 102 + 48].tolist() for i in range(9)]
    assert centres == [[10 + i] * 3 for i in range(9)]
    assert sheet[54, 8].tolist() == [255] * 3  # beside a narrow picture the sheet shows
