"""`fer-spark augment-shards` whole: drawn shards in, shards with marked copies out; val and test stay as they are."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.cli.commands.augment_shards import main
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import FACE
from fer_spark.shards.copies import CopySettings, Warp, copy_id, stored_face
from fer_spark.shards.manifest import ImageColumn
from tests.pipelines.build.builds import build, manifest, quarantine, shards

NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
TRAIN = {"angry": 7, "disgust": 2, "happy": 11, "sad": 5}
SIZES = ("48:gray", "32:rgb:png", "40:gray:jpeg90")


def picture(number: int) -> str:
    """A soft blob whose place and brightness differ, as the CSV's text."""
    y, x = np.mgrid[0:48, 0:48]
    blob = 40 + number + 150 * np.exp(-((x - 12 - number % 20) ** 2 + (y - 20 - number % 9) ** 2) / 90)
    return " ".join(str(int(v)) for v in blob.clip(0, 255).ravel())


def csv_of(path: Path) -> Path:
    rows, number = [], 0
    for usage, counts in (
        ("Training", TRAIN),
        ("PublicTest", {"happy": 4, "disgust": 1}),
        ("PrivateTest", {"sad": 3, "angry": 2}),
    ):
        for label, count in counts.items():
            for _ in range(count):
                rows.append(f"{NAMES.index(label)},{picture(number)},{usage}")
                number += 1
    rows.append("3,1 2 3,Training")  # no square picture: one row of quarantine
    path.write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def originals(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    assert build(folder / "shards", source="fer2013", input=csv_of(folder / "f.csv"), size=list(SIZES)) == 0
    return folder / "shards"


@pytest.fixture(scope="module")
def balanced(originals: Path) -> Path:
    output = originals.parent / "balanced"
    assert main(["--shards", str(originals), "--output", str(output), "--to", "max"]) == 0
    return output


def train_labels(table: pa.Table) -> Counter[str]:
    return Counter(row["label"] for row in table.to_pylist() if row["split"] == "train")


def as_set(table: pa.Table) -> set[str]:
    return {repr(row) for row in table.to_pylist()}


@pytest.mark.job
def test_every_class_of_train_has_as_many_and_nothing_else_changed(originals: Path, balanced: Path) -> None:
    before, after = shards(originals), shards(balanced)
    assert train_labels(after) == dict.fromkeys(TRAIN, 11)
    copies = after.filter(pa.compute.is_valid(after["augmented_from"]))
    kept = after.filter(pa.compute.is_null(after["augmented_from"])).drop_columns(["augmented_from"])
    assert as_set(kept.select(before.column_names)) == as_set(before)
    assert set(copies["split"].to_pylist()) == {"train"}
    assert quarantine(balanced) == quarantine(originals)
    assert len(quarantine(balanced)) == 1
    # copies are spread evenly: 4 of 7 once; one of 2 four times, the other five; 4 of 5 once, one twice
    often = Counter(copies["augmented_from"].to_pylist())
    of_label = {row["face_id"]: row["label"] for row in before.to_pylist()}
    spread = {label: sorted(n for face, n in often.items() if of_label[face] == label) for label in TRAIN}
    assert spread == {"angry": [1, 1, 1, 1], "disgust": [4, 5], "happy": [], "sad": [1, 1, 1, 1, 2]}
    assert len(set(after["face_id"].to_pylist())) == after.num_rows


@pytest.mark.job
def test_a_copy_is_its_original_but_for_id_pixels_and_mark(originals: Path, balanced: Path) -> None:
    of_id = {row["face_id"]: row for row in shards(originals).to_pylist()}
    images = {name: ImageColumn.from_dict(name, column) for name, column in manifest(balanced)["images"].items()}
    specs = {spec.column: spec for spec in map(StoredPixels.parse, SIZES)}
    numbers: Counter[str] = Counter()
    copies = [row for row in shards(balanced).to_pylist() if row["augmented_from"]]
    assert len(copies) == 4 + 9 + 6
    for row in copies:
        original = of_id[row["augmented_from"]]
        same = set(FACE.names) - {"face_id", "decodes"}
        assert {name: row[name] for name in same} == {name: original[name] for name in same}
        assert row["decodes"] == 0
        numbers[original["face_id"]] += 1
        for name, image in images.items():
            assert row[name] != original[name]
            # what is stored is the original's pixels under the warp that the copy's id says, encoded as the others are
            warp = Warp.draw(row["face_id"], CopySettings())
            face = stored_face(original[name], image.pixels, "")
            assert row[name] == specs[name].encode(warp.apply(face))
    ids = {copy_id(face, k, 0) for face, count in numbers.items() for k in range(1, count + 1)}
    assert {row["face_id"] for row in copies} == ids


@pytest.mark.job
def test_the_manifest_counts_and_measures_what_is_there(originals: Path, balanced: Path) -> None:
    old, new = manifest(originals), manifest(balanced)
    assert new["counts"]["per_label"] == old["counts"]["per_label"] | {"train": dict.fromkeys(TRAIN, 11)}
    assert new["counts"]["per_split"] == {"train": 44, "val": 5, "test": 5}
    assert new["counts"]["written_faces"] == 54
    assert {k: new["counts"][k] for k in ("input", "written_images", "quarantined")} == {
        k: old["counts"][k] for k in ("input", "written_images", "quarantined")
    }
    for file in new["files"]:
        metadata = pq.ParquetFile(balanced / file["path"]).metadata
        assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == file["row_groups"]
        assert (balanced / file["path"]).stat().st_size == file["bytes"]
    train = [row for row in shards(balanced).to_pylist() if row["split"] == "train"]
    for name, column in new["images"].items():
        stored = StoredPixels.from_dict(name, column)
        pixels = np.stack([stored_face(row[name], stored, "") for row in train]) / 255
        over = (0, 1, 2)
        within = 1e-3 if "jpeg" in column["codec"] else 1e-6  # build-shards measures before JPEG rounds
        assert np.ravel(column["mean"]) == pytest.approx(np.ravel(pixels.mean(axis=over)), abs=within)
        assert np.ravel(column["std"]) == pytest.approx(np.ravel(pixels.std(axis=over)), abs=within)
    assert new["checksum"] != old["checksum"]
    assert new["settings"]["augment"]["of_checksum"] == old["checksum"]
    assert new["settings"]["preparation"] == old["settings"]["preparation"]
    assert "disgust 9 of 2" in new["notes"][-1]
    assert sorted(p.name for p in balanced.iterdir()) == [
        "_SUCCESS",  # Spark's own
        "_manifest.json",
        "_quarantine",
        "split=test",
        "split=train",
        "split=val",
    ]


def in_small_files(shards_of: Path, target: Path) -> Path:
    """The same rows, last first, in files of 4 and groups of 3."""
    shutil.copytree(shards_of / "_quarantine", target / "_quarantine")
    stated, table = manifest(shards_of), shards(shards_of)
    stated["files"] = []
    for split in ("train", "val", "test"):
        rows = table.filter(pa.compute.equal(table["split"], split)).drop_columns(["split"])
        rows = rows.take(list(range(rows.num_rows))[::-1])
        (target / f"split={split}").mkdir()
        for start in range(0, rows.num_rows, 4):
            path = f"split={split}/part-{start:05d}.parquet"
            part = rows.slice(start, 4)
            pq.write_table(part, target / path, row_group_size=3)
            groups = [3, part.num_rows - 3] if part.num_rows > 3 else [part.num_rows]
            size = (target / path).stat().st_size
            stated["files"].append(
                {"path": path, "split": split, "rows": part.num_rows, "row_groups": groups, "bytes": size}
            )
    stated["settings"]["shards"]["rows_per_group"] = 3
    (target / "_manifest.json").write_text(json.dumps(stated))
    return target


@pytest.mark.job
def test_the_same_rows_from_other_files_and_partitions(
    spark: SparkSession, originals: Path, balanced: Path, tmp_path: Path
) -> None:
    again, many = tmp_path / "again", in_small_files(originals, tmp_path / "many")
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    try:
        assert main(["--shards", str(many), "--output", str(again)]) == 0
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", "4")
    assert manifest(again)["checksum"] == manifest(balanced)["checksum"]
    assert shards(again).equals(shards(balanced))
    train = [file for file in manifest(again)["files"] if file["split"] == "train"]
    assert len(train) > 6, "train grows by files, not by larger ones"
    assert max(max(file["row_groups"]) for file in train) == 3


@pytest.mark.job
def test_a_number_never_takes_rows_away_and_another_seed_makes_others(originals: Path, tmp_path: Path) -> None:
    assert main(["--shards", str(originals), "--output", str(tmp_path / "six"), "--to", "6", "--seed", "1"]) == 0
    copies = [row for row in shards(tmp_path / "six").to_pylist() if row["augmented_from"]]
    possible = {copy_id(row["augmented_from"], k, 1) for row in copies for k in (1, 2)}
    assert {row["face_id"] for row in copies} <= possible
    assert copy_id("f", 1, 0) != copy_id("f", 1, 1) != copy_id("f", 2, 1)
    assert train_labels(shards(tmp_path / "six")) == {"angry": 7, "disgust": 6, "happy": 11, "sad": 6}
    assert main(["--shards", str(originals), "--output", str(tmp_path / "two"), "--to", "2"]) == 0
    assert manifest(tmp_path / "two")["checksum"] == manifest(originals)["checksum"]
    assert shards(tmp_path / "two")["augmented_from"].null_count == 35


@pytest.mark.job
def test_wrong_use_is_named_and_touches_nothing(
    originals: Path, balanced: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    before = manifest(balanced)
    for arguments, message in (
        (["--shards", str(originals)], "--output is missing"),
        (["--shards", str(tmp_path), "--output", str(tmp_path / "o")], "has no _manifest.json"),
        (["--shards", str(originals), "--output", str(originals)], "the shards themselves"),
        (["--shards", str(balanced), "--output", str(tmp_path / "o")], "has copies already"),
        (["--shards", str(originals), "--output", str(tmp_path / "notes")], "holds other files"),
        (["--shards", str(originals), "--output", str(balanced), "--to", "40"], "holds other shards"),
        (["--shards", str(originals), "--output", str(tmp_path / "o"), "--to", "many"], "--to: 'many'"),
        (["--shards", str(originals), "--output", str(tmp_path / "o"), "--max-angle-deg", "90"], "--max-angle-deg"),
    ):
        assert main(arguments) == 2
        assert message in capfd.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "o").exists()
    assert manifest(balanced) == before
    assert [p.name for p in (tmp_path / "notes").iterdir()] == ["mine.txt"]


@pytest.mark.job
def test_a_second_run_does_nothing_and_a_broken_one_is_done_again(
    originals: Path, balanced: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--shards", str(originals), "--output", str(balanced), "--to", "max"]) == 0
    assert "Nothing to do" in capfd.readouterr().out
    broken = tmp_path / "broken"
    (broken / "split=train").mkdir(parents=True)
    pq.write_table(pa.table({"x": [1]}), broken / "split=train" / "part-0.parquet")
    (broken / "_augmenting.json").write_text("{}")
    assert main(["--shards", str(originals), "--output", str(broken)]) == 0
    assert manifest(broken)["checksum"] == manifest(balanced)["checksum"]
    assert not (broken / "split=train" / "part-0.parquet").exists()


@pytest.mark.job
def test_shards_that_are_not_what_their_manifest_says_are_not_published(
    originals: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(originals, changed)
    stated = manifest(changed)
    stated["checksum"] = "0123456789abcdef"
    (changed / "_manifest.json").write_text(json.dumps(stated))
    assert main(["--shards", str(changed), "--output", str(tmp_path / "out")]) == 1
    assert "its manifest says 0123456789abcdef" in capfd.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "out" / "_manifest.json").exists()
