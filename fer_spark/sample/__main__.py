"""Draw a data set: `python -m fer_spark.sample --output faces --count 1000 --layout folder --broken 0.05`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from fer_spark.sample.drawing import Drawing
from fer_spark.sample.write import LAYOUTS, WriteSettings, write_fer2013_csv, write_folder


def main(argv: list[str] | None = None) -> int:
    """Draw and write what the flags ask for; 0 when done, 2 on wrong flags."""
    flags = _parser().parse_args(argv)
    settings = WriteSettings(
        drawing=Drawing(size_px=flags.size), png_fraction=flags.png, workers=flags.workers, progress=not flags.quiet
    )
    start = time.perf_counter()
    try:
        flags.output.parent.mkdir(parents=True, exist_ok=True)
        if flags.layout == "fer2013":
            if flags.broken or flags.split or flags.size:
                raise ValueError("--layout fer2013: --broken, --split and --size do not apply to it")
            write_fer2013_csv(flags.output, flags.count, flags.seed, settings=settings)
            summary = f"{flags.count:,} rows"
        else:
            rows = write_folder(
                flags.output, flags.count, flags.seed, flags.layout, flags.broken, flags.split, settings
            )
            broken = Counter(row.broken for row in rows if row.broken)
            people = len({row.person for row in rows})
            kinds = f" ({', '.join(f'{kind} {broken[kind]}' for kind in sorted(broken))})" if broken else ""
            summary = f"{flags.count:,} files of {people:,} people, {broken.total():,} of them broken{kinds}"
    except (ValueError, FileExistsError) as error:
        print(f"fer_spark.sample: {error}", file=sys.stderr)
        return 2
    seconds = time.perf_counter() - start
    print(f"{flags.output}: {summary}; {seconds:.1f} s, {flags.count / max(seconds, 1e-9):,.0f} per second")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fer_spark.sample",
        description="Draws faces with seven expressions and writes them as a labelled data set. The same flags give "
        "the same files. What is true of each file (label, person, face box, eyes, broken or not) is saved beside the "
        "output as OUTPUT_truth.csv.",
    )
    add = parser.add_argument
    add("--output", type=Path, required=True, help="new or empty directory; a .csv file for --layout fer2013")
    add("--count", type=int, default=1000, help="number of pictures (default: %(default)s)")
    add("--seed", type=int, default=0, help="another seed, other people and pictures (default: %(default)s)")
    add(
        "--layout", choices=(*LAYOUTS, "fer2013"), default="folder",
        help="folder: a directory per class; legend: images/ and legend.csv; flat: pictures without labels; "
        "fer2013: one table of 48 x 48 gray pixels (default: %(default)s)",
    )  # fmt: skip
    add("--broken", type=float, default=0.0, help="share of deliberately broken files, 0 to 1 (default: %(default)s)")
    add("--split", action="store_true", help="train/, val/ and test/ with different people, about 80, 10 and 10 %%")
    add("--size", type=int, help="side of every picture, px (default: mixed, 48 to 700)")
    add("--png", type=float, default=0.1, help="share of PNG files; the rest are JPEG (default: %(default)s)")
    add("--workers", type=int, default=1, help="processes; the files do not depend on it (default: %(default)s)")
    add("--quiet", action="store_true", help="no running count")
    return parser


if __name__ == "__main__":
    sys.exit(main())
