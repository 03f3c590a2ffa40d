"""Work that an older release began is resumed: what it noted about its settings is what this release would note.

recorded.json holds what was noted for the settings below, before fields said themselves what is true of them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fer_spark.explaining.settings import LimeSettings
from fer_spark.networks.settings import NetworkSettings
from fer_spark.pipelines.build.existing import check_finished
from fer_spark.pipelines.build.plan import ExistingOutputError
from fer_spark.pipelines.compare import run as compare_run
from fer_spark.pipelines.compare.methods import CompareSettings
from fer_spark.pipelines.explain.plan import Planned
from fer_spark.pipelines.explain.settings import ExplainSettings
from fer_spark.pipelines.train import open as train_open
from fer_spark.pipelines.train.settings import AllSettings, RunSettings
from fer_spark.pipelines.tune import run as tune_run
from fer_spark.pipelines.tune.settings import TuneSettings
from fer_spark.pipelines.tune.space import Choices, Span
from fer_spark.settings import flag, without_folders
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.shards.settings import ShardSettings
from fer_spark.sources.settings import SplitSettings
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.settings import TrainSettings

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded.json").read_text(encoding="utf-8"))
MODEL = "d" * 64
SHARDS: Any = SimpleNamespace(manifest=SimpleNamespace(checksum="c0ffee"))
TRAINING = AllSettings(
    RunSettings(
        shards="/lake/shards",
        output="/home/me/model",
        half_weights=True,
        tensorboard="/home/me/boards",
        mlflow="/home/me/runs",
    ),
    ReadSettings(
        "image_48_gray", 64, seed=3, read_workers=5, cache_dir="/scratch/cache/", cache_mb=99, pin_memory=True
    ),
    NetworkSettings("efficientnet_b0", weights="/models/net.pth", dropout=0.25, upsample_px=64),
    TrainSettings(
        epochs=7,
        optimizer="adamw",
        init="/models/base/",
        distill=("/models/a", "fer2013"),
        device="cpu",
        threads=3,
        checkpoint_minutes=1.5,
        max_minutes=9.0,
        select_on="macro_f1",
    ),
    AugmentSettings(rotate_deg=6.0),
    ImbalanceSettings(sampler="undersample", undersample_to=60),
)


def elsewhere(settings: AllSettings) -> AllSettings:
    """The same training on another machine: other threads, caches and limits of time."""
    return dataclasses.replace(
        settings,
        read=dataclasses.replace(settings.read, read_workers=1, cache_dir="", cache_mb=1.0, pin_memory=False),
        train=dataclasses.replace(settings.train, threads=9, checkpoint_minutes=0.0, max_minutes=1.0),
    )


def test_a_checkpoint_is_resumed() -> None:
    ranks: Any = SimpleNamespace(world=2)
    for settings in (TRAINING, elsewhere(TRAINING)):
        found = train_open._fingerprint(settings, SHARDS, ranks, [{"name": "a", "digest": MODEL}])
        assert found == RECORDED["fingerprint"]


def test_a_study_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[Any]:
        yield SHARDS

    monkeypatch.setattr(tune_run, "open_shards", opened)
    space = {"learning_rate": Span(0.01, 0.5, log=True), "sampler": Choices(("natural", "sqrt"))}
    for settings in (TRAINING, elsewhere(TRAINING)):
        noted = tune_run._identity(settings, TuneSettings(search_seed=4, trials=5, parallel=2), space)
        assert json.loads(json.dumps(noted)) == RECORDED["study"]


def test_a_comparison_is_resumed_and_another_one_refused(tmp_path: Path) -> None:
    noted = tmp_path / "runs" / "settings.json"
    noted.parent.mkdir()
    noted.write_text(json.dumps(RECORDED["comparison"]), encoding="utf-8")
    compare_run._same_comparison(tmp_path, CompareSettings(method=("focal",), seeds="7"), TRAINING, "c0ffee")
    compare_run._same_comparison(tmp_path, CompareSettings(), elsewhere(TRAINING), "c0ffee")
    other = dataclasses.replace(TRAINING, train=dataclasses.replace(TRAINING.train, device="cuda"))
    with pytest.raises(ValueError, match="device: 'cpu' there, 'cuda' now"):
        compare_run._same_comparison(tmp_path, CompareSettings(), other, "c0ffee")
    other = dataclasses.replace(TRAINING, train=dataclasses.replace(TRAINING.train, distill_once=True))
    with pytest.raises(ValueError, match="distill_once: nothing there, True now"):
        compare_run._same_comparison(tmp_path, CompareSettings(), other, "c0ffee")
    with pytest.raises(ValueError, match="shards: 'c0ffee' there, 'cafe' now"):
        compare_run._same_comparison(tmp_path, CompareSettings(), TRAINING, "cafe")
    noted.unlink()
    compare_run._same_comparison(tmp_path, CompareSettings(), other, "c0ffee")
    with pytest.raises(ValueError, match="distill_once: True there, nothing now"):
        compare_run._same_comparison(tmp_path, CompareSettings(), TRAINING, "c0ffee")


def test_explanations_that_are_there_are_known() -> None:
    settings = ExplainSettings(
        "/models/a", "/lake/shards", "test", "/lake/why", "image_48_gray", per_class=5, bf16=True
    )
    shipped: Any = SimpleNamespace(card=SimpleNamespace(digest=MODEL))
    nothing: Any = None
    for one in (settings, dataclasses.replace(settings, bundle="/b", shards="/s", output="/o", device="cpu")):
        lime = LimeSettings(segments="slic", samples=64, seed=9, hide="gray", target="probability", keep=0.5)
        planned = Planned(one, lime, shipped, nothing, nothing, SHARDS.manifest, nothing, (), [])
        assert planned.requested == RECORDED["explanations"]


def test_a_card_tells_what_it_told_and_no_folder() -> None:
    told = json.loads(json.dumps({group: without_folders(getattr(TRAINING, group)) for group in RECORDED["card"]}))
    assert told == RECORDED["card"]


def test_a_finished_build_is_known_wherever_it_was_written_and_refused_with_another_layout() -> None:
    splits, shards = dataclasses.asdict(SplitSettings()), dataclasses.asdict(ShardSettings(output="/lake/shards"))
    base: Any = SimpleNamespace(settings={"splits": splits, "shards": shards})
    other = {"output": "/x", "on_existing": "resume", "max_bad_fraction": 0.9, "chunk_images": 7}
    other |= {"format": "iceberg", "table": "lake.faces.shards"}
    check_finished(base, {"splits": splits, "shards": shards | other})
    for name in shards.keys() - other.keys():
        with pytest.raises(ExistingOutputError, match=f"{flag(name)}: "):
            check_finished(base, {"splits": splits, "shards": shards | {name: "another"}})
