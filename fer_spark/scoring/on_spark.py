"""Scoring as Spark runs it: one Arrow operator over the pictures, and the ledger's joins over small rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import FACE, RAW_IMAGE, SCORE
from fer_spark.scorer import ScorerSpec, open_scorer
from fer_spark.scoring.columns import ALREADY_KNOWN, OK, RowSettings
from fer_spark.scoring.figures import BINS, Figures
from fer_spark.scoring.predictor import Predictor
from fer_spark.scoring.salt import Salt

Batches = Iterator[pa.RecordBatch]
"""A picture that the ledger knows: where it lay, how long and how old its file was (null where it is no file, or was
too young to tell), and what its bytes are (null where there were none)."""
MISSING = "missing_file"
"""Status of what was listed, and missing when it was read."""
KEPT = "kept"
"""Column of rows that are `marked`."""
_OF_COPIES = ("source_path", "source_row", "model_digest", "preparation_digest", "batch")
"""What a row keeps of a picture whose bytes another has, beside the image_id."""
_RACY_US = 2_000_000
_BLOCK = 64
_PICTURES_PER_TASK = 32


@dataclass(frozen=True)
class ScoreJob:
    """All that a worker needs, small and picklable. `prepare` turns batches of RAW_IMAGE into prepared ones; None:
    they come prepared."""

    scorer: ScorerSpec
    pixels: StoredPixels
    rows: RowSettings
    prepare: Callable[[Batches], Batches] | None = None

    def run(self, batches: Batches) -> Batches:
        predictor = Predictor(open_scorer(self.scorer), self.pixels, self.rows)
        return predictor.score(self.prepare(batches) if self.prepare else batches)


def score_frame(frame: DataFrame, job: ScoreJob) -> DataFrame:
    """RAW_IMAGE rows, or prepared faces where the job prepares nothing → rows of SCORE, in one pass over the bytes."""
    if job.prepare is not None:
        frame = frame.select(*RAW_IMAGE.names)
    else:
        nothing = [F.lit(None).cast("string").alias(name) for name in ("reason", "detail") if name not in frame.columns]
        have = [F.lit(None).cast(c.sql_type).alias(c.name) for c in FACE.columns if c.name not in frame.columns]
        frame = frame.select("*", *nothing, *have)
    return frame.mapInArrow(job.run, SCORE.spark_schema)


def in_tasks(frame: DataFrame, pictures: int) -> DataFrame:
    """The same rows in no more tasks than so many pictures are worth: each worker that a task starts loads a model."""
    return frame.coalesce(max(math.ceil(pictures / _PICTURES_PER_TASK), 1))


def figures_of(rows: DataFrame) -> Figures:
    """What rows of SCORE come to. A picture counts by its first face, or by its status."""
    return _figures(_sums(rows))


def figures_of_commit(marked: DataFrame) -> tuple[Figures, int]:
    """What `marked` rows come to that are to be written, and the number of pictures of all of them, in one query."""
    groups = _sums(marked, KEPT)
    return _figures(group for group in groups if group[KEPT]), sum(group["pictures"] for group in groups)


def mark_known(raw: DataFrame, known: DataFrame, salt: Salt, few: bool) -> DataFrame:
    """RAW_IMAGE rows, in which pictures whose bytes `known` (image_id) names lose them, with ALREADY_KNOWN as reason
    and the id as detail: they are neither decoded nor scored. `few`: known is small enough to send everywhere."""
    ids = known.select(F.col("image_id").alias("_known")).distinct()
    plain = F.substring(F.sha2("content", 256), 1, 32)
    keyed, identity = _with_salt(raw, plain, salt)
    joined = keyed.join(F.broadcast(ids) if few else ids, identity == F.col("_known"), "left")
    seen = F.col("_known").isNotNull()
    replaced = {
        "content": F.when(~seen, F.col("content")),
        "reject_reason": F.when(seen, F.lit(ALREADY_KNOWN)).otherwise(F.col("reject_reason")),
        "reject_detail": F.when(seen, F.col("_known")).otherwise(F.col("reject_detail")),
    }
    return joined.select(*(replaced.get(name, F.col(name)).alias(name) for name in RAW_IMAGE.names))


def marked(rows: DataFrame, seen: DataFrame) -> DataFrame:
    """Rows of one commit, as they are to be written, and whether they are (`KEPT`): each picture's bytes are written
    once, by the first path that has them.

    What else has the same bytes, here or in an earlier commit, becomes one row with ALREADY_KNOWN and the image_id
    under which its faces are found; nothing at all where `seen` names these bytes under this very path. What has no
    bytes (a file that is missing, a picture that no annotation names) is told once per path.
    """
    known = F.col("status") == ALREADY_KNOWN
    identity = F.coalesce("image_id", F.when(known, F.col("detail")))
    place = F.struct("source_path", "source_row")
    named = rows.withColumn("_identity", identity)
    firsts = rows.where(~known & F.col("image_id").isNotNull())
    firsts = firsts.groupBy(F.col("image_id").alias("_id")).agg(F.min(place).alias("_first"))
    old = seen.select(*(F.col(name).alias(f"_{name}") for name in ("path", "row", "image_id"))).distinct()
    same = (
        (F.col("source_path") == F.col("_path"))
        & F.col("source_row").eqNullSafe(F.col("_row"))
        & F.col("_identity").eqNullSafe(F.col("_image_id"))
    )
    joined = named.join(firsts, F.col("_identity") == F.col("_id"), "left").join(old, same, "left")
    again = known | F.coalesce(F.col("_first") != place, F.lit(False))
    untold = F.col("_path").isNull()
    copy = again & untold & (F.coalesce("face_index", F.lit(0)) == 0)
    has_bytes = F.col("_identity").isNotNull()
    kept = F.when(again, copy).otherwise(has_bytes | untold)
    of_copies = {name: F.col(name) for name in _OF_COPIES}
    of_copies |= {"image_id": F.col("_identity"), "status": F.lit(ALREADY_KNOWN)}
    values = (
        F.when(copy, of_copies.get(c.name, F.lit(None)).cast(c.sql_type)).otherwise(F.col(c.name)).alias(c.name)
        for c in SCORE.columns
    )
    return joined.select(*values, kept.alias(KEPT))


def settled(marked: DataFrame) -> DataFrame:
    """Of `marked` rows, those to write."""
    return marked.where(KEPT).drop(KEPT)


def missing_rows(listed: DataFrame, rows: DataFrame, job: ScoreJob, model: str) -> DataFrame:
    """SCORE rows for what was listed (source_path, source_row) and gave no row: it vanished before it was read."""
    there = rows.select(F.col("source_path").alias("_path"), F.col("source_row").alias("_row")).distinct()
    same = (F.col("source_path") == F.col("_path")) & F.col("source_row").eqNullSafe(F.col("_row"))
    values: dict[str, Column] = {
        "source_path": F.col("source_path"),
        "source_row": F.col("source_row"),
        "status": F.lit(MISSING),
        "detail": F.lit(None if job.rows.salt else "listed, but missing when it was read"),
        "model_digest": F.lit(model),
        "preparation_digest": F.lit(job.rows.preparation_digest),
        "batch": F.lit(0),
    }
    return _score_rows(listed.join(there, same, "left_anti"), values)


def salted(frame: DataFrame, column: str, salt: Salt) -> DataFrame:
    """The same rows with the salted texts in place of `column`."""
    if not salt:
        return frame
    keyed, hidden = _with_salt(frame, F.col(column), salt)
    return keyed.select(*(hidden.alias(name) if name == column else F.col(name) for name in frame.columns))


def unseen(listed: DataFrame, seen: DataFrame) -> DataFrame:
    """Rows of `listed` (path, row, length, modified_us, …) that `seen` does not hold with the same length and age."""
    keys = ("row", "length", "modified_us")
    old = seen.select(F.col("path").alias("_path"), *(F.col(name).alias(f"_{name}") for name in keys))
    same = F.col("path") == F.col("_path")
    for name in keys:
        same &= F.col(name).eqNullSafe(F.col(f"_{name}"))
    return listed.join(old.distinct(), same, "left_anti")


def seen_rows(listed: DataFrame | None, rows: DataFrame, listed_at_us: int) -> DataFrame:
    """SEEN rows of one commit: `rows` of SCORE, ALREADY_KNOWN among them, with what `listed` says of their files.

    Of a file younger than two seconds when it was listed, length and age are not noted: it may change again within the
    same tick of its storage's clock. Its bytes are known all the same. Nor are they noted of a file that vanished
    before it was read: it may come back as it was.
    """
    identity = F.coalesce("image_id", F.when(F.col("status") == ALREADY_KNOWN, F.col("detail"))).alias("image_id")
    place = (F.col("source_path").alias("path"), F.col("source_row").alias("row"))
    missing = (F.col("status") == MISSING).alias("missing")
    pictures = rows.select(*place, identity, missing).distinct()
    unknown = (F.lit(None).cast("bigint").alias(name) for name in ("length", "modified_us"))
    if listed is None:
        return pictures.select("path", "row", *unknown, "image_id")
    settled_file = (F.col("modified_us") <= listed_at_us - _RACY_US) & ~F.col("missing")
    ages = (F.when(settled_file, F.col(name)).alias(name) for name in ("length", "modified_us"))
    there = listed.select("path", "length", "modified_us")
    return pictures.join(there, "path", "left").select("path", "row", *ages, "image_id")


def _sums(rows: DataFrame, *keys: str) -> list[Row]:
    fine = F.col("status") == OK
    width = F.least(F.floor(F.col("confidence") * BINS), F.lit(BINS - 1))
    first = F.col("face_index").isNull() | (F.col("face_index") == 0)
    return (
        rows.groupBy(*keys, "status", "label", F.when(fine, width).alias("bin"))
        .agg(
            F.count(F.lit(1)).alias("rows"),
            F.count_if(first).alias("pictures"),
            F.count_if("abstained").alias("abstained"),
            F.sum(F.col("confidence").cast("double")).alias("confidence"),
        )
        .collect()
    )


def _figures(groups: Iterable[Row]) -> Figures:
    figures = Figures()
    for group in groups:
        if group["status"] != OK:
            figures += Figures(group["pictures"], not_scored={group["status"]: group["pictures"]})
            continue
        bins = [0] * BINS
        bins[group["bin"]] = group["rows"]
        figures += Figures(
            pictures=group["pictures"],
            scored_pictures=group["pictures"],
            faces=group["rows"],
            abstained=group["abstained"],
            labels={group["label"]: group["rows"]},
            confidence_sums={group["label"]: group["confidence"]},
            confidence_bins=bins,
        )
    return figures


def _score_rows(frame: DataFrame, values: dict[str, Column]) -> DataFrame:
    """Rows of SCORE with these values, and null in every other column."""
    return frame.select(*(values.get(c.name, F.lit(None)).cast(c.sql_type).alias(c.name) for c in SCORE.columns))


def _with_salt(frame: DataFrame, text: Column, salt: Salt) -> tuple[DataFrame, Column]:
    """A frame, and over it what Salt.hide makes of `text`.

    The secret comes as a column of a one-row table, so that it stands in no query plan.
    """
    if not salt:
        return frame, text
    secret = salt.block(_BLOCK)
    pads = [bytes(byte ^ pad for byte in secret) for pad in (0x36, 0x5C)]
    secret_row = frame.sparkSession.createDataFrame([tuple(pads)], "_inner binary, _outer binary")
    inner = F.unhex(F.sha2(F.concat(F.col("_inner"), text.cast("binary")), 256))
    outer = F.sha2(F.concat(F.col("_outer"), inner), 256)
    return frame.crossJoin(F.broadcast(secret_row)), F.substring(outer, 1, 32)
