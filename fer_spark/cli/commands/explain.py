"""`fer-spark explain`: why a bundle answers as it does on faces of shards, by LIME."""

from __future__ import annotations

from fer_spark.cli.run import OK, Command, Given
from fer_spark.explaining.settings import LimeSettings
from fer_spark.pipelines.explain.settings import ExplainSettings
from fer_spark.telemetry import MetricsSettings

_DESCRIPTION = """Why a bundle answers as it does: LIME on faces of shards. Segments of a face are hidden in many ways,
and a linear model is fitted to what that does to the probability. The definition is that of the lime package.

  fer-spark explain --bundle fer2013 --shards shards/ --split val --output why/ --per-class 50 --overlays 20
  fer-spark explain --bundle model/  --shards shards/ --output unsure/ --least-confident 200 \\
      --masks balanced --assisted --adaptive
  spark-submit --py-files dist/fer_spark.zip jobs/explain.py --bundle model/ --shards s3a://lake/shards \\
      --output s3a://lake/why --where "label = 'fear' AND confidence < 0.5" --fidelity

Writes explanations/ (Parquet, one row per face: weights, segments, fit, stability) and _explanations.json, which is
written last: without it the output is not complete. Faces that no linear model explains are rows too, and say so.

Exit codes: 0 published, or published before; 1 failed; 2 wrong usage, or a bundle and shards that do not fit.
"""


def _check(given: Given) -> None:
    given.of(ExplainSettings).check()
    given.of(LimeSettings).check()
    given.of(MetricsSettings).check()


def _run(given: Given) -> int:
    from fer_spark.pipelines.explain.run import run

    run(
        given.of(ExplainSettings),
        given.of(LimeSettings),
        given.conf,
        given.master,
        given.of(MetricsSettings).metrics_file,
    )
    return OK


COMMAND = Command(
    "explain",
    _DESCRIPTION,
    ((ExplainSettings, "faces"), (LimeSettings, "explanations"), (MetricsSettings, "operations")),
    _check,
    _run,
    "fer_spark.pipelines.explain.run",
    usage="--bundle BUNDLE --shards URI --split S --output URI [flags]",
    needs="; this needs pip install 'fer-spark[train,explain]'",
    spark="spark",
    session=True,
)
main = COMMAND.main
