"""FER-2013 and FER+: every header that is around, every row where it belongs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_row, check, write

VOTES_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"


def test_the_official_columns(spark: SparkSession, tmp_path: Path) -> None:
    lines = [
        "emotion,pixels,Usage",
        "0,1 2 3 4,Training",
        "6,5 6 7 8,PublicTest",
        "3, 9 9 9 9 ,PrivateTest",
        "8,1 1 1 1,Training",
    ]
    lines += ["4,,Training", "5,2 2 2 2,Practice", "7,3 3 3 3,Training"]
    write(tmp_path, {"fer2013.csv": "\n".join(lines) + "\n"})
    source = open_source(spark, SourceSettings(source="fer2013", input=str(tmp_path / "fer2013.csv")))
    check(source)
    rows = by_row(source)
    told = {i: (row["label"], row["split"], row["reject_reason"]) for i, row in rows.items()}
    assert told == {
        0: ("angry", "train", None),
        1: ("neutral", "val", None),
        2: ("happy", "test", None),
        3: (None, "train", "bad_label"),
        4: ("sad", "train", "empty"),
        5: ("surprise", None, "bad_annotation"),
        6: (None, "train", "bad_label"),
    }
    assert (rows[0]["source_path"], rows[0]["encoding"], bytes(rows[2]["content"])) == (
        "fer2013.csv#0",
        "pixels",
        b"9 9 9 9",
    )
    assert rows[3]["reject_detail"] == "'8' is no code of this dataset"
    assert "contempt" in rows[6]["reject_detail"]
    assert "--labels" in rows[6]["reject_detail"]
    assert source.faces_are_cropped
    assert not source.has_boxes
    assert source.label_names == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def test_the_other_header_and_the_label_less_file(spark: SparkSession, tmp_path: Path) -> None:
    write(
        tmp_path,
        {"icml_face_data.csv": "emotion, Usage, pixels\n2,Training,1 2 3 4\n", "test.csv": "pixels\n5 6 7 8\n"},
    )
    icml = by_row(open_source(spark, SourceSettings(source="fer2013", input=str(tmp_path / "icml_face_data.csv"))))
    assert (icml[0]["label"], icml[0]["split"], bytes(icml[0]["content"])) == ("fear", "train", b"1 2 3 4")
    bare = open_source(spark, SourceSettings(source="fer2013", input=str(tmp_path / "test.csv")))
    assert [(row["label"], row["split"], row["reject_reason"]) for row in check(bare)] == [(None, None, None)]


@pytest.mark.job
def test_contempt_and_fewer_names_by_choice(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"ck.csv": "emotion,pixels,Usage\n7,1 2 3 4,Training\n3,1 2 3 5,Training\n"})
    eight = SourceSettings(source="fer2013", input=str(tmp_path / "ck.csv"), labels="affectnet8")
    assert {row["label"] for row in by_row(open_source(spark, eight)).values()} == {"contempt", "happy"}
    two = SourceSettings(source="fer2013", input=str(tmp_path / "ck.csv"), labels="contempt,sad")
    assert [row["reject_reason"] for row in by_row(open_source(spark, two)).values()].count("bad_label") == 1


def _plus(tmp_path: Path) -> dict[str, str]:
    usage = ["Training", "Training", "Training", "Training", "PublicTest", "Training"]
    pixels = "".join(f"3,{i} {i} {i} {i},{use}\n" for i, use in enumerate(usage))
    votes = [
        "0,6,4,0,0,0,0,0,0,0",
        "0,0,0,5,5,0,0,0,0,0",
        "0,0,0,0,0,0,0,0,0,10",
        "0,0,0,0,1,0,0,9,0,0",
        "8,0,0,0,0,2,0,0,0,0",
    ]
    lines = "".join(
        f"{use},fer{i:07d}.png,{row}\n" for i, (use, row) in enumerate(zip(["Training"] * 5, votes, strict=True))
    )
    write(tmp_path, {"fer2013.csv": "emotion,pixels,Usage\n" + pixels, "fer2013new.csv": VOTES_HEADER + lines})
    return {"input": str(tmp_path / "fer2013.csv"), "votes": str(tmp_path / "fer2013new.csv")}


def test_votes_give_labels_row_by_row(spark: SparkSession, tmp_path: Path) -> None:
    files = _plus(tmp_path)
    source = open_source(spark, SourceSettings(source="ferplus", drop_nonface=True, **files))
    check(source)
    rows = by_row(source)
    told = {i: (row["label"], row["reject_reason"]) for i, row in rows.items()}
    assert told == {
        0: ("happy", None),
        1: (None, "no_expression"),
        2: (None, "not_a_face"),
        3: ("contempt", None),
        4: ("neutral", "bad_annotation"),  # PublicTest there, Training here
        5: (None, "bad_annotation"),  # no votes
    }
    assert source.label_names.index("contempt") == 7
    details = {i: row["reject_detail"] for i, row in rows.items()}
    assert details[1] == "FER+ votes: no expression agreed on (sad 5, angry 5)"
    assert "not aligned" in details[4]
    soft = by_row(open_source(spark, SourceSettings(source="ferplus", ferplus_mode="soft", **files)))
    assert soft[0]["label_probs"] == pytest.approx([0, 0.6, 0.4, 0, 0, 0, 0, 0])
    assert (soft[1]["label"], soft[2]["reject_reason"]) == ("sad", "not_a_face")


@pytest.mark.job
def test_soft_labels_follow_the_order_of_the_taxonomy(spark: SparkSession, tmp_path: Path) -> None:
    settings = SourceSettings(source="ferplus", ferplus_mode="soft", labels="surprise,sad,happy", **_plus(tmp_path))  # type: ignore[arg-type]
    rows = by_row(open_source(spark, settings))
    assert rows[0]["label_probs"] == pytest.approx([0.4, 0.0, 0.6])
    assert rows[3]["reject_reason"] == "bad_label"


@pytest.mark.job
def test_fer2013_labels_without_the_nonfaces(spark: SparkSession, tmp_path: Path) -> None:
    files = _plus(tmp_path)
    source = open_source(spark, SourceSettings(source="fer2013", drop_nonface=True, **files))  # type: ignore[arg-type]
    rows = by_row(source)
    assert (rows[0]["label"], rows[1]["label"], rows[2]["reject_reason"]) == ("happy", "happy", "not_a_face")


@pytest.mark.job
def test_votes_are_soft_labels_beside_fer2013_labels(spark: SparkSession, tmp_path: Path) -> None:
    """Surprise, happy and sad in FER-2013's order; contempt is none of its classes."""
    settings = SourceSettings(source="fer2013", ferplus_mode="soft", **_plus(tmp_path))  # type: ignore[arg-type]
    source = open_source(spark, settings)
    rows = by_row(source)
    assert {row["label"] for row in rows.values()} == {"happy"}  # its own
    reasons = {i: row["reject_reason"] for i, row in rows.items()}
    assert reasons == {0: None, 1: None, 2: None, 3: None, 4: "bad_annotation", 5: "bad_annotation"}
    found = [rows[i]["label_probs"] for i in range(4)]
    names = source.label_names
    assert list(names) == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    assert found[0] == pytest.approx([0, 0, 0, 0.6, 0, 0.4, 0])
    assert found[1] == pytest.approx([0.5, 0, 0, 0, 0.5, 0, 0])
    assert found[2:] == [None, None]  # no face; contempt alone


