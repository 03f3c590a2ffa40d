"""FER+: ten people's votes per picture, turned into a label by the rule of the dataset's authors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fer_spark.sources.tables import AnnotationTable

VOTE_COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf")
CHOICES = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt", "unknown", "nonface")
"""What each vote column says, by the names used here."""

_DDL = (
    "vote_row bigint, vote_usage string, vote_label string, vote_probs array<float>, vote_text string, "
    "vote_problem string"
)


def decide(votes: Sequence[int], mode: str) -> tuple[str, list[float]]:
    """The label of one picture and its distribution over the eight expressions (zeros unless the label is one).

    votes: ten counts in the order of CHOICES. Single votes are outliers and do not count. majority: one choice must
    have more than half of what is left. soft: the strongest choices, at most three, that hold over half of it.
    The rule is that of the FER+ authors' code (Barsoum et al. 2016, modes `majority` and `probability`).
    """
    left = [count if count > 1 else 0 for count in votes]
    chosen = _majority(left) if mode == "majority" else _strongest(left)
    total = sum(chosen)
    if total == 0:
        return "unknown", [0.0] * 8
    label = CHOICES[chosen.index(max(chosen))]
    if label in CHOICES[8:]:
        return label, [0.0] * 8
    faces = sum(chosen[:8])
    return label, [count / faces for count in chosen[:8]]


def _majority(left: list[int]) -> list[int]:
    top = max(left)
    if top <= 0.5 * sum(left):
        return [0] * 10
    return [count if i == left.index(top) else 0 for i, count in enumerate(left)]


def _strongest(votes: list[int]) -> list[int]:
    left, chosen, votes_kept, kept, only_expressions = list(votes), [0] * 10, 0, 0, True
    while votes_kept < 0.75 * sum(votes) and kept < 3 and only_expressions:
        top = max(left)
        for i in range(10):
            if left[i] != top:
                continue
            chosen[i], left[i] = top, 0
            votes_kept += top
            kept += 1
            if i >= 8:
                only_expressions = False
                if sum(chosen) > top:  # expressions came before unknown or no-face: those stay alone
                    chosen[i] = 0
                    kept -= 1
                break
    return [0] * 10 if sum(chosen) <= 0.5 * sum(votes) or kept > 3 else chosen


def decided_votes(table: AnnotationTable, mode: str, names: tuple[str, ...]) -> DataFrame:
    """One row per row of the votes file; probabilities in the order of `names`, rescaled to sum 1 over them."""
    columns = {name: table.column("", (name,), "--votes", required=True) for name in VOTE_COLUMNS}
    usage = table.column("", ("usage",), "--votes", required=True)
    assert usage is not None
    counts = F.array(*(column.try_cast("int") for column in columns.values() if column is not None))
    rows = table.frame.select(F.col("_row"), usage.alias("_usage"), counts.alias("_votes"))

    def decide_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield decide_batch(batch, mode, names)

    return rows.mapInArrow(decide_batches, _DDL)


def decide_batch(batch: pa.RecordBatch, mode: str, names: tuple[str, ...]) -> pa.RecordBatch:
    """`decide` for the rows (_row, _usage, _votes) of an Arrow batch; a missing count becomes `vote_problem`."""
    out: dict[str, list[object]] = {name: [] for name in ("label", "probs", "text", "problem")}
    for votes in batch.column("_votes").to_pylist():
        bad = any(count is None or count < 0 for count in votes)
        label, probs = ("unknown", [0.0] * 8) if bad else decide(votes, mode)
        by_name = dict(zip(CHOICES[:8], probs, strict=True))
        share = sum(by_name.get(name, 0.0) for name in names)
        out["label"].append(label)
        out["probs"].append([by_name.get(name, 0.0) / share for name in names] if share > 0 else None)
        out["text"].append(
            ", ".join(f"{choice} {count}" for choice, count in zip(CHOICES, votes, strict=True) if count)
        )
        out["problem"].append("a count of the votes file is missing or no number" if bad else None)
    arrays = [
        batch.column("_row").cast(pa.int64()),
        batch.column("_usage").cast(pa.string()),
        pa.array(out["label"], pa.string()),
        pa.array(out["probs"], pa.list_(pa.float32())),
        pa.array(out["text"], pa.string()),
        pa.array(out["problem"], pa.string()),
    ]
    return pa.RecordBatch.from_arrays(
        arrays, names=["vote_row", "vote_usage", "vote_label", "vote_probs", "vote_text", "vote_problem"]
    )
