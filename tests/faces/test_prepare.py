"""One row in, faces or a reason out."""

from __future__ import annotations

import gc
import hashlib
import os
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.geometry import Detection, FaceBox, Landmarks
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from tests import poison
from tests.faces.rows import FixedDetector, raw

NONE, SOURCE = DetectorSpec("none"), DetectorSpec("source")


def box(left: float, top: float, width: float, height: float) -> dict[str, float]:
    return {"box_left": left, "box_top": top, "box_width": width, "box_height": height}


def pixels(row: dict[str, Any], column: str, *shape: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(row[column], np.uint8).reshape(shape)


def test_corpus_gives_what_is_expected_of_it(tmp_path: Path) -> None:
    preparer = FacePreparer(FaceSettings(size=("48:gray", "40:rgb:raw")), NONE)
    expected = poison.write_corpus(tmp_path)
    for name, reason in expected.items():
        rows = preparer.prepare(raw((tmp_path / name).read_bytes(), name))
        assert [row["reason"] for row in rows] == [reason], (name, rows[0]["detail"])
        assert list(rows[0]) == preparer.table.names
        if reason:
            assert rows[0]["detail"]
            assert rows[0]["image_48_gray"] is None
        else:
            assert pixels(rows[0], "image_48_gray", 48, 48).std() > 10
            assert pixels(rows[0], "image_40_rgb", 40, 40, 3).std() > 10


def test_a_picture_of_the_size_asked_for_comes_through_unchanged() -> None:
    values = np.random.default_rng(1).integers(0, 256, (48, 48))
    text = " ".join(map(str, values.ravel())).encode()
    (row,) = FacePreparer(FaceSettings(), NONE).prepare(raw(text, encoding="pixels", label_raw="3"))
    assert np.array_equal(pixels(row, "image_48_gray", 48, 48), values)
    assert row["image_48_gray_moments"] == [values.sum(), (values**2).sum()]
    assert (row["image_format"], row["image_channels"], row["decodes"], row["label_raw"]) == ("pixels", 1, 1, "3")
    assert (row["detector"], row["box_width"], row["angle_deg"], row["face_count"]) == ("none", 48, 0, 1)
    assert row["image_id"] == hashlib.sha256(text).hexdigest()[:32]


def test_a_wrong_pixel_text_is_unreadable() -> None:
    (row,) = FacePreparer(FaceSettings(), NONE).prepare(raw(b"1 2 3 999", encoding="pixels"))
    assert (row["reason"], row["detail"]) == ("unreadable", "value 3 is '999', expected a whole number 0-255")


def test_a_row_that_the_source_rejected_goes_through() -> None:
    rejected = raw(None, reject_reason="missing_file", reject_detail="gone", split="val", label_raw="x")
    (row,) = FacePreparer(FaceSettings(), NONE).prepare(rejected)
    assert (row["reason"], row["detail"], row["split"], row["label_raw"]) == ("missing_file", "gone", "val", "x")
    assert (row["image_id"], row["content_bytes"]) == (None, None)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({}, "no_face"),
        (box(5, 5, 20, 0), "bad_annotation"),
        (box(5, 5, float("nan"), 9), "bad_annotation"),
        (box(5, 5, 10, 30), "too_small"),
        (box(500, 500, 30, 30), "no_face"),
        (box(5, 5, 30, 30) | {"landmarks": [1.0, 2.0, 3.0]}, "bad_annotation"),
    ],
)
def test_impossible_annotations_have_a_reason(columns: dict[str, Any], reason: str) -> None:
    (row,) = FacePreparer(FaceSettings(), SOURCE).prepare(raw(poison.jpeg(), **columns))
    assert row["reason"] == reason


def test_limits_on_bytes_and_pixels() -> None:
    content = poison.jpeg(200, 100)
    (row,) = FacePreparer(FaceSettings(max_megapixels=0.01), NONE).prepare(raw(content))
    assert row["reason"] == "too_large"
    (row,) = FacePreparer(FaceSettings(max_file_mb=0.001), NONE).prepare(raw(content))
    assert (row["reason"], "--max-file-mb" in row["detail"]) == ("too_large", True)


def test_an_unknown_encoding_is_a_bug_not_a_bad_picture() -> None:
    with pytest.raises(ValueError, match="encoding"):
        FacePreparer(FaceSettings(), NONE).prepare(raw(poison.jpeg(), encoding="fiel"))


