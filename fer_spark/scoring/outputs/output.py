"""An opened output: the scores in their format, and beside them staging, explanations and the summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fer_spark.artifacts import Storage, literal
from fer_spark.rows import EXPLANATION
from fer_spark.scoring.outputs.catalog import FORMATS, check_format
from fer_spark.scoring.outputs.files import STAGING, put_files
from fer_spark.scoring.outputs.format import Format
from fer_spark.scoring.outputs.read import read_summary
from fer_spark.tables.errors import OutputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fer_spark.scoring.settings import ScoreSettings

EXPLANATIONS = "_explanations"


@dataclass(frozen=True)
class Output:
    """Where scores go. `scores` is the data; summary, staging and explanations lie in its books.

    `run`: the name of this run's staging, which no other run reads or writes over, whatever it believes of the lease.
    """

    spark: SparkSession
    scores: Format
    run: str = field(default_factory=lambda: uuid4().hex[:8])

    @classmethod
    def open(cls, spark: SparkSession, settings: ScoreSettings) -> Output:
        """Raises OutputError for a format that this Spark does not know, a ledger among the scores, or a table whose
        columns do not take ours."""
        kind = FORMATS[settings.format]
        check_format(spark, kind.form)
        books = Storage.to_write(spark, settings.checkpoint if kind.named else settings.output)
        if settings.checkpoint and not kind.named:
            _check_apart(books.root, Storage(spark, settings.checkpoint).root)
        scores = kind(spark, settings.output, books)
        scores.check_columns()
        return cls(spark, scores)

    @property
    def name(self) -> str:
        """As the user spells it."""
        return self.scores.name

    @property
    def books(self) -> Storage:
        return self.scores.books

    def summary(self) -> dict[str, Any] | None:
        """What the last run that came to its end said; None where there is none. Raises OutputError as read_summary."""
        return read_summary(self.books)

    def stage(self, name: str, rows: DataFrame) -> DataFrame:
        """Run `rows` once, keep them aside, and give them back as written."""
        place = self.books.uri(f"{STAGING}/{self.run}/{name}")
        rows.write.option("compression", "snappy").mode("overwrite").parquet(place)
        return self.spark.read.schema(rows.schema).parquet(literal(place))

    def drop_staging(self) -> None:
        """This run's, and what killed runs left of theirs."""
        self.books.delete(STAGING)

    def add_explanations(self, rows: DataFrame, prefix: str) -> list[str]:
        """Write rows of EXPLANATION as one Parquet file beside the books; returns its name in a list."""
        chosen = rows.select(EXPLANATION.names).coalesce(1)
        return put_files(self.books, chosen, "parquet", f"{EXPLANATIONS}/{prefix}", numbered=False)

    def explanation_files(self) -> list[str]:
        """Files of explanations that are there already."""
        return [file.path for file in self.books.list_files(EXPLANATIONS)]


def _check_apart(output: str, checkpoint: str) -> None:
    """Readers of a directory pass over names with `_` or `.` in front and take all others for scores."""
    below = (checkpoint.rstrip("/") + "/").removeprefix(output.rstrip("/") + "/")
    if below != checkpoint.rstrip("/") + "/" and not below.startswith(("_", ".")):
        raise OutputError(
            f"--checkpoint {checkpoint} is inside --output {output}, where its files would be read as scores: choose "
            "another place, or a folder there whose name begins with _"
        )
