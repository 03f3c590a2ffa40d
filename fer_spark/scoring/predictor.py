"""Prepared faces in Arrow batches → rows of SCORE. Knows nothing of Spark, and nothing of what the model is made of."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from fer_spark.pixels.stored import StoredPixels
from fer_spark.scorer import Scorer
from fer_spark.scoring.columns import RowSettings, needed_columns, score_rows

FILL_ROWS = 1024
"""Prepared rows that are put together, across Arrow batches, before the model sees them."""
_FILL_BYTES = 64 * 2**20


class Predictor:
    """Scores prepared faces with one opened model."""

    def __init__(self, scorer: Scorer, pixels: StoredPixels, rows: RowSettings) -> None:
        self._scorer = scorer
        self._pixels = pixels
        self._rows = rows

    def score(self, prepared: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Batches of `prepared_table` (other columns are passed over) → batches of SCORE: the same rows in order.

        A row without pixels keeps its reason as status; a row whose pixels are no face gets `unreadable`.
        """
        for table in filled(prepared, [*needed_columns(), self._pixels.column]):
            images, known = self._pixels.decode_column(table.column(self._pixels.column))
            probabilities, feelings = self._scorer.predict(images)
            yield score_rows(table, known, images, (probabilities, feelings), self._scorer, self._rows)


def filled(batches: Iterator[pa.RecordBatch], columns: list[str], rows: int = FILL_ROWS) -> Iterator[pa.Table]:
    """The same rows in order, in tables of at least `rows` rows (or 64 MiB) each, but for the last."""
    held: list[pa.RecordBatch] = []
    count = size = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        held.append(batch.select(columns))
        count, size = count + batch.num_rows, size + held[-1].nbytes
        if count >= rows or size >= _FILL_BYTES:
            yield pa.Table.from_batches(held)
            held, count, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)
