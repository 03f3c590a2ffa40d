"""Appending goes on as the shards there were made: persons stay in one split, faces are found alike."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyspark.sql import SparkSession

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.resolve import resolve
from fer_spark.faces.settings import FaceSettings
from fer_spark.pipelines.build.existing import check_appendable
from fer_spark.pipelines.build.plan import ExistingOutputError
from fer_spark.shards.manifest import Manifest
from fer_spark.shards.staging import Staging
from fer_spark.sources.settings import SplitSettings
from tests.pipelines.build.builds import build, manifest, shards


def add(lake: Path, persons: range, name: str) -> None:
    """A picture of each person, and the table of all pictures there are."""
    rng = np.random.default_rng(len(list(lake.iterdir())))
    for person in persons:
        cv2.imwrite(str(lake / f"{name} {person}.png"), rng.integers(0, 256, (24, 24), np.uint8))
    rows = [f"{path.name},happy,{path.stem.split()[1]}" for path in sorted(lake.glob("*.png"))]
    (lake / "t.csv").write_text("\n".join(["image,emotion,person", *rows]))


@pytest.mark.job
def test_val_is_drawn_where_the_source_has_none_and_appending_draws_on(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake, output = tmp_path / "lake", tmp_path / "out"
    rng = np.random.default_rng(4)

    def draw(part: str, names: range) -> None:
        for i in names:
            path = lake / part / ("happy", "sad")[i % 2] / f"{part}{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), rng.integers(0, 256, (24, 24), np.uint8))

    draw("train", range(80))
    draw("test", range(10))
    for path in sorted(lake.glob("train/*/*"))[::2]:  # half of train is in test too, as other bytes
        inside = lake / "test" / path.parent.name / f"of {path.name}"
        inside.write_bytes(path.read_bytes() + b"more")
    flags: dict[str, Any] = {"input": lake, "detector": "none", "leak_guard": "drop", "val_fraction": 0.4}
    assert build(output, **flags) == 0
    assert "Val is 40% of train, drawn from it because the source states none" in capsys.readouterr().out
    assert manifest(output)["settings"]["splits"]["val_from"] == "train"
    places: dict[str, list[str]] = {}
    for row in shards(output).to_pylist():
        places.setdefault(row["split"], []).append(row["pixel_hash"])
    assert len(places["test"]) == 50
    assert len(places["train"]) + len(places["val"]) == 40
    assert min(map(len, places.values())) >= 8
    assert not {*places["train"], *places["val"]} & {*places["test"]}
    assert build(output, **flags, on_existing="resume") == 0
    before = {row["face_id"]: row["split"] for row in shards(output).to_pylist()}
    draw("train", range(100, 160))
    assert build(output, **flags, on_existing="append") == 0
    after = {row["face_id"]: row["split"] for row in shards(output).to_pylist()}
    assert before.items() <= after.items()
    added = [split for face, split in after.items() if face not in before]
    assert (len(added), set(added)) == (60, {"train", "val"})
    assert manifest(output)["settings"]["splits"]["val_from"] == "train"


@pytest.mark.job
def test_appended_pictures_of_a_person_go_where_the_person_is(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Above a minute: four builds, one after the other on what is there."""
    lake, output = tmp_path / "lake", tmp_path / "out"
    lake.mkdir()
    add(lake, range(40), "first")
    flags: dict[str, Any] = {"source": "table", "input": lake / "t.csv", "detector": "none", "on_existing": "append"}
    flags["ratios"] = "0.5,0.25,0.25"
    assert build(output, **flags) == 0
    assert manifest(output)["settings"]["grouping"].startswith("group: 40 groups")
    for path in lake.glob("first*"):
        path.unlink()
    add(lake, range(12), "second")  # too few persons to be chosen by themselves
    assert build(output, **flags, seed=5) == 2
    assert "--seed: 0 then, 5 now" in capsys.readouterr().err

    def killed(self: Staging) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Staging, "drop", killed)  # right after the manifest
        with pytest.raises(KeyboardInterrupt):
            build(output, **flags)
    rows = shards(output).to_pylist()
    assert len(rows) == 52
    places: dict[str, set[str]] = {}
    for row in rows:
        places.setdefault(row["group_id"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in places.values())
    assert build(output, **flags) == 0
    assert manifest(output)["counts"]["written_faces"] == 52
    assert not (output / "_staging").exists()


def _base(detector: DetectorSpec) -> Manifest:
    described = {"name": detector.name, "digest": detector.digest}
    settings = {"faces": {}, "splits": asdict(SplitSettings()), "detector": described, "grouping": "content: asked for"}
    return Manifest(["sad"], {}, None, [], [], "0", settings, [], {}, 1.0, {}, "0")  # type: ignore[arg-type]


def test_faces_are_searched_for_as_before() -> None:
    now = {"splits": asdict(SplitSettings())}

    def check(detector: DetectorSpec) -> None:
        check_appendable(
            _base(yunet),
            now,
            resolve(FaceSettings(), detector, detector.name if detector.name in ("source", "none") else None),
            ("sad",),
        )

    yunet, other = DetectorSpec("yunet", model=b"one"), DetectorSpec("yunet", model=b"two")
    for detector in (yunet, DetectorSpec("source"), DetectorSpec("none")):
        check(detector)
    with pytest.raises(ExistingOutputError, match="--detector: yunet then, haar now"):
        check(DetectorSpec("haar"))
    with pytest.raises(ExistingOutputError, match="--detector-model"):
        check(other)
