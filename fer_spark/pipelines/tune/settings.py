"""What a user can choose about a search, beside the settings of its trials."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import check, option


@dataclass(frozen=True)
class TuneSettings:
    """What is searched, and how long."""

    space: str = option("", "what is varied; empty: what --show-space prints", metavar="FILE.toml", path=True)
    trials: int = option(20, "trainings in all, those of earlier starts included", least=1, changes_result=False)
    parallel: int = option(1, "trials at once, as Spark tasks; 1: here, without Spark", least=1, changes_result=False)
    search_seed: int = option(0, "what is tried is a function of this seed and the results", least=0)
    show_space: bool = option(False, "print the space as TOML, and nothing else", changes_result=False)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
