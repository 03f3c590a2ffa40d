from __future__ import annotations

import json
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.cli.commands.augment_shards import main
from fer_spark.faces.encode import encode
from fer_spark.faces.settings import ImageSpec
from fer_spark.rows import FACE
from fer_spark.shards.balance import ClassCopies, plan_copies
from fer_spark.shards.copies import CopySettings, Warp, copy_id, decode_stored, make_copies
from fer_spark.shards.manifest import ImageColumn
from tests.pipelines.build.builds import build, manifest, quarantine, shards
from tests.shards.frames import face_row

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


def test_the_plan_by_hand() -> None:
    # 11 rows of every class: 4 more of 7 rows, 9 more of 2 rows (4 of each, 5 of one), 6 more of 5 rows
    assert plan_copies({**TRAIN, "fear": 0}, 0) == {
        "angry": ClassCopies(7, 0, 4),
        "disgust": ClassCopies(2, 4, 1),
        "sad": ClassCopies(5, 1, 1),
    }
    assert plan_copies(TRAIN, 6) == {"disgust": ClassCopies(2, 2, 0), "sad": ClassCopies(5, 0, 1)}
    assert plan_copies(TRAIN, 2) == {}
    assert ClassCopies(2, 4, 1).copies == 9
    assert ClassCopies(2, 4, 1).most_of_one == 5
    with pytest.raises(ValueError, match="nothing to copy"):
        plan_copies({"happy": 0}, 0)


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


def test_a_copy_is_its_original_but_for_id_pixels_and_mark(originals: Path, balanced: Path) -> None:
    of_id = {row["face_id"]: row for row in shards(originals).to_pylist()}
    images = {name: ImageColumn(**column) for name, column in manifest(balanced)["images"].items()}
    specs = {spec.column: spec for spec in map(ImageSpec.parse, SIZES)}
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
            face = decode_stored(original[name], image, "")
            assert row[name] == encode(warp.apply(face), specs[name], "uint8")
    ids = {copy_id(face, k, 0) for face, count in numbers.items() for k in range(1, count + 1)}
    assert {row["face_id"] for row in copies} == ids


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
        pixels = np.stack([decode_stored(row[name], ImageColumn(**column), "") for row in train]) / 255
        over = (0, 1, 2)
        within = 1e-3 if "jpeg" in column["codec"] else 1e-6  # build-shards measures before JPEG rounds
        assert np.ravel(column["mean"]) == pytest.approx(np.ravel(pixels.mean(axis=over)), abs=within)
        assert np.ravel(column["std"]) == pytest.approx(np.ravel(pixels.std(axis=over)), abs=within)
    assert new["checksum"] != old["checksum"]
    assert new["settings"]["augment"]["of_checksum"] == old["checksum"]
    assert new["settings"]["faces"] == old["settings"]["faces"]
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_float_and_colour_copies_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    image = ImageColumn(32, "rgb", "raw", "float32", [32, 32, 3], "RGB", [], [])
    face = np.zeros((32, 32, 3), np.uint8)
    face[..., 0], face[10:20, 5:15, 1] = 200, 90
    rows = [
        face_row(number) | {"image_32_rgb": encode(face, ImageSpec.parse("32:rgb:raw"), "float32")}
        for number in (1, 2, 3)
    ]
    for row, copies in zip(rows, (2, 1, 4), strict=True):
        row["_copies"] = copies
    fields = [*FACE.arrow_schema, pa.field("_copies", pa.int32()), pa.field("image_32_rgb", pa.binary())]
    batch = pa.RecordBatch.from_pylist(rows, pa.schema(fields))
    encoders = {"image_32_rgb": partial(encode, spec=ImageSpec.parse("32:rgb:raw"), store="float32")}

    def made() -> list[dict[str, Any]]:
        batches = list(make_copies(iter([batch]), {"image_32_rgb": image}, encoders, CopySettings(max_zoom_frac=0.0)))
        assert all(one.schema.names == [*FACE.names, "image_32_rgb", "augmented_from"] for one in batches)
        return [row for one in batches for row in one.to_pylist()]

    copies = made()
    assert [row["augmented_from"] for row in copies] == [rows[i]["face_id"] for i in (0, 0, 1, 2, 2, 2, 2)]
    for row in copies:
        pixels = np.frombuffer(row["image_32_rgb"], "<f4").reshape(32, 32, 3)
        assert np.abs(pixels[..., 0] - 200 / 255).max() < 1e-6, "red everywhere, as before"
        assert pixels[..., 2].max() == 0
        assert 90 / 255 * 70 < pixels[..., 1].sum() < 90 / 255 * 130, "the 100 green pixels moved, and stayed as many"
    monkeypatch.setattr("fer_spark.shards.copies._BATCH_BYTES", 30_000)
    assert made() == copies