def test_the_source_box_is_kept_exactly_and_cut_out_with_its_margin() -> None:
    picture = np.zeros((300, 400), np.uint8)
    picture[100:180, 200:280] = 250
    content = cv2.imencode(".png", picture)[1].tobytes()
    settings = FaceSettings(size=("96:gray",), margin=0.1)
    (row,) = FacePreparer(settings, SOURCE).prepare(raw(content, **box(200, 100, 80, 80)))
    assert [row[name] for name in box(0, 0, 0, 0)] == [200, 100, 80, 80]
    crop = pixels(row, "image_96_gray", 96, 96)
    assert (crop[8:88, 8:88] == 250).all()
    assert crop[:8].sum() == crop[:, :8].sum() == crop[88:].sum() == 0
    assert row["face_px"] == 80


def test_landmarks_level_the_eyes() -> None:
    eyes = [180.0, 120.0, 220.0, 160.0]
    row = raw(poison.jpeg(400, 300), **box(150, 100, 100, 100), landmarks=eyes)
    (aligned,) = FacePreparer(FaceSettings(), SOURCE).prepare(row)
    assert (aligned["angle_deg"], aligned["landmarks"]) == (pytest.approx(45), eyes)
    (upright,) = FacePreparer(FaceSettings(align="none"), SOURCE).prepare(row)
    assert upright["angle_deg"] == 0
    assert upright["image_48_gray"] != aligned["image_48_gray"]


def faces() -> list[Detection]:
    return [
        Detection(FaceBox(100, 80, 90, 110), Landmarks(((120, 100), (170, 101))), 0.9),
        Detection(FaceBox(10, 20, 30, 40)),
    ]


def test_all_faces_are_numbered_and_small_ones_are_none() -> None:
    content = poison.jpeg(400, 300)
    detector = FixedDetector(*faces(), Detection(FaceBox(0, 0, 15, 40)))
    rows = FacePreparer(FaceSettings(faces="all"), detector).prepare(raw(content, "x y.jpg", source_row=4))
    assert [(row["face_index"], row["face_count"], row["decodes"]) for row in rows] == [(0, 2, 1), (1, 2, 0)]
    image = hashlib.sha256(content).hexdigest()[:32]
    assert rows[1]["face_id"] == hashlib.sha256(f"{image}|x y.jpg|4|1".encode()).hexdigest()[:32]
    assert [row["detector_score"] for row in rows] == [0.9, None]
    (largest,) = FacePreparer(FaceSettings(), detector).prepare(raw(content))
    assert (largest["face_count"], largest["box_width"]) == (1, 90)
    (small,) = FacePreparer(FaceSettings(min_face_px=200), detector).prepare(raw(content))
    assert (small["reason"], "--min-face-px" in small["detail"]) == ("no_face", True)
    (nothing,) = FacePreparer(FaceSettings(), FixedDetector()).prepare(raw(content))
    assert nothing["reason"] == "no_face"


@pytest.mark.parametrize(
    ("size", "face_px", "reduction", "decodes"),
    [
        ("48:gray", 1000, 4, 1),
        ("48:gray", 100, 4, 2),
        ("48:gray", 30, 4, 2),
        ("256:rgb", 1000, 2, 1),
        ("256:rgb", 300, 2, 2),
        ("512:rgb", 1000, 1, 1),
        ("96:rgb", 1000, 4, 1),
    ],
)
def test_a_photograph_is_decoded_only_as_finely_as_needed(
    size: str, face_px: int, reduction: int, decodes: int
) -> None:
    content = poison.jpeg(3264, 2448)
    detector = FixedDetector(Detection(FaceBox(700, 600, face_px, face_px)))
    preparer = FacePreparer(FaceSettings(size=(size,)), detector)
    (row,) = preparer.prepare(raw(content))
    assert (row["decodes"], preparer.total_decodes) == (decodes, decodes)
    assert (row["image_width"], row["image_height"]) == (3264, 2448)
    (shown,) = detector.shown
    assert max(shown.pixels.shape) * max(reduction, 4) == 3264
    assert shown.scale == 1 / max(reduction, 4)


