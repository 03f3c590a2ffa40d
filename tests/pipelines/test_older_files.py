"""What an older release left is read, gone on with, and not done again."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.resolve import resolve
from fer_spark.faces.settings import FaceSettings
from fer_spark.pipelines.build.context import BuildSettings
from fer_spark.pipelines.build.existing import check_appendable, check_finished, splits_of
from fer_spark.pipelines.build.plan import ExistingOutputError
from fer_spark.shards.manifest import Manifest
from fer_spark.shards.settings import ShardSettings
from fer_spark.sources.settings import SourceSettings, SplitSettings
from tests.pipelines.build.builds import build, manifest, shards
from tests.pipelines.score.worlds import score, summary
from tests.preparation.older_files import FLAGS, lay_out, older_json

FACES = FaceSettings(size=("12:gray", "16:rgb"), detector="none")
MEASURES = ["brightness", "contrast", "sharpness"]
NOW = BuildSettings(SourceSettings(), FACES, SplitSettings(ratios="0.7,0.3,0"), ShardSettings()).as_dict()


@pytest.fixture
def older(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "older")


def read(content: dict[str, Any]) -> Manifest:
    return Manifest.from_json(json.dumps(content), "the fixture")


@pytest.mark.parametrize("dropped", ["", "align", "denoise", "photometric", "min_face_px", "faces", "store"])
def test_shards_can_be_appended_to_though_settings_were_added_since(dropped: str) -> None:
    content = older_json("shards/_manifest.json")
    content["settings"]["faces"].pop(dropped, None)
    base, now = read(content), resolve(FACES, DetectorSpec("none"))
    check_appendable(base, NOW, now, tuple(base.label_names))
    other = resolve(FaceSettings(size=FACES.size, photometric="clahe"), DetectorSpec("none"))
    with pytest.raises(ExistingOutputError, match="--photometric: none then, clahe now"):
        check_appendable(base, NOW, other, tuple(base.label_names))
    again = read({**content, "settings": base.settings_of_today})
    assert again.preparation == base.preparation == now
    assert again.settings.keys() & {"faces", "detector"} == set()


def test_shards_from_before_val_was_drawn_of_its_own_accord_are_gone_on_with_as_they_were() -> None:
    content = older_json("shards/_manifest.json")
    content["settings"]["grouping"] = "group: 40 groups"
    base, prepared = read(content), resolve(FACES, DetectorSpec("none"))
    asked = SplitSettings(ratios="0.7,0.3,0")
    now = splits_of(base, asked)
    assert content["settings"]["splits"]["val_from"] == ""
    assert now.val_from == "none"
    check_appendable(base, {**NOW, "splits": asdict(now)}, prepared, tuple(base.label_names))
    drawn = {**NOW, "splits": asdict(replace(asked, val_from="train"))}
    with pytest.raises(ExistingOutputError, match="--val-from: none then, train now"):
        check_appendable(base, drawn, prepared, tuple(base.label_names))
    finished = {**NOW, "splits": asdict(now), "shards": base.settings["shards"]}
    check_finished(base, finished)
    content["settings"]["splits"]["val_from"] = "train"
    assert splits_of(read(content), asked).val_from == "train"
    assert splits_of(read(content), replace(asked, val_from="none")).val_from == "none"


@pytest.mark.job
def test_shards_are_appended_to_and_complete_ones_are_complete(spark: SparkSession, older: Path) -> None:
    flags = {**FLAGS, "input": older / "pictures"}
    before = manifest(older / "shards")
    # the id of a job, as the older release made it of the description that lies beside an unfinished one
    job = json.loads((older / "unfinished/_staging/job.json").read_text()) | {"chunks": 1}
    before["run"]["job"] = hashlib.sha256(json.dumps(job, indent=1, sort_keys=True).encode()).hexdigest()[:16]
    (older / "shards/_manifest.json").write_text(json.dumps(before))
    assert build(older / "shards", **flags, on_existing="resume") == 0
    assert manifest(older / "shards") == before
    shutil.copy(older / "pictures/sad/0.png", older / "pictures/sad/again.png")
    (older / "pictures/sad/new.png").write_bytes((older / "pictures/sad/0.png").read_bytes() + b"more")
    assert build(older / "shards", **flags, on_existing="append") == 0
    after = manifest(older / "shards")
    assert after["counts"]["written_faces"] == shards(older / "shards").num_rows == 13
    assert after["settings"]["preparation"] == resolve(FACES, DetectorSpec("none")).to_dict()
    assert "faces" not in after["settings"]


@pytest.mark.job
def test_an_unfinished_job_is_gone_on_with_or_refused_in_clear_words(
    spark: SparkSession, older: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {**FLAGS, "input": older / "pictures", "chunk_images": 6, "on_existing": "resume"}
    assert build(older / "unfinished", **flags, photometric="clahe") == 2
    assert "--photometric: none then, clahe now" in capsys.readouterr().err
    assert build(older / "unfinished", **flags) == 0
    assert "resuming after 1 of 2 chunks" in capsys.readouterr().err
    assert build(older / "now", **flags) == 0
    finished, before, now = (shards(older / name) for name in ("unfinished", "shards", "now"))
    assert finished.num_rows == 12
    # the older release grew pictures with IPP, whose pixels depend on the processor, before it measured them
    assert finished.drop_columns(MEASURES) == before.drop_columns(MEASURES)
    of_before, of_now = before.to_pylist(), now.to_pylist()
    kept = [row for row in finished.to_pylist() if row in of_before]
    assert len(kept) >= 7  # of the chunk that was committed
    assert all(row in of_now for row in finished.to_pylist() if row not in kept)
    assert build(older / "unfinished", **flags) == 0  # complete


def test_what_a_ledger_knows_is_not_scored_again(spark: SparkSession, older: Path) -> None:
    few = older / "few"
    for name in ("angry", "happy", "sad"):
        (few / name).mkdir(parents=True)
        shutil.copy2(older / "pictures" / name / "0.png", few / name / "0.png")
    places = (("scores", "ledger", "images", few), ("scores-of-shards", "ledger-of-shards", "shards", older / "shards"))
    for output, ledger, kind, source in places:
        words = ["--incremental", "--checkpoint", str(older / ledger)]
        before = summary(older / output)
        assert score(older / "bundle", source, older / output, *words, kind=kind) == 0
        after = summary(older / output)
        assert after["faces"] == 0
        assert after["pictures"] == before["pictures"]
        assert after["preparation_digest"] == before["preparation_digest"]
        assert [path.name for path in sorted((older / ledger / "batches").iterdir())] == ["000001.json"]
