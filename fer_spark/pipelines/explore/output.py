"""An exploration as files: tables, pictures, one page; the summary is written last."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_spark import __version__
from fer_spark.artifacts import Storage
from fer_spark.exploration import Exploration
from fer_spark.exploring.settings import PictureSettings
from fer_spark.pipelines.explore.settings import ExploreSettings
from fer_spark.sources.settings import SourceSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SUMMARY, EXPLORATION, PAGE, TABLES, PICTURES = "_summary.json", "exploration.json", "report.html", "tables", "pictures"
FORMAT_VERSION = 1
_OURS = (SUMMARY, EXPLORATION, PAGE, TABLES, PICTURES)
Page = Callable[[Exploration], str]


def check_output(spark: SparkSession, storage: Storage, on_existing: str) -> None:
    """Make the directory, so that one that cannot be written to fails before the work and not after it.

    Raises ValueError where an exploration is in the way without overwrite, or anything that is none; OSError, or py4j's
    errors, where it cannot be made.
    """
    found = {file.path.split("/", 1)[0] for file in storage.list_files()}
    if foreign := sorted(found - set(_OURS)):
        raise ValueError(
            f"--output: {storage.root} holds {', '.join(foreign[:3])}, which no exploration writes; name another"
        )
    if SUMMARY in found and on_existing == "fail":
        raise ValueError(
            f"--output: {storage.root} holds an exploration; name another directory, or --on-existing overwrite"
        )
    target: Any = spark._jvm.org.apache.hadoop.fs.Path(storage.root)  # type: ignore[union-attr]
    if not target.getFileSystem(spark._jsc.hadoopConfiguration()).mkdirs(target):
        raise OSError(f"--output: {storage.root} cannot be created")


def write_output(storage: Storage, exploration: Exploration, summary: dict[str, Any], page: Page) -> None:
    """Write everything, the summary last: without it the output is not complete.

    What an earlier exploration left is removed first, its summary before all else.
    """
    html = page(exploration)
    for name in _OURS:
        storage.delete(name)
    with tempfile.TemporaryDirectory() as aside:
        _fill(Path(aside), exploration, html)
        for file in sorted(path for path in Path(aside).rglob("*") if path.is_file()):
            storage.publish_bytes(file.relative_to(aside).as_posix(), file.read_bytes())
    storage.publish_text(SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False))


def _fill(folder: Path, exploration: Exploration, html: str) -> None:
    for name in (TABLES, PICTURES):
        (folder / name).mkdir()
    for table in exploration.tables:
        (folder / TABLES / f"{table.name}.csv").write_text(table.to_csv(), encoding="utf-8", newline="")
    for name, content in exploration.pictures.items():
        (folder / PICTURES / f"{name}.png").write_bytes(content)
    (folder / EXPLORATION).write_text(exploration.to_json(), encoding="utf-8")
    (folder / PAGE).write_text(html, encoding="utf-8")


def summary_of(
    exploration: Exploration,
    settings: tuple[ExploreSettings, SourceSettings, PictureSettings],
    total_s: float,
    cores: int,
) -> dict[str, Any]:
    """What _summary.json holds: settings, facts, how many rows each table has, and how long it took."""
    explore, source, pictures = settings
    return {
        "format_version": FORMAT_VERSION,
        "package_version": __version__,
        "settings": {"explore": asdict(explore), "source": asdict(source), "pictures": asdict(pictures)},
        "facts": dict(exploration.facts),
        "tables": {table.name: len(table.rows) for table in exploration.tables},
        "pictures": sorted(exploration.pictures),
        "advice": [asdict(advice) for advice in exploration.advice],
        "run": {"total_s": round(total_s, 2), "cores": cores},
    }
