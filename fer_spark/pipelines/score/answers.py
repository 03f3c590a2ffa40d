"""The first answers, for a person: each picture with its label, and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark.artifacts import Storage
from fer_spark.pipelines.score.plain import page_of
from fer_spark.scoring.columns import OK
from fer_spark.scoring.outputs.read import read_scores
from fer_spark.tables.errors import OutputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fer_spark.scoring.settings import ScoreSettings

SHOWN_ROWS = 20


def check_page(spark: SparkSession, settings: ScoreSettings) -> None:
    """Raise OutputError where a page is in the way."""
    page = page_of(settings.output)
    folder, slash, name = page.rpartition("/")
    if not settings.overwrite and Storage(spark, folder + slash or ".").exists(name):
        raise OutputError(f"{page} is there already: --overwrite replaces it, or choose another --output")


def print_answers(spark: SparkSession, settings: ScoreSettings) -> None:
    """A table of the first pictures, each of its faces with label and confidence, or why there is none."""
    rows, table = first_rows(read_scores(spark, settings.output), SHOWN_ROWS + 1), Table(show_edge=False)
    for title, justify in (("picture", "left"), ("label", "left"), ("confidence", "right")):
        table.add_column(title, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows[:SHOWN_ROWS]:
        label = f"{row['label']}{' (unsure)' if row['abstained'] else ''}"
        fine = row["status"] == OK
        shown = escape(label) if fine else f"[yellow]{escape(row['status'])}[/]"
        table.add_row(escape(row["source_path"]), shown, f"{row['confidence']:.2f}" if fine else "")
    Console().print(table)
    if len(rows) > SHOWN_ROWS:
        Console().print(f"… the first {SHOWN_ROWS} rows; all are in {settings.output}", highlight=False, markup=False)
    Console().print()


def first_rows(scores: DataFrame, count: int) -> list[Any]:
    """So many rows of SCORE, in the order of pictures and faces."""
    order = ("source_path", "source_row", "face_index")
    columns = (*order, "status", "label", "confidence", "abstained")
    return scores.select(*columns).orderBy(*(F.col(name).asc_nulls_first() for name in order)).limit(count).collect()


def print_page(spark: SparkSession, settings: ScoreSettings) -> None:
    """Write the page beside the output, and print where it is, last of all; or what it takes to have one."""
    try:
        from fer_spark.pipelines.report.run import write_page
    except ImportError as error:
        line = f"No page: {error}; it needs pip install 'fer-spark[report]'"
    else:
        line = write_page(spark, settings.output, page_of(settings.output)).removeprefix("file:")
    Console().print(line, highlight=False, markup=False, soft_wrap=True)