@pytest.mark.parametrize(("finest", "scale", "decodes"), [(0.83, 1.0, 2), (0.5, 0.5, 2), (0.2, 0.25, 1)])
def test_small_faces_are_looked_for_in_a_finer_decode_that_the_crops_share(
    finest: float, scale: float, decodes: int
) -> None:
    content = poison.jpeg(3264, 2448)
    detector = FixedDetector(Detection(FaceBox(700, 600, 30, 30), score=0.9), finest=finest)
    preparer = FacePreparer(FaceSettings(faces="all"), detector)
    (row,) = preparer.prepare(raw(content))
    whole, fine = detector.shown
    assert (whole.scale, fine.scale, max(fine.pixels.shape)) == (0.25, scale, 3264 * scale)
    assert row["decodes"] == preparer.total_decodes == (decodes if scale == 1 else decodes + 1)  # the crop needs all
    (largest,) = FacePreparer(FaceSettings(), FixedDetector(*detector.faces)).prepare(raw(content))
    assert (row["pixel_hash"], row["image_48_gray"]) == (largest["pixel_hash"], largest["image_48_gray"])
    (nothing,) = FacePreparer(FaceSettings(faces="all"), FixedDetector(finest=finest)).prepare(raw(content))
    assert (nothing["reason"], nothing["decodes"]) == ("no_face", 2 if scale != 0.25 else 1)


def test_no_picture_but_the_last_is_kept_in_memory() -> None:
    """Without waiting for a collection of garbage: a photograph takes as much memory as thousands of objects."""
    preparer = FacePreparer(FaceSettings(faces="all", try_turned=True), DetectorSpec("haar", every_face=True))
    gc.disable()
    try:
        preparer.prepare(raw(poison.jpeg(900, 400)))
        before = weakref.ref(preparer._last)
        assert before() is not None
        preparer.prepare(raw(poison.jpeg(300, 200)))
        assert before() is None
    finally:
        gc.enable()


def test_a_face_is_as_small_as_its_setting_says_and_that_depends_on_how_many_are_kept() -> None:
    assert (FaceSettings().min_face_px, FaceSettings(faces="all").min_face_px) == (16, 24)
    assert (FaceSettings(min_face_px=0).min_face_px, FaceSettings(faces="all", min_face_px=40).min_face_px) == (0, 40)
    small = Detection(FaceBox(10, 10, 20, 30))
    for settings, reason in ((FaceSettings(), None), (FaceSettings(faces="all"), "no_face")):
        (row,) = FacePreparer(settings, FixedDetector(small)).prepare(raw(poison.jpeg(400, 300)))
        assert row["reason"] == reason


@pytest.mark.parametrize(
    ("score", "angle", "confirmed", "turn", "words"),
    [
        (0.7, 0, False, 0, "score 0.70, not seen again"),
        (0.7, 60, True, 0, "score 0.70, its eyes at 60 degrees"),
        (0.7, 60, True, 90, ""),
        (0.7, 10, True, 0, ""),
        (0.93, 60, False, 0, ""),
        (None, 0, True, 0, ""),
    ],
)
def test_a_face_in_doubt_says_why_in_its_row(
    score: float | None, angle: float, confirmed: bool, turn: int, words: str
) -> None:
    slope = np.tan(np.radians(angle))
    eyes = Landmarks(((150.0, 150.0), (180.0, 150.0 + 30 * slope)))
    face = Detection(FaceBox(100, 100, 100, 100), eyes, score, confirmed, turn)
    (row,) = FacePreparer(FaceSettings(), FixedDetector(face)).prepare(raw(poison.jpeg(400, 300)))
    assert row["reason"] is None
    assert words in (row["detail"] or "")
    assert bool(row["detail"]) == bool(words)


