"""Prepared faces → rows, with a model whose answers are known: order, filling, what is null and what is not."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import SCORE, prepared_table
from fer_spark.scoring.columns import RowSettings
from fer_spark.scoring.predictor import Predictor, filled
from fer_spark.scoring.salt import Salt

COLUMN = "image_4_gray"
PIXELS = StoredPixels(COLUMN, FaceShape(4, "gray"))
SCHEMA = prepared_table([COLUMN]).arrow_schema


class Brightness:
    """P(bright) is the mean gray; of the rest `dark` has two thirds and `odd` one third. Valence is 2 P - 1."""

    labels = ("dark", "odd", "bright")
    digest, preparation_digest = "model", "card"

    def __init__(self) -> None:
        self.asked: list[int] = []

    def predict(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        self.asked.append(len(images))
        bright = images.reshape(len(images), -1).mean(axis=1) / 255 if len(images) else np.empty(0)
        rows = np.stack([(1 - bright) * 2 / 3, (1 - bright) / 3, bright], axis=1).astype(np.float32)
        return rows, np.stack([2 * bright - 1, 0 * bright], axis=1).astype(np.float32)

    def predict_proba(self, *arguments: Any) -> npt.NDArray[np.float32]:
        return self.predict(*arguments)[0]


def prepared(*grays: int | None, start: int = 0) -> pa.RecordBatch:
    """One row per gray; None is a picture without a face."""
    rows = [
        dict.fromkeys(SCHEMA.names)
        | {
            "face_id": f"face-{start + i}",
            "image_id": f"image-{start + i}",
            "source_path": f"{start + i}.png",
            "label": "odd",
            "face_index": None if gray is None else 0,
            "reason": "no_face" if gray is None else None,
            "detail": "nothing found" if gray is None else None,
            COLUMN: None if gray is None else bytes([gray]) * 16,
        }
        for i, gray in enumerate(grays)
    ]
    return pa.RecordBatch.from_pylist(rows, SCHEMA)


def rows(batches: list[pa.RecordBatch], **settings: Any) -> tuple[list[dict[str, Any]], Brightness]:
    scorer = Brightness()
    predictor = Predictor(scorer, PIXELS, RowSettings("prepared so", **settings))  # type: ignore[arg-type]
    found = list(predictor.score(iter(batches)))
    assert all(batch.schema.equals(SCORE.arrow_schema) for batch in found)
    return [row for batch in found for row in batch.to_pylist()], scorer


def test_a_face_in_doubt_is_no_sure_answer() -> None:
    doubted = prepared(51, None, 204).to_pylist()
    doubted[2]["detail"] = "a face in doubt"
    batch = pa.RecordBatch.from_pylist(doubted, SCHEMA)
    for secret, detail in (("", "a face in doubt"), ("pepper", None)):
        found, _ = rows([batch], salt=Salt(secret))
        assert [row["abstained"] for row in found] == [False, None, True]
        assert [row["status"] for row in found] == ["ok", "no_face", "ok"]
        assert found[2]["detail"] == detail


def test_answers_go_to_their_own_rows_and_nothing_to_the_others() -> None:
    found, _ = rows([prepared(51, None, 204), prepared(None, start=3), prepared(153, start=4)])
    assert [row["source_path"] for row in found] == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    assert [row["label"] for row in found] == ["dark", None, "bright", None, "bright"]
    assert [row["status"] for row in found] == ["ok", "no_face", "ok", "no_face", "ok"]
    assert [row["detail"] for row in found] == [None, "nothing found", None, "nothing found", None]
    assert found[1]["probabilities"] is None
    assert found[1]["confidence"] is None
    assert found[0]["confidence"] == pytest.approx(0.8 * 2 / 3)
    assert [name for name, _ in found[2]["probabilities"]] == ["dark", "odd", "bright"]
    assert [share for _, share in found[2]["probabilities"]] == pytest.approx([2 / 15, 1 / 15, 0.8])
    assert found[2]["margin"] == pytest.approx(0.8 - 2 / 15)
    assert found[4]["valence"] == pytest.approx(0.2)
    assert found[4]["given_label"] == "odd"
    assert {row["model_digest"] for row in found} == {"model"}
    assert {row["preparation_digest"] for row in found} == {"prepared so"}


def test_faces_under_the_threshold_abstain_and_keep_their_answer() -> None:
    found, _ = rows([prepared(204, 153, None)], abstain_below=0.7)
    assert [row["abstained"] for row in found] == [False, True, None]
    assert found[1]["label"] == "bright"


def test_the_model_sees_one_batch_where_arrow_brought_many() -> None:
    _, scorer = rows([prepared(*[i] * 3, start=3 * i) for i in range(7)])
    assert scorer.asked == [21]


def test_filling_keeps_every_row_in_order_and_reaches_the_size_asked_for() -> None:
    sizes = [1, 5, 0, 2, 9, 3, 1]
    batches = [pa.RecordBatch.from_pydict({"x": list(range(sum(sizes[:i]), sum(sizes[: i + 1])))}) for i in range(7)]
    batches = [batch.cast(pa.schema([("x", pa.int64())])) for batch in batches]
    tables = list(filled(iter(batches), ["x"], rows=6))
    assert [len(table) for table in tables] == [6, 11, 4]
    assert [x for table in tables for x in table["x"].to_pylist()] == list(range(21))


def test_pixels_of_another_size_are_unreadable_rows_not_errors() -> None:
    batch = prepared(51, 102)
    wrong = batch.set_column(batch.schema.get_field_index(COLUMN), COLUMN, pa.array([b"short", bytes([102]) * 16]))
    found, _ = rows([wrong])
    assert [row["status"] for row in found] == ["unreadable", "ok"]
    assert found[1]["confidence"] == pytest.approx(0.4)


def test_a_header_that_promises_a_giant_is_unreadable_not_an_error() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    giant = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    images, known = StoredPixels(COLUMN, FaceShape(4, "gray"), codec="png").decode_column(pa.array([giant, None]))
    assert (len(images), known.tolist()) == (0, [False, False])


def test_a_crop_is_the_face_as_the_model_saw_it_and_only_on_request() -> None:
    assert rows([prepared(51)])[0][0]["crop"] is None
    png = rows([prepared(None, 51)], keep_crop=True)[0][1]["crop"]
    assert (cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED) == 51).all()


def test_a_colour_face_comes_back_as_red_green_blue() -> None:
    face = np.zeros((4, 4, 3), np.uint8)
    face[..., 0] = 250
    _, png = cv2.imencode(".png", face[..., ::-1])
    images, known = StoredPixels("image_4_rgb", FaceShape(4, "rgb"), codec="png").decode_column(
        pa.array([None, png.tobytes(), b"x"])
    )
    assert known.tolist() == [False, True, False]
    assert (images[0] == face).all()


def test_float_pixels_are_little_endian_in_c_order() -> None:
    face = np.linspace(0, 1, 16, dtype="<f4").reshape(4, 4)
    images, _ = StoredPixels(COLUMN, FaceShape(4, "gray"), dtype="float32").decode_column(pa.array([face.tobytes()]))
    assert images.dtype == np.float32
    assert (images[0] == face).all()


def test_a_salt_hides_ids_paths_and_details_and_keeps_equal_things_equal() -> None:
    batch = prepared(51, None)
    twice, _ = rows([batch, batch], salt=Salt("secret"))
    assert twice[0]["source_path"] == twice[2]["source_path"]
    # printf %s 0.png | openssl dgst -sha256 -hmac secret
    assert twice[0]["source_path"] == "a6640c0b54a3c4c493e9b8c3b04f69eb"
    assert "0.png" not in repr(twice)
    assert "image-0" not in repr(twice)
    assert twice[1]["detail"] is None
    other, _ = rows([batch], salt=Salt("other"))
    assert other[0]["source_path"] != twice[0]["source_path"]
    assert "secret" not in repr(RowSettings("x", salt=Salt("secret")))


def test_nothing_in_gives_nothing_out() -> None:
    def none() -> Iterator[pa.RecordBatch]:
        yield from ()

    assert list(Predictor(Brightness(), PIXELS, RowSettings("")).score(none())) == []  # type: ignore[arg-type]
