"""What a user can choose about an exploration; which pictures are opened is exploring/settings.py."""

from __future__ import annotations

from dataclasses import dataclass, field

ON_EXISTING = ("fail", "overwrite")


@dataclass(frozen=True)
class ExploreSettings:
    """Where to write, what to compare with."""

    shards: str = field(
        default="", metadata={"help": "explore shards instead of --source and --input", "metavar": "URI"}
    )
    output: str = field(default="", metadata={"help": "directory to write to", "metavar": "URI"})
    on_existing: str = field(
        default="fail",
        metadata={"help": "what to do where an exploration is there already", "choices": ON_EXISTING},
    )
    title: str = field(default="", metadata={"help": "heading of the report; empty: made of the input's name"})
    reference_counts: str = field(
        default="", metadata={"help": "CSV with published rows per label, to compare with", "metavar": "URI"}
    )
    reference_column: str = field(
        default="", metadata={"help": "its column of counts; empty: paper_total, count or the like", "metavar": "NAME"}
    )
    reference_bins: str = field(
        default="",
        metadata={
            "help": "CSV with published rows per 0.2 bin: arousal_low, arousal_high, valence_low, valence_high, and "
            "counts",
            "metavar": "URI",
        },
    )
    reference_bins_column: str = field(
        default="", metadata={"help": "its column of counts; empty: paper_count, count or the like", "metavar": "NAME"}
    )

    def check(self, source: str) -> None:
        """Raise ValueError naming the first setting that is missing or cannot be. source: what --source says."""
        if not self.output:
            raise ValueError("--output is missing; --help shows an example")
        if bool(self.shards) == bool(source):
            raise ValueError("name either --source and --input, or --shards")
        if self.on_existing not in ON_EXISTING:
            raise ValueError(f"--on-existing {self.on_existing!r}: expected one of {', '.join(ON_EXISTING)}")
        for column, table in (("reference_column", "reference_counts"), ("reference_bins_column", "reference_bins")):
            if getattr(self, column) and not getattr(self, table):
                raise ValueError(f"--{column.replace('_', '-')} goes with --{table.replace('_', '-')}")
