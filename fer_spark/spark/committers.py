"""How tasks' files become an output on object stores, where renaming a folder is many copies, and no commit.

On S3 Hadoop's S3A committers upload a task's files unseen and complete the uploads when the job commits. On Google's
store its manifest committer lists a task's files in one object and moves each when the job commits. Spark takes them
only where its commit protocol is another than its own, else it renames folders, without a word.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PROTOCOL = "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol"
_BINDING = {
    "spark.sql.sources.commitProtocolClass": _PROTOCOL,
    "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
}
_MANIFEST = "org.apache.hadoop.mapreduce.lib.output.committer.manifest.ManifestCommitterFactory"
_SETTINGS = {
    "s3a": _BINDING
    | {
        "mapreduce.outputcommitter.factory.scheme.s3a": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
        "fs.s3a.committer.name": "magic",
    },
    "gs": _BINDING | {"mapreduce.outputcommitter.factory.scheme.gs": _MANIFEST},
}
"""By the scheme of a store."""
_DEFAULTS = ("core-default.xml", "mapred-default.xml")
_RELEASE = "4.1.2"
"""The newest of spark-hadoop-cloud; it runs on Spark 4.3, which has none of its own."""

_warned: set[str] = set()
"""Applications that have been warned."""


def commit_without_renaming(spark: SparkSession, scheme: str) -> None:
    """Set the session up to write to storage of this scheme; a line on stderr, once, where Spark lacks the classes.

    What the user has set otherwise stays. Nothing to do but on stores: other storage renames, or has its own committer.
    """
    if scheme not in _SETTINGS:
        return
    jvm: Any = spark._jvm
    if not jvm.org.apache.spark.util.Utils.classIsLoadable(_PROTOCOL):
        _warn(spark)
        return
    conf: Any = spark._jsc.hadoopConfiguration()
    for key, value in _SETTINGS[scheme].items():
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
            "fer-spark: Spark renames files to commit them, which on stores copies each: slow, and a task that is tried"
            f" twice may leave a file twice; add --packages org.apache.spark:spark-hadoop-cloud_2.13:{_RELEASE}",
            file=sys.stderr,
        )
