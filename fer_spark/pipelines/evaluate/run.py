"""How well a bundle does on a split of shards: matched, answered, measured, written, and printed."""

from __future__ import annotations

from rich.console import Console
from torch import OutOfMemoryError

from fer_spark.networks.bundle import BundleError
from fer_spark.pipelines.evaluate.answer import Matched, answer, match
from fer_spark.pipelines.evaluate.output import check_output, write_output
from fer_spark.pipelines.evaluate.record import record
from fer_spark.pipelines.evaluate.report import Measured
from fer_spark.pipelines.evaluate.score import score
from fer_spark.pipelines.evaluate.settings import EvaluateSettings
from fer_spark.pipelines.evaluate.summary import print_summary
from fer_spark.serving.match import MismatchError
from fer_spark.shards.identities import read_identities
from fer_spark.shards.read.reader import ShardError


class RefusedError(Exception):
    """A bundle, shards, device or output are not there or do not fit each other: nothing was measured."""


class EvaluateError(Exception):
    """Measuring failed after it had begun; the message says why."""


USAGE = (RefusedError, ImportError)
"""ImportError: the package of a storage, or Petastorm, which is installed apart."""

FAILURES = (EvaluateError,)


def run(settings: EvaluateSettings) -> None:
    """Measure, write and print. Raises what USAGE and FAILURES list."""
    try:
        check_output(settings.output_path, settings.overwrite)
        matched, console = match(settings), Console(stderr=True)
    except (ValueError, BundleError, ShardError) as error:
        raise RefusedError(str(error)) from error
    try:
        _measure(settings, matched, console)
    except (MismatchError, ShardError, OSError, OutOfMemoryError) as error:
        raise EvaluateError(str(error)) from error


def _measure(settings: EvaluateSettings, matched: Matched, console: Console) -> None:
    identities = read_identities(matched.files)
    answers = answer(settings, matched, console)
    measured = Measured(settings, matched, answers, identities, score(settings, matched, answers, identities))
    print_summary(measured, write_output(measured))
    if settings.record:
        console.print(f"Recorded in {record(measured)}", highlight=False, soft_wrap=True, markup=False)
