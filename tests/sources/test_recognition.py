"""`--source auto`: each layout recognises what is its own; what is like several, or none, is asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import layout_of, open_source, recognised
from fer_spark.sources.look import Look
from fer_spark.sources.settings import AUTO, SOURCES, SourceError, SourceSettings
from tests.poison import jpeg
from tests.sources.examples import EXAMPLES
from tests.sources.lakes import write

TAKEN_FOR = {"images": "folder"}
"""Folders that are called as expressions are state labels; `images` is for those that do not."""


def taken_for(spark: SparkSession, where: Path, **more: str) -> tuple[SourceSettings, str]:
    """The settings that are chosen, and what is said of them."""
    said: list[str] = []
    found = recognised(spark, SourceSettings(source=AUTO, input=str(where), **more), said.append)  # type: ignore[arg-type]
    assert len(said) == 1
    return found, said[0]


@pytest.mark.parametrize("name", SOURCES)
def test_each_layout_recognises_its_example(spark: SparkSession, tmp_path: Path, name: str) -> None:
    settings, said = dataclasses.replace(EXAMPLES[name](tmp_path), source=AUTO), list[str]()
    found = recognised(spark, settings, said.append)
    wanted = TAKEN_FOR.get(name, name)
    assert found.source == wanted
    assert said[0].startswith(f"{settings.input} is taken for {wanted}: ")
    recognise = layout_of(name).recognise
    assert recognise is not None
    match = recognise(Look(spark, settings))
    assert match is not None
    assert 5 < len(match.why) < 120
    assert recognised(spark, found, said.append) == found  # what is named is not asked for
    assert len(said) == 1


def test_what_people_have_is_taken_for_what_it_is(spark: SparkSession, tmp_path: Path) -> None:
    kaggle = write(
        tmp_path / "k" / "fer2013", {f"{s}/{w}/1.jpg": jpeg() for s in ("train", "test") for w in ("angry", "sad")}
    )
    found, said = taken_for(spark, kaggle.parent)
    assert (found.source, Path(found.input.removeprefix("file:"))) == ("folder", kaggle)
    assert "angry, sad" in said
    official = write(
        tmp_path / "o", {"fer2013.csv": "emotion,pixels,Usage\n3,1 2,Training\n", "README": "x", "f.bib": "@"}
    )
    found, _ = taken_for(spark, official)
    assert (found.source, found.input.rsplit("/", 1)[-1]) == ("fer2013", "fer2013.csv")
    numbered = {f"DATASET/train/{n}/train_0000{n}_aligned.jpg": jpeg() for n in (1, 2)}
    raf = write(tmp_path / "r", {"train_labels.csv": "image,label\n", "test_labels.csv": "", **numbered})
    assert taken_for(spark, raf)[0].source == "rafdb"
    plain = write(tmp_path / "p", {"holiday/1.jpg": jpeg(), "work/2.jpg": jpeg()})
    assert taken_for(spark, plain)[0].source == "images"
    assert taken_for(spark, plain / "work" / "2.jpg")[0].source == "images"
    takeout = write(
        tmp_path / "t",
        {f"Photos/{year}/{i}.{end}": jpeg() for year in (2025, 2026) for i in (1, 2) for end in ("jpg", "jpg.json")},
    )
    assert taken_for(spark, takeout)[0].source == "images"
    boxes = write(tmp_path / "b", {"train_set/images/1.jpg": jpeg(), "train_set/annotations/1_exp.npy": b"x"})
    assert taken_for(spark, boxes)[0].source == "affectnet"
    assert open_source(spark, taken_for(spark, plain)[0]).images == 2


@pytest.mark.parametrize("beside", [(), ("README.md", ".gitattributes", ".cache/huggingface/data.lock")])
def test_parquet_in_a_folder_of_a_download_is_a_table(
    spark: SparkSession, tmp_path: Path, beside: tuple[str, ...]
) -> None:
    write(tmp_path, {**dict.fromkeys(beside, "x")})
    (tmp_path / "data").mkdir()
    for name in ("train-00000-of-00001", "test-00000-of-00001"):
        pq.write_table(pa.table({"image": [jpeg()], "label": ["sad"]}), tmp_path / "data" / f"{name}.parquet")
    found, said = taken_for(spark, tmp_path)
    assert (found.source, Path(found.input.removeprefix("file:"))) == ("table", tmp_path / "data")
    assert "its folder data is a table" in said
    write(tmp_path, {"other/a.parquet": (tmp_path / "data" / f"{name}.parquet").read_bytes()})
    with pytest.raises(SourceError, match="is like no input that is known"):  # which of the two?
        taken_for(spark, tmp_path)


def test_what_is_like_several_or_none_is_asked_for(spark: SparkSession, tmp_path: Path) -> None:
    both: dict[str, bytes | str] = {
        "happy/1.jpg": jpeg(),
        "sad/2.jpg": jpeg(),
        "list.csv": "image,emotion\n1.jpg,sad\n",
    }
    with pytest.raises(SourceError, match=r"could be folder \(its folders .*\) or legend \(list.csv .*\); name one of"):
        taken_for(spark, write(tmp_path / "both", both))
    with pytest.raises(SourceError, match="is like no input that is known; name one of affectnet, "):
        taken_for(spark, write(tmp_path / "none", {"notes.txt": "x"}))
    with pytest.raises(SourceError, match="does not exist"):
        taken_for(spark, tmp_path / "gone")
