"""Lists of pictures and labels, wherever the list and its pictures lie: beside one another, in archives, by splits."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.base import Source
from fer_spark.sources.catalog import open_annotations, open_source, recognised
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.poison import jpeg
from tests.sources.archives.test_zip import zipped
from tests.sources.examples import write_tar
from tests.sources.lakes import write

NAMES = ("angry", "happy", "sad")
Labels = dict[str, str]


def drawn(seed: str, folder: str = "") -> Labels:
    """Pictures' names, with labels that the names do not say."""
    draw = random.Random(seed)
    return {f"{folder}{number}.jpg": draw.choice(NAMES) for number in range(5)}


def listed(labels: Labels, form: str) -> str:
    if form == "json":
        return json.dumps([{"image": name, "label": label} for name, label in labels.items()])
    if form == "jsonl":
        return "".join(json.dumps({"image": name, "label": label}) + "\n" for name, label in labels.items())
    return "".join(f"{name};{label}\r\n" for name, label in {"image": "label", **labels}.items())


def opened(spark: SparkSession, where: Path) -> tuple[Source, SourceSettings]:
    settings = recognised(spark, SourceSettings(input=str(where)), str)
    return open_source(spark, settings), settings


def stated(source: Source) -> dict[str, tuple[str, str]]:
    rows = source.keys().collect()
    return {row["source_path"]: (row["label_raw"], row["split"]) for row in rows}


@pytest.mark.parametrize("form", ["csv", pytest.param("jsonl", marks=pytest.mark.job)])
def test_a_list_beside_archives_speaks_of_their_members(spark: SparkSession, tmp_path: Path, form: str) -> None:
    """Two archives with equal members, so that the archive's name alone tells them apart."""
    train, test = drawn("train", "d/"), drawn("test", "d/")
    packed = {f"{name}.zip": zipped(dict.fromkeys(train, jpeg())) for name in ("train", "test")}
    labels = {**{f"train/{k}": v for k, v in train.items()}, **{f"test/{k}": v for k, v in test.items()}}
    write(tmp_path, {**packed, f"labels.{form}": listed(labels, form)})
    source, settings = opened(spark, tmp_path)
    assert settings.source == ("legend" if form == "csv" else "table")
    truth = {path.replace("/", ".zip#", 1): (label, None) for path, label in labels.items()}
    assert stated(source) == truth
    assert {row["source_path"]: row["label"] for row in source.raw().collect()} == {k: v for k, (v, _) in truth.items()}


@pytest.mark.parametrize("inside", ["d/", pytest.param("images/a/", marks=pytest.mark.job)])
def test_names_alone_find_the_members_of_one_archive(spark: SparkSession, tmp_path: Path, inside: str) -> None:
    labels = drawn(inside)
    packed = zipped({f"{inside}{name}": jpeg() for name in labels})
    write(tmp_path, {"images.zip": packed, "labels.csv": listed(labels, "csv"), "README.md": "x"})
    source, _ = opened(spark, tmp_path)
    assert stated(source) == {f"images.zip#{inside}{name}": (label, None) for name, label in labels.items()}


def packed(where: Path, members: dict[str, bytes]) -> None:
    """An archive of the kind that its name says."""
    where.parent.mkdir(parents=True, exist_ok=True)
    if where.suffix == ".zip":
        where.write_bytes(zipped(members))
    else:
        write_tar(where, members)