def test_a_reduced_decode_gives_the_same_face_as_the_full_one() -> None:
    photograph = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (1600, 2000), dtype=np.uint8), (0, 0), 24)
    photograph = cv2.normalize(photograph, None, 0, 255, cv2.NORM_MINMAX)
    face = Detection(FaceBox(701, 402, 640, 600), Landmarks(((850, 600), (1150, 660))))
    results = []
    for suffix in (".jpg", ".png"):
        content = cv2.imencode(suffix, photograph, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
        (row,) = FacePreparer(FaceSettings(), FixedDetector(face)).prepare(raw(content))
        results.append(pixels(row, "image_48_gray", 48, 48).astype(int))
    assert np.abs(results[0] - results[1]).max() <= 4
    assert results[0].std() > 20


def test_rows_that_share_a_picture_decode_it_once_and_stay_the_same() -> None:
    content, other = poison.jpeg(3000, 2000), poison.jpeg(200, 100)
    rows = [
        raw(content, "a.jpg", source_row=0, **box(100, 100, 900, 900)),
        raw(content, "a.jpg", source_row=1, **box(1500, 500, 800, 900)),
        raw(other, "b.jpg", source_row=2, **box(10, 10, 50, 50)),
        raw(content, "a.jpg", source_row=3, **box(200, 300, 40, 40)),
    ]
    together = FacePreparer(FaceSettings(), SOURCE)
    at_once = [together.prepare(row) for row in rows]
    assert together.total_decodes == 3
    assert at_once == [FacePreparer(FaceSettings(), SOURCE).prepare(row) for row in rows]
    assert at_once[::-1] == [together.prepare(row) for row in rows[::-1]]
    assert len({row[0]["face_id"] for row in at_once}) == 4


def test_float_storage_and_normalisation_reach_the_pixels() -> None:
    row = raw(poison.jpeg(60, 60))
    (floats,) = FacePreparer(FaceSettings(store="float32", size=("48:gray", "40:rgb")), NONE).prepare(row)
    values = np.frombuffer(floats["image_48_gray"], "<f4")
    assert values.size == 48 * 48
    assert 0 <= values.min() < values.max() <= 1
    assert len(floats["image_40_rgb"]) == 40 * 40 * 3 * 4
    (plain,) = FacePreparer(FaceSettings(), NONE).prepare(row)
    (equalized,) = FacePreparer(FaceSettings(photometric="equalize"), NONE).prepare(row)
    expected = cv2.equalizeHist(pixels(plain, "image_48_gray", 48, 48))
    assert np.array_equal(pixels(equalized, "image_48_gray", 48, 48), expected)
    assert equalized["contrast"] == plain["contrast"]


def test_a_picture_named_by_its_path_gives_the_very_rows_of_its_bytes(tmp_path: Path) -> None:
    _, encoded = cv2.imencode(".png", np.random.default_rng(2).integers(0, 256, (60, 50, 3)).astype(np.uint8))
    file = tmp_path / "a+b %2B \u00fc.png"
    file.write_bytes(encoded.tobytes())
    preparer = FacePreparer(FaceSettings(), NONE)
    by_bytes = preparer.prepare(raw(encoded.tobytes(), "x.png"))
    assert preparer.prepare(raw(os.fsencode(file), "x.png", encoding="path")) == by_bytes
    file.unlink()
    (gone,) = FacePreparer(FaceSettings(), NONE).prepare(raw(os.fsencode(file), "x.png", encoding="path"))
    assert (gone["reason"], gone["image_id"], gone["content_bytes"]) == ("missing_file", None, None)
    assert "cannot be opened" in gone["detail"]


@pytest.mark.parametrize("shape", [(8, 20_000), (20_000, 8), (9, 90_000)])
@pytest.mark.parametrize("detector", ["none", "haar"])
def test_a_strip_gives_a_face_or_a_reason_but_no_bug(shape: tuple[int, int], detector: str) -> None:
    strip = np.random.default_rng(2).integers(0, 256, shape).astype(np.uint8)
    content = cv2.imencode(".png", strip)[1].tobytes()
    (row,) = FacePreparer(FaceSettings(), DetectorSpec(detector)).prepare(raw(content))
    assert row["reason"] == (None if detector == "none" else "no_face")
    assert detector != "none" or len(row["image_48_gray"]) == 48 * 48


def test_a_box_gone_astray_does_not_fill_the_memory() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (100, 120, 3)).astype(np.uint8)
    content = cv2.imencode(".png", picture)[1].tobytes()
    (row,) = FacePreparer(FaceSettings(), SOURCE).prepare(raw(content, **box(10, 10, 900_000, 900_000)))
    assert (row["reason"], row["box_width"]) == (None, 900_000)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("margin", -0.5),
        ("margin", float("nan")),
        ("margin", 1e6),
        ("detector_score", 5.0),
        ("min_face_px", -3),
        ("max_megapixels", -1.0),
        ("max_file_mb", float("inf")),
    ],
)
def test_settings_that_cannot_be_are_named(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"--{setting.replace('_', '-')}: "):
        replace(FaceSettings(), **{setting: value}).check()
