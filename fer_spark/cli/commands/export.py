"""`fer-spark export`: a bundle as an ONNX or torch.export file, checked equal to the bundle before it is published."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fer_spark.cli.run import OK, Command, CommandError, Given
from fer_spark.networks.settings import EXPORT_FORMATS
from fer_spark.settings import option, require_local

_DESCRIPTION = """Write a bundle as one graph: pixels (N, C, S, S) float32 in 0-255 in, probabilities (N, K) out.
Standardisation, views and calibration are in the graph; label names are in ONNX's metadata."""


@dataclass(frozen=True)
class ExportSettings:
    """Flags of `fer-spark export`."""

    bundle: str = option(
        "fer2013", "a bundle that comes with fer_spark, by name, or a bundle's directory", metavar="NAME|DIR", path=True
    )
    format: str = option("onnx", "what to write", choices=EXPORT_FORMATS)
    output: str = option(
        "", "file to write, e.g. faces.onnx or faces.pt2", metavar="FILE", path=True, changes_result=False
    )


def _check(given: Given) -> None:
    settings = given.of(ExportSettings)
    if not settings.output:
        raise ValueError("--output: name the file to write")
    require_local(settings, "output")


def _run(given: Given) -> int:
    from fer_spark.networks.bundle import BundleError, load_bundle
    from fer_spark.networks.export import ExportError, export_bundle

    settings = given.of(ExportSettings)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        difference = export_bundle(load_bundle(settings.bundle), settings.format, settings.output)
    except (BundleError, ExportError, OSError) as error:
        raise CommandError(str(error)) from error
    print(f"{settings.output}: largest difference from the bundle {difference:.1e}")
    return OK


COMMAND = Command("export", _DESCRIPTION, ((ExportSettings, "export"),), _check, _run, failed="")
main = COMMAND.main
