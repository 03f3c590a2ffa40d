"""Pictures joined with the annotations that name them: pictures stream past the annotations."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fer_spark.sources.base import Slice, Source, digest_rows, raw_images
from fer_spark.sources.labelling import LabelRule
from fer_spark.sources.pictures import Pictures
from fer_spark.sources.places.match import matched_line
from fer_spark.spark.held import held

BROADCAST_ROWS = 200_000
"""Up to this many annotation rows of a chunk go to every executor; Spark chooses the join for more."""


@dataclass(frozen=True)
class Annotated:
    """`rows`: RAW_IMAGE columns without content, plus `key` (what `pictures.key` makes of a path) and `named`.

    `one_file_per_key`: keys are file names, which may occur in several folders; such rows are rejected.
    """

    pictures: Pictures
    rows: DataFrame
    count: int
    one_file_per_key: bool

    def read(self, part: Slice) -> DataFrame:
        return self._join(self.pictures.read(part), part)

    def keys(self) -> DataFrame:
        return self._join(self.pictures.listed(), Slice())

    def source(
        self,
        description: str,
        rule: LabelRule | None,
        stated: DataFrame,
        faces_are_cropped: bool = False,
        has_boxes: bool = False,
        beside_table: bool = True,
    ) -> Source:
        """What a layout opens.

        rule: how its labels are read; None: it has none. stated: what its annotations state; with the pictures' names
        it is the fingerprint.
        """
        return Source(
            description,
            rule.taxonomy.names if rule else (),
            faces_are_cropped,
            has_boxes,
            self.read,
            self.keys,
            lambda: self.keys().count(),
            lambda: digest_rows(stated, self.pictures.digest()),
            beside_table,
            rule.numbering if rule else None,
            lambda: [*self.pictures.lines(), *matched_line(self.rows)],
        )

    def _join(self, pictures: DataFrame, part: Slice) -> DataFrame:
        rows = part.of(self.rows, F.col("key"))
        if self.count / part.chunks <= BROADCAST_ROWS:
            rows = F.broadcast(rows)
        files = pictures.select(
            self.pictures.key(F.col("path")).alias("key"),
            "path",
            "content",
            F.col("reject_reason").alias("file_reason"),
            F.col("reject_detail").alias("file_detail"),
        )
        if self.one_file_per_key:
            files = files.join(F.broadcast(self._shared_names()), "key", "left")
        else:
            files = files.withColumn("_files", F.lit(1))
        # Left join by broadcast keeps all annotations of a picture together, so that it is decoded once.
        found = files.join(rows, "key", "left")
        return raw_images(_with_reasons(found, self.pictures.encoding)).unionAll(raw_images(self._missing(part)))

    def _shared_names(self) -> DataFrame:
        names = self.pictures.listed().select(self.pictures.key(F.col("path")).alias("key"))
        return names.groupBy("key").agg(F.count(F.lit(1)).alias("_files")).where("_files > 1")

    def _missing(self, part: Slice) -> DataFrame:
        there = part.of(self.pictures.listed().select(self.pictures.key(F.col("path")).alias("key")), F.col("key"))
        lost = part.of(self.rows, F.col("key")).join(there, "key", "left_anti")
        detail = F.concat(F.lit("no file '"), F.col("named"), F.lit(f"' under {self.pictures.description}"))
        return lost.withColumns(
            {
                "source_path": F.col("named"),
                "reject_detail": F.coalesce(F.when(F.col("reject_reason").isNotNull(), F.col("reject_detail")), detail),
                "reject_reason": F.coalesce("reject_reason", F.lit("missing_file")),
            }
        )


def annotated(pictures: Pictures, rows: DataFrame, one_file_per_key: bool) -> Annotated:
    """Keep the annotations at hand for every chunk."""
    kept = held(rows)
    return Annotated(pictures, kept, kept.count(), one_file_per_key)


def _with_reasons(found: DataFrame, encoding: str) -> DataFrame:
    unlisted = F.col("named").isNull()
    shared = F.col("_files") > 1
    own = F.col("reject_reason").isNotNull()
    reason = (
        F.when(unlisted, "unlisted")
        .when(own, F.col("reject_reason"))
        .when(shared, "bad_annotation")
        .otherwise(F.col("file_reason"))
    )
    many = F.concat(
        F.lit("the name stands for "), F.col("_files").cast("string"), F.lit(" files; write the path into the table")
    )
    detail = (
        F.when(unlisted, "no annotation names it")
        .when(own, F.col("reject_detail"))
        .when(shared, many)
        .otherwise(F.col("file_detail"))
    )
    return found.withColumns(
        {"source_path": F.col("path"), "encoding": F.lit(encoding), "reject_reason": reason, "reject_detail": detail}
    )
