"""What build-shards says of labels, from the manifest alone; and a whole job over numbers that a footer names."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from fer_spark.labels import CODES
from fer_spark.pipelines.build.remarks import Remark, remarks
from fer_spark.shards.manifest import Counts, Manifest
from fer_spark.sources.numbering.meaning import Numbering
from tests.pipelines.build.builds import build, manifest, shards

NAMES = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
TRAINING = {"angry": 3995, "disgust": 436, "fear": 4097, "happy": 7215, "neutral": 4965, "sad": 4830, "surprise": 3171}


def _manifest(per_label: dict[str, dict[str, int]], *numberings: Numbering, source: str = "table") -> Manifest:
    per_split = {split: sum(counts.values()) or 5 for split, counts in per_label.items()}
    total = sum(per_split.values())
    return Manifest(
        label_names=NAMES,
        images={},
        counts=Counts(total, total, total, 0, {}, per_split, per_label),
        files=[],
        quarantine_files=[],
        checksum="",
        settings={"source": {"source": source, "labels": ""}},
        sources=[{"numbering": one.to_dict()} for one in numberings],
        duplicates={},
        decodes_per_picture=1.0,
        run={},
        package_version="0.1.0",
    )


def test_meaning_mix_and_a_missing_val_split_are_said() -> None:
    right = Numbering(dict(enumerate(NAMES)), "the file's footer")
    said = remarks(_manifest({"train": TRAINING}, right, right))
    assert [one.text.split(" ", 3)[:3] for one in said] == [
        ["Labels:", "0", "="],
        ["Mix:", "angry", "13.9%,"],
        ["No", "val", "split,"],
    ]
    assert "--val-from train" in said[2].text
    assert not any(one.alarming for one in said)
    assert remarks(_manifest({"train": TRAINING, "val": TRAINING}, right))[-1].text.startswith("Mix")


def test_where_val_comes_from_is_said_or_how_to_come_by_one() -> None:
    drawn = _manifest({"train": TRAINING, "val": {"sad": 9}})
    drawn = replace(drawn, sources=[{"val": "of an earlier source"}, {"val": "Val is drawn"}])
    assert [one.text for one in remarks(drawn)[1:]] == ["Val is drawn."]

    def remedy(**splits: object) -> str:
        bare = _manifest({"train": {"sad": 7}})
        return remarks(replace(bare, settings={**bare.settings, "splits": splits}))[-1].text

    assert "in place of --split none" in remedy(split="none", val_from="none")
    assert "10% of 7 faces met none" in remedy(split="auto", val_from="train", val_fraction=0.1)
    assert "--val-fraction" in remedy(split="auto", val_from="train", val_fraction=0.1)
    assert "--val-from train" in remedy(split="auto", val_from="none")


def test_a_mix_that_fits_another_order_is_alarming() -> None:
    codes = Numbering({code: CODES["fer2013"][code] for code in range(7)}, "--codes")
    read = {CODES["fer2013"][code]: TRAINING[name] for code, name in enumerate(NAMES)}
    loud = [one for one in remarks(_manifest({"train": read, "val": {"sad": 1}}, codes)) if one.alarming]
    assert len(loud) == 1
    assert "goes better with FER-2013 where 4 = neutral, 5 = sad, 6 = surprise" in loud[0].text
    two = Numbering({**codes.names, 4: "neutral", 6: "sad"}, "--codes")
    assert not any(one.alarming for one in remarks(_manifest({"train": read}, codes, two))), "numbers of two kinds"


def test_shards_without_labels_are_called_so() -> None:
    bare = _manifest({"train": {}})
    assert remarks(bare) == [Remark("No labels: these faces can be explored and scored, not trained on or evaluated.")]
    assert remarks(replace(bare, counts=Counts(1, 0, 0, 0, {"empty": 1}, {}, {}))) == []


@pytest.mark.job
def test_a_whole_job_over_numbers_that_the_footer_names(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(5)
    truth = [*NAMES, *rng.choice(NAMES, 9).tolist()]
    pictures = []
    for _ in truth:
        out = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (24, 24), np.uint8)).save(out, "PNG")
        pictures.append({"bytes": out.getvalue(), "path": None})
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    codes = pa.array([NAMES.index(name) for name in truth], pa.int64())
    table = pa.table({"image": pa.array(pictures, kind), "label": codes})
    info = {"info": {"features": {"label": {"names": NAMES, "_type": "ClassLabel"}}}}
    (tmp_path / "in").mkdir()
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), tmp_path / "in" / "0.parquet")
    flags = {"source": "table", "input": tmp_path / "in", "detector": "none", "split": "none"}
    assert build(tmp_path / "out", **flags, labels="fer2013") == 2
    assert "4 = neutral" in capsys.readouterr().err
    assert build(tmp_path / "out", **flags) == 0
    said = capsys.readouterr().out
    assert "Labels: 0 = angry, 1 = disgust, 2 = fear, 3 = happy, 4 = neutral" in said
    assert "from the file's footer" in said
    assert "--val-from train" in said
    rows = shards(tmp_path / "out").to_pylist()
    assert {row["source_row"]: row["label"] for row in rows} == dict(enumerate(truth))
    [source] = manifest(tmp_path / "out")["sources"]
    assert source["numbering"]["names"] == {str(code): name for code, name in enumerate(NAMES)}
    assert source["numbering"]["origin"] == "the file's footer"
