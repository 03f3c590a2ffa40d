"""What a user can choose about an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class EvaluateSettings:
    """Flags of `fer-spark evaluate`; they are saved in metrics.json."""

    bundle: str = field(default="", metadata={"help": "name of a shipped bundle, or a directory", "metavar": "BUNDLE"})
    shards: str = field(default="", metadata={"help": "directory of shards, local or any URL", "metavar": "URI"})
    split: str = field(
        default="val",
        metadata={
            "help": "which pictures. A test split is to be measured once, at the end: choosing a model or a setting by "
            "its figures uses it up",
            "choices": ("train", "val", "test"),
        },
    )
    output: str = field(default="", metadata={"help": "local directory for figures and report", "metavar": "DIR"})
    image_column: str = field(
        default="", metadata={"help": "pixel column; empty: the one of the bundle's size and mode", "metavar": "NAME"}
    )
    views: str = field(
        default="",
        metadata={
            "help": "how each picture is looked at: once, also mirrored, ten crops; empty: as the card says. One view "
            "is measured beside it",
            "choices": ("", "single", "flip", "ten"),
        },
    )
    map_labels: bool = field(
        default=False,
        metadata={
            "help": "where bundle and shards differ in classes: match other spellings, leave out classes that only one "
            "of them has"
        },
    )
    force: bool = field(
        default=False, metadata={"help": "measure although the pictures were prepared otherwise than the bundle's"}
    )
    overwrite: bool = field(default=False, metadata={"help": "replace an earlier evaluation in --output"})
    record: bool = field(
        default=False, metadata={"help": "write the figures into the bundle's card.json and MODEL_CARD.md too"}
    )
    mistakes: int = field(default=24, metadata={"help": "how many of the surest mistakes to show"})
    min_support: int = field(
        default=20, metadata={"help": "pictures a class must have to count in the macro-F1 of supported classes"}
    )
    seed: int = field(default=0, metadata={"help": "of the bootstrap's resamples"})
    batch_size: int = field(default=256, metadata={"help": "pictures at a time"})
    device: str = field(default="auto", metadata={"help": "cpu, cuda, cuda:1 …; auto: a GPU where there is one"})
    bf16: bool = field(default=False, metadata={"help": "compute in bfloat16: faster, exact to about 0.01"})

    def check(self) -> None:
        """Raise ValueError naming the first setting that is missing or cannot be."""
        for name in ("bundle", "shards", "output"):
            if not getattr(self, name):
                raise ValueError(f"--{name} is missing; --help shows an example")
        if "://" in self.output:
            raise ValueError(f"--output {self.output}: expected a local directory; copy it from there")
        if self.record and not Path(self.bundle).is_dir():
            raise ValueError(f"--record: {self.bundle} is no directory; a shipped bundle's card stays as it is")
        if self.batch_size < 1:
            raise ValueError(f"--batch-size: {self.batch_size} is not a positive number")
        for name in ("mistakes", "min_support", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"--{name.replace('_', '-')}: {getattr(self, name)} is negative")

    @property
    def output_path(self) -> Path:
        return Path(self.output).absolute()
