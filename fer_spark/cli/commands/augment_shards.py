"""`fer-spark augment-shards`: shards → shards with marked copies of the rarer classes, in the train split alone."""

from __future__ import annotations

from fer_spark.cli.run import OK, Command, Given
from fer_spark.pipelines.augment.settings import AugmentShardsSettings
from fer_spark.shards.copies import CopySettings

_DESCRIPTION = """Shards → shards in which every class of the train split has at least N faces. Missing faces
are marked copies (column `augmented_from`): mirrored, turned, shifted, zoomed. No face is removed; val and test stay
as they are. A trainer draws such copies on the fly (--sampler augment) without storing them; stored ones are for those
that cannot.

  fer-spark augment-shards --shards shards/ --output balanced/ --to max
  spark-submit jobs/augment_shards.py --shards s3a://lake/shards --output s3a://lake/balanced --to 5000

Exit codes: 0 published, or complete already; 1 failed, nothing published; 2 wrong usage.
"""


def _check(given: Given) -> None:
    given.of(AugmentShardsSettings).check()
    given.of(CopySettings).check()


def _run(given: Given) -> int:
    from fer_spark.pipelines.augment.run import run

    run(given.of(AugmentShardsSettings), given.of(CopySettings), given.conf, given.master)
    return OK


COMMAND = Command(
    "augment-shards",
    _DESCRIPTION,
    ((AugmentShardsSettings, "shards"), (CopySettings, "copies")),
    _check,
    _run,
    "fer_spark.pipelines.augment.run",
    spark="spark",
    session=True,
)
main = COMMAND.main
