"""`fer-spark augment-shards`: shards → shards with marked copies of the rarer classes, in the train split alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, add_spark_flags, parse, settings_from
from fer_spark.pipelines.augment.plan import AugmentError
from fer_spark.pipelines.augment.run import Augmented, augment
from fer_spark.shards.copies import CopySettings
from fer_spark.shards.manifest import NAME, ManifestError

OK, FAILED = 0, 1
_DESCRIPTION = """Shards → shards in which every class of the train split has at least N faces. What is missing is made
of marked copies (column `augmented_from`): mirrored, turned, shifted, zoomed. No face is taken away; val and test stay
as they are. A trainer draws such copies on the fly (--sampler augment) without storing them; stored ones are for those
that cannot.

  fer-spark augment-shards --shards shards/ --output balanced/ --to max
  spark-submit jobs/augment_shards.py --shards s3a://lake/shards --output s3a://lake/balanced --to 5000

Exit codes: 0 published, or complete already; 1 failed, nothing published; 2 wrong usage.
"""


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


def parser() -> argparse.ArgumentParser:
    """The command line, made from the settings' own fields."""
    made = argparse.ArgumentParser(
        prog="fer-spark augment-shards", description=_DESCRIPTION, formatter_class=HelpFormatter, allow_abbrev=False
    )
    add_flags(made, AugmentShardsSettings, "shards")
    add_flags(made, CopySettings, "copies")
    add_spark_flags(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Write the copies; returns the exit code. Wrong usage raises SystemExit(2), as argparse does."""
    parsed = parse(parser(), argv, (AugmentShardsSettings, CopySettings))
    settings, copies = settings_from(parsed, AugmentShardsSettings), settings_from(parsed, CopySettings)
    console = Console(stderr=True)
    try:
        settings.check()
        copies.check()
        from fer_spark.artifacts import Storage
        from fer_spark.spark.progress import JobProgress
        from fer_spark.spark.session import get_session

        spark = get_session("fer-spark augment-shards", parsed.conf, parsed.master)
        source, target = Storage(spark, settings.shards), Storage(spark, settings.output)
        done = augment(source, target, settings.rows, copies, JobProgress(spark.sparkContext))
    except (AugmentError, ValueError) as error:
        console.print(f"[bold]fer-spark augment-shards:[/bold] {escape(str(error))}", highlight=False, soft_wrap=True)
        return USAGE_ERROR
    except ManifestError as error:
        told = f"[bold red]fer-spark augment-shards failed:[/bold red] {escape(str(error))}"
        console.print(told, highlight=False, soft_wrap=True)
        return FAILED
    print_summary(done, settings)
    return OK


def print_summary(done: Augmented, settings: AugmentShardsSettings) -> None:
    """Faces of each class before and after, and how often the most copied one was copied."""
    console = Console()
    if not done.published:
        console.print(f"Nothing to do: {settings.output} is complete.", highlight=False, markup=False)
        return
    table = Table(title="Faces in train", title_justify="left", show_edge=False)
    for name in ("", "before", "copies", "after", "copies of one face"):
        table.add_column(name, no_wrap=True, justify="right" if name else "left")
    for label, rows in done.before.items():
        plan = done.plan.get(label)
        copies, most = (plan.copies, plan.most_of_one) if plan else (0, 0)
        of_one = f"up to {most:,}" if most else ""
        table.add_row(escape(label), f"{rows:,}", f"{copies:,}", f"{rows + copies:,}", of_one)
    console.print(table)
    manifest = done.manifest
    console.print(
        f"\nManifest: {settings.output.rstrip('/')}/{NAME}   checksum {manifest.checksum}   "
        f"{manifest.run['total_s']:,.1f} s",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


if __name__ == "__main__":
    sys.exit(main())