@pytest.mark.parametrize(
    ("kind", "form", "archives"),
    [
        ("zip", "csv", ("set",)),
        ("tar", "csv", ("train", "test")),
        pytest.param("zip", "jsonl", ("train", "test"), marks=pytest.mark.job),
        pytest.param("tar", "json", ("set",), marks=pytest.mark.job),
    ],
)
def test_a_list_in_an_archive_speaks_of_its_neighbours(
    spark: SparkSession, tmp_path: Path, kind: str, form: str, archives: tuple[str, ...]
) -> None:
    truth: dict[str, tuple[str, str | None]] = {}
    for name in archives:
        labels = drawn(name, "faces/")
        members = {f"data/{path}": jpeg() for path in labels}
        packed(
            tmp_path / f"{name}.{kind}", {**members, f"data/list.{form}": listed(labels, form).encode(), "n.txt": b"x"}
        )
        split = None if name == "set" else name
        truth |= {f"{name}.{kind}#data/{path}": (label, split) for path, label in labels.items()}
    source, settings = opened(spark, tmp_path)
    assert settings.source == kind
    assert stated(source) == truth
    others = f"passed over {len(archives)} file"
    assert [line.startswith(others) and line.endswith(f": {len(archives)} .txt") for line in source.lines()] == [True]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_list_and_folders_of_one_archive_that_both_state_labels_are_a_question(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    labels = {"happy/1.jpg": "sad", "sad/2.jpg": "happy"}
    packed(tmp_path / f"a.{kind}", {**dict.fromkeys(labels, jpeg()), "l.csv": listed(labels, "csv").encode()})
    with pytest.raises(SourceError, match=rf"folders called happy, sad, and a\.{kind}#l\.csv with labels of its own"):
        opened(spark, tmp_path)
    for source, found in (("none", ["sad", "happy"]), ("class", ["happy", "sad"])):
        settings = SourceSettings(source=kind, input=str(tmp_path), label_from=source)
        assert [
            row["label_raw"] for row in open_source(spark, settings).keys().orderBy("source_path").collect()
        ] == found


@pytest.mark.parametrize("count", [3, 600])
def test_folders_of_a_tar_that_are_called_as_expressions_are_its_labels(
    spark: SparkSession, tmp_path: Path, count: int
) -> None:
    """Also where a tar begins with more pictures of one class than are looked at."""
    members = {f"set/{word}/{i}.jpg": b"x" for word in ("happy", "sad") for i in range(count)}
    packed(tmp_path / "a.tar", members)
    source, settings = opened(spark, tmp_path / "a.tar")
    assert (settings.source, settings.label_from) == ("tar", "class")
    assert stated(source) == {f"a.tar#{path}": (path.split("/")[1], None) for path in members}


def test_the_list_that_was_read_is_not_among_what_was_passed_over(spark: SparkSession, tmp_path: Path) -> None:
    labels = drawn("x")
    write(tmp_path / "a b", {**dict.fromkeys(labels, jpeg()), "l%1.csv": listed(labels, "csv"), "n.txt": "x"})
    source, _ = opened(spark, tmp_path / "a b")
    assert source.lines() == ["passed over 1 file, not a picture by its name: 1 .txt"]


@pytest.mark.parametrize("outer", ["default", pytest.param("data", marks=pytest.mark.job)])
def test_folders_called_as_splits_state_them_for_a_table(spark: SparkSession, tmp_path: Path, outer: str) -> None:
    """As Hugging Face converts data sets; a README beside, as a download has it."""
    beside = {"README.md": "x"} if outer == "data" else {}
    write(tmp_path, dict(beside))
    for split, label in (("train", "sad"), ("validation", "happy")):
        folder = tmp_path / outer / split
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"image": [jpeg()], "label": [label]}), folder / "0000.parquet")
    source, settings = opened(spark, tmp_path)
    assert stated(source) == {
        "train/0000.parquet#0": ("sad", "train"),
        "validation/0000.parquet#0": ("happy", "val"),
    }
    explored = open_annotations(spark, settings).rows.select("label", "split").collect()
    assert {tuple(row) for row in explored} == {("sad", "train"), ("happy", "val")}


def test_lists_in_folders_called_as_splits_speak_of_the_pictures_beside_them(
    spark: SparkSession, tmp_path: Path
) -> None:
    truth = {}
    for split in ("train", "test"):
        labels = drawn(f"list of {split}")
        write(tmp_path / split, {**dict.fromkeys(labels, jpeg()), "labels.csv": listed(labels, "csv")})
        truth |= {f"{split}/{name}": (label, split) for name, label in labels.items()}
    assert stated(opened(spark, tmp_path)[0]) == truth


@pytest.mark.parametrize(
    ("name", "split"),
    [("training_labels.csv", "train"), pytest.param("validation.csv", None, marks=pytest.mark.job)],
)
def test_what_a_lone_list_is_called_means_the_same_to_build_and_explore(
    spark: SparkSession, tmp_path: Path, name: str, split: str | None
) -> None:
    labels = drawn(name)
    write(tmp_path, {**dict.fromkeys(labels, jpeg()), name: listed(labels, "csv")})
    source, settings = opened(spark, tmp_path)
    assert {one for _, one in stated(source).values()} == {split}
    assert {row["split"] for row in open_annotations(spark, settings).rows.collect()} == {split}


def test_of_tables_of_two_forms_the_one_that_names_pictures_counts(spark: SparkSession, tmp_path: Path) -> None:
    labels = drawn("both")
    write(tmp_path, {**dict.fromkeys(labels, jpeg()), "l.csv": listed(labels, "csv"), "info.json": '{"title": "x"}'})
    assert stated(opened(spark, tmp_path)[0]) == {name: (label, None) for name, label in labels.items()}
    write(tmp_path, {"l.json": listed(labels, "json")})
    with pytest.raises(SourceError, match=r"holds .*csv and .*json.*, tables of several forms .*: name one of them"):
        opened(spark, tmp_path)
    for gone in ("l.csv", "info.json"):
        (tmp_path / gone).unlink()
    assert stated(opened(spark, tmp_path)[0]) == {name: (label, None) for name, label in labels.items()}
