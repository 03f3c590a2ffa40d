"""A space to search in a file, and the settings around it."""

from __future__ import annotations

from pathlib import Path

from fer_spark.pipelines.train.settings import AllSettings, RunSettings
from fer_spark.pipelines.tune.space import GROUPS


def space_file(directory: Path, text: str) -> Path:
    path = directory / "space.toml"
    path.write_text(text, encoding="utf-8")
    return path


def settings(**run: str) -> AllSettings:
    return AllSettings(RunSettings(**run), *(one() for one in GROUPS.values()))  # type: ignore[arg-type]
