from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.shards.layout import Layout
from fer_spark.shards.manifest import Counts, ManifestError
from fer_spark.shards.write import data_files, describe_files, measure, remove_orphans, write_faces
from tests.shards.frames import COLUMN, face_row, frame_of


def test_plan_sizes_by_rows_and_bounds_a_row_group_by_bytes() -> None:
    layout = Layout.plan(
        {"train": 1001, "test": 3}, row_bytes=2304, rows_per_file=100, target_bytes=0, rows_per_group=64
    )
    assert layout.files_per_split == {"train": 11, "test": 1}
    assert layout.rows_per_group == 64
    by_bytes = Layout.plan(
        {"train": 1000}, row_bytes=2**20, rows_per_file=0, target_bytes=64 * 2**20, rows_per_group=1024
    )
    assert by_bytes.files_per_split == {"train": 16}
    assert by_bytes.rows_per_group == 32


@pytest.mark.parametrize("partitions", [1, 3, 16])
def test_files_are_balanced_and_equal_however_the_rows_come(
    spark: SparkSession, tmp_path: Path, partitions: int
) -> None:
    storage = Storage(spark, str(tmp_path))
    faces = frame_of(spark, [face_row(number) for number in range(1000)], partitions)
    layout = Layout({"train": 3, "val": 1, "test": 2}, rows_per_group=50)
    paths = write_faces(spark, storage, faces, layout, [COLUMN])
    assert sorted(paths) == data_files(storage)
    tables = {path: pq.read_table(tmp_path / path, partitioning=None) for path in paths}
    per_split = {
        split: [t.num_rows for p, t in tables.items() if p.startswith(f"split={split}/")]
        for split in layout.files_per_split
    }
    assert {split: len(rows) for split, rows in per_split.items()} == layout.files_per_split
    assert {split: sum(rows) for split, rows in per_split.items()} == {"train": 600, "val": 200, "test": 200}
    assert all(150 < rows < 250 for rows in per_split["train"])
    # hashes place rows, so the k-th file of a split holds the same rows in the same order whatever came in
    order = [tables[path]["face_id"].to_pylist() for path in sorted(paths)]
    again = frame_of(spark, [face_row(number) for number in reversed(range(1000))], 2)
    other = Storage(spark, str(tmp_path / "again"))
    others = write_faces(spark, other, again, layout, [COLUMN])
    assert [
        pq.read_table(tmp_path / "again" / p, partitioning=None)["face_id"].to_pylist() for p in sorted(others)
    ] == order
    labels = tables[sorted(paths)[-1]]["label"].to_pylist()[:30]
    assert len(set(labels)) == 3, "a file begins with rows of every label"


def test_row_groups_hold_the_rows_asked_for_and_footers_agree_with_the_manifest(
    spark: SparkSession, tmp_path: Path
) -> None:
    storage = Storage(spark, str(tmp_path))
    faces = frame_of(spark, [face_row(number, split="train") for number in range(130)])
    paths = write_faces(spark, storage, faces, Layout({"train": 1}, rows_per_group=50), [COLUMN])
    files = describe_files(spark, storage, paths, measure(spark, storage, paths, [COLUMN]).rows)
    assert [file.row_groups for file in files] == [[50, 50, 30]]
    metadata = pq.ParquetFile(tmp_path / paths[0]).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [50, 50, 30]


def test_checksum_ignores_order_and_sees_one_changed_pixel(spark: SparkSession, tmp_path: Path) -> None:
    def checksum(name: str, rows: list[dict[str, object]], files: int) -> int:
        storage = Storage(spark, str(tmp_path / name))
        paths = write_faces(
            spark, storage, frame_of(spark, rows), Layout({"train": files, "val": 1, "test": 1}, 64), [COLUMN]
        )
        return measure(spark, storage, paths, [COLUMN]).checksum

    rows = [face_row(number) for number in range(60)]
    base = checksum("base", rows, 1)
    assert checksum("reversed", rows[::-1], 4) == base
    pixels = bytearray(rows[7][COLUMN])
    pixels[1000] ^= 1
    assert checksum("pixel", [*rows[:7], rows[7] | {COLUMN: bytes(pixels)}, *rows[8:]], 1) != base
    assert checksum("label", [*rows[:7], rows[7] | {"label": "fear"}, *rows[8:]], 1) != base


def test_orphans_of_a_crash_go_and_listed_files_stay(spark: SparkSession, tmp_path: Path) -> None:
    storage = Storage(spark, str(tmp_path))
    layout = Layout({"train": 1, "val": 1, "test": 1}, 64)
    kept = write_faces(spark, storage, frame_of(spark, [face_row(number) for number in range(10)]), layout, [COLUMN])
    write_faces(spark, storage, frame_of(spark, [face_row(number) for number in range(10, 20)]), layout, [COLUMN])
    log = tmp_path / "_quarantine" / "_delta_log" / "00000000000000000100.checkpoint.parquet"  # where it is a table too
    log.parent.mkdir(parents=True)
    for path in (log, tmp_path / "_quarantine" / "part-0.parquet"):
        path.write_bytes(b"bytes")
    assert remove_orphans(storage, set(kept)) == 3 + 1
    assert data_files(storage) == sorted(kept)
    assert [path for path in (tmp_path / "_quarantine").rglob("*") if path.is_file()] == [log]


def test_counts_that_do_not_add_up_are_refused() -> None:
    good = Counts(10, 6, 7, 1, {"no_face": 2, "unlisted": 1}, {"train": 7}, {})
    good.check()
    assert good.bad_fraction == pytest.approx(0.2)
    with pytest.raises(ManifestError, match="11 in, but 6 written \\+ 3 quarantined \\+ 1 already there = 10"):
        Counts(11, 6, 7, 1, {"no_face": 3}, {"train": 7}, {}).check()
