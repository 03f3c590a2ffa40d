"""A bundle that was trained with one detector is not used with another unasked; older bundles are used as before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.model_file import ModelFileError
from fer_spark.faces.resolve import resolve
from fer_spark.faces.settings import FaceSettings
from fer_spark.networks.bundle import load_bundle
from fer_spark.networks.card import Card
from fer_spark.pixels.stored import StoredPixels
from fer_spark.serving import model
from fer_spark.serving.match import MismatchError, preparation_differences
from fer_spark.serving.model import Prepare, face_settings, prepare_for
from fer_spark.shards.manifest import ImageColumn, Manifest
from fer_spark.udf import predict_udf
from tests.pipelines.evaluate.evaluations import TRAIN, VAL, run, write_bundle, write_shards
from tests.pipelines.score.worlds import NAMES, lake, score, summary
from tests.preparation.older_files import OLDER, older_json

YUNET = DetectorSpec("yunet", model=b"one")
SHIPPED = load_bundle("fer2013").card


def card_of(spec: DetectorSpec, source_detector: str | None = None, **settings: Any) -> Card:
    """A card of today, trained on faces that this detector found."""
    made = FaceSettings(detector="auto" if source_detector else spec.name, **settings)
    return replace(SHIPPED, preparation=resolve(made, spec, source_detector).to_dict())


def prepared(card: Card, detector: str = "", source_detector: str | None = None, faces: str = "largest") -> Prepare:
    return prepare_for(card, face_settings(card, faces, detector), detector, source_detector)


@pytest.fixture
def yunet_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file is there: the bytes `one`."""

    def found(settings: FaceSettings, source_detector: str | None = None) -> DetectorSpec:
        name = settings.detector if settings.detector != "auto" else source_detector or "yunet"
        content = b"one" if name == "yunet" else b""
        return DetectorSpec(name, settings.detector_score, settings.faces == "all", content)

    monkeypatch.setattr(model, "resolve_detector", found)


@pytest.fixture
def no_yunet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FER_SPARK_MODELS", raising=False)


@pytest.mark.usefixtures("yunet_here")
def test_the_detector_of_the_card_is_used_and_no_other_model_file() -> None:
    assert prepared(card_of(YUNET)).detector == YUNET
    assert prepared(card_of(YUNET), faces="all").detector == replace(YUNET, every_face=True)
    assert prepared(card_of(DetectorSpec("haar"))).detector.name == "haar"
    other = card_of(replace(YUNET, model=b"two"))
    with pytest.raises(
        MismatchError, match=r"(?s)detector_model: .* here, .* for the bundle.*or yunet with any model file"
    ):
        prepared(other)
    assert prepared(other, "yunet").detector == YUNET
    assert prepared(other, "haar").detector.name == "haar"


@pytest.mark.usefixtures("no_yunet")
def test_a_detector_that_is_not_there_is_an_error_with_the_way_out() -> None:
    with pytest.raises(ModelFileError, match=r"(?s)fetch-detector.*trained on faces found by yunet; --detector NAME"):
        prepared(card_of(YUNET))
    assert prepared(card_of(YUNET), "haar").detector.name == "haar"
    with pytest.raises(ModelFileError, match="fetch-detector"):
        prepared(card_of(DetectorSpec("haar")), "yunet")


def test_faces_that_come_as_faces_are_not_searched_for_more_faces() -> None:
    haar = card_of(DetectorSpec("haar"))
    with pytest.raises(MismatchError, match="pictures are faces already, haar for the bundle"):
        prepared(haar, source_detector="none")
    assert prepared(haar, "none", "none").detector.name == "none"
    assert prepared(haar, "haar", "none").detector.name == "haar"


@pytest.mark.usefixtures("no_yunet")
def test_what_the_data_set_gave_takes_the_faces_that_any_detector_finds() -> None:
    cards = [SHIPPED, card_of(DetectorSpec("none"), "none"), card_of(DetectorSpec("source"), "source")]
    for card in cards:
        assert [prepared(card, source_detector=one).detector.name for one in (None, "none", "source")] == [
            *("haar", "none", "source")
        ]
    assert face_settings(cards[1], "largest").margin == FaceSettings.margin  # a picture that is the face has none
    assert prepared(card_of(DetectorSpec("none"))).detector.name == "none"


