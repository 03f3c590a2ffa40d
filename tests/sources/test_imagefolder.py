"""Hugging Face's image folders: the table wherever it lies, names relative to it, splits of folders, stored classes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_source, recognised
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.poison import jpeg
from tests.sources.lakes import check, write

NAMES = ["angry", "happy", "sad"]


def parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out, index=False)
    return out.getvalue()


WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": lambda frame: frame.to_csv(index=False).encode(),
    "jsonl": lambda frame: frame.to_json(orient="records", lines=True).encode(),
    "parquet": parquet,
}


@pytest.mark.parametrize(
    ("kind", "where", "column"),
    [
        ("csv", ("data/train", "data/validation"), "file_name"),
        pytest.param("jsonl", ("",), "file_name", marks=pytest.mark.job),
        pytest.param("parquet", ("train", "validation"), "image_file_name", marks=pytest.mark.job),
    ],
)
def test_each_picture_gets_its_row(
    spark: SparkSession, tmp_path: Path, kind: str, where: tuple[str, ...], column: str
) -> None:
    base = "data/" if where[0].startswith("data") else ""
    truth = {
        f"{base}{split}/{inner}{i}.jpg": NAMES[i % 3]
        for split in ("train", "validation") for i, inner in enumerate(["", "x y/", "x y/z/", ""])
    }  # fmt: skip
    for folder in where:
        below = f"{folder}/" if folder else ""
        mine = {path.removeprefix(below): NAMES.index(label) for path, label in truth.items() if path.startswith(below)}
        frame = pd.DataFrame({column: [*mine, "gone.jpg"], "label": [*mine.values(), 0], "text": "a, b"})
        write(tmp_path, {f"{below}metadata.{kind}": WRITERS[kind](frame)})
    feature = "  features: [{name: label, dtype: {class_label: {names: {'0': angry, '1': happy, '2': sad}}}}]\n"
    info = f"---\ndataset_info:\n{feature}---\n"
    write(tmp_path, {**dict.fromkeys(truth, jpeg()), "train/extra.jpg": jpeg(61), "README.md": info})
    said: list[str] = []
    found = recognised(spark, SourceSettings(input=str(tmp_path)), said.append)
    assert (found.source, f"metadata.{kind} has a column {column}" in said[0]) == ("imagefolder", True)
    rows = {row["source_path"]: row for row in check(open_source(spark, found))}
    assert {path: row["label"] for path, row in rows.items() if not row["reject_reason"]} == truth
    for path in truth:
        assert rows[path]["split"] == ("val" if "validation" in path else "train")
    other = {path: row["reject_reason"] for path, row in rows.items() if path not in truth}
    gone = {f"{folder}/gone.jpg".lstrip("/"): "missing_file" for folder in where}
    assert other == {**gone, "train/extra.jpg": "unlisted"}


def test_a_column_that_is_not_clear_is_asked_for(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"metadata.csv": "a_file_name,b_file_name,label\n1.jpg,2.jpg,sad\n", "1.jpg": jpeg()})
    settings = SourceSettings(source="imagefolder", input=str(tmp_path))
    with pytest.raises(SourceError, match=r"a_file_name, b_file_name could each be it; .* --path-column"):
        open_source(spark, settings)
    with pytest.raises(SourceError, match="holds no metadata"):
        open_source(spark, SourceSettings(source="imagefolder", input=str(write(tmp_path / "x", {"a": "b"}))))
