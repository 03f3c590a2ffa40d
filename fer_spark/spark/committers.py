"""How tasks' files become an output on S3, where a rename is a copy, and two of them are no commit.

Hadoop's S3A committers upload a task's files unseen and complete the uploads when the job commits. Spark takes them
only where its commit protocol is another than its own, else it renames, without a word.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PROTOCOL = "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol"
_SETTINGS = {
    "spark.sql.sources.commitProtocolClass": _PROTOCOL,
    "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
    "mapreduce.outputcommitter.factory.scheme.s3a": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
    "fs.s3a.committer.name": "magic",
}
_DEFAULTS = ("core-default.xml", "mapred-default.xml")
_RELEASE = "4.1.2"
"""The newest of spark-hadoop-cloud; it runs on Spark 4.3, which has none of its own."""

_warned: set[str] = set()
"""Applications that have been warned."""


def commit_without_renaming(spark: SparkSession, scheme: str) -> None:
    """Set the session up to write to storage of this scheme; a line on stderr, once, where Spark lacks the classes.

    What the user has set otherwise stays. Nothing to do but on S3: other storage renames, or has its own committer.
    """
    if scheme != "s3a":
        return
    jvm: Any = spark._jvm
    if not jvm.org.apache.spark.util.Utils.classIsLoadable(_PROTOCOL):
        _warn(spark)
        return
    conf: Any = spark._jsc.hadoopConfiguration()
    for key, value in _SETTINGS.items():
        if not _chosen(spark, conf, key):
            spark.conf.set(key, value)


def _chosen(spark: SparkSession, conf: Any, key: str) -> bool:
    """Whether the user set it: in the session, for spark-submit or in a file of Hadoop's."""
    if key.startswith("spark."):
        default = spark._jsparkSession.sessionState().conf()
        return bool(default.contains(key))
    sources = conf.getPropertySources(key)
    return spark.conf.get(key, None) is not None or not (sources is None or sources[len(sources) - 1] in _DEFAULTS)


def _warn(spark: SparkSession) -> None:
    application = spark.sparkContext.applicationId
    if application not in _warned:
        _warned.add(application)
        print(
            "fer-spark: Spark renames files to commit them, which on S3 copies each: slow, and a task that is tried "
            f"twice may leave a file twice; add --packages org.apache.spark:spark-hadoop-cloud_2.13:{_RELEASE}",
            file=sys.stderr,
        )
