"""What a user can choose about augmented shards; how a copy is made is shards/copies.py."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AugmentShardsSettings:
    """Where from, where to and how many."""

    shards: str = field(default="", metadata={"help": "directory of the shards to read", "metavar": "URI"})
    output: str = field(default="", metadata={"help": "directory of the shards to write", "metavar": "URI"})
    to: str = field(
        default="max",
        metadata={
            "help": "least faces of each class in train: a number, or max for as many as the largest class has; a "
            "class without any stays without",
            "metavar": "N|max",
        },
    )

    @property
    def rows(self) -> int:
        """`to` as a number, 0 for max. Raises ValueError for anything else."""
        if self.to == "max":
            return 0
        if not self.to.isdecimal() or int(self.to) < 1:
            raise ValueError(f"--to: {self.to!r} is neither a positive number nor max")
        return int(self.to)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        for name in ("shards", "output"):
            if not getattr(self, name):
                raise ValueError(f"--{name}: name a directory")
        _ = self.rows
