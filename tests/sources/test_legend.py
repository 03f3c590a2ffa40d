"""A legend and its pictures: every row and every file ends somewhere, with the reason that is true."""

from __future__ import annotations

import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources import annotated
from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_row, check, write

LEGEND = """user.id,image,emotion
u1,a.jpg,HAPPINESS
u1,b c#%1.jpg,sadness
u2,gone.jpg,fear
u2,dup.jpg,anger
u3,dup.jpg,Angry
u3,fight.jpg,happy
u4,fight.jpg,Joy
u4,fight.jpg,sad
u5,odd.jpg,hapyness
u5,_hid.jpg,neutral
u6,empty.jpg,neutral
u6,big.jpg,neutral
u7,,neutral
u7,twice.jpg,surprise
u8,void.jpg,
"""
EIGHT = ("sad", "happy", "fear", "angry", "disgust", "neutral", "surprise", "contempt")
FILES: dict[str, bytes | str] = {
    "data/legend.csv": LEGEND,
    "images/a.jpg": b"a",
    "images/b c#%1.jpg": b"bb",
    "images/dup.jpg": b"d",
    "images/fight.jpg": b"f",
    "images/odd.jpg": b"o",
    "images/_hid.jpg": b"h",
    "images/empty.jpg": b"",
    "images/big.jpg": b"x" * 101,
    "images/twice.jpg": b"t",
    "images/more/twice.jpg": b"t2",
    "images/void.jpg": b"v",
    "images/extra.jpg": b"e",
    "README.md": "no picture",
}


def _legend(spark: SparkSession, where: Path, **more: Any) -> Any:
    return open_source(spark, SourceSettings(source="legend", input=str(where), **more), 100)


def test_every_row_and_every_file_is_accounted_for(spark: SparkSession, tmp_path: Path) -> None:
    source = _legend(spark, write(tmp_path, FILES))
    rows = check(source)
    told = Counter(
        (row["source_row"], row["source_path"].split("/")[-1], row["label"], row["reject_reason"]) for row in rows
    )
    assert told == Counter(
        [
            (0, "a.jpg", "happy", None),
            (1, "b c#%1.jpg", "sad", None),
            (2, "gone.jpg", "fear", "missing_file"),
            (3, "dup.jpg", "angry", None),
            (4, "dup.jpg", "angry", "bad_annotation"),
            (5, "fight.jpg", "happy", "bad_annotation"),
            (6, "fight.jpg", "happy", "bad_annotation"),
            (7, "fight.jpg", "sad", "bad_annotation"),
            (8, "odd.jpg", None, "bad_label"),
            (9, "_hid.jpg", "neutral", None),
            (10, "empty.jpg", "neutral", "empty"),
            (11, "big.jpg", "neutral", "too_large"),
            (12, "legend.csv#12", "neutral", "bad_annotation"),
            (13, "twice.jpg", "surprise", "bad_annotation"),
            (13, "twice.jpg", "surprise", "bad_annotation"),
            (14, "void.jpg", None, "bad_label"),
            (None, "extra.jpg", None, "unlisted"),
        ]
    )
    details = {(row["source_row"]): row["reject_detail"] for row in rows}
    assert details[4] == "repeats row 3"
    assert details[5] == "its rows disagree: happy, sad; see --conflicts"
    assert details[8] == "'hapyness' is no known expression; nearest: happy"
    assert details[12] == "the row names no picture"
    assert details[13].startswith("the name stands for 2 files")
    assert details[14] == "the label is empty"
    assert next(row for row in rows if row["source_row"] == 1)["source_path"] == "images/b c#%1.jpg"
    assert {row["group_id"] for row in rows if row["source_row"] in (0, 1)} == {"u1"}
    assert source.label_names == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.mark.job
@pytest.mark.parametrize(
    ("policy", "kept", "label"), [("first", 5, "happy"), ("majority", 5, "happy"), ("quarantine", None, None)]
)
def test_conflicts_by_choice(
    spark: SparkSession, tmp_path: Path, policy: str, kept: int | None, label: str | None
) -> None:
    rows = by_row(_legend(spark, write(tmp_path, FILES), conflicts=policy))
    usable = [(i, rows[i]["label"]) for i in (5, 6, 7) if rows[i]["reject_reason"] is None]
    assert usable == ([(kept, label)] if kept else [])


def test_majority_is_not_the_first_and_a_tie_is_none(spark: SparkSession, tmp_path: Path) -> None:
    lines = "image,emotion\nx.jpg,sad\nx.jpg,happy\nx.jpg,joy\ny.jpg,sad\ny.jpg,fear\n"
    write(tmp_path, {"t.csv": lines, "x.jpg": b"x", "y.jpg": b"y"})
    rows = by_row(_legend(spark, tmp_path / "t.csv", conflicts="majority"))
    assert [i for i, row in rows.items() if row["reject_reason"] is None] == [1]
    assert "says 'happy'" in rows[0]["reject_detail"]
    assert rows[2]["reject_detail"].startswith("repeats row")
    assert rows[3]["reject_detail"] == "its rows disagree: fear, sad; see --conflicts"


