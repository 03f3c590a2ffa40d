"""What a user can choose about augmented shards; how a copy is made is shards/copies.py."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import check, option, require


@dataclass(frozen=True)
class AugmentShardsSettings:
    """Where from, where to and how many."""

    shards: str = option("", "directory of the shards to read", metavar="URI", path=True)
    output: str = option("", "directory of the shards to write", metavar="URI", path=True, changes_result=False)
    to: str = option(
        "max",
        "least faces of each class in train: a number, or max for as many as the largest class has; a "
        "class without any stays without",
        metavar="N|max",
    )

    @property
    def rows(self) -> int:
        """`to` as a number, 0 for max. Raises ValueError for anything else."""
        if self.to == "max":
            return 0
        if not self.to.isdecimal() or int(self.to) < 1:
            raise ValueError(f"--to: {self.to!r}, expected a positive number or max")
        return int(self.to)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        require(self, "shards", "output")
        _ = self.rows
