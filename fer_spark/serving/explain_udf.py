"""LIME as a Spark function: bytes in, a struct with weights, segments and their fit out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import Column, SparkSession
from pyspark.sql.pandas.functions import pandas_udf

from fer_spark.explaining.on_spark import EXPLAINED, ExplainJob, explained_cells
from fer_spark.explaining.settings import LimeSettings
from fer_spark.serving.model import Prepare, face_settings, pixel_format, prepare_for, ship_bundle
from fer_spark.serving.predict_udf import CONTENTS, active_session, binary_cells, raw_rows

_ID_DIGITS = 32


def explain_udf(
    bundle: str | Path,
    content: str = "pictures",
    lime: LimeSettings | None = None,
    detector: str = "",
    detector_model: str = "",
    device: str = "auto",
    bf16: bool = False,
    spark: SparkSession | None = None,
) -> Callable[..., Column]:
    """A pandas UDF over a binary column, and one of ids; for few and chosen rows.

    `content`, `detector`, `detector_model`, `device`, `bf16` and `spark` as in predict_udf; `lime` says how faces are
    explained. Returns the columns of rows.EXPLANATION but for the identity; status `unreadable` where there is no
    face. Masks are drawn by a second column, of ids, where one is given: with face_id the answer is that of the job
    (`fer-spark explain`); else, and where the id is null, by a hash of the bytes. Points of a face are
    not looked at: segments=landmarks takes the template of an aligned face. Raises as predict_udf does.
    """
    if content not in CONTENTS:
        raise ValueError(f"content: {content!r}, expected one of {', '.join(CONTENTS)}")
    settings = lime or LimeSettings()
    settings.check()
    shipped = ship_bundle(spark or active_session("explain_udf"), str(bundle), device, bf16)
    faces = face_settings(shipped.card, "largest", detector, detector_model)
    job = ExplainJob(shipped.spec, settings, pixel_format(shipped.card, faces), tuple(shipped.card.mean))
    prepare = prepare_for(shipped.card, faces, detector) if content == "pictures" else None
    return function_of(job, prepare)


def register_explain(spark: SparkSession, bundle: str | Path, **options: Any) -> None:
    """Make `fer_explain(picture)` and `fer_explain_pixels(shard column, face_id)` known to Spark SQL."""
    for name, content in (("fer_explain", "pictures"), ("fer_explain_pixels", "pixels")):
        function: Any = explain_udf(bundle, content, spark=spark, **options)
        spark.udf.register(name, function)


def function_of(job: ExplainJob, prepare: Prepare | None) -> Callable[..., Column]:
    """A pandas UDF of (picture or pixels) or (picture or pixels, id)."""

    def run(parts: Iterator[tuple[pd.Series, ...]]) -> Iterator[pd.DataFrame]:
        for part in parts:
            cells, *more = part if isinstance(part, tuple) else (part,)  # Spark hands a lone column over bare
            given = binary_cells(cells).to_pylist()
            hashes = [hashlib.sha256(cell or b"").hexdigest()[:_ID_DIGITS] for cell in given]
            ids = [own or hashes[i] for i, own in enumerate(_ids(more[0]))] if more else hashes
            shown = given if prepare is None else _prepared(cells, prepare, job.pixels.column)
            yield explained_cells(ids, shown, job)

    # named here, as annotations of this module are not read
    run.__annotations__ = {"parts": Iterator[tuple[pd.Series, ...]], "return": Iterator[pd.DataFrame]}
    wrap: Any = pandas_udf  # its overloads know no iterator of frames
    udf: Callable[..., Column] = wrap(run, EXPLAINED.spark_schema)
    return udf


def _ids(series: pd.Series[Any]) -> list[str | None]:
    """Raises TypeError for numbers: beside a null they would be floats, and seed other masks."""
    other = next((value for value in series if not isinstance(value, (str, type(None)))), None)
    if other is not None:
        raise TypeError(f"expected ids as text, got {type(other).__name__}: CAST(id AS STRING) converts a number")
    return list(series)


def _prepared(series: pd.Series[Any], prepare: Prepare, column: str) -> list[bytes | None]:
    """The prepared pixels of each cell; None where it gave no face."""
    found: list[bytes | None] = []
    for batch in prepare(iter([raw_rows(series)])):
        found += batch.column(column).to_pylist()
    if len(found) != len(series):
        raise RuntimeError(f"{len(series)} pictures in, {len(found)} prepared rows out")
    return found
