"""What build-shards does with wrong usage, poisonous pictures and files that vanish."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.resolve import resolve
from fer_spark.faces.settings import FaceSettings
from fer_spark.pipelines.build import run
from fer_spark.sample import write_folder
from fer_spark.shards.staging import Job, Staging
from tests.pipelines.build.builds import build, manifest, quarantine, shards
from tests.poison import jpeg, write_corpus


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"source": "folder", "input": "nowhere"}, "nowhere"),
        ({"source": "folder", "size": "48:grey"}, "SIZE:MODE"),
        ({"source": "folder", "ratios": "1,2"}, "expected train,val,test"),
        ({"source": "folder", "max_bad_fraction": 2}, "--max-bad-fraction"),
        ({"source": "folder", "margin": "nan"}, "--margin"),
        ({"source": "folder", "max_file_mb": "inf"}, "--max-file-mb"),
        ({"source": "folder", "target_file_mb": "inf"}, "--target-file-mb"),
        ({"source": "folder", "val_fraction": 1.5, "val_from": "train"}, "--val-fraction"),
        ({"source": "folder", "val_from": "train", "split": "hash"}, "--val-from"),
        ({"source": "folder", "max_per_class": -1}, "--max-per-class"),
        ({"source": "folder", "seed": 2**63}, "--seed"),
        ({"source": "folder", "glob": "[a"}, "--glob '[a'"),
        ({"source": "folder", "input": "no[/a]where"}, "no[/a]where"),
    ],
)
def test_wrong_usage_is_code_2_and_says_what_to_give(
    spark: SparkSession, flags: dict[str, str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(tmp_path / "out", **({"input": tmp_path} | flags)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.job
def test_whole_pictures_are_no_faces_where_the_data_know_several_in_one(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each would be the same picture with the label of another face."""
    assert _whole(tmp_path, "a.jpg,happy,0,0,20,20", "a.jpg,sad,30,0,20,20", "b.jpg,sad,0,0,20,20") == 2
    assert "the data have 2 faces of 'a.jpg': leave --detector away" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.job
def test_whole_pictures_are_faces_where_the_data_know_one_in_each(spark: SparkSession, tmp_path: Path) -> None:
    assert _whole(tmp_path, "a.jpg,sad,30,0,20,20", "b.jpg,sad,0,0,20,20") == 0
    assert shards(tmp_path / "out").sort_by("source_path")["label"].to_pylist() == ["sad", "sad"]


def _whole(folder: Path, *rows: str) -> int:
    """Build whole pictures of a list with boxes."""
    (folder / "list.csv").write_text("\n".join(["image,emotion,x,y,w,h", *rows, ""]))
    for name in "ab":
        (folder / f"{name}.jpg").write_bytes(jpeg())
    return build(folder / "out", source="legend", input=folder / "list.csv", detector="none")


def test_each_poison_picture_lands_where_it_should(spark: SparkSession, tmp_path: Path) -> None:
    expected = write_corpus(tmp_path / "lake")
    latin = os.fsencode(str(tmp_path / "lake")) + b"/caf\xe9.jpg"
    Path(os.fsdecode(latin)).write_bytes(jpeg())
    (tmp_path / "lake" / "_hidden.jpg").write_bytes(jpeg())
    (tmp_path / "lake" / "Thumbs.db").write_bytes(b"junk of a file manager")
    assert build(tmp_path / "out", source="images", input=tmp_path / "lake", detector="none", max_bad_fraction=1) == 0
    written = dict.fromkeys(shards(tmp_path / "out")["source_path"].to_pylist())
    refused = {row["source_path"]: row["reason"] for row in quarantine(tmp_path / "out")}
    named = {path: reason for path, reason in (written | refused).items() if path in expected}
    assert named == expected
    others = {path: reason for path, reason in refused.items() if path not in expected}
    assert list(others.values()) == ["hidden_name"]
    assert "_hidden.jpg" in written
    counts = manifest(tmp_path / "out")["counts"]
    assert counts["input"] == len(expected) + 2 == counts["written_images"] + len(refused)


@pytest.mark.job
def test_a_file_that_vanishes_after_the_listing_is_in_quarantine(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tmp_path / "lake"
    write_folder(lake, 20, seed=3)
    gone = sorted(lake.rglob("*.jpg"))[2]
    begin = Staging.begin

    def begin_and_lose(self: Staging, job: Job) -> None:
        begin(self, job)
        gone.unlink()

    monkeypatch.setattr(Staging, "begin", begin_and_lose)
    assert build(tmp_path / "out", source="folder", input=lake, detector="none") == 0
    lost = [row for row in quarantine(tmp_path / "out") if row["reason"] == "missing_file"]
    assert [row["source_path"] for row in lost] == [f"{gone.parent.name}/{gone.name}"]


@pytest.mark.job
def test_crops_are_not_searched_for_faces_unless_asked(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake, output = tmp_path / "lake", tmp_path / "out"

    def add(count: int) -> None:
        for number in range(count):
            path = lake / ("happy", "sad")[number % 2] / f"{len(list(lake.rglob('*.jpg')))}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(48, 48) + number.to_bytes(2, "big"))

    add(12)
    flags = {"source": "folder", "input": lake}
    assert build(output, **flags) == 0
    assert "nearly all pictures are 48x48 px" in capsys.readouterr().err
    written = manifest(output)
    assert written["settings"]["preparation"]["detector"] == "none"
    assert written["counts"]["written_faces"] == 12
    for file in lake.rglob("*.jpg"):
        file.unlink()
    (lake / "sad" / "new.jpg").write_bytes(jpeg(48, 48) + b"new")  # one alone, which tells nothing by itself
    assert build(output, **flags, on_existing="append") == 0
    assert manifest(output)["settings"]["preparation"] == written["settings"]["preparation"]
    assert manifest(output)["counts"]["written_faces"] == 13


@pytest.mark.parametrize("searched", [None, DetectorSpec("haar")])
def test_what_the_user_and_the_shards_say_comes_before_the_sizes(
    searched: DetectorSpec | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "sampled_crop_side", lambda *_: 48)
    source: Any = SimpleNamespace(detector=None, raw=None, images=100)
    lines: Any = SimpleNamespace(print_line=lambda text: None)
    earlier = resolve(FaceSettings(), searched) if searched else None
    for detector, expected in (("auto", None if searched else "none"), ("haar", None), ("yunet", None)):
        settings: Any = SimpleNamespace(faces=FaceSettings(detector=detector))
        assert run._required_detector(settings, source, earlier, lines) == expected
    source.detector = "source"
    auto: Any = SimpleNamespace(faces=FaceSettings())
    assert run._required_detector(auto, source, earlier, lines) == "source"


@pytest.mark.job
def test_paths_are_taken_as_they_are_and_shown_so(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake, output = tmp_path / "in [old] [/b]", tmp_path / "out [v1] {a,b} 100% ü"
    write_folder(lake, 12, seed=3)
    flags = {"source": "folder", "input": lake, "detector": "none", "chunk_images": 4}  # several files of each kind
    assert build(output, **flags) == 0
    said = capsys.readouterr()
    assert str(lake) in said.err
    assert str(output) in said.out
    assert shards(output).num_rows == 12
    assert build(output, **flags, on_existing="resume") == 0
    assert str(output) in capsys.readouterr().out
    assert build(output, **flags, on_existing="append") == 0
    assert manifest(output)["counts"]["input"] == 12
