"""`fer-spark fetch-detector`: bring YuNet's model file into the user's cache, its checksum checked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fer_spark.cli.flags import HelpFormatter
from fer_spark.faces.model_file import ModelFileError, fetch_model


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch the model; returns 0, or 1 with the reason on standard error."""
    line = argparse.ArgumentParser(
        prog="fer-spark fetch-detector",
        description="Bring the YuNet face detector (MIT licence, 230 kB) into your cache; its SHA-256 is pinned.\n"
        "Without network: copy the file and pass it as --detector-model, or put it where $FER_SPARK_MODELS points.",
        formatter_class=HelpFormatter,
    )
    line.add_argument(
        "--url", default="", help="another place to take the same file from; empty: OpenCV's own repository"
    )
    parsed = line.parse_args(argv)
    try:
        path = fetch_model(parsed.url or None)
    except ModelFileError as error:
        print(f"fer-spark fetch-detector: {error}", file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
