"""Shards → shards with marked copies of the rarer classes: the session, the work, the summary."""

from __future__ import annotations

from collections.abc import Sequence

from fer_spark.artifacts import Storage
from fer_spark.pipelines.augment.plan import AugmentError
from fer_spark.pipelines.augment.publish import Augmented, augment
from fer_spark.pipelines.augment.settings import AugmentShardsSettings
from fer_spark.pipelines.augment.summary import print_summary
from fer_spark.shards.copies import CopySettings
from fer_spark.shards.manifest import ManifestError
from fer_spark.spark.progress import JobProgress
from fer_spark.spark.session import get_session

USAGE = (AugmentError, ValueError)
FAILURES = (ManifestError,)


def run(settings: AugmentShardsSettings, copies: CopySettings, conf: Sequence[str] = (), master: str = "") -> Augmented:
    """Write the copies and print what was written. Raises what USAGE and FAILURES list."""
    spark = get_session("fer-spark augment-shards", conf, master)
    source, target = Storage(spark, settings.shards), Storage.to_write(spark, settings.output)
    done = augment(source, target, settings.rows, copies, JobProgress(spark.sparkContext))
    print_summary(done, settings)
    return done
