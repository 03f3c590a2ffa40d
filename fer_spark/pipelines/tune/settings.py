"""What a user can choose about a search, beside the settings of its trials."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TuneSettings:
    """What is searched, and how long."""

    space: str = field(
        default="", metadata={"help": "what is varied; empty: what --show-space prints", "metavar": "FILE.toml"}
    )
    trials: int = field(default=20, metadata={"help": "trainings in all, those of earlier starts included"})
    parallel: int = field(default=1, metadata={"help": "trials at once, as Spark tasks; 1: here, without Spark"})
    search_seed: int = field(default=0, metadata={"help": "what is tried is a function of this seed and the results"})
    show_space: bool = field(default=False, metadata={"help": "print the space as TOML, and nothing else"})

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        for name in ("trials", "parallel"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name}: {getattr(self, name)}, expected 1 or more")
        if self.search_seed < 0:
            raise ValueError(f"--search-seed: {self.search_seed} is negative")
