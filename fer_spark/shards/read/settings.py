"""What a user can choose about reading shards."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ReadSettings:
    """Flags of every command that reads batches from shards."""

    image_column: str = field(
        default="",
        metadata={"help": "pixel column to read, e.g. image_48_gray; empty: the smallest", "metavar": "NAME"},
    )
    batch_size: int = field(default=256, metadata={"help": "rows of a batch on each rank"})
    shuffle: bool = field(default=True, metadata={"help": "mix rows across and inside row groups, anew every epoch"})
    seed: int = field(default=0, metadata={"help": "the order of rows is a function of this seed and the epoch alone"})
    read_workers: int = field(default=2, metadata={"help": "threads that read, and as many that decode"})
    shuffle_window: int = field(
        default=16, metadata={"help": "row groups, drawn from the whole split, whose rows are mixed and held in memory"}
    )
    last_batch: str = field(
        default="pad",
        metadata={
            "help": "pad: repeat rows, marked as not real, so that every row is seen; drop: only whole batches",
            "choices": ("pad", "drop"),
        },
    )
    partition: str = field(
        default="row_groups",
        metadata={
            "help": "what ranks share out. row_groups: each rank reads its own; batches: all ranks read the same "
            "global batches and each takes its slice, so that 2 ranks of B/2 see what 1 rank of B sees",
            "choices": ("row_groups", "batches"),
        },
    )
    cache_dir: str = field(
        default="",
        metadata={"help": "keep what was read on this local disk, for later epochs and runs", "metavar": "DIR"},
    )
    cache_mb: float = field(default=10_240.0, metadata={"help": "size of that cache, MiB; the oldest entries go first"})
    pin_memory: bool = field(default=False, metadata={"help": "batches in page-locked memory, where there is a GPU"})
    soft_labels: bool = field(default=False, metadata={"help": "also read label_probs"})
    valence_arousal: bool = field(default=False, metadata={"help": "also read valence and arousal"})

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        for name in ("batch_size", "read_workers", "shuffle_window"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')}: {getattr(self, name)} is not a positive number")
        if self.seed < 0:
            raise ValueError(f"--seed: {self.seed} is negative")
        if self.cache_mb <= 0:
            raise ValueError(f"--cache-mb: {self.cache_mb} is not a positive number")
        for name, known in (("last_batch", ("pad", "drop")), ("partition", ("row_groups", "batches"))):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"--{name.replace('_', '-')}: {getattr(self, name)!r} is not one of {', '.join(known)}"
                )
