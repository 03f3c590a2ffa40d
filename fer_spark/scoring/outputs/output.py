"""Rows of SCORE into files or tables: written aside, then put where readers look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import functions as F

from fer_spark.artifacts import Storage, literal
from fer_spark.rows import EXPLANATION, SCORE
from fer_spark.scoring.outputs.read import FILES, OutputError, read_summary

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fer_spark.scoring.settings import ScoreSettings

STAGING = "_staging"
EXPLANATIONS = "_explanations"
ROWS_PER_FILE = 500_000


@dataclass(frozen=True)
class Output:
    """Where scores go. `storage`: the data; `books`: summary and staging, the same place but for tables."""

    spark: SparkSession
    form: str
    name: str
    storage: Storage
    books: Storage

    @classmethod
    def open(cls, spark: SparkSession, settings: ScoreSettings) -> Output:
        """Raises OutputError for a format that this Spark does not know, or a ledger among the scores."""
        check_format(spark, settings.format)
        if settings.format == "iceberg":
            books = Storage(spark, settings.checkpoint)
            return cls(spark, settings.format, settings.output, books, books)
        data = Storage(spark, settings.output)
        if settings.checkpoint:
            _check_apart(data.root, Storage(spark, settings.checkpoint).root)
        return cls(spark, settings.format, settings.output, data, data)

    @property
    def place(self) -> str:
        """What tells this output from every other, wherever the program was started: a full URI, or a table's name."""
        return self.name if self.form == "iceberg" else self.storage.root

    @property
    def holds_files(self) -> bool:
        return self.form in FILES

    def summary(self) -> dict[str, Any] | None:
        """What the last run that came to its end said; None where there is none. Raises OutputError as read_summary."""
        return read_summary(self.books)

    def stage(self, name: str, rows: DataFrame) -> DataFrame:
        """Run `rows` once, keep them aside, and give them back as written."""
        self.books.delete(f"{STAGING}/{name}")
        rows.write.option("compression", "snappy").parquet(self.books.uri(f"{STAGING}/{name}"))
        return self.spark.read.schema(rows.schema).parquet(literal(self.books.uri(f"{STAGING}/{name}")))

    def drop_staging(self) -> None:
        self.books.delete(STAGING)

    def add_files(self, rows: DataFrame, files: int, prefix: str) -> list[str]:
        """Write rows as `files` files at most, named `prefix…`, each of which appears whole; returns their names."""
        return self._put(self.storage, rows.select(SCORE.names).coalesce(files), self.form, prefix, files > 1)

    def add_explanations(self, rows: DataFrame, prefix: str) -> list[str]:
        """Write rows of EXPLANATION as one Parquet file beside the books; returns its name in a list."""
        name = f"{EXPLANATIONS}/{prefix}"
        return self._put(self.books, rows.select(EXPLANATION.names).coalesce(1), "parquet", name, False)

    def explanation_files(self) -> list[str]:
        """Files of explanations that are there already."""
        return [file.path for file in self.books.list_files(EXPLANATIONS)]

    def _put(self, storage: Storage, rows: DataFrame, form: str, prefix: str, numbered: bool) -> list[str]:
        aside = f"{STAGING}/out"
        storage.delete(aside)
        rows.write.format(form).save(storage.uri(aside))
        written = [file.path for file in storage.list_files(aside) if "/part-" in file.path]
        names = [f"{prefix}-{i:05d}.{form}" if numbered else f"{prefix}.{form}" for i in range(len(written))]
        for path, name in zip(written, names, strict=True):
            _rename(self.spark, storage.uri(path), storage.uri(name))
        return names

    def add_table(self, rows: DataFrame, batch: int | None) -> None:
        """Replace the rows of one batch, or all of them with None, in one commit of the table's own."""
        chosen = rows.select(SCORE.names)
        if self.form == "iceberg":
            if not self.spark.catalog.tableExists(self.name):
                chosen.writeTo(self.name).using("iceberg").create()
            elif batch is None:
                chosen.writeTo(self.name).overwrite(F.lit(True))
            else:
                chosen.writeTo(self.name).overwrite(F.col("batch") == batch)
            return
        writer = chosen.write.format(self.form).mode("overwrite")
        if batch is not None:
            writer = writer.option("replaceWhere", f"batch = {batch}")
        writer.save(self.storage.root)

    def drop_batches_from(self, batch: int) -> None:
        """Remove rows of batches that no ledger entry speaks of. Tables only; no commit where there are none."""
        if not (self.occupied() if self.form == "iceberg" else self.storage.list_files("_delta_log")):
            return  # a first commit that was killed leaves data files, but no table yet
        stray = F.col("batch") >= batch
        if self.form == "iceberg":
            name, rows = self.name, self.spark.table(self.name)
        else:
            name, rows = f"delta.`{self.storage.root}`", self.spark.read.format(self.form).load(self.storage.root)
        if not rows.where(stray).isEmpty():
            self.spark.sql(f"DELETE FROM {name} WHERE batch >= {batch}")

    def occupied(self) -> bool:
        """Whether there is data already, whoever wrote it."""
        if self.form == "iceberg":
            return bool(self.spark.catalog.tableExists(self.name))
        return bool(self.data_files())

    def data_files(self) -> list[str]:
        """Data files that are there already, whoever wrote them."""
        return [f.path for f in self.storage.list_files() if not f.path.startswith(("_", "."))]


def check_format(spark: SparkSession, form: str) -> None:
    """Raise OutputError, with the package to add, for a format that this Spark has no classes for."""
    jvm: Any = spark._jvm
    try:
        conf = spark._jsparkSession.sessionState().conf()
        jvm.org.apache.spark.sql.execution.datasources.DataSource.lookupDataSource(form, conf)
    except Py4JJavaError as error:
        packages = {
            "delta": "io.delta:delta-spark_2.13:VERSION",
            "iceberg": "org.apache.iceberg:iceberg-spark-runtime…",
        }
        raise OutputError(
            f"--format {form}: this Spark does not know it; add --conf spark.jars.packages={packages.get(form, '…')}"
        ) from error


def _check_apart(output: str, checkpoint: str) -> None:
    """Readers of a directory pass over names with `_` or `.` in front and take all others for scores."""
    below = (checkpoint.rstrip("/") + "/").removeprefix(output.rstrip("/") + "/")
    if below != checkpoint.rstrip("/") + "/" and not below.startswith(("_", ".")):
        raise OutputError(
            f"--checkpoint {checkpoint} lies in --output {output}, where its files would be taken for scores: choose "
            "another place, or a folder there whose name begins with _"
        )


def _rename(spark: SparkSession, source: str, target: str) -> None:
    """Raises OutputError where the storage refuses."""
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path
    system = path(source).getFileSystem(spark._jsc.hadoopConfiguration())
    system.mkdirs(path(target).getParent())
    if not system.rename(path(source), path(target)):
        raise OutputError(f"{source} could not be moved to {target}")
