"""Real photographs without a download: those that scikit-image carries in its package.

python -m fer_spark.sample.photographs --output photographs/

One of them shows a face (the astronaut Eileen Collins, NASA, public domain); the others show none, and should say so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

NAMES = ("astronaut", "camera", "coffee", "chelsea", "rocket")


def write_photographs(directory: Path) -> list[Path]:
    """Write those of NAMES that are in the package as PNG files; returns their paths. Raises ImportError."""
    from skimage import data, io

    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name in NAMES:
        try:
            picture = getattr(data, name)()
        except (FileNotFoundError, ConnectionError, ModuleNotFoundError, OSError):  # it would have to be downloaded
            continue
        written.append(directory / f"{name}.png")
        io.imsave(written[-1], picture, check_contrast=False)
    return written


def main(argv: list[str] | None = None) -> int:
    """Write them; 0 when done, 2 without scikit-image."""
    parser = argparse.ArgumentParser(prog="python -m fer_spark.sample.photographs", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--output", type=Path, required=True, help="directory to write to")
    output = parser.parse_args(argv).output
    try:
        written = write_photographs(output)
    except ImportError as error:
        print(f"fer_spark.sample.photographs: {error}; pip install 'fer-spark[explain]'", file=sys.stderr)
        return 2
    print(f"{output}: {', '.join(path.stem for path in written)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