def test_what_is_missing_is_named(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"t.csv": "emotion,image\n0,a.jpg\n"})
    with pytest.raises(SourceError, match="needs --votes"):
        open_source(spark, SourceSettings(source="ferplus", input=str(tmp_path / "t.csv")))
    with pytest.raises(SourceError, match="--drop-nonface needs --votes"):
        open_source(spark, SourceSettings(source="fer2013", input=str(tmp_path / "t.csv"), drop_nonface=True))
    with pytest.raises(SourceError, match="none of pixels is a column; the table has: emotion, image"):
        open_source(spark, SourceSettings(source="fer2013", input=str(tmp_path / "t.csv")))


@pytest.mark.data
@pytest.mark.job
def test_the_real_file_has_the_official_counts(spark: SparkSession, data_dir: Path) -> None:
    source = open_source(spark, SourceSettings(source="fer2013", input=str(data_dir / "fer2013.csv.zst")))
    raw = source.raw().select("split", "label", "source_path", "reject_reason")
    counts = {(row["split"], row["label"]): row["count"] for row in raw.groupBy("split", "label").count().collect()}
    names = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    official = {
        "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
        "val": (467, 56, 496, 895, 653, 415, 607),
    }
    assert counts == {(split, name): n for split, ns in official.items() for name, n in zip(names, ns, strict=True)}
    plus = SourceSettings(
        source="ferplus",
        input=str(data_dir / "fer2013.csv.zst"),
        votes=str(data_dir / "fer2013new.csv"),
        drop_nonface=True,
    )
    found = open_source(spark, plus).raw().groupBy("split", "reject_reason").count().collect()
    by_reason = Counter({(row["split"], row["reject_reason"]): row["count"] for row in found})
    assert (by_reason["train", None], by_reason["val", None]) == (25_060, 3_199)
    assert by_reason["train", "bad_annotation"] == by_reason["val", "bad_annotation"] == 0
