"""Whether a search can be made of these settings: found out before anything is imported that takes long."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from fer_spark.pipelines.tune.settings import TuneSettings
from fer_spark.pipelines.tune.space import Space, default_space
from fer_spark.pipelines.tune.space_file import read_space

if TYPE_CHECKING:
    from fer_spark.pipelines.train.run import AllSettings


def space_of(tune: TuneSettings, settings: AllSettings) -> Space:
    """What --space declares, or the built-in one. Raises ValueError for a space that cannot be searched."""
    if tune.space:
        return read_space(Path(tune.space), settings)
    space = default_space(settings)
    if not space:
        raise ValueError("every setting of the built-in space is given as a flag; declare another with --space")
    return space


def check(settings: AllSettings, tune: TuneSettings) -> AllSettings:
    """The settings with absolute paths. Raises ValueError naming the first that cannot be."""
    settings.check()
    tune.check()
    if not settings.run.val_split:
        raise ValueError("--val-split is empty: trials are compared on it")
    if settings.run.processes:
        raise ValueError("--processes: a trial trains in one process; --parallel trains several at once")
    run = settings.run
    shards = run.shards if "://" in run.shards else str(Path(run.shards).absolute())
    return dataclasses.replace(
        settings, run=dataclasses.replace(run, shards=shards, output=str(Path(run.output).absolute()))
    )
