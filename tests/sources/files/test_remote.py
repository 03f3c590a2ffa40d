"""Files that Hadoop lists come in slices: all of them, with their names as they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from fer_spark.sources.files.remote import RemoteFile, remote_files
from fer_spark.sources.lake import file_system, hadoop_path

ODD = ["a b.png", "ä+%20.png", "100%.png", "[x]{y}*?.png", "b#c&d.png", "日本.png", "x'\"y.png", "_hidden", "k=v.png"]
ODD += ["two\nlines\t.png", "p; isDirectory=true; length=5; .png", "\U0001f600.png", "back\\slash.png"]


@pytest.mark.parametrize("most", [1, 3, 13, 14, 5000])
def test_every_file_comes_once_with_its_name_size_and_age(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("fer_spark.sources.files.remote._SLICE", most)
    for number, name in enumerate(ODD):
        path = tmp_path / f"folder {number % 3}" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * number)
        os.utime(path, ns=(0, 10**18 + number * 1_000_000_000 + 123_456_789))
    found = remote_files(spark, _listed(spark, tmp_path))
    assert sorted(found) == sorted(
        RemoteFile(f"{tmp_path}/folder {number % 3}/{name}", number, 10**15 + number * 1_000_000 + 123_000)
        for number, name in enumerate(ODD)
    )


def test_no_file_is_no_slice_and_a_storage_that_fails_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert list(remote_files(spark, _listed(spark, tmp_path))) == []
    (tmp_path / "b").mkdir()
    files = remote_files(spark, _listed(spark, tmp_path))
    (tmp_path / "b").rmdir()
    with pytest.raises(Py4JJavaError, match="No such file"):
        list(files)


def _listed(spark: SparkSession, folder: Path) -> object:
    return file_system(spark, f"file:{folder}").listFiles(hadoop_path(spark, f"file:{folder}"), True)