def test_the_shipped_bundle_scores_as_before() -> None:
    before = older_json("fer2013.json")
    assert (SHIPPED.digest, SHIPPED.preparation_digest) == (before["digest"], before["preparation_digest"])
    faces = np.random.default_rng(3).integers(0, 256, (2, 48, 48)).astype(np.uint8)
    assert load_bundle("fer2013").predict_proba(faces) == pytest.approx(np.array(before["probabilities"]), abs=1e-5)


@pytest.mark.usefixtures("yunet_here")
def test_digests_of_what_older_bundles_scored_stay() -> None:
    rows = older_json("digests.json")
    assert len(rows) == 28
    for row in rows:
        card = replace(SHIPPED, preparation=row["card"])
        assert card.preparation_digest == row["card_digest"]
        found = prepared(card, row["asked"], "none" if row["detector"] == "none" else None, row["faces"])
        assert (found.detector.name, found.detector.digest) == (row["detector"], row["detector_digest"])
        assert found.digest == row["digest"], row


@pytest.mark.usefixtures("yunet_here")
def test_pictures_that_were_tried_turned_are_scored_under_a_name_of_their_own() -> None:
    for card in (SHIPPED, card_of(YUNET)):
        found = prepare_for(card, face_settings(card, "largest", try_turned=True))
        assert found.settings.try_turned
        assert found.digest != prepared(card).digest
    assert face_settings(card_of(YUNET, try_turned=True), "largest").try_turned


def test_digests_of_today_are_those_of_the_preparation() -> None:
    card = card_of(DetectorSpec("haar"))
    found = prepared(card)
    assert found.digest == card.preparation_digest == found.preparation.digest
    assert prepared(card, "none").digest != found.digest


@pytest.mark.parametrize("dropped", ["align", "denoise", "photometric", "min_face_px", "store", "max_megapixels"])
def test_a_setting_that_older_files_do_not_have_leaves_bundles_usable(dropped: str) -> None:
    """As if it had been added since."""
    content = {name: value for name, value in SHIPPED.preparation.items() if name != dropped}
    older = replace(SHIPPED, preparation=content)
    assert face_settings(older, "largest") == face_settings(SHIPPED, "largest")
    images = {"image_48_gray": ImageColumn(StoredPixels.parse("48:gray"), [0.5], [0.2])}
    today = {"preparation": resolve(FaceSettings(), DetectorSpec("haar")).to_dict()}
    fresh = Manifest([], images, None, [], [], "0", today, [], {}, 1.0, {}, "0")  # type: ignore[arg-type]
    assert preparation_differences(older, fresh, "image_48_gray") == []


def test_a_bundle_that_an_older_release_trained_is_read() -> None:
    card = load_bundle(OLDER / "bundle").card
    assert (card.prepared.sizes, card.prepared.detector) == (("12:gray:raw", "16:rgb:jpeg95"), "none")
    assert face_settings(card, "largest").detector == "none"


@pytest.mark.usefixtures("no_yunet")
@pytest.mark.job
def test_jobs_and_sql_refuse_another_detector_until_it_is_named(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ("8:gray",)
    of_yunet = resolve(FaceSettings(size=sizes, detector="yunet"), YUNET).to_dict()
    of_haar = resolve(FaceSettings(size=sizes), DetectorSpec("haar")).to_dict()
    bundle = write_bundle(tmp_path / "bundle", NAMES, preparation=of_yunet)
    pictures = lake(tmp_path / "lake", {"a.png": 51})
    shards = write_shards(tmp_path / "shards", {"train": TRAIN, "val": VAL}, NAMES, settings={"preparation": of_haar})

    assert score(bundle, pictures, tmp_path / "scores") == 2
    assert "--detector NAME" in capsys.readouterr().err.replace("\n", " ")
    assert score(bundle, pictures, tmp_path / "scores", "--detector", "none") == 0
    with pytest.raises(ModelFileError, match="`detector` in the SQL functions"):
        predict_udf(bundle)
    predict_udf(bundle, detector="none")

    assert score(bundle, shards, tmp_path / "of shards", kind="shards") == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert "detector: haar in the shards, yunet for the bundle" in said
    assert "--detector haar accepts" in said
    assert score(bundle, shards, tmp_path / "of shards", "--detector", "haar", kind="shards") == 0
    assert summary(tmp_path / "of shards")["faces"] == len(TRAIN) + len(VAL)

    assert run(bundle, shards, tmp_path / "evaluation") == 2
    assert "detector: haar in the shards, yunet for the bundle" in capsys.readouterr().err
