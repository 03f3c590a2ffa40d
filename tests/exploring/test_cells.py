"""The one pass over the annotations: bins and their edges, violations, the same answer on any number of partitions."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from pyspark.sql import SparkSession

from fer_spark.exploring.bins import COARSE, FINE, bin_of, edges_of
from fer_spark.exploring.cells_on_spark import checks_of, count_cells
from fer_spark.exploring.feelings import cells_by_split, coarse, feelings_tables
from fer_spark.exploring.sanity_on_spark import examples
from fer_spark.exploring.small import LargeTableError, collect_small
from tests.exploring.frames import ALL_OF_IT, annotations, collected

EDGES = [
    (-1.0, (-1.0, -0.8)),
    (-0.8, (-0.8, -0.6)),
    (-0.6, (-0.6, -0.4)),
    (-0.4, (-0.4, -0.2)),
    (-0.2, (-0.2, 0.0)),
    (-0.20000000298, (-0.2, 0.0)),  # -0.2 as a 32-bit float
    (-0.200001, (-0.4, -0.2)),
    (-0.0, (0.0, 0.2)),
    (0.0, (0.0, 0.2)),
    (0.199999, (0.0, 0.2)),
    (0.2, (0.2, 0.4)),
    (0.6, (0.6, 0.8)),
    (0.799999, (0.6, 0.8)),
    (0.8, (0.8, 1.0)),
    (1.0, (0.8, 1.0)),
]
UNUSABLE = [None, math.nan, -2.0, 1.0000001, -1.0000001, 7.0]


@pytest.mark.parametrize(("value", "edges"), EDGES)
def test_a_value_on_an_edge_falls_into_the_bin_that_begins_there(value: float, edges: tuple[float, float]) -> None:
    index = bin_of(value, COARSE)
    assert index is not None
    assert edges_of(index, COARSE) == edges


@pytest.mark.job
def test_spark_bins_as_the_reference_does(spark: SparkSession) -> None:
    values = [value for value, _ in EDGES] + [i / 200 for i in range(-200, 201)]
    rows = annotations(spark, [{"valence": value, "arousal": 0.0} for value in values])
    found = Counter({v: n for (_, v, _), n in count_cells(rows, ALL_OF_IT).fine.items()})
    assert found == Counter(bin_of(value, FINE) for value in values)


def test_values_that_cannot_be_used_are_counted_and_left_out(spark: SparkSession) -> None:
    rows = annotations(spark, [{"valence": value, "arousal": 0.5} for value in [*UNUSABLE, 0.25]])
    counted = count_cells(rows, ALL_OF_IT)
    assert counted.fine == {("", None, 30): 6, ("", 25, 30): 1}
    checks = {key: n for (_, key), n in counted.checks.items() if n}
    assert checks == {
        "null:valence": 1,
        "nan:valence": 1,
        "sentinel:valence": 1,
        "outside_range:valence": 3,
        "null:label": 7,
        "null:split": 7,
    }
    assert coarse(cells_by_split(counted)["all"]) == {(6, 7): 1}


def test_the_unit_circle_holds_its_own_edge(spark: SparkSession) -> None:
    points = [(0.6, 0.8), (-1.0, 0.0), (0.6, 0.800001), (0.8, -0.8)]
    counted = count_cells(annotations(spark, [{"valence": v, "arousal": a} for v, a in points]), ALL_OF_IT)
    assert counted.checks["", "outside_unit_circle:valence, arousal"] == 2


def test_polar_bins_by_hand(spark: SparkSession) -> None:
    # right 0°, up 90°, left 180°, down 270°; (0.3, 0.3) lies on the edge of 45° at a distance of 0.424
    points = [(0.5, 0.0), (0.0, 0.5), (-0.5, 0.0), (0.0, -0.5), (0.3, 0.3), (0.0, 0.0), (1.0, -1.0)]
    counted = count_cells(annotations(spark, [{"valence": v, "arousal": a} for v, a in points]), ALL_OF_IT)
    assert counted.polar == dict.fromkeys(
        [("", 0, 5), ("", 6, 5), ("", 12, 5), ("", 18, 5), ("", 3, 4), ("", 0, 0), ("", 21, 14)], 1
    )


@pytest.mark.job
def test_tables_are_the_same_on_1_3_and_16_partitions(spark: SparkSession) -> None:
    draw = random.Random(5)
    labels = ["happy", "sad", "neutral", None]
    rows = [
        {
            "label": draw.choice(labels),
            "label_raw": draw.choice(["1", "happy", "??"]),
            "split": draw.choice(["train", "val"]),
            "valence": draw.choice([-2.0, draw.uniform(-1, 1), draw.uniform(-1, 1)]),
            "arousal": draw.uniform(-1.2, 1.0),
        }
        for _ in range(600)
    ]
    answers = []
    for partitions in (1, 3, 16):
        frame = annotations(spark, rows, partitions)
        counted = count_cells(frame, ALL_OF_IT)
        answers.append((counted, examples(frame, checks_of(ALL_OF_IT)), feelings_tables(counted, [], ["happy"])))
    assert answers[0] == answers[1] == answers[2]
    counted, shown, _ = answers[0]
    by_hand = Counter((row["split"], row["label"] or "") for row in rows)
    assert counted.labels == by_hand
    assert counted.rows == 600
    assert all(len(texts) <= 3 for texts in shown.values())
    sentinels = [i for i, row in enumerate(rows) if row["valence"] == -2.0 and row["split"] == "val"]
    assert set(shown["val", "sentinel:valence"]) <= {f"{i}.jpg: -2.0" for i in sentinels}


@pytest.mark.job
def test_only_small_tables_reach_the_driver(spark: SparkSession) -> None:
    frame = spark.range(200_000).selectExpr(
        "concat(id, '.jpg') AS path",
        "array('train', 'val', 'test')[id % 3] AS split",
        "'train' AS split_raw",
        "string(id % 11) AS label_raw",
        "concat('l', id % 11) AS label",
        "(id * 7919 % 20001) / 10000 - 1 AS valence",
        "(id * 104729 % 20001) / 10000 - 1 AS arousal",
        "CAST(NULL AS string) AS not_number",
    )
    with collected() as sizes:
        counted = count_cells(frame, ALL_OF_IT)
    assert counted.rows == 200_000
    assert sum(counted.fine.values()) == 200_000
    assert max(sizes) == 3 * 40 * 40  # every fine bin of three splits


def test_a_large_table_is_refused_by_name(spark: SparkSession) -> None:
    assert len(collect_small(spark.range(20), "twenty rows", 20)) == 20
    with pytest.raises(LargeTableError, match="too many: more than 19 rows"):
        collect_small(spark.range(20), "too many", 19)
