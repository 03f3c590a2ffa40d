"""build-shards from pictures to a published directory, on drawn faces whose truth is known."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from fer_spark.cli.commands.build_shards import main
from fer_spark.sample import EXPRESSIONS, write_folder
from tests.pipelines.build.builds import build, manifest, quarantine, shards

COUNT = 90


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("drawn") / "pictures"
    write_folder(directory, COUNT, seed=3, broken_fraction=0.2)
    return directory


@pytest.fixture(scope="module")
def truth(pictures: Path) -> list[dict[str, str]]:
    import csv

    with (pictures.parent / "pictures_truth.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def built(spark: SparkSession, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("built") / "shards"
    assert build(output, source="folder", input=pictures, detector="none", size=["48:gray", "64:rgb:png"]) == 0
    return output


def test_every_picture_is_in_exactly_one_place(built: Path, truth: list[dict[str, str]]) -> None:
    written = shards(built)["source_path"].to_pylist()
    refused = [row["source_path"] for row in quarantine(built)]
    assert sorted(written + refused) == sorted(row["path"] for row in truth)
    unreadable = {row["path"] for row in truth if row["broken"] in ("empty", "truncated", "text", "bomb")}
    assert set(refused) == unreadable
    counts = manifest(built)["counts"]
    assert counts["input"] == COUNT == counts["written_images"] + sum(counts["quarantined"].values())
    assert counts["quarantined"] == dict(Counter(row["reason"] for row in quarantine(built)))


def test_rows_carry_labels_sizes_and_pixels(built: Path, truth: list[dict[str, str]]) -> None:
    by_path = {row["path"]: row for row in truth}
    table = shards(built)
    for row in table.select(
        ["source_path", "label", "image_width", "image_height", "image_48_gray", "decodes"]
    ).to_pylist():
        expected = by_path[row["source_path"]]
        assert row["label"] == Path(row["source_path"]).parts[0]
        assert row["decodes"] == 1
        assert len(row["image_48_gray"]) == 48 * 48
        if not expected["broken"]:
            assert row["label"] == expected["label"]
            assert (row["image_width"], row["image_height"]) == (
                int(expected["image_width"]),
                int(expected["image_height"]),
            )
    assert all(png.as_py().startswith(b"\x89PNG") for png in table["image_64_rgb"])


def test_the_manifest_tells_what_is_in_the_files(built: Path) -> None:
    told, table = manifest(built), shards(built)
    assert told["label_names"] == list(EXPRESSIONS)
    assert told["counts"]["per_split"] == dict(sorted(Counter(table["split"].to_pylist()).items()))
    train = [row["image_48_gray"] for row in table.to_pylist() if row["split"] == "train"]
    pixels = np.frombuffer(b"".join(train), dtype=np.uint8) / 255
    image = told["images"]["image_48_gray"]
    assert image["mean"] == pytest.approx([pixels.mean()], abs=1e-6)
    assert image["std"] == pytest.approx([pixels.std()], abs=1e-6)
    assert told["images"]["image_64_rgb"]["shape"] == [64, 64, 3]
    assert len(told["images"]["image_64_rgb"]["mean"]) == 3
    assert sum(sum(file["row_groups"]) for file in told["files"]) == table.num_rows
    assert not (built / "_staging").exists()


@pytest.mark.job
@pytest.mark.parametrize("partitions", [1, 3, 16])
def test_the_rows_do_not_depend_on_how_spark_splits_the_work(
    spark: SparkSession, pictures: Path, built: Path, tmp_path: Path, partitions: int
) -> None:
    before = spark.conf.get("spark.sql.files.minPartitionNum")
    spark.conf.set("spark.sql.files.minPartitionNum", str(partitions))
    try:
        flags = {"chunk_images": {1: 1000, 3: 40, 16: 17}[partitions], "size": ["48:gray", "64:rgb:png"]}
        assert build(tmp_path, source="folder", input=pictures, detector="none", **flags) == 0
    finally:
        spark.conf.set("spark.sql.files.minPartitionNum", str(before))
    assert manifest(tmp_path)["checksum"] == manifest(built)["checksum"]
    assert shards(tmp_path).equals(shards(built))


def test_an_existing_output_is_left_alone_unless_told(
    spark: SparkSession, built: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (built / "_manifest.json").read_bytes()
    assert build(built, source="folder", input=pictures, detector="none") == 2
    assert "--on-existing append" in capsys.readouterr().err
    flags = {"source": "folder", "input": pictures, "detector": "none", "size": ["48:gray", "64:rgb:png"]}
    assert build(built, on_existing="resume", **flags) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert build(built, on_existing="resume", ratios="0,0,1", leak_guard="off", **flags) == 2
    told = capsys.readouterr().err
    assert "--ratios: 0.8,0.1,0.1 then, 0,0,1 now" in told
    assert "--leak-guard: report then, off now" in told
    assert (built / "_manifest.json").read_bytes() == before


@pytest.mark.job
def test_append_adds_only_what_is_unseen(spark: SparkSession, pictures: Path, tmp_path: Path) -> None:
    everything, lake, output = tmp_path / "everything", tmp_path / "lake", tmp_path / "out"
    write_folder(everything, 31, seed=3, broken_fraction=0.2)
    late = [path for path in sorted(everything.rglob("*")) if path.is_file()][::3]
    shutil.copytree(everything, lake)
    for path in late:
        (lake / path.relative_to(everything)).unlink()
    flags = {"source": "folder", "input": lake, "detector": "none", "on_existing": "append"}
    assert build(output, **flags) == 0
    first = manifest(output)
    shutil.copytree(everything, lake, dirs_exist_ok=True)
    assert build(output, **flags) == 0
    second = manifest(output)
    assert {file["path"] for file in first["files"]} < {file["path"] for file in second["files"]}
    whole = tmp_path / "whole"
    assert build(whole, **(flags | {"on_existing": "fail"})) == 0
    assert second["checksum"] == manifest(whole)["checksum"]
    assert second["counts"] == manifest(whole)["counts"]
    assert second["images"]["image_48_gray"]["mean"] == pytest.approx(
        manifest(whole)["images"]["image_48_gray"]["mean"], abs=1e-7
    )
    assert [r["source_path"] for r in quarantine(output)] == [r["source_path"] for r in quarantine(whole)]
    assert build(output, **flags) == 0
    assert manifest(output)["counts"] == second["counts"]
    assert manifest(output)["checksum"] == second["checksum"]


def test_append_refuses_faces_prepared_otherwise(
    spark: SparkSession, built: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        build(built, source="folder", input=pictures, detector="none", photometric="clahe", on_existing="append") == 2
    )
    told = capsys.readouterr().err
    assert "--photometric: none then, clahe now" in told
    assert "--size" in told


@pytest.mark.job
def test_overwrite_swaps_and_leaves_no_old_file(spark: SparkSession, pictures: Path, tmp_path: Path) -> None:
    assert build(tmp_path, source="folder", input=pictures, detector="none", rows_per_file=20) == 0
    old = {file["path"] for file in manifest(tmp_path)["files"]}
    assert (
        build(
            tmp_path, source="folder", input=pictures, detector="none", on_existing="overwrite", photometric="equalize"
        )
        == 0
    )
    new = {file["path"] for file in manifest(tmp_path)["files"]}
    assert not old & new
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.glob("split=*/*.parquet")} == new


@pytest.mark.job
def test_too_many_bad_pictures_publish_nothing_and_resume_can_still_publish(
    spark: SparkSession, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {"source": "folder", "input": pictures, "detector": "none"}
    assert build(tmp_path, max_bad_fraction=0.01, **flags) == 3
    assert "Nothing published" in capsys.readouterr().out
    assert not (tmp_path / "_manifest.json").exists()
    assert build(tmp_path, max_bad_fraction=0.9, on_existing="resume", **flags) == 0
    assert manifest(tmp_path)["counts"]["input"] == COUNT


@pytest.mark.job
def test_float32_is_the_same_picture_in_zero_to_one(
    spark: SparkSession, pictures: Path, built: Path, tmp_path: Path
) -> None:
    flags = {"source": "folder", "input": pictures, "detector": "none", "size": ["48:gray", "64:rgb"]}
    assert build(tmp_path, store="float32", **flags) == 0
    assert manifest(tmp_path)["images"]["image_48_gray"]["dtype"] == "float32"
    floats = {r["face_id"]: r["image_48_gray"] for r in shards(tmp_path).to_pylist()}
    for row in shards(built).to_pylist():
        pixels = np.frombuffer(floats[row["face_id"]], dtype="<f4")
        assert np.array_equal(
            np.round(pixels * 255).astype(np.uint8), np.frombuffer(row["image_48_gray"], dtype=np.uint8)
        )


@pytest.mark.job
def test_a_path_that_is_not_local_works_too(spark: SparkSession, pictures: Path, built: Path, tmp_path: Path) -> None:
    spark._jsc.hadoopConfiguration().set("fs.viewfs.mounttable.lake.link./in", f"file://{pictures}")
    (tmp_path / "out").mkdir()
    spark._jsc.hadoopConfiguration().set("fs.viewfs.mounttable.lake.link./out", f"file://{tmp_path / 'out'}")
    sizes = ["48:gray", "64:rgb:png"]
    for expected in (0, 2):
        code = build("viewfs://lake/out/shards", source="folder", input="viewfs://lake/in", detector="none", size=sizes)
        assert code == expected
    assert manifest(tmp_path / "out" / "shards")["checksum"] == manifest(built)["checksum"]


@pytest.mark.job
def test_settings_come_from_a_file_too(spark: SparkSession, pictures: Path, tmp_path: Path) -> None:
    config = tmp_path / "job.toml"
    config.write_text(
        f'[source]\nsource = "folder"\ninput = "{pictures}"\n[faces]\ndetector = "haar"\nsize = ["32:gray"]\n'
        f'[shards]\noutput = "{tmp_path / "out"}"\n'
    )
    assert main(["--config", str(config), "--margin", "0.2"]) == 0
    used = manifest(tmp_path / "out")["settings"]
    assert used["preparation"]["sizes"] == ["32:gray:raw"]
    assert used["preparation"]["detector"] == "haar"
    assert used["preparation"]["margin"] == 0.2
    json.dumps(used)


@pytest.mark.job
def test_leaks_are_dropped_from_train_and_counted(spark: SparkSession, pictures: Path, tmp_path: Path) -> None:
    readable = sorted(pictures.glob("happy/*.jpg")) + sorted(pictures.glob("sad/*.jpg"))
    readable = [path for path in readable if path.stat().st_size > 1500][:8]
    for number, path in enumerate(readable):
        for split in ("train", "test") if number < 3 else ("train",) if number < 6 else ("test",):
            target = tmp_path / "lake" / split / path.parent.name / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    flags = {"source": "folder", "input": tmp_path / "lake", "detector": "none", "val_from": "none"}
    assert build(tmp_path / "report", **flags) == 0
    told = manifest(tmp_path / "report")
    assert told["duplicates"]["exact_across"] == 3
    assert told["counts"]["per_split"] == {"test": 5, "train": 6}
    assert build(tmp_path / "drop", leak_guard="drop", **flags) == 0
    told = manifest(tmp_path / "drop")
    assert told["counts"]["per_split"] == {"test": 5, "train": 3}
    assert told["counts"]["quarantined"] == {"duplicate_leak": 3}
    assert told["duplicates"]["dropped_from_train"] == 3


@pytest.mark.job
def test_parquet_files_that_are_not_ours_are_never_touched(
    spark: SparkSession, pictures: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "split=train" / "mine.parquet"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"somebody's data")
    for choice in ("fail", "overwrite", "append", "resume"):
        assert build(tmp_path, source="folder", input=pictures, detector="none", on_existing=choice) == 2
        assert "no manifest" in capsys.readouterr().err
    assert foreign.read_bytes() == b"somebody's data"
    ours = tmp_path / "ours"
    shutil.copytree(built, ours)
    beside = ours / "split=train" / "mine.parquet"
    beside.write_bytes(b"somebody's data")
    assert build(ours, source="folder", input=pictures, detector="none", on_existing="overwrite") == 0
    assert beside.read_bytes() == b"somebody's data"
    listed = {file["path"] for file in manifest(ours)["files"]} | {"split=train/mine.parquet"}
    assert {str(path.relative_to(ours)) for path in ours.glob("split=*/*.parquet")} == listed
