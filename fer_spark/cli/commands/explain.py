"""`fer-spark explain`: why a bundle answers as it does on faces of shards, by LIME."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, add_spark_flags, parse, settings_from
from fer_spark.explaining.settings import LimeSettings
from fer_spark.pipelines.explain.settings import ExplainSettings

OK, FAILED = 0, 1
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


def parser() -> argparse.ArgumentParser:
    """The command line, made from the settings' own fields."""
    made = argparse.ArgumentParser(
        prog="fer-spark explain",
        usage="fer-spark explain --bundle BUNDLE --shards URI --split S --output URI [flags]",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_flags(made, ExplainSettings, "faces")
    add_flags(made, LimeSettings, "explanations")
    add_spark_flags(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Explain; returns the exit code. Wrong usage of flags raises SystemExit(2), as argparse does."""
    parsed = parse(parser(), argv, (ExplainSettings, LimeSettings))
    settings, lime = settings_from(parsed, ExplainSettings), settings_from(parsed, LimeSettings)
    console = Console(stderr=True)
    try:
        settings.check()
        lime.check()
        from py4j.protocol import Py4JError  # type: ignore[import-untyped]
        from pyspark.errors import PySparkException

        from fer_spark.explaining.summary import print_summary
        from fer_spark.networks.card import BundleError
        from fer_spark.pipelines.explain.run import SUMMARY, ExplainError, plan, run
        from fer_spark.shards.manifest import ManifestError
        from fer_spark.sources.lake import first_line
        from fer_spark.spark.progress import JobProgress
        from fer_spark.spark.session import get_session
    except ValueError as error:
        return _say(console, error, USAGE_ERROR)
    except ImportError as error:
        return _say(console, f"{error}; this needs pip install 'fer-spark[train,explain]'", USAGE_ERROR)
    try:
        spark = get_session("fer-spark explain", parsed.conf, parsed.master)
        planned = plan(spark, settings, lime)
        content = run(spark, planned, JobProgress(spark.sparkContext))
    except (ValueError, BundleError) as error:
        return _say(console, error, USAGE_ERROR)
    except (Py4JError, OSError) as error:
        return _say(console, first_line(error), FAILED)
    except (ManifestError, ExplainError, PySparkException) as error:
        return _say(console, error, FAILED)
    if content is None:
        said = f"Nothing to do: {settings.output} is complete."
        Console().print(said, highlight=False, soft_wrap=True, markup=False)
    else:
        print_summary(content, planned.target.uri(SUMMARY))
    return OK


def _say(console: Console, error: Exception | str, code: int) -> int:
    head = "[bold red]fer-spark explain failed:[/]" if code == FAILED else "[bold]fer-spark explain:[/]"
    console.print(head, escape(str(error)), highlight=False, soft_wrap=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
