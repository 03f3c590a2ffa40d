"""What a user can choose about the shards themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from importlib.util import find_spec

ON_EXISTING = ("fail", "resume", "append", "overwrite")


@dataclass(frozen=True)
class ShardSettings:
    """Flags of build-shards that decide how the output is laid out and committed."""

    output: str = field(
        default="", metadata={"help": "directory of the shards: any path that Spark can write", "metavar": "URI"}
    )
    on_existing: str = field(
        default="fail",
        metadata={
            "help": "what to do where shards, or an unfinished job, are there already. resume: go on from the last "
            "committed chunk; append: add only unseen pictures; overwrite: build anew and swap",
            "choices": ON_EXISTING,
        },
    )
    rows_per_group: int = field(
        default=1024, metadata={"help": "rows of a Parquet row group, the unit that readers shuffle"}
    )
    rows_per_file: int = field(default=0, metadata={"help": "rows of a file; 0: as many as fit --target-file-mb"})
    target_file_mb: float = field(default=64.0, metadata={"help": "aim for files of this many MiB"})
    chunk_images: int = field(
        default=100_000, metadata={"help": "pictures prepared between two commits; a killed job loses at most these"}
    )
    max_bad_fraction: float = field(
        default=0.5,
        metadata={
            "help": "publish nothing, and exit with code 3, if more than this fraction of the input is bad (0-1)"
        },
    )
    leak_guard: str = field(
        default="report",
        metadata={
            "help": "look for the same and nearly the same picture in two splits; drop: take them out of train",
            "choices": ("off", "report", "drop"),
        },
    )
    leak_bits: int = field(
        default=4,
        metadata={"help": "pictures whose 64-bit perceptual hashes differ in at most this many bits are near-copies"},
    )
    petastorm_metadata: bool = field(
        default=False,
        metadata={"help": "also write Petastorm's _common_metadata, for petastorm.make_reader; needs Petastorm here"},
    )

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        if not self.output:
            raise ValueError("--output: name the directory for the shards")
        for name in ("rows_per_group", "chunk_images"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')}: {getattr(self, name)} is not a positive number")
        if self.rows_per_file < 0 or not 0 < self.target_file_mb < math.inf:
            raise ValueError("--rows-per-file must be 0 or more, --target-file-mb more than 0")
        if not 0 <= self.max_bad_fraction <= 1:
            raise ValueError(f"--max-bad-fraction: {self.max_bad_fraction} is not between 0 and 1")
        if not 0 <= self.leak_bits <= 16:
            raise ValueError(f"--leak-bits: {self.leak_bits} is not between 0 and 16")
        if self.petastorm_metadata and find_spec("petastorm") is None:
            raise ValueError(
                "--petastorm-metadata needs Petastorm: pip install --no-deps petastorm==0.13.1, and its needs"
            )
