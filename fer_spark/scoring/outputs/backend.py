"""By what a table is read and committed to: Spark's own data source where it has one, else a Python package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from fer_spark.scoring.outputs.format import Format
from fer_spark.tables.errors import OutputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


@dataclass(frozen=True)
class Backend(ABC):
    """One table: what stands in it, and single commits to it."""

    table: Format

    @abstractmethod
    def standing(self) -> StructType | None:
        """The columns of the table as it stands; None where there is none yet. Raises OutputError for a table that
        this backend cannot read."""

    @abstractmethod
    def rows(self) -> DataFrame:
        """Those of a table that stands."""

    @abstractmethod
    def commit(self, rows: DataFrame, standing: StructType | None, batch: int | None, name: str) -> None:
        """Replace the rows of one batch, or all of them with None, and add columns that the table lacks. `name` is
        unlike that of any other commit.

        Raises CommitError where the table says that another run has committed this batch, or a later one.
        """

    @abstractmethod
    def delete(self, condition: str) -> None:
        """Remove the rows for which it is true, in one commit."""

    @abstractmethod
    def check_new(self) -> None:
        """Raise OutputError, or what Spark raises, where a new table could not be written and read."""

    @abstractmethod
    def fence(self, batch: int) -> None:
        """From now on refuse to commit this batch or an earlier one, where the table can keep such a number."""


def in_spark(spark: SparkSession, form: str) -> bool:
    """Whether this Spark has classes for a format."""
    jvm: Any = spark._jvm
    try:
        conf = spark._jsparkSession.sessionState().conf()
        jvm.org.apache.spark.sql.execution.datasources.DataSource.lookupDataSource(form, conf)
    except Py4JJavaError:
        return False
    return True


def check_known(spark: SparkSession, kind: type[Format]) -> None:
    """Raise OutputError, with what to add, for a format that neither Spark nor a Python package knows."""
    if in_spark(spark, kind.form) or (kind.python and find_spec(kind.python) is not None):
        return
    raise OutputError(
        f"--format {kind.form}: this Spark does not know it; pip install 'fer-spark[tables]', or add "
        f"--conf spark.jars.packages={kind.package}"
    )
