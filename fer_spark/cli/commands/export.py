"""`fer-spark export`: a bundle as an ONNX or torch.export file, checked equal to the bundle before it is published."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, parse, settings_from
from fer_spark.networks.bundle import BundleError, load_bundle
from fer_spark.networks.export import FORMATS, ExportError, export_bundle


@dataclass(frozen=True)
class ExportSettings:
    """Flags of `fer-spark export`."""

    bundle: str = field(
        default="fer2013",
        metadata={
            "help": "a bundle that comes with fer_spark, by name, or a bundle's directory",
            "metavar": "NAME|DIR",
        },
    )
    format: str = field(default="onnx", metadata={"help": "what to write", "choices": FORMATS})
    output: str = field(default="", metadata={"help": "file to write, e.g. faces.onnx or faces.pt2", "metavar": "FILE"})


def main(argv: Sequence[str] | None = None) -> int:
    """Export; returns 0, 1 with the reason on standard error, or 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="fer-spark export",
        description="Write a bundle as one graph: pixels (N, C, S, S) float32 in 0-255 in, probabilities (N, K) out.\n"
        "Standardisation, views and calibration are in the graph; label names are in ONNX's metadata.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_flags(parser, ExportSettings, "export")
    settings = settings_from(parse(parser, argv, (ExportSettings,)), ExportSettings)
    if not settings.output:
        print("fer-spark export: --output: name the file to write", file=sys.stderr)
        return USAGE_ERROR
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        difference = export_bundle(load_bundle(settings.bundle), settings.format, settings.output)
    except (BundleError, ExportError, OSError) as error:
        print(f"fer-spark export: {error}", file=sys.stderr)
        return 1
    print(f"{settings.output}: largest difference from the bundle {difference:.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
