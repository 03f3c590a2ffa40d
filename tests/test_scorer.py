"""One model and one detector per worker process, whoever asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from fer_spark import scorer
from fer_spark.explaining.on_spark import ExplainJob
from fer_spark.explaining.settings import LimeSettings
from fer_spark.faces import on_spark
from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.settings import FaceSettings
from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.scorer import open_scorer
from fer_spark.scoring.columns import RowSettings
from fer_spark.scoring.on_spark import ScoreJob
from fer_spark.serving.model import Prepare
from tests.explaining.scorers import RegionScorer

PIXELS = StoredPixels("image_6_gray", FaceShape(6, "gray"))


@dataclass(frozen=True)
class Spec:
    key: str
    opened: list[str]

    def open(self) -> Any:
        assert len(scorer._OPEN) < 2, "three models in memory while the third is loaded"
        self.opened.append(self.key)
        return RegionScorer((), ())


@pytest.fixture(autouse=True)
def _nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "_OPEN", type(scorer._OPEN)())


def test_a_model_is_opened_once_per_key() -> None:
    opened: list[str] = []
    first = open_scorer(Spec("a", opened))
    assert open_scorer(Spec("a", opened)) is first
    assert open_scorer(Spec("b", opened)) is not first
    assert opened == ["a", "b"]


def test_the_model_used_last_stays_open() -> None:
    opened: list[str] = []
    for key in "abacab":
        open_scorer(Spec(key, opened))
    assert opened == ["a", "b", "c", "b"]


def test_scoring_and_explaining_share_a_model() -> None:
    opened: list[str] = []
    spec = Spec("shared", opened)
    assert list(ScoreJob(spec, PIXELS, RowSettings("")).run(iter([]))) == []
    assert list(ExplainJob(spec, LimeSettings(), PIXELS)(iter([]))) == []
    assert opened == ["shared"]


def test_a_build_and_a_bundle_of_the_same_settings_share_a_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    real = on_spark.FacePreparer
    monkeypatch.setattr(on_spark, "FacePreparer", lambda *given: loaded.append(given) or real(*given))
    settings, detector = FaceSettings(size=("23:gray",)), DetectorSpec("none")
    assert list(on_spark.prepare_in_worker(iter([]), settings, detector)) == []
    assert list(Prepare(settings, detector)(iter([]))) == []
    assert len(loaded) == 1
