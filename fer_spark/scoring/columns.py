"""A model's answers and what is known of each face → a batch of rows.SCORE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fer_spark.pixels.codecs import to_png
from fer_spark.rows import FACE, SCORE
from fer_spark.scorer import Scorer
from fer_spark.scoring.salt import Salt

OK = "ok"
ALREADY_KNOWN = "already_known"
"""Status of a picture whose bytes the ledger knows; until rows are settled, its detail is that picture's id."""
_KEPT = [name for name in SCORE.names if name in FACE.names and name not in ("label", "valence", "arousal")]
_HIDDEN = ("face_id", "image_id", "source_path")
Answers = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]


@dataclass(frozen=True)
class RowSettings:
    """What of the settings shows in each row."""

    preparation_digest: str
    abstain_below: float = 0.0
    keep_crop: bool = False
    salt: Salt = field(default_factory=Salt)


def needed_columns() -> list[str]:
    """Columns of `prepared_table` that rows of SCORE are made of, beside the pixels."""
    return [*_KEPT, "label", "reason", "detail"]


def score_rows(
    table: pa.Table,
    known: npt.NDArray[np.bool_],
    images: npt.NDArray[Any],
    answers: Answers,
    scorer: Scorer,
    settings: RowSettings,
) -> pa.RecordBatch:
    """(n) prepared rows, of which the m with `known` were answered, in the order of `images` and `answers`."""
    columns: dict[str, Any] = {name: table.column(name) for name in _KEPT}
    columns["given_label"] = table.column("label")
    columns |= _answer_columns(known, answers, scorer.labels, settings.abstain_below)
    columns |= _status_columns(table, known)
    doubted = pc.and_(pc.equal(columns["status"], OK), pc.is_valid(columns["detail"]))  # a face's detail is a doubt
    columns["abstained"] = pc.or_(columns["abstained"], doubted)
    crops = [to_png(face) for face in images] if settings.keep_crop else [None] * len(images)
    columns["crop"] = _at(known, pa.array(crops, pa.binary()))
    if settings.salt:
        for name in _HIDDEN:
            columns[name] = pa.array([settings.salt.hide(text) for text in columns[name].to_pylist()], pa.string())
        kept = pc.equal(columns["status"], ALREADY_KNOWN)
        columns["detail"] = pc.if_else(kept, columns["detail"], pa.scalar(None, pa.string()))  # others may name a path
    columns["model_digest"] = pa.repeat(scorer.digest, len(table))
    columns["preparation_digest"] = pa.repeat(settings.preparation_digest, len(table))
    columns["batch"] = pa.repeat(pa.scalar(0, pa.int32()), len(table))
    schema = SCORE.arrow_schema
    arrays = [_flat(columns[field.name]).cast(field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _answer_columns(
    known: npt.NDArray[np.bool_], answers: Answers, labels: list[str], abstain_below: float
) -> dict[str, pa.Array]:
    probabilities, feelings = answers
    ranked = np.sort(probabilities, axis=1)
    best = ranked[:, -1] if len(ranked) else np.empty(0, np.float32)
    margin = best - ranked[:, -2] if len(ranked) else best
    names = pa.array(labels, pa.string())
    winners = names.take(pa.array(probabilities.argmax(axis=1) if len(ranked) else [], pa.int64()))
    found = {
        "label": _at(known, winners),
        "confidence": _at(known, pa.array(best)),
        "margin": _at(known, pa.array(margin)),
        "abstained": _at(known, pa.array(best < abstain_below)),
        "probabilities": _maps(known, probabilities, names),
    }
    for index, name in enumerate(("valence", "arousal")):
        values = pa.nulls(len(best), pa.float32()) if feelings is None else pa.array(feelings[:, index])
        found[name] = _at(known, values)
    return found


def _status_columns(table: pa.Table, known: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    reason = _flat(table.column("reason"))
    unfit = pc.and_(pc.is_null(reason), pa.array(~known))
    status = pc.if_else(unfit, "unreadable", pc.fill_null(reason, OK))
    detail = pc.if_else(unfit, "the pixel column holds no face of the bundle's format", _flat(table.column("detail")))
    return {"status": status, "detail": detail}


def _at(known: npt.NDArray[np.bool_], values: pa.Array) -> pa.Array:
    """(m) values at the rows with `known`, null elsewhere: (n)."""
    return values.take(pa.array(np.cumsum(known) - 1, pa.int64(), mask=~known))


def _maps(known: npt.NDArray[np.bool_], probabilities: npt.NDArray[np.float32], names: pa.Array) -> pa.Array:
    count, classes = probabilities.shape
    keys = names.take(pa.array(np.tile(np.arange(classes), count)))
    offsets = pa.array(np.arange(count + 1) * classes, pa.int32())
    return _at(known, pa.MapArray.from_arrays(offsets, keys, pa.array(probabilities.ravel(), pa.float32())))


def _flat(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
