"""What a user can choose about reading shards."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import check, option


@dataclass(frozen=True)
class ReadSettings:
    """Flags of every command that reads batches from shards."""

    image_column: str = option("", "pixel column to read, e.g. image_48_gray; empty: the smallest", metavar="NAME")
    batch_size: int = option(256, "rows of a batch on each rank", least=1)
    shuffle: bool = option(True, "shuffle rows across and inside row groups, differently every epoch")
    seed: int = option(0, "the order of rows is a function of this seed and the epoch alone", least=0)
    read_workers: int = option(2, "threads that read, and as many that decode", least=1, changes_result=False)
    shuffle_window: int = option(
        16, "row groups, drawn from the whole split, whose rows are mixed and held in memory", least=1
    )
    last_batch: str = option(
        "pad",
        "pad: repeat rows, marked as not real, so that every row is seen; drop: only whole batches",
        choices=("pad", "drop"),
    )
    partition: str = option(
        "row_groups",
        "what ranks share out. row_groups: each rank reads its own; batches: all ranks read the same "
        "global batches and each takes its slice, so that 2 ranks of B/2 see what 1 rank of B sees",
        choices=("row_groups", "batches"),
    )
    cache_dir: str = option(
        "",
        "keep what was read on this local disk, for later epochs and runs",
        metavar="DIR",
        path=True,
        changes_result=False,
    )
    cache_mb: float = option(
        10_240.0, "size of that cache, MiB; the oldest entries go first", above=0, changes_result=False
    )
    pin_memory: bool = option(False, "batches in page-locked memory, where there is a GPU", changes_result=False)
    soft_labels: bool = option(False, "also read label_probs")
    valence_arousal: bool = option(False, "also read valence and arousal")

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
