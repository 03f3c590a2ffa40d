"""One value says how faces were prepared: every default resolved, older files read, differences in words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.resolve import resolve, settings_like
from fer_spark.faces.settings import FaceSettings
from fer_spark.preparation import older
from fer_spark.preparation.preparation import Preparation, Reuse, margin_used

YUNET = DetectorSpec("yunet", model=b"one")
HAAR, SOURCE, NONE = DetectorSpec("haar"), DetectorSpec("source"), DetectorSpec("none")
TWO = FaceSettings(size=("48:gray", "256:rgb"))
TYPED = {"size": ["48:gray", "256:rgb"], "detector": "auto", "margin": 0.2, "detector_model": "/home/me/yunet.onnx"}


@dataclass(frozen=True)
class Wider(Preparation):
    """A later release's, with one field more."""

    tint: str = field(default="none", metadata={"matters_to": Reuse.PIXELS, "before": "none"})


def lines(own: Preparation, other: Preparation, reuse: Reuse, **more: Any) -> list[str]:
    return own.differences(other, reuse, "now", "then", **more)


def test_every_default_is_resolved() -> None:
    found = resolve(replace(TWO, detector_model="/home/me/yunet.onnx"), YUNET)
    assert found.sizes == ("48:gray:raw", "256:rgb:jpeg95")
    assert (found.detector, found.detector_digest, found.accepts) == ("yunet", YUNET.digest, "same")
    assert "/home/me" not in json.dumps(found.to_dict())
    assert resolve(FaceSettings(size=("48:gray",), store="float32"), HAAR).sizes == ("48:gray:raw",)
    assert resolve(FaceSettings(margin=0.3), HAAR).margin == 0.3
    assert resolve(FaceSettings(margin=0.3), NONE).margin == margin_used("none", 0.3) == 0


def test_every_setting_of_faces_has_its_place() -> None:
    """A setting that is forgotten here would make unlike faces that are called alike."""
    names = {one.name for one in fields(FaceSettings)} - {"size", "detector_model"}
    assert names <= {one.name for one in fields(Preparation)}
    used = resolve(FaceSettings(detector="haar"), HAAR)
    assert resolve(settings_like(used), HAAR) == used


def test_what_the_data_set_gave_accepts_any_detector() -> None:
    assert resolve(TWO, NONE, "none").accepts == "any"
    assert resolve(TWO, SOURCE, "source").accepts == "any"
    assert resolve(replace(TWO, detector="none"), NONE).accepts == "same"
    assert resolve(TWO, HAAR).accepts == "same"


@pytest.mark.parametrize("spec", [YUNET, HAAR, NONE])
def test_a_file_gives_back_what_was_written(spec: DetectorSpec) -> None:
    made = resolve(TWO, spec)
    back = Preparation.from_dict(json.loads(json.dumps(made.to_dict())))
    assert back == made
    assert back.digest == made.digest
    assert Preparation.described({"preparation": made.to_dict()}) == made


def test_settings_of_older_releases_are_resolved_by_their_defaults() -> None:
    found = Preparation.from_dict(TYPED)
    assert found.sizes == ("48:gray:raw", "256:rgb:jpeg95")
    assert (found.detector, found.accepts, found.margin, found.min_face_px) == ("unknown", "any", 0.2, 16)
    assert older.resolved_sizes({"size": ["9:rgb:jpeg", "9:gray:png", "9:rgb:jpeg80"]}) == [
        *("9:rgb:jpeg95", "9:gray:png", "9:rgb:jpeg80")
    ]
    assert older.resolved_sizes({"size": ["9:rgb"], "store": "float32"}) == ["9:rgb:raw"]
    for name, accepts in (("yunet", "same"), ("haar", "same"), ("none", "same"), ("source", "any")):
        card = Preparation.from_dict({**TYPED, "detector": name})
        assert (card.detector, card.accepts) == (name, accepts)


def test_a_manifest_of_older_releases_names_the_detector_that_was_used() -> None:
    settings = {"faces": TYPED, "detector": {"name": "haar", "digest": "ab"}}
    found = Preparation.described(settings)
    assert (found.detector, found.detector_digest, found.accepts, found.margin) == ("haar", "ab", "same", 0.2)
    cropped = Preparation.described(settings | {"detector": {"name": "none"}})
    assert (cropped.detector, cropped.accepts, cropped.margin) == ("none", "any", 0.0)
    assert Preparation.described({}) == Preparation.from_dict({})


def test_a_setting_of_a_newer_release_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown settings \['tint'\]: update fer_spark"):
        Preparation.from_dict(Wider(**vars(resolve(TWO, HAAR)), tint="sepia").to_dict())
    with pytest.raises(ValueError, match="tint"):
        Preparation.from_dict({"tint": 1})


@pytest.mark.parametrize(
    "dropped", ["align", "denoise", "photometric", "min_face_px", "max_file_mb", "detector_score", "try_turned"]
)
def test_a_field_that_a_file_does_not_have_is_what_older_releases_used(dropped: str) -> None:
    made = resolve(TWO, HAAR)
    there = {name: value for name, value in made.to_dict().items() if name != dropped}
    assert Preparation.from_dict(there) == made
    assert Preparation.from_dict({k: v for k, v in TYPED.items() if k != dropped}) == Preparation.from_dict(TYPED)


