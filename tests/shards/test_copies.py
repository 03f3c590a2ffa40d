"""Which rows are copied how often, and what a copy is: by hand, without Spark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import FACE
from fer_spark.shards.balance import ClassCopies, plan_copies
from fer_spark.shards.copies import CopySettings, Warp, make_copies, stored_face
from fer_spark.shards.manifest import ImageColumn
from tests.shards.frames import face_row

TRAIN = {"angry": 7, "disgust": 2, "happy": 11, "sad": 5}


def test_the_plan_by_hand() -> None:
    # 11 rows of every class: 4 more of 7 rows, 9 more of 2 rows (4 of each, 5 of one), 6 more of 5 rows
    assert plan_copies({**TRAIN, "fear": 0}, 0) == {
        "angry": ClassCopies(7, 0, 4),
        "disgust": ClassCopies(2, 4, 1),
        "sad": ClassCopies(5, 1, 1),
    }
    assert plan_copies(TRAIN, 6) == {"disgust": ClassCopies(2, 2, 0), "sad": ClassCopies(5, 0, 1)}
    assert plan_copies(TRAIN, 2) == {}
    assert ClassCopies(2, 4, 1).copies == 9
    assert ClassCopies(2, 4, 1).most_per_row == 5
    with pytest.raises(ValueError, match="nothing to copy"):
        plan_copies({"happy": 0}, 0)


def test_float_and_colour_copies_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    image = ImageColumn(StoredPixels("image_32_rgb", FaceShape(32, "rgb"), "raw", "float32"), [], [])
    face = np.zeros((32, 32, 3), np.uint8)
    face[..., 0], face[10:20, 5:15, 1] = 200, 90
    rows = [face_row(number) | {"image_32_rgb": image.pixels.encode(face)} for number in (1, 2, 3)]
    for row, copies in zip(rows, (2, 1, 4), strict=True):
        row["_copies"] = copies
    fields = [*FACE.arrow_schema, pa.field("_copies", pa.int32()), pa.field("image_32_rgb", pa.binary())]
    batch = pa.RecordBatch.from_pylist(rows, pa.schema(fields))

    def made() -> list[dict[str, Any]]:
        batches = list(make_copies(iter([batch]), {"image_32_rgb": image}, CopySettings(max_zoom_frac=0.0)))
        assert all(one.schema.names == [*FACE.names, "image_32_rgb", "augmented_from"] for one in batches)
        return [row for one in batches for row in one.to_pylist()]

    copies = made()
    assert [row["augmented_from"] for row in copies] == [rows[i]["face_id"] for i in (0, 0, 1, 2, 2, 2, 2)]
    for row in copies:
        pixels = np.frombuffer(row["image_32_rgb"], "<f4").reshape(32, 32, 3)
        assert np.abs(pixels[..., 0] - 200 / 255).max() < 1e-6, "red everywhere, as before"
        assert pixels[..., 2].max() == 0
        assert 90 / 255 * 70 < pixels[..., 1].sum() < 90 / 255 * 130, "the 100 green pixels moved, and stayed as many"
    monkeypatch.setattr("fer_spark.shards.copies._BATCH_BYTES", 30_000)
    assert made() == copies


def test_warps_stay_in_bounds_are_spread_and_never_turn_a_face_over() -> None:
    settings = CopySettings(max_angle_deg=15, max_shift_frac=0.1, max_zoom_frac=0.2)
    warps = [Warp.draw(f"{number:032x}", settings) for number in range(2000)]
    assert np.mean([warp.flip for warp in warps]) == pytest.approx(0.5, abs=0.05)
    for name, low, high in (("angle_deg", -15, 15), ("shift_x_frac", -0.1, 0.1), ("shift_y_frac", -0.1, 0.1)):
        values = np.array([getattr(warp, name) for warp in warps])
        assert low <= values.min() < 0.95 * low < 0.95 * high < values.max() <= high
        assert values.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)
    assert not any(Warp.draw(str(n), CopySettings(flip=False)).flip for n in range(50))
    # light above, dark below: so it stays
    face = np.repeat(np.linspace(250, 5, 48).astype(np.uint8)[:, None], 48, 1)
    for warp in warps[:200]:
        moved = warp.apply(face)
        assert moved[:12].mean() > moved[36:].mean() + 80


def test_warp_by_hand() -> None:
    face = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    assert np.array_equal(Warp(False, 0, 0, 0, 1).apply(face), face)
    assert np.array_equal(Warp(True, 0, 0, 0, 1).apply(face), face[:, ::-1])
    right = Warp(False, 0, 0.125, 0, 1).apply(face)  # an eighth of 48 is 6 px; the left edge repeats
    assert np.array_equal(right[:, 6:], face[:, :-6])
    assert np.array_equal(right[:, :6], np.repeat(face[:, :1], 6, 1))
    assert np.array_equal(Warp(False, 90, 0, 0, 1).apply(face), np.rot90(face)), "about the centre, anticlockwise"


@pytest.mark.parametrize(
    ("text", "store"),
    [(text, "uint8") for text in ("20:gray", "20:rgb:raw", "20:rgb:png", "20:gray:png", "20:rgb:jpeg95")]
    + [("20:gray", "float32"), ("20:rgb:raw", "float32")],
)
def test_what_is_encoded_decodes_to_the_same(text: str, store: str) -> None:
    pixels = StoredPixels.parse(text, store)
    face = np.zeros((20, 20) if "gray" in text else (20, 20, 3), np.uint8)
    face[..., :] = 90
    if "rgb" in text:
        face[..., 0] = 200
    decoded = stored_face(pixels.encode(face), pixels, "f1")
    assert np.abs(decoded.astype(int) - face).max() <= (3 if "jpeg" in text else 0)
    with pytest.raises(ValueError, match="face f1: 3 bytes are no"):
        stored_face(b"abc", pixels, "f1")
