"""What a user can choose about an exploration; which pictures are opened is exploring/settings.py."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import check, flag, option

ON_EXISTING = ("fail", "overwrite")


@dataclass(frozen=True)
class ExploreSettings:
    """Where to write, what to compare with."""

    shards: str = option("", "explore shards instead of --source and --input", metavar="URI", path=True)
    output: str = option("", "directory to write to", metavar="URI", path=True, changes_result=False)
    on_existing: str = option(
        "fail", "what to do where an exploration is there already", choices=ON_EXISTING, changes_result=False
    )
    title: str = option("", "heading of the report; empty: made of the input's name")
    reference_counts: str = option("", "CSV with published rows per label, to compare with", metavar="URI", path=True)
    reference_column: str = option("", "its column of counts; empty: paper_total, count or the like", metavar="NAME")
    reference_bins: str = option(
        "",
        "CSV with published rows per 0.2 bin: arousal_low, arousal_high, valence_low, valence_high, and counts",
        metavar="URI",
        path=True,
    )
    reference_bins_column: str = option(
        "", "its column of counts; empty: paper_count, count or the like", metavar="NAME"
    )

    def check(self, input: str) -> None:
        """Raise ValueError naming the first setting that is missing or cannot be. input: what --input says."""
        check(self)
        if not self.output:
            raise ValueError("--output is missing; --help shows an example")
        if bool(self.shards) == bool(input):
            raise ValueError("name either --input or --shards")
        for column, table in (("reference_column", "reference_counts"), ("reference_bins_column", "reference_bins")):
            if getattr(self, column) and not getattr(self, table):
                raise ValueError(f"{flag(column)} goes with {flag(table)}")
