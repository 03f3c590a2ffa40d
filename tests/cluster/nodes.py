"""Nodes that have every package but fer_spark, which a job brings: there no checkout hides what it fails to bring."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from pathlib import Path


def without_python() -> dict[str, str]:
    """The environment without what tells Python, or Spark's Python, where to look for packages."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYSPARK"))}


def bare_python(folder: Path, *more: Path) -> Path:
    """A Python with every package of this one except fer_spark: the checkout is installed by a file that the list of
    one folder more does not run. `more`: other folders of packages that it has."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    places = [sysconfig.get_paths()["purelib"], *map(str, more)]
    (site / "packages.pth").write_text("\n".join(places) + "\n", encoding="utf-8")
    python = folder / "bin" / "python"
    line = [python, "-c", "import pyspark, torch, fer_spark"]
    found = subprocess.run(line, cwd=folder, env=without_python(), capture_output=True, text=True, check=False)
    lacks = "No module named 'fer_spark'" in found.stderr
    assert lacks, f"{python} was to have every package but fer_spark: {found.stderr or 'it has fer_spark'}"
    return python
