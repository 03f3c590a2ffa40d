"""What a user can choose about an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fer_spark.settings import check, option, require, require_local


@dataclass(frozen=True)
class EvaluateSettings:
    """Flags of `fer-spark evaluate`; they are saved in metrics.json."""

    bundle: str = option("", "name of a shipped bundle, or a directory", metavar="BUNDLE", path=True)
    shards: str = option("", "directory of shards, local or any URL", metavar="URI", path=True)
    split: str = option(
        "val",
        "which pictures. A test split is to be measured once, at the end: choosing a model or a setting by "
        "its figures uses it up",
        choices=("train", "val", "test"),
    )
    output: str = option("", "local directory for figures and report", metavar="DIR", path=True, changes_result=False)
    image_column: str = option("", "pixel column; empty: the one of the bundle's size and mode", metavar="NAME")
    views: str = option(
        "",
        "how each picture is looked at: once, also mirrored, ten crops; empty: as the card says. One view "
        "is measured beside it",
        choices=("", "single", "flip", "ten"),
    )
    map_labels: bool = option(
        False,
        "where bundle and shards differ in classes: match other spellings, leave out classes that only one of them has",
    )
    force: bool = option(False, "measure although the pictures were prepared otherwise than the bundle's")
    overwrite: bool = option(False, "replace an earlier evaluation in --output", changes_result=False)
    record: bool = option(False, "write the figures into the bundle's card.json and MODEL_CARD.md too")
    mistakes: int = option(24, "how many of the surest mistakes to show", least=0)
    min_support: int = option(20, "pictures a class must have to count in the macro-F1 of supported classes", least=0)
    seed: int = option(0, "of the bootstrap's resamples", least=0)
    batch_size: int = option(256, "pictures at a time", least=1)
    device: str = option("auto", "cpu, cuda, cuda:1 …; auto: a GPU where there is one")
    bf16: bool = option(False, "compute in bfloat16: faster, exact to about 0.01")

    def check(self) -> None:
        """Raise ValueError naming the first setting that is missing or cannot be."""
        check(self)
        require(self, "bundle", "shards", "output")
        require_local(self, "output")
        if self.record and not Path(self.bundle).is_dir():
            raise ValueError(f"--record: {self.bundle} is no directory; a shipped bundle's card stays as it is")

    @property
    def output_path(self) -> Path:
        return Path(self.output).absolute()
