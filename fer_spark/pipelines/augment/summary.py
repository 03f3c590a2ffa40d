"""What a person reads at the end of augment-shards: the same figures as the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark.pipelines.augment.settings import AugmentShardsSettings
from fer_spark.shards.manifest import NAME

if TYPE_CHECKING:
    from fer_spark.pipelines.augment.publish import Augmented


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
        copies, most = (plan.copies, plan.most_per_row) if plan else (0, 0)
        per_face = f"up to {most:,}" if most else ""
        table.add_row(escape(label), f"{rows:,}", f"{copies:,}", f"{rows + copies:,}", per_face)
    console.print(table)
    manifest = done.manifest
    console.print(
        f"\nManifest: {settings.output.rstrip('/')}/{NAME}   checksum {manifest.checksum}   "
        f"{manifest.run['total_s']:,.1f} s",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
