"""Explore: one pass counts the annotations, a few more check them, one opens the pictures; tables, advice, pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from fer_spark import __version__
from fer_spark.artifacts import Storage
from fer_spark.exploration import ALL, Exploration, Figures, Value, in_order
from fer_spark.exploring.advice import advise
from fer_spark.exploring.categories import by_split, category_tables, order_of, reference_table
from fer_spark.exploring.cells_on_spark import checks_of, count_cells, usable
from fer_spark.exploring.feelings import feelings_tables
from fer_spark.exploring.pictures import picture_tables, pixels_table, twin_tables
from fer_spark.exploring.pictures_on_spark import mean_pictures, picture_figures, pixel_sums, small_pictures
from fer_spark.exploring.references import bins_reference
from fer_spark.exploring.sanity import (
    columns_table,
    labels_table,
    picture_rows,
    repeats_rows,
    spelling_rows,
    values_table,
)
from fer_spark.exploring.sanity_on_spark import column_figures, examples, repeats, spellings
from fer_spark.exploring.settings import PictureSettings
from fer_spark.exploring.sheets import sheets
from fer_spark.exploring.splits import split_tables
from fer_spark.exploring.summaries_on_spark import summarise
from fer_spark.exploring.twins_on_spark import find_twins
from fer_spark.pipelines.explore.input import Input, open_input
from fer_spark.pipelines.explore.output import PAGE, check_output, summary_of, write_output
from fer_spark.pipelines.explore.references import References, read_references
from fer_spark.pipelines.explore.settings import ExploreSettings
from fer_spark.pipelines.explore.summary import print_summary
from fer_spark.reports.exploration.page import exploration_page
from fer_spark.settings import last_part
from fer_spark.shards.manifest import ManifestError
from fer_spark.sources.catalog import recognised
from fer_spark.sources.settings import SourceError, SourceSettings
from fer_spark.spark.held import held
from fer_spark.spark.progress import JobProgress
from fer_spark.spark.session import get_session, sized_for

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fer_spark.exploring.found import Counted, Summary


USAGE = (ValueError,)
JVM_FAILURES = (Py4JError, OSError)
FAILURES = (ManifestError, PySparkException)
PRELOAD = ("fer_spark.exploring.pictures_on_spark",)


def run(
    settings: ExploreSettings,
    source: SourceSettings,
    pictures: PictureSettings,
    conf: Sequence[str] = (),
    master: str = "",
) -> None:
    """Explore, write and print. Raises what USAGE, JVM_FAILURES and FAILURES list."""
    began = time.monotonic()
    done = run_explore(get_session("fer-spark explore", conf, master, PRELOAD), settings, source, pictures, began)
    print_summary(done.found, done.page, done.total_s)


@dataclass(frozen=True)
class Explored:
    """A finished exploration: what was found, what _summary.json says, the page, and the seconds it took."""

    found: Exploration
    summary: dict[str, Any]
    page: str
    total_s: float


def run_explore(
    spark: SparkSession,
    settings: ExploreSettings,
    source: SourceSettings,
    pictures: PictureSettings,
    began: float | None = None,
) -> Explored:
    """Explore and write. `began`: since when the seconds count, by time.monotonic(); None: since now."""
    began = time.monotonic() if began is None else began
    storage = Storage(spark, settings.output)
    check_output(spark, storage, settings.on_existing)
    progress = JobProgress(spark.sparkContext)
    source = source if settings.shards else recognised(spark, source, progress.print_line, labels_needed=False)
    found = explore(spark, settings, source, pictures, progress)
    total_s = time.monotonic() - began
    summary = summary_of(found, (settings, source, pictures), total_s, spark.sparkContext.defaultParallelism)
    write_output(storage, found, summary, exploration_page)
    return Explored(found, summary, storage.uri(PAGE), total_s)


def explore(
    spark: SparkSession,
    settings: ExploreSettings,
    source: SourceSettings,
    pictures: PictureSettings,
    progress: JobProgress,
) -> Exploration:
    """Explore a source or shards. Raises ValueError (SourceError, CountsError) for what the user has to change."""
    references = read_references(spark, settings)
    with progress.step("opening the input"):
        given = open_input(spark, source, settings.shards, pictures)
    progress.print_line(f"{given.annotations.description}; pictures: {given.selection}")
    with progress.step("counting annotations"):
        counted = count_cells(given.annotations.rows, given.annotations.has)
    if not counted.rows:
        raise SourceError(f"{given.annotations.description} holds no row")
    with sized_for(spark, counted.rows):
        tables, drawn = _tables(given, counted, references, pictures, progress)
    ordered = in_order(tables)
    return Exploration(_title(settings, source), _facts(given, counted), ordered, advise(ordered), drawn)


def _tables(
    given: Input, counted: Counted, references: References, pictures: PictureSettings, progress: JobProgress
) -> tuple[list[Figures], dict[str, bytes]]:
    """Every table in any order, and PNG files by name."""
    tables, more = _annotation_tables(given, counted, references, progress)
    drawn: dict[str, bytes] = {}
    if given.looked is not None:
        with progress.step("looking at pictures"):
            looked = held(given.looked())
            try:
                found, seen, drawn = _looked(looked, given, pictures)
            finally:
                looked.unpersist()
        tables, more = tables + found, more + seen
    more += [(ALL, reason, "picture", count, "") for reason, count in sorted(given.quarantined.items())]
    with progress.step("checking values"):
        tables.append(_values(given, counted, more))
    return tables, drawn


def _annotation_tables(
    given: Input, counted: Counted, references: References, progress: JobProgress
) -> tuple[list[Figures], list[tuple[Value, ...]]]:
    """Tables of annotations, and rows of the values table that need passes of their own."""
    annotations, more = given.annotations, list[tuple[Value, ...]]()
    order = order_of(annotations.label_names, list(by_split(counted)[ALL]))
    tables = category_tables(counted, annotations.label_names)
    if annotations.table is not None:
        with progress.step("columns"):
            tables.append(columns_table(column_figures(annotations.table), annotations.expected))
    if "label" in annotations.has:
        with progress.step("spellings"):
            most, variants = spellings(annotations.rows)
        tables.append(labels_table(most))
        more += spelling_rows(most, variants)
    if not annotations.one_per_path:
        with progress.step("repeated names"):
            more += repeats_rows(repeats(annotations.rows))
    with progress.step("quartiles"):
        tables += feelings_tables(counted, _feelings(annotations.rows, counted), order)
    tables += split_tables(counted)
    if references.counts is not None:
        tables.append(reference_table(counted, annotations.label_names, *references.counts))
    if references.bins is not None:
        tables.append(bins_reference(counted, *references.bins))
    return tables, more


def _feelings(rows: DataFrame, counted: Counted) -> list[Summary]:
    if not any(v is not None or a is not None for _, v, a in counted.fine):
        return []
    valence, arousal = usable(F.col("valence")), usable(F.col("arousal"))
    measures = {"valence": valence, "arousal": arousal, "intensity": F.sqrt(valence * valence + arousal * arousal)}
    split = F.coalesce("split", F.lit("")).alias("split")
    return summarise(rows.select(split, "valence", "arousal"), measures, counted.splits != ("",))


def _looked(
    looked: DataFrame, given: Input, settings: PictureSettings
) -> tuple[list[Figures], list[tuple[Value, ...]], dict[str, bytes]]:
    """Tables of pictures, rows of the values table, and PNG files."""
    figures = picture_figures(looked)
    tables = [*picture_tables(figures, given.what), *pixels_table(pixel_sums(looked))]
    small = small_pictures(looked, settings.sheet_faces) if settings.sheet_faces else {}
    means = mean_pictures(looked) if settings.mean_faces else {}
    if figures.measured:
        fine = looked.where("kind = 'picture' AND reason IS NULL")
        tables += twin_tables(find_twins(fine, settings.near_bits), settings.near_bits)
    return tables, picture_rows(figures), sheets(small, means)


def _values(given: Input, counted: Counted, more: list[tuple[Value, ...]]) -> Figures:
    checks = checks_of(given.annotations.has)
    violated = {key for (_, key), count in counted.checks.items() if count}
    shown = examples(given.annotations.rows, {key: check for key, check in checks.items() if key in violated})
    return values_table(counted, shown, *more)


def _facts(given: Input, counted: Counted) -> tuple[tuple[str, str], ...]:
    sizes: dict[str, int] = {}
    for (split, _), count in counted.labels.items():
        sizes[split] = sizes.get(split, 0) + count
    splits = " · ".join(
        f"{split or 'no split'} {sizes[split]:,} ({sizes[split] / counted.rows:.2%})" for split in counted.splits
    )
    return (
        ("Source", given.annotations.description),
        ("Rows", f"{counted.rows:,}"),
        ("Splits", splits if counted.splits != ("",) else "the source states none"),
        ("Labels", ", ".join(given.annotations.label_names) or "none"),
        ("Pictures", given.selection),
        ("fer_spark", __version__),
    )


def _title(settings: ExploreSettings, source: SourceSettings) -> str:
    return settings.title or last_part(settings.shards or source.input)
