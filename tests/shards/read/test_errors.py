"""Every way in which shards can be wrong gives a ShardError that names the file."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from fsspec.registry import _registry as registry
from fsspec.registry import known_implementations

from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.shards.manifest import NAME, ImageColumn
from fer_spark.shards.read.reader import ReadSettings, ShardError, ShardReader, open_shards
from tests.shards.small_shards import GRAY, write_shards

GROUPS = {"train": [[20, 20], [9]], "val": [[3]]}
FIRST = "split=train/part-00000.zstd.parquet"
JPEG = ImageColumn(StoredPixels("image_16_rgb", FaceShape(16, "rgb"), "jpeg95"), [0.5] * 3, [0.25] * 3)


def read(root: Path, **given: object) -> ShardReader:
    return open_shards(str(root), "train", ReadSettings(**{"batch_size": 4, **given}))  # type: ignore[arg-type]


def all_of(root: Path, **given: object) -> None:
    with read(root, **given) as source:
        list(source.epoch(0))


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=f"{tmp_path}: no {NAME} there"):
        read(tmp_path)


def test_a_damaged_manifest(tmp_path: Path) -> None:
    write_shards(tmp_path, GROUPS)
    (tmp_path / NAME).write_text('{"format_version": 1')
    with pytest.raises(ShardError, match=f"{tmp_path}/{NAME}: cannot be read"):
        read(tmp_path)


def test_a_split_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    write_shards(tmp_path, GROUPS)
    with pytest.raises(ShardError, match="no split 'test'; there are: train, val"):
        open_shards(str(tmp_path), "test", ReadSettings())


def test_a_column_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    write_shards(tmp_path, GROUPS)
    with pytest.raises(ShardError, match="no pixel column 'image_256_rgb'; there are: image_6_gray"):
        read(tmp_path, image_column="image_256_rgb")
    manifest = write_shards(tmp_path, GROUPS)
    changed = replace(manifest, images={"image_7_gray": GRAY})
    (tmp_path / NAME).write_text(changed.to_json())
    with pytest.raises(ShardError, match=f"{FIRST}: no column image_7_gray"):
        all_of(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    write_shards(tmp_path, GROUPS)
    (tmp_path / FIRST).unlink()
    with pytest.raises(ShardError, match=f"{FIRST}: not there, though {NAME} lists it"):
        all_of(tmp_path)


def test_a_truncated_file(tmp_path: Path) -> None:
    write_shards(tmp_path, GROUPS)
    content = (tmp_path / FIRST).read_bytes()
    (tmp_path / FIRST).write_bytes(content[: len(content) // 2])
    with pytest.raises(ShardError, match=f"{FIRST}: damaged"):
        all_of(tmp_path)


def test_one_flipped_bit_in_the_pixels(tmp_path: Path) -> None:
    write_shards(tmp_path, GROUPS, {"image_16_rgb": JPEG})
    content = bytearray((tmp_path / FIRST).read_bytes())
    content[content.index(b"JFIF") + 300] ^= 4
    (tmp_path / FIRST).write_bytes(content)
    with pytest.raises(ShardError, match=f"{FIRST}"):
        all_of(tmp_path)


def test_a_file_of_other_rows(tmp_path: Path) -> None:
    write_shards(tmp_path / "a", GROUPS)
    write_shards(tmp_path / "b", {"train": [[20, 21]]})
    (tmp_path / "a" / FIRST).write_bytes((tmp_path / "b" / FIRST).read_bytes())
    with pytest.raises(ShardError, match=f"{FIRST}: 41 rows in 2 row groups, {NAME} says 40 in 2"):
        all_of(tmp_path / "a")


def test_a_file_that_grew(tmp_path: Path) -> None:
    manifest = write_shards(tmp_path, GROUPS)
    files = [replace(file, bytes=file.bytes + 1) if file.path == FIRST else file for file in manifest.files]
    (tmp_path / NAME).write_text(replace(manifest, files=files).to_json())
    with pytest.raises(ShardError, match=f"{FIRST}: [0-9,]+ bytes, {NAME} says"):
        all_of(tmp_path)


def test_pixels_of_another_size(tmp_path: Path) -> None:
    manifest = write_shards(tmp_path, GROUPS)
    larger = replace(GRAY, pixels=StoredPixels("image_6_gray", FaceShape(7, "gray")))
    wrong = replace(manifest, images={"image_6_gray": larger})
    (tmp_path / NAME).write_text(wrong.to_json())
    with pytest.raises(ShardError, match=f"{FIRST}, row group .: row 0 of the row group has 36 bytes.*expected 49"):
        all_of(tmp_path, shuffle=False)


def test_pictures_that_are_none_or_of_another_size(tmp_path: Path) -> None:
    manifest = write_shards(tmp_path, GROUPS, {"image_16_rgb": JPEG})
    larger = replace(JPEG, pixels=StoredPixels("image_16_rgb", FaceShape(17, "rgb"), "jpeg95"))
    wrong = replace(manifest, images={"image_16_rgb": larger})
    (tmp_path / NAME).write_text(wrong.to_json())
    with pytest.raises(ShardError, match=f"{FIRST}, row 0: image_16_rgb holds a picture of \\(16, 16, 3\\)"):
        all_of(tmp_path, shuffle=False)


def test_a_label_that_the_manifest_does_not_know(tmp_path: Path) -> None:
    write_shards(tmp_path, GROUPS, label_names=["angry", "happy", "fear"])
    with pytest.raises(ShardError, match="label 'sad' is none of the manifest's: angry, happy, fear"):
        all_of(tmp_path)
    with read(tmp_path) as source, pytest.raises(ShardError, match="label 'sad'"):
        source.labels()


def test_a_cache_that_is_too_small(tmp_path: Path) -> None:
    write_shards(tmp_path, GROUPS)
    with pytest.raises(ShardError, match=r"--cache-mb 0\.001 is too small"):
        read(tmp_path, cache_dir=str(tmp_path / "cache"), cache_mb=0.001)


def test_a_cache_that_cannot_be_used(tmp_path: Path) -> None:
    write_shards(tmp_path / "shards", GROUPS)
    cache = tmp_path / "cache"
    kept = {"cache_dir": str(cache), "cache_mb": 10.0}
    with read(tmp_path / "shards", **kept) as source:
        for database in cache.rglob("cache.db"):  # something goes wrong while it is in use
            with contextlib.closing(sqlite3.connect(database)) as connection, connection:
                connection.execute("DROP TABLE Cache")
        with pytest.raises(ShardError, match=r"--cache-dir .*cache: this cache cannot be used \(no such table"):
            list(source.epoch(0))
    for database in cache.rglob("cache.db"):
        database.write_bytes(b"no database" * 500)
    with pytest.raises(ShardError, match=r"this cache cannot be used .*delete that directory"):
        read(tmp_path / "shards", **kept)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, "--batch-size: 0, expected 1 or more"),
        ({"seed": -1}, "--seed: -1, expected 0 or more"),
        ({"last_batch": "keep"}, "--last-batch: 'keep', expected one of pad, drop"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, given: dict[str, object], message: str) -> None:
    write_shards(tmp_path, GROUPS)
    with pytest.raises(ValueError, match=message):
        read(tmp_path, **given)


def test_a_rank_out_of_range(tmp_path: Path) -> None:
    write_shards(tmp_path, GROUPS)
    with pytest.raises(ValueError, match="rank 2 of 2"):
        open_shards(str(tmp_path), "train", ReadSettings(), rank=2, world_size=2)


@pytest.mark.parametrize("scheme", ["hdfs", "viewfs"])
def test_without_a_client_of_hdfs_one_line_names_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Arrow looked for Hadoop's library in every folder where Java may be, and said so of each."""
    monkeypatch.delitem(registry, scheme, raising=False)
    monkeypatch.setitem(known_implementations, "hdfs", {"class": "fsspec.implementations.arrow.HadoopFileSystem"})
    monkeypatch.delitem(known_implementations, "viewfs", raising=False)
    for name in ("HADOOP_HOME", "ARROW_LIBHDFS_DIR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ImportError, match=r"^[^\n]*pip install hdfs-native[^\n]*$"):
        open_shards(f"{scheme}://lake:8020/shards", "train", ReadSettings())
    assert capfd.readouterr().err == ""