def test_one_field_more_leaves_the_digests_of_what_exists() -> None:
    made = resolve(TWO, HAAR)
    wider = Wider.from_dict(made.to_dict())
    assert wider.tint == "none"
    assert wider.digest == made.digest
    assert lines(wider, Wider.from_dict(made.to_dict()), Reuse.ROWS) == []
    sepia = replace(wider, tint="sepia")
    assert sepia.digest != made.digest
    assert lines(sepia, wider, Reuse.PIXELS) == ["tint: none then, sepia now"]
    assert Wider.from_dict(TYPED).tint == "none"


def test_digests_tell_apart_what_makes_other_rows_and_nothing_else() -> None:
    made = resolve(FaceSettings(margin=0.2), HAAR)
    assert made.digest == resolve(FaceSettings(margin=0.2, detector="haar"), HAAR).digest
    assert resolve(FaceSettings(margin=0.2), NONE).digest == resolve(FaceSettings(margin=0.3), NONE).digest
    others = [
        resolve(FaceSettings(margin=0.3), HAAR),
        resolve(FaceSettings(margin=0.2, size=("48:gray:png",)), HAAR),
        resolve(FaceSettings(margin=0.2, max_megapixels=2), HAAR),
        resolve(FaceSettings(margin=0.2), YUNET),
        resolve(FaceSettings(margin=0.2), replace(YUNET, model=b"two")),
    ]
    assert len({one.digest for one in [made, *others]}) == 1 + len(others)


def test_each_reuse_asks_for_what_it_needs() -> None:
    made = resolve(FaceSettings(), HAAR)
    size = resolve(FaceSettings(size=("64:gray",)), HAAR)
    limit = resolve(FaceSettings(max_megapixels=2.0), HAAR)
    clahe = resolve(FaceSettings(photometric="clahe"), HAAR)
    asked = {reuse: [bool(lines(made, one, reuse)) for one in (clahe, size, limit)] for reuse in Reuse}
    assert asked[Reuse.PIXELS] == [True, False, False]
    assert asked[Reuse.SHARDS] == [True, True, False]
    assert asked[Reuse.ROWS] == [True, True, True]
    assert lines(made, size, Reuse.SHARDS, dashes="--") == ["--size: 64:gray:raw then, 48:gray:raw now"]
    assert lines(made, limit, Reuse.ROWS, dashes="--") == ["--max-megapixels: 2.0 then, 80.0 now"]


def test_detectors_differ_by_what_is_to_be_used_again() -> None:
    made = {spec.name: resolve(FaceSettings(), spec) for spec in (YUNET, HAAR, SOURCE, NONE)}
    given, old_card = resolve(FaceSettings(), NONE, "none"), Preparation.from_dict({"detector": "auto"})
    for one in (given, old_card, made["source"]):
        assert [lines(one, other, Reuse.PIXELS) for other in made.values()] == [[]] * 4
    assert lines(made["yunet"], made["haar"], Reuse.PIXELS) == ["detector: haar then, yunet now"]
    assert lines(made["yunet"], given, Reuse.PIXELS) == ["detector: none then, yunet now"]
    for one in (given, made["source"]):
        assert lines(made["haar"], one, Reuse.SHARDS) == lines(one, made["haar"], Reuse.SHARDS) == []
    assert lines(made["haar"], made["none"], Reuse.SHARDS) == ["detector: none then, haar now"]
    assert lines(made["haar"], made["yunet"], Reuse.SHARDS) == ["detector: yunet then, haar now"]
    assert lines(made["none"], given, Reuse.ROWS) == []


def test_another_model_file_is_another_detector() -> None:
    made, other = resolve(FaceSettings(), YUNET), resolve(FaceSettings(), replace(YUNET, model=b"two"))
    for reuse in Reuse:
        (line,) = lines(made, other, reuse, dashes="--")
        assert line.startswith("--detector-model: ")
    surer = resolve(FaceSettings(detector_score=0.7), replace(YUNET, score=0.7))
    assert lines(made, surer, Reuse.SHARDS) == ["detector_score: 0.7 then, 0.6 now"]
    assert lines(made, replace(made, detector_digest=""), Reuse.PIXELS) == []  # an older card does not tell
    other_cv2 = replace(resolve(FaceSettings(), HAAR), detector_digest="of another OpenCV")
    assert lines(resolve(FaceSettings(), HAAR), other_cv2, Reuse.SHARDS) == []


def test_the_codec_of_the_faces_that_are_used_must_be_the_same() -> None:
    made, other = (resolve(FaceSettings(size=(size,)), NONE) for size in ("48:rgb", "48:rgb:png"))
    assert lines(made, other, Reuse.PIXELS, size=(48, "rgb")) == ["codec: png then, jpeg95 now"]
    assert lines(made, other, Reuse.PIXELS, size=(48, "gray")) == []
