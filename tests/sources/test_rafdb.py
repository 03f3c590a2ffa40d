"""RAF-DB: its numbers are its own, whatever form it comes in; the truth is known row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_annotations, open_source
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.poison import jpeg
from tests.sources.lakes import check, write

TRUTH = {1: "surprise", 2: "fear", 3: "disgust", 4: "happy", 5: "sad", 6: "angry", 7: "neutral"}
LIST = "".join(f"train_{code:05}.jpg {code}\n" for code in TRUTH) + "test_00001.jpg 5\ntest_00002.jpg  9\n\n"
SHOWN = {f"train_{code:05}": ("train", label, None) for code, label in TRUTH.items()}
SHOWN |= {"test_00001": ("test", "sad", None), "test_00002": ("test", None, "bad_label")}


def names(ending: str) -> list[str]:
    return [f"{name}{ending}.jpg" for name in SHOWN]


def read(spark: SparkSession, where: Path, **more: str) -> tuple[dict[str, tuple[str, str, str]], str | None]:
    source = open_source(spark, SourceSettings(source="rafdb", input=str(where), **more))  # type: ignore[arg-type]
    rows = check(source)
    stems = [row["source_path"].rsplit("/", 1)[-1].split(".")[0].removesuffix("_aligned") for row in rows]
    found = {stem: (row["split"], row["label"], row["reject_reason"]) for stem, row in zip(stems, rows, strict=True)}
    return found, source.detector


@pytest.mark.parametrize(
    ("ending", "folder", "detector"),
    [pytest.param("_aligned", "aligned", "none", marks=pytest.mark.job), ("", "original", None)],
)
def test_a_list_beside_its_pictures(
    spark: SparkSession, tmp_path: Path, ending: str, folder: str, detector: str | None
) -> None:
    pictures = {f"basic/Image/{folder}/{name}": jpeg() for name in names(ending)}
    write(tmp_path, {"basic/EmoLabel/list_patition_label.txt": LIST, **pictures})
    places = [tmp_path, tmp_path / "basic", tmp_path / "basic/EmoLabel/list_patition_label.txt"]
    for where in places if detector else places[:1]:
        assert read(spark, where) == (SHOWN, detector)
    stated = open_annotations(spark, SourceSettings(source="rafdb", input=str(tmp_path))).rows.collect()
    assert {row["path"].split(".")[0]: (row["split"], row["label"]) for row in stated} == {
        name: (split, label) for name, (split, label, _) in SHOWN.items()
    }


def test_folders_by_number_with_what_lies_beside_them(spark: SparkSession, tmp_path: Path) -> None:
    codes = {label: code for code, label in TRUTH.items()}
    pictures = {
        f"DATASET/{split}/{codes.get(label, 9)}/{name}_aligned.jpg": jpeg() for name, (split, label, _) in SHOWN.items()
    }
    write(tmp_path, {"train_labels.csv": "image,label\n", **pictures})
    assert read(spark, tmp_path) == (SHOWN, "none")


@pytest.mark.job
def test_a_list_whose_pictures_lie_in_folders_by_number(spark: SparkSession, tmp_path: Path) -> None:
    pictures = {f"DATASET/train/7/{name}": jpeg() for name in names("_aligned")}  # the list says what they show
    write(tmp_path, {"list_patition_label.txt": LIST, **pictures})
    assert read(spark, tmp_path) == (SHOWN, "none")


@pytest.mark.job
def test_other_names_for_the_numbers_and_pictures_elsewhere(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "a", {"list_partition_label.txt": LIST})
    with pytest.raises(SourceError, match="--images"):
        read(spark, tmp_path / "a")
    write(tmp_path / "b", {name: jpeg() for name in names("_aligned")})
    found, _ = read(spark, tmp_path / "a", images=str(tmp_path / "b"), labels="happy,sad")
    assert {label for _, label, _ in found.values()} == {"happy", "sad", None}
    usable = sorted(name for name, (_, _, reason) in found.items() if reason is None)
    assert usable == ["test_00001", "train_00004", "train_00005"]
