"""Shards that carry Petastorm's own metadata are read by Petastorm's own make_reader."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.sample import WriteSettings, write_folder
from fer_spark.shards.manifest import ImageColumn
from fer_spark.shards.petastorm.metadata import common_metadata
from tests.pipelines.build.builds import build, manifest
from tests.pipelines.build.builds import shards as built_shards
from tests.shards.small_shards import GRAY, label_of, picture, write_shards

IMAGES = {
    "image_6_gray": GRAY,
    "image_16_rgb": ImageColumn(StoredPixels("image_16_rgb", FaceShape(16, "rgb"), "jpeg95"), [0.5] * 3, [0.25] * 3),
    "image_8_rgb": ImageColumn(StoredPixels("image_8_rgb", FaceShape(8, "rgb"), "png"), [0.5] * 3, [0.25] * 3),
}
_READ = """
import json, sys, pickle
import pyarrow.parquet as pq
from fer_spark.shards.petastorm.compat import install
install()
from petastorm import make_reader
stored = pq.read_metadata(sys.argv[1] + "/_common_metadata").metadata[b"dataset-toolkit.unischema.v1"]
schema = pickle.loads(stored)  # what Petastorm's own users do
images = list(json.load(open(sys.argv[1] + "/_manifest.json"))["images"])
rows = {}
with make_reader("file://" + sys.argv[1], workers_count=2, shuffle_row_groups=False) as reader:
    assert list(reader.schema.fields) == list(schema.fields)
    for row in reader:
        pixels = {name: getattr(row, name) for name in images}
        pixels = {name: list(v) if isinstance(v, bytes) else v.tolist() for name, v in pixels.items()}
        probs = None if row.label_probs is None else row.label_probs.tolist()
        rows[f"{row.split}/{row.face_id}"] = [None if row.label is None else str(row.label), probs, pixels]
print(json.dumps(rows))
"""


def read_by_petastorm(root: Path) -> dict[str, list[object]]:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", _READ, str(root)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{"))))


def test_make_reader_reads_every_row_with_label_and_pixels(tmp_path: Path) -> None:
    made = write_shards(tmp_path, {"train": [[20, 7], [5]], "val": [[3]]}, IMAGES)
    (tmp_path / "_common_metadata").write_bytes(common_metadata(made))
    seen = read_by_petastorm(tmp_path)
    assert len(seen) == 35
    for split, count in {"train": 32, "val": 3}.items():
        for row in range(count):
            label, probs, pixels = seen[f"{split}/{row:032x}"]
            assert label == label_of(row)
            assert probs == (None if row % 5 == 0 else [0.5, 0.25, 0.25])
            assert isinstance(pixels, dict)
            assert pixels["image_6_gray"] == picture(row, GRAY).reshape(-1).tolist()
            assert pixels["image_8_rgb"] == picture(row, IMAGES["image_8_rgb"]).tolist()
            jpeg = np.array(pixels["image_16_rgb"], int)
            assert np.abs(jpeg - picture(row, IMAGES["image_16_rgb"])).max() <= 6


def test_it_states_the_row_groups_of_every_file(tmp_path: Path) -> None:
    made = write_shards(tmp_path, {"train": [[20, 7], [5]], "val": [[3]]})
    (tmp_path / "_common_metadata").write_bytes(common_metadata(made))
    stored = pq.read_metadata(tmp_path / "_common_metadata").metadata
    assert json.loads(stored[b"dataset-toolkit.num_row_groups_per_file.v1"]) == {
        "split=train/part-00000.zstd.parquet": 2,
        "split=train/part-00001.zstd.parquet": 1,
        "split=val/part-00000.zstd.parquet": 1,
    }


@pytest.mark.job
def test_build_shards_writes_keeps_and_removes_it(spark: SparkSession, tmp_path: Path) -> None:
    """Above a minute on a busy machine: three builds on one place."""
    write_folder(tmp_path / "first", 12, 1, "folder", settings=WriteSettings())
    write_folder(tmp_path / "second", 5, 2, "folder", settings=WriteSettings())
    output = tmp_path / "shards"
    known = {"source": "folder", "detector": "none", "rows_per_group": 4}
    assert build(output, input=tmp_path / "first", petastorm_metadata=True, **known) == 0
    read = {face.split("/")[1] for face in read_by_petastorm(output)}
    assert read == set(built_shards(output)["face_id"].to_pylist())
    assert build(output, input=tmp_path / "second", on_existing="append", **known) == 0
    assert len(read_by_petastorm(output)) == manifest(output)["counts"]["written_faces"] == 17
    assert build(output, input=tmp_path / "second", on_existing="overwrite", **known) == 0
    assert not (output / "_common_metadata").exists(), "it would name row groups that are gone"
