"""A bundle as a Spark function: bytes in, a struct with label, confidence and probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, SparkSession
from pyspark.sql.pandas.functions import pandas_udf

from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import RAW_IMAGE, SCORE, prepared_table
from fer_spark.scorer import ScorerSpec, open_scorer
from fer_spark.scoring.columns import RowSettings, needed_columns
from fer_spark.scoring.predictor import Predictor
from fer_spark.serving.model import Prepare, face_settings, pixel_format, prepare_for, ship_bundle

CONTENTS = ("pictures", "pixels")
RETURNS = "label string, confidence float, probabilities map<string,float>, valence float, arousal float, status string"
"""What the functions return; everything but status is null where there is no face. See rows.SCORE."""
_NAMES = ["label", "confidence", "probabilities", "valence", "arousal", "status"]


def predict_udf(
    bundle: str | Path,
    content: str = "pictures",
    detector: str = "",
    detector_model: str = "",
    device: str = "auto",
    bf16: bool = False,
    spark: SparkSession | None = None,
) -> Callable[..., Column]:
    """A pandas UDF over a binary column, for `spark`, else for the active session; one of Spark Connect serves too.

    `content` "pictures": encoded picture files; the largest face of each is found and prepared as the bundle's card
    says, with `detector` (none: the picture is the face) and `detector_model` as in `fer-spark score`. "pixels": a
    pixel column of shards that were prepared so. Returns RETURNS, status `ok` or why there is no face. Raises
    BundleError for a bundle that cannot be used, ValueError for settings that cannot be; MismatchError or
    ModelFileError where another detector than the card names would find the faces and `detector` does not name it.
    """
    if content not in CONTENTS:
        raise ValueError(f"content: {content!r}, expected one of {', '.join(CONTENTS)}")
    shipped = ship_bundle(spark or active_session("predict_udf"), str(bundle), device, bf16)
    settings = face_settings(shipped.card, "largest", detector, detector_model)
    prepare = prepare_for(shipped.card, settings, detector) if content == "pictures" else None
    return _function(shipped.spec, pixel_format(shipped.card, settings), prepare)


def register(spark: SparkSession, bundle: str | Path, **options: Any) -> None:
    """Make `fer_predict(picture)` and `fer_predict_pixels(shard column)` known to Spark SQL; options: predict_udf's."""
    for name, content in (("fer_predict", "pictures"), ("fer_predict_pixels", "pixels")):
        function: Any = predict_udf(bundle, content, spark=spark, **options)
        spark.udf.register(name, function)


def active_session(who: str) -> SparkSession:
    """The session of this thread, classic or of Spark Connect. Raises ValueError where there is none."""
    spark = SparkSession.getActiveSession()
    if spark is None:
        raise ValueError(f"{who} needs an active Spark session, or `spark=` with yours")
    return spark


def _function(spec: ScorerSpec, pixels: StoredPixels, prepare: Prepare | None) -> Callable[..., Column]:
    def predict(cells: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        predictor = Predictor(open_scorer(spec), pixels, RowSettings(""))
        for series in cells:
            prepared = _batch(series, pixels) if prepare is None else prepare(iter([raw_rows(series)]))
            table = pa.Table.from_batches(predictor.score(prepared)) if len(series) else _nothing()
            yield table.select(_NAMES).to_pandas(maps_as_pydicts="strict")

    wrap: Any = pandas_udf  # its overloads know no iterator of frames
    udf: Callable[..., Column] = wrap(predict, RETURNS)
    return udf


def binary_cells(series: pd.Series[Any]) -> pa.Array:
    """Cells of a binary column. Raises TypeError for others: Arrow would take the bytes of a number for a picture."""
    other = next((cell for cell in series if not isinstance(cell, (bytes, bytearray, memoryview, type(None)))), None)
    if other is not None:
        raise TypeError(
            f"expected one binary column with the bytes of pictures, got {type(other).__name__}: "
            "spark.read.format('binaryFile') reads files so, column `content`"
        )
    return pa.array(series, pa.binary())


def raw_rows(series: pd.Series[Any]) -> pa.RecordBatch:
    """Cells as rows of RAW_IMAGE."""
    count = len(series)
    given = {"content": binary_cells(series), "encoding": pa.repeat("file", count)}
    schema = RAW_IMAGE.arrow_schema
    arrays = [given[field.name] if field.name in given else pa.nulls(count, field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _batch(series: pd.Series[Any], pixels: StoredPixels) -> Iterator[pa.RecordBatch]:
    """Cells as prepared rows of which only the pixels are known."""
    table = prepared_table([pixels.column]).arrow_schema
    arrays = [pa.nulls(len(series), table.field(name).type) for name in needed_columns()]
    yield pa.RecordBatch.from_arrays([*arrays, binary_cells(series)], names=[*needed_columns(), pixels.column])


def _nothing() -> pa.Table:
    return SCORE.arrow_schema.empty_table()
