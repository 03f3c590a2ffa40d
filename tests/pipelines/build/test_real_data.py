"""build-shards on the real data sets, where $FER_SPARK_DATA has them: official counts, exact pixels, no row lost."""

from __future__ import annotations

import csv
import io
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from tests.pipelines.build.builds import build, manifest, quarantine, shards

pytestmark = [pytest.mark.data, pytest.mark.job, pytest.mark.timeout(900)]

OFFICIAL = {  # angry disgust fear happy sad surprise neutral, from the FER-2013 challenge
    "train": [3995, 436, 4097, 7215, 4830, 3171, 4965],
    "val": [467, 56, 496, 895, 653, 415, 607],
}
NAMES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


@pytest.fixture(scope="module")
def fer2013(spark: SparkSession, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("fer2013") / "shards"
    assert build(output, source="fer2013", input=data_dir / "fer2013.csv.zst", rows_per_file=8000) == 0
    return output


def test_fer2013_has_the_official_counts(fer2013: Path) -> None:
    """Above a minute: all 35,887 pictures of FER-2013 are built."""
    table = shards(fer2013)
    counted = Counter(zip(table["split"].to_pylist(), table["label"].to_pylist(), strict=True))
    assert {split: [counted[split, name] for name in NAMES] for split in OFFICIAL} == OFFICIAL
    assert table.num_rows == 28_709 + 3_589
    assert quarantine(fer2013) == []
    image = manifest(fer2013)["images"]["image_48_gray"]
    assert image["mean"] == pytest.approx([0.508], abs=5e-4)
    assert image["std"] == pytest.approx([0.255], abs=5e-4)


def test_fer2013_pixels_are_those_of_the_csv_bit_for_bit(fer2013: Path, data_dir: Path) -> None:
    stored = shards(fer2013).sort_by("source_row")["image_48_gray"].to_pylist()
    with pa.input_stream(str(data_dir / "fer2013.csv.zst"), compression="zstd") as stream:
        rows = csv.reader(io.TextIOWrapper(stream, encoding="ascii"))
        next(rows)
        for number, (_, pixels, _) in enumerate(rows):
            if number % 7 == 0:  # every seventh row keeps this under half a minute
                assert stored[number] == np.array(pixels.split(), dtype=np.uint8).tobytes(), number
    assert number + 1 == len(stored)


@pytest.mark.parametrize("partitions", [1, 3, 16])
def test_fer2013_rows_do_not_depend_on_partitions(
    spark: SparkSession, fer2013: Path, data_dir: Path, tmp_path: Path, partitions: int
) -> None:
    from fer_spark.faces.detect import resolve_detector
    from fer_spark.faces.on_spark import prepare_faces
    from fer_spark.faces.settings import FaceSettings
    from fer_spark.shards.write import row_hash
    from fer_spark.sources.catalog import open_source
    from fer_spark.sources.settings import SourceSettings

    source = open_source(spark, SourceSettings(source="fer2013", input=str(data_dir / "fer2013.csv.zst")))
    settings = FaceSettings()
    raw = source.raw().repartition(partitions, "source_row")
    prepared = prepare_faces(raw, settings, resolve_detector(settings, "none")).frame()
    assert prepared.rdd.getNumPartitions() == partitions
    sums = (
        prepared.select(row_hash(["image_48_gray"]).cast("decimal(38,0)").alias("hash")).groupBy().sum("hash").collect()
    )
    assert int(sums[0][0]) % 2**64 == int(manifest(fer2013)["checksum"], 16)


def test_every_row_of_the_messy_legend_is_accounted_for(
    spark: SparkSession, data_dir: Path, yunet_model: Path, tmp_path: Path
) -> None:
    with tarfile.open(data_dir / "facial_expressions.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    legend = next(tmp_path.rglob("legend.csv"))
    images = next(path for path in tmp_path.rglob("images") if path.is_dir())
    output = tmp_path / "shards"
    flags = {"source": "legend", "input": legend, "images": images, "detector": "yunet", "detector_model": yunet_model}
    assert build(output, leak_guard="drop", **flags) == 0
    told, table = manifest(output), shards(output)
    with legend.open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert len(listed) == 3_796
    accounted = table["source_row"].to_pylist() + [row["source_row"] for row in quarantine(output)]
    assert sorted(row for row in accounted if row is not None) == list(range(3_796))
    assert told["counts"]["input"] == 3_796 + told["counts"]["quarantined"].get("unlisted", 0)
    aliases = {"anger": "angry", "happiness": "happy", "sadness": "sad"}
    labels = {number: row["emotion"].lower() for number, row in enumerate(listed)}
    for number, label in zip(table["source_row"].to_pylist(), table["label"].to_pylist(), strict=True):
        assert label == aliases.get(labels[number], labels[number])
    assert len(set(table["label"].to_pylist())) == 8
    reasons = told["counts"]["quarantined"]
    assert reasons.get("no_face", 0) / 3_796 <= 0.02
    assert set(reasons) <= {"no_face", "bad_annotation", "duplicate_leak"}