def test_other_columns_paths_and_splits(spark: SparkSession, tmp_path: Path) -> None:
    files = {"p/a.jpg": b"1", "q/a.jpg": b"2", "q/b.jpg": b"3"}
    absolute = tmp_path / "pictures" / "q" / "b.jpg"
    table = f"File;Mood;Who;Part\n./p/a.jpg;contempt;w;train\nq\\a.jpg;sad;v;Validation\n{absolute};sad;v;someday\n"
    write(tmp_path / "pictures", files)
    write(tmp_path, {"marks.csv": table.replace(";", ",")})
    source = _legend(
        spark,
        tmp_path / "marks.csv",
        images=str(tmp_path / "pictures"),
        path_column="file",
        label_column="mood",
        group_column="Who",
        split_column="PART",
    )
    rows = check(source)
    told = {row["source_path"]: (row["label"], row["split"], row["group_id"], row["reject_reason"]) for row in rows}
    assert told == {
        "p/a.jpg": ("contempt", "train", "w", None),
        "q/a.jpg": ("sad", "val", "v", None),
        "q/b.jpg": ("sad", None, "v", "bad_annotation"),
    }
    assert len(source.label_names) == 8


@pytest.mark.job
def test_annotations_of_a_picture_come_together_and_a_shuffle_join_agrees(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f"{i % 30:02d}.jpg,{('sad', 'happy')[i // 30]}\n" for i in range(60))
    write(tmp_path, {"t.csv": "image,emotion\n" + lines, **{f"{i:02d}.jpg": bytes([65 + i]) for i in range(30)}})
    source = _legend(spark, tmp_path / "t.csv", conflicts="first")
    paths = [row["source_path"] for row in source.raw().collect()]
    assert all(paths[i] == paths[i + 1] for i in range(0, 60, 2))
    one = sorted(map(repr, source.raw().collect()))
    monkeypatch.setattr(annotated, "BROADCAST_ROWS", 0)
    spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")
    try:
        assert sorted(map(repr, source.raw().collect())) == one
    finally:
        spark.conf.unset("spark.sql.autoBroadcastJoinThreshold")


@pytest.mark.job
def test_pictures_in_an_archive(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, FILES)
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(tmp_path / "images", "top/images")
        archive.add(tmp_path / "README.md", "top/README.md")
    rows = check(_legend(spark, tmp_path / "data" / "legend.csv", images=str(tmp_path / "all.tar")))
    told = Counter(row["reject_reason"] for row in rows)
    # in an archive Spark has no say over names: _hid.jpg is read
    assert told == Counter(
        {None: 4, "bad_annotation": 7, "bad_label": 2, "missing_file": 1, "empty": 1, "too_large": 1, "unlisted": 1}
    )
    assert "all.tar#top/images/a.jpg" in {row["source_path"] for row in rows}


def test_wrong_places_and_columns_say_what_to_give(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path / "two", {"a.csv": "image,emotion\n", "b.csv": "image,emotion\n"})
    with pytest.raises(SourceError, match=r"several tables: a\.csv, b\.csv"):
        _legend(spark, root)
    with pytest.raises(SourceError, match=r"holds no \.csv"):
        _legend(spark, write(tmp_path / "none", {"x/y.jpg": b"x"}))
    files = write(tmp_path / "far", {"t.csv": "image,emotion\nd/a.jpg,sad\n", "pics/d/b.jpg": b"x"})
    with pytest.raises(
        SourceError, match=r"none of the 1 rows .* the table says 'd/a.jpg', the folder has 'pics/d/b.jpg'.*--images"
    ):
        _legend(spark, files / "t.csv")
    with pytest.raises(SourceError, match=r"no column 'imgae' \(did you mean image\?\)"):
        _legend(spark, files / "t.csv", path_column="imgae")
    with pytest.raises(SourceError, match="did you mean affectnet8"):
        _legend(spark, files / "t.csv", images=str(write(tmp_path / "near", {"d/a.jpg": b"x"})), labels="afectnet8")


@pytest.mark.data
@pytest.mark.job
def test_the_real_collection(spark: SparkSession, data_dir: Path, tmp_path: Path) -> None:
    with tarfile.open(data_dir / "facial_expressions.tar") as archive:
        archive.extract("facial_expressions/data/legend.csv", tmp_path, filter="data")
    legend = tmp_path / "facial_expressions" / "data" / "legend.csv"
    settings = SourceSettings(source="legend", input=str(legend), images=str(data_dir / "facial_expressions.tar"))
    source = open_source(spark, settings)
    rows = source.raw().drop("content").collect()
    assert Counter(row["source_row"] for row in rows if row["source_row"] is not None) == Counter(range(3796))
    assert set(source.label_names) == {row["label"] for row in rows if row["label"]}
    assert Counter(row["reject_reason"] for row in rows) == Counter({None: 3792, "bad_annotation": 4})


def test_a_person_is_the_same_with_spaces_and_a_blank_is_none(spark: SparkSession, tmp_path: Path) -> None:
    lines = 'user.id,image,emotion\nu1,a.jpg,sad\n"u1 ",b.jpg,sad\n" ",c.jpg,sad\n"",d.jpg,sad\n'
    write(tmp_path, {"t.csv": lines, **{f"{name}.jpg": b"x" for name in "abcd"}})
    rows = by_row(_legend(spark, tmp_path / "t.csv"))
    assert [rows[i]["group_id"] for i in range(4)] == ["u1", "u1", None, None]


def test_the_first_row_of_several_files_is_that_of_the_first_file(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t", {f"{i}.csv": f"image,emotion\nx.jpg,{label}\n" for i, label in enumerate(EIGHT)})
    write(tmp_path, {"x.jpg": b"x"})
    settings = SourceSettings(source="table", input=str(tmp_path / "t"), images=str(tmp_path), conflicts="first")
    kept = [row["label"] for row in open_source(spark, settings).raw().collect() if row["reject_reason"] is None]
    assert kept == [EIGHT[0]]