def test_wrong_use_is_named_and_touches_nothing(
    originals: Path, balanced: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    before = manifest(balanced)
    for arguments, message in (
        (["--shards", str(originals)], "--output: name a directory"),
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


def test_warps_stay_in_bounds_are_spread_and_never_turn_a_face_over() -> None:
    settings = CopySettings(max_angle_deg=15, max_shift_frac=0.1, max_zoom_frac=0.2)
    warps = [Warp.draw(f"{number:032x}", settings) for number in range(2000)]
    assert np.mean([warp.flip for warp in warps]) == pytest.approx(0.5, abs=0.05)
    for name, low, high in (("angle_deg", -15, 15), ("shift_x_frac", -0.1, 0.1), ("shift_y_frac", -0.1, 0.1)):
        values = np.array([getattr(warp, name) for warp in warps])
        assert low <= values.min() < 0.95 * low < 0.95 * high < values.max() <= high
        assert values.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)
    assert not any(Warp.draw(str(n), CopySettings(flip=False)).flip for n in range(50))
    # light above, dark below: so it stays
    face = np.repeat(np.linspace(250, 5, 48).astype(np.uint8)[:, None], 48, 1)
    for warp in warps[:200]:
        moved = warp.apply(face)
        assert moved[:12].mean() > moved[36:].mean() + 80


def test_warp_by_hand() -> None:
    face = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    assert np.array_equal(Warp(False, 0, 0, 0, 1).apply(face), face)
    assert np.array_equal(Warp(True, 0, 0, 0, 1).apply(face), face[:, ::-1])
    right = Warp(False, 0, 0.125, 0, 1).apply(face)  # an eighth of 48 is 6 px; the left edge repeats
    assert np.array_equal(right[:, 6:], face[:, :-6])
    assert np.array_equal(right[:, :6], np.repeat(face[:, :1], 6, 1))
    assert np.array_equal(Warp(False, 90, 0, 0, 1).apply(face), np.rot90(face)), "about the centre, anticlockwise"


@pytest.mark.parametrize(
    ("text", "store"),
    [(text, "uint8") for text in ("20:gray", "20:rgb:raw", "20:rgb:png", "20:gray:png", "20:rgb:jpeg95")]
    + [("20:gray", "float32"), ("20:rgb:raw", "float32")],
)
def test_what_is_encoded_decodes_to_the_same(text: str, store: str) -> None:
    spec = ImageSpec.parse(text)
    shape = (20, 20) if spec.mode == "gray" else (20, 20, 3)
    face = np.zeros(shape, np.uint8)
    face[..., :] = 90
    if spec.mode == "rgb":
        face[..., 0] = 200
    image = ImageColumn(20, spec.mode, str(spec).split(":")[2], store, list(shape), "", [], [])
    decoded = decode_stored(encode(face, spec, store), image, "f1")
    assert np.abs(decoded.astype(int) - face).max() <= (3 if spec.codec == "jpeg" else 0)
    with pytest.raises(ValueError, match="face f1: 3 bytes are no"):
        decode_stored(b"abc", image, "f1")
