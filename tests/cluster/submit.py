"""spark-submit of this repository's programs as a cluster's user runs them: from a folder that is not the checkout."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from pyspark.find_spark_home import _find_spark_home

from tests.check import ROOT

BUILD = ROOT / "jobs" / "build_shards.py"


def package(folder: Path) -> str:
    """fer_spark as a zip, for --py-files."""
    return shutil.make_archive(str(folder / "fer_spark"), "zip", ROOT, "fer_spark")


def submission(options: Sequence[str], conf: Iterable[str], program: Path | str, words: Sequence[str]) -> list[str]:
    """The command line. `options`: spark-submit's own; `conf`: settings as NAME=VALUE; `words`: the program's."""
    settings = [word for item in conf for word in ("--conf", item)]
    return [f"{_find_spark_home()}/bin/spark-submit", *options, *settings, str(program), *words]
