"""Manifests, cards and pixels that were written before there was one description of pixels are read the same.

The fixtures are files and bytes that the code before it wrote; nothing here is made by what is tested.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer_spark.networks.bundle_files import find_bundle, read_bundle
from fer_spark.networks.card import BundleError, Card
from fer_spark.pixels.moments import moments
from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.shards.manifest import Manifest, ManifestError

WRITTEN = Path(__file__).parent.parent / "fixtures" / "pixels"
ENCODED = json.loads((WRITTEN / "encoded.json").read_text(encoding="utf-8"))


def text(name: str) -> str:
    return (WRITTEN / name).read_text(encoding="utf-8")


def face(pixels: StoredPixels) -> np.ndarray:
    """The pixels that were encoded, by a formula."""
    down, right = np.mgrid[: pixels.size_px, : pixels.size_px]
    gray = 7 * down + 13 * right + right * down
    return ((gray if pixels.mode == "gray" else gray[..., None] + 50 * np.arange(3)) % 256).astype(np.uint8)


@pytest.mark.parametrize("was", ENCODED["faces"], ids=lambda was: f"{was['size']} {was['store']}")
def test_rows_have_the_bytes_they_had(was: dict[str, Any]) -> None:
    pixels, content = StoredPixels.parse(was["size"], was["store"]), base64.b64decode(was["bytes"])
    assert pixels.column == was["column"]
    assert moments(face(pixels)) == was["moments"]
    if pixels.codec == "raw" or cv2.__version__ == ENCODED["opencv"]:  # another libjpeg or libpng may write others
        assert pixels.encode(face(pixels)) == content
    if pixels.codec_kind == "png":
        assert (pixels.decode(content) == face(pixels)).all()


def test_a_manifest_of_before_says_the_same() -> None:
    found = Manifest.from_json(text("manifest_uint8.json"), "m")
    assert [str(image.pixels) for image in found.images.values()] == [
        "48:gray:raw",
        "256:rgb:jpeg95",
        "64:rgb:png",
        "40:gray:jpeg80",
        "96:rgb:raw",
    ]
    assert list(found.images) == [image.pixels.column for image in found.images.values()]
    assert {image.pixels.dtype for image in found.images.values()} == {"uint8"}
    assert (found.images["image_48_gray"].mean, found.images["image_48_gray"].std) == ([0.00056736], [0.09433657])
    floats = Manifest.from_json(text("manifest_float32.json"), "m").images.values()
    assert [(str(image.pixels), image.pixels.dtype) for image in floats] == [
        ("32:gray:raw", "float32"),
        ("24:rgb:raw", "float32"),
    ]


@pytest.mark.parametrize("name", ["manifest_uint8.json", "manifest_float32.json"])
def test_a_manifest_is_written_as_before_but_for_one_spelling_of_the_colour_order(name: str) -> None:
    written = Manifest.from_json(text(name), "m").to_json()
    assert written == text(name).strip().replace('"color_order": "RGB"', '"color_order": "rgb"')
    assert '"RGB"' in text(name)
    assert Manifest.from_json(written, "m") == Manifest.from_json(text(name), "m")


@pytest.mark.parametrize(
    ("changed", "reads"),
    [({"codec": "jpeg"}, "jpeg95"), ({"codec": "jpeg95", "color_order": "rgb"}, "jpeg95"), ({"codec": "raw"}, "raw")],
)
def test_other_spellings_are_read(changed: dict[str, str], reads: str) -> None:
    content = json.loads(text("manifest_uint8.json"))
    content["images"]["image_256_rgb"] |= changed
    found = Manifest.from_json(json.dumps(content), "m").images["image_256_rgb"].pixels
    assert found == StoredPixels("image_256_rgb", FaceShape(256, "rgb"), reads)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"codec": "webp"}, "codec 'webp': expected raw"),
        ({"shape": [64, 65, 3]}, r"image_64_rgb: shape \[64, 65, 3\].*64:rgb says \[64, 64, 3\]"),
        ({"color_order": "BGR"}, "colour order BGR, but 64:rgb says"),
        ({"mode": "cmyk"}, "expected mode gray or rgb"),
        ({"dtype": "float32"}, "float32 is stored raw"),
        ({"size_px": None}, "not a fer_spark manifest"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_damaged(changed: dict[str, Any], message: str) -> None:
    content = json.loads(text("manifest_uint8.json"))
    content["images"]["image_64_rgb"] |= changed
    with pytest.raises(ManifestError, match=f"m: not a fer_spark manifest, or damaged .*{message}|{message}"):
        Manifest.from_json(json.dumps(content), "m")


def test_a_card_of_before_says_the_same_and_has_its_digests() -> None:
    card = Card.from_json(text("card.json"), "c")
    assert card.image == FaceShape(64, "rgb")
    assert card.digest == "553a5e9089daaf8e8c5be7aa2697bb6c3ead4959561efe829b0e7a3478e9acfe"
    assert card.to_json() == text("card.json").strip()


def test_the_shipped_bundle_keeps_its_digest() -> None:
    card, _ = read_bundle(find_bundle("fer2013"))
    assert card.digest == "07d7c8a986a037e4c340a07924af9627c8631328a1722346f025c2a923917d4c"


@pytest.mark.parametrize("order", ["RGB", "rgb", None])
def test_a_card_may_spell_or_leave_out_its_colour_order(order: str | None) -> None:
    content = json.loads(text("card.json"))
    content["image"] = {"size_px": 64, "mode": "rgb"} | ({"color_order": order} if order else {})
    assert Card.from_json(json.dumps(content), "c") == Card.from_json(text("card.json"), "c")


def test_a_card_of_another_colour_order_is_refused() -> None:
    content = json.loads(text("card.json"))
    content["image"]["color_order"] = "bgr"
    with pytest.raises(BundleError, match=r"c: .*image\.color_order is 'bgr', expected rgb"):
        Card.from_json(json.dumps(content), "c")
