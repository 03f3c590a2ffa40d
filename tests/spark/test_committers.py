"""Committing without renaming folders: set up where Spark has the classes, said where not, never over a choice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from fer_spark.spark import committers
from fer_spark.spark.committers import commit_without_renaming

KEYS = tuple({key for settings in committers._SETTINGS.values() for key in settings})


@pytest.fixture
def unset(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A session in which nothing is set, before and after; no application has been warned."""
    monkeypatch.setattr(committers, "_warned", set())
    before = {key: spark.conf.get(key, None) for key in KEYS}
    for key in KEYS:
        spark.conf.unset(key)
    yield
    for key, value in before.items():
        spark.conf.unset(key)
        if value is not None and value != spark.conf.get(key, None):
            spark.conf.set(key, value)


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize("store", ["s3a", "gs"])
def test_without_the_classes_one_line_says_so_and_nothing_is_set(
    spark: SparkSession, store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(committers, "_PROTOCOL", "org.apache.spark.Nothing")
    for scheme in ("file", "hdfs", "abfs"):
        commit_without_renaming(spark, scheme)
    assert capsys.readouterr().err == ""
    for _ in range(2):
        commit_without_renaming(spark, store)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"--packages org.apache.spark:spark-hadoop-cloud_2.13:{committers._RELEASE}" in said
    assert not set(KEYS) & set(spark.conf.getAll)


@pytest.mark.usefixtures("unset")
def test_what_the_user_chose_stays(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "org.apache.spark.internal.io.HadoopMapReduceCommitProtocol"
    monkeypatch.setattr(committers, "_PROTOCOL", own)  # a class that is there
    parquet = "org.apache.parquet.hadoop.ParquetOutputCommitter"  # so is this: Spark looks
    monkeypatch.setitem(committers._SETTINGS["s3a"], "spark.sql.parquet.output.committer.class", parquet)
    spark.conf.set("fs.s3a.committer.name", "directory")
    spark.conf.set("spark.sql.sources.commitProtocolClass", own)
    commit_without_renaming(spark, "s3a")
    assert spark.conf.get("fs.s3a.committer.name") == "directory"
    assert spark.conf.get("spark.sql.sources.commitProtocolClass") == own
    assert spark.conf.get("spark.sql.parquet.output.committer.class") == parquet


@pytest.mark.usefixtures("unset")
def test_on_googles_store_the_manifest_committer_commits(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "org.apache.spark.internal.io.HadoopMapReduceCommitProtocol"
    monkeypatch.setattr(committers, "_PROTOCOL", own)  # a class that is there, as the next
    settings = {name: value for name, value in committers._SETTINGS["gs"].items() if not name.startswith("spark.")}
    settings["spark.sql.sources.commitProtocolClass"] = own
    monkeypatch.setitem(committers._SETTINGS, "gs", settings)
    commit_without_renaming(spark, "gs")
    assert spark.conf.get("spark.sql.sources.commitProtocolClass") == own
    factory = str(spark.conf.get("mapreduce.outputcommitter.factory.scheme.gs"))
    assert spark._jvm.org.apache.spark.util.Utils.classIsLoadable(factory)  # type: ignore[union-attr]
