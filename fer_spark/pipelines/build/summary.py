"""What a person reads at the end of build-shards: the same figures as the manifest."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark.pipelines.build.publish import Published
from fer_spark.pipelines.build.remarks import remarks
from fer_spark.pipelines.build.tables import table_lines
from fer_spark.rows import NOT_BAD
from fer_spark.shards.manifest import NAME, Manifest
from fer_spark.shards.settings import ShardSettings
from fer_spark.telemetry import JobFigures


def print_summary(done: Published, shards: ShardSettings, console: Console | None = None) -> None:
    """Counts, quarantine by reason with an example each, faces per split and label, speed, where it is."""
    console, manifest = console or Console(), done.manifest
    if not done.published and not done.too_many_bad:
        complete = f"Nothing to do: {shards.output} is complete ({manifest.counts.written_faces:,} faces)."
        console.print(
            "\n".join([complete, *table_lines(manifest, shards.output)]),
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        return
    _pictures(console, done)
    if manifest.counts.per_label:
        _labels(console, manifest)
    if done.too_many_bad:
        console.print(
            f"[bold red]Nothing published:[/] {manifest.counts.bad_fraction:.1%} of the input is bad, "
            f"--max-bad-fraction is {shards.max_bad_fraction:.1%}. "
            "Prepared rows are kept: --on-existing resume with a larger fraction publishes them.",
            highlight=False,
        )
        return
    _tail(console, manifest, shards)


def job_figures(done: Published) -> JobFigures:
    """Of a build: pictures written, there already, or in quarantine by reason."""
    counts, run = done.manifest.counts, done.manifest.run
    pictures = {"written": counts.written_images, "already_there": counts.already_there} | counts.quarantined
    seconds = {"preparing": run.get("prepare_s"), "total": run.get("total_s")}
    return JobFigures(
        "build-shards",
        pictures,
        {"written": counts.written_faces},
        round(counts.bad_fraction * counts.input),
        {part: float(value) for part, value in seconds.items() if value is not None},
        not done.too_many_bad,
    )


def _pictures(console: Console, done: Published) -> None:
    counts = done.manifest.counts
    table = Table(title="Pictures", title_justify="left", show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("pictures", justify="right")
    table.add_column("for example", overflow="fold")
    table.add_row("in", f"{counts.input:,}")
    table.add_row("written", f"{counts.written_images:,}", f"{counts.written_faces:,} faces")
    if counts.already_there:
        table.add_row("already there", f"{counts.already_there:,}")
    for reason, number in sorted(counts.quarantined.items(), key=lambda item: -item[1]):
        path, detail = done.examples.get(reason, ("", ""))
        style = "" if reason in NOT_BAD else "yellow"
        table.add_row(
            f"[{style}]{reason}[/]" if style else reason, f"{number:,}", escape(f"{path}: {detail}" if path else "")
        )
    console.print(table)


def _labels(console: Console, manifest: Manifest) -> None:
    splits = [split for split in ("train", "val", "test") if split in manifest.counts.per_label]
    present = {label for split in splits for label in manifest.counts.per_label[split]}
    names = [name for name in manifest.label_names if name in present] + sorted(present - set(manifest.label_names))
    table = Table(title="\nFaces", title_justify="left", show_edge=False)
    table.add_column("", no_wrap=True)
    for split in splits:
        table.add_column(split, justify="right")
    for name in names:
        table.add_row(escape(name), *(f"{manifest.counts.per_label[split].get(name, 0):,}" for split in splits))
    table.add_section()
    table.add_row("all", *(f"{manifest.counts.per_split.get(split, 0):,}" for split in splits))
    console.print(table)


def _tail(console: Console, manifest: Manifest, shards: ShardSettings) -> None:
    console.print()
    for remark in remarks(manifest):
        style = "bold yellow" if remark.alarming else ""
        console.print(remark.text, style=style, highlight=False, soft_wrap=True, markup=False)
    found, run = manifest.duplicates, manifest.run
    lines = [f"{line[0].upper()}{line[1:]}." for line in (manifest.sources or [{}])[-1].get("listing", [])]
    if "exact_across" in found:
        dropped = f", {found['dropped_from_train']:,} dropped from train" if found.get("leak_guard") == "drop" else ""
        lines.append(
            f"Duplicates: {found['exact_within']:,} within a split, {found['exact_across']:,} across splits, "
            f"{found['near_across']:,} near-copies across splits{dropped}."
        )
    for name, image in manifest.images.items():
        pixels = image.pixels
        mean, std = (", ".join(f"{value:.3f}" for value in values) for values in (image.mean, image.std))
        lines.append(
            f"{name}: {pixels.size_px} px {pixels.mode}, {pixels.codec} {pixels.dtype}, "
            f"train mean {mean}, deviation {std}."
        )
    size = sum(file.bytes for file in manifest.files) / 2**20
    lines.append(
        f"{len(manifest.files):,} files, {size:,.1f} MiB, {manifest.decodes_per_picture:.2f} decodes per picture."
    )
    lines.append(
        f"Prepared {run['images_per_s']:,.0f} pictures/s on {run['cores']} cores; {run['total_s']:,.1f} s in all."
    )
    lines += table_lines(manifest, shards.output)
    lines.append(f"Manifest: {shards.output.rstrip('/')}/{NAME}   checksum {manifest.checksum}")
    console.print("\n".join(lines), highlight=False, soft_wrap=True, markup=False)
