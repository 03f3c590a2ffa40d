"""Small inputs for the tests of sources, and what came out of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pyspark.sql import Row, SparkSession

from fer_spark.rows import RAW_IMAGE, REASONS
from fer_spark.sources.base import Source
from fer_spark.sources.catalog import open_source
from fer_spark.sources.lake import open_root
from fer_spark.sources.pictures import file_stats
from fer_spark.sources.settings import SourceSettings


def write(root: Path, files: dict[str, bytes | str]) -> Path:
    """Files by relative path; text is written as UTF-8."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def open_images(spark: SparkSession, path: Path | str, **more: Any) -> Source:
    """--source images on a place; files of more than 1,000 bytes are too large, or of more than `max_file_bytes`."""
    limit = more.pop("max_file_bytes", 1000)
    return open_source(spark, SourceSettings(source="images", input=str(path), **more), limit)


def by_path(source: Source, chunk: int = 0, chunks: int = 1) -> dict[str, Row]:
    """Rows by source_path; fails when one path has several rows."""
    rows = source.raw(chunk, chunks).collect()
    found = {row["source_path"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def whole(spark: SparkSession, place: Path | str, by_path: bool = False) -> tuple[Any, ...]:
    """All that --source images gives of a place, and what the listing says of its files; to be compared."""
    source = open_source(spark, SourceSettings(source="images", input=str(place)), 1000, by_path)
    stats = file_stats(spark, open_root(spark, str(place)), "", pictures=True)
    stats = stats.where("path != 'caf\ufffd.jpg'")  # as Spark lists a name that is not UTF-8
    frames = [source.raw(part, 3) for part in range(3)] + [source.keys(), stats]
    rows = [sorted(repr(row) for row in frame.collect()) for frame in frames]
    return rows, source.images, source.fingerprint, source.lines()


def by_row(source: Source) -> dict[int, Row]:
    return {row["source_row"]: row for row in source.raw().collect()}


def check(source: Source) -> list[Row]:
    """All rows, read in two chunks, after checking what holds for every source: schema, accounting, chunks, reasons."""
    assert source.raw().dtypes == [(field.name, field.dataType.simpleString()) for field in RAW_IMAGE.spark_schema]
    rows = in_chunks(source)
    names = [(row["source_path"], row["source_row"], row["label_raw"], row["split"]) for row in rows]
    assert Counter(names) == Counter(tuple(key) for key in source.keys().collect())
    assert len({name[:2] for name in names}) == len(names) == source.images
    for row in rows:
        assert (row["reject_reason"] is None) == (row["reject_detail"] is None) == (row["content"] is not None)
        assert row["reject_reason"] is None or row["reject_reason"] in REASONS
        assert row["reject_reason"] is not None or row["encoding"].split()[0] in ("file", "pixels", "bytes")
        assert row["label"] is None or row["label"] in source.label_names
    return rows


def reasons(rows: list[Row]) -> dict[str, str | None]:
    return {row["source_path"]: row["reject_reason"] for row in rows}


def in_chunks(source: Source) -> list[Row]:
    return source.raw(0, 2).unionByName(source.raw(1, 2)).collect()


def alike(rows: list[Row], others: list[Row]) -> bool:
    """Whether they are the same in any order."""
    return Counter(_plain(tuple(row)) for row in rows) == Counter(_plain(tuple(row)) for row in others)


def _plain(row: tuple[Any, ...]) -> str:
    return repr(tuple(bytes(value) if isinstance(value, bytearray) else value for value in row))
