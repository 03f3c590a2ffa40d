"""`fer-spark explore` whole: drawn pictures, annotations without pictures, shards."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyspark.sql import SparkSession

from fer_spark.cli import main as cli
from fer_spark.cli.commands.explore import main
from fer_spark.exploration import Exploration, Figures
from fer_spark.pipelines.explore.summary import print_summary
from tests.exploring.drawn import ONE, TRAIN, draw
from tests.exploring.frames import collected
from tests.pipelines.build.builds import build

INTERIM = """path,cat_emot,valence,arousal
a.jpg,1,0.6,-0.2
b.jpg,1,0.6,-0.2
c.jpg,0,-0.2,1.0
d.jpg,5,-2,-2
b.jpg,2,1.0000001,0.1
e.jpg,10,0.1,0.1
"""
VAL = "path,cat_emot,valence,arousal\nf.jpg,1,1.0,0.0\na.jpg,1,0.6,-0.2\n"


def _explore(output: Path, *words: Any) -> int:
    return main([str(word) for word in ("--output", output, *words)])


def _read(output: Path) -> Exploration:
    pictures = {path.stem: path.read_bytes() for path in (output / "pictures").glob("*.png")}
    return Exploration.from_json((output / "exploration.json").read_text(encoding="utf-8"), pictures)


def _rows(found: Exploration, name: str, **values: Any) -> list[dict[str, Any]]:
    table = found.table(name)
    assert table is not None, name
    return [dict(row) for row in table.where(**values)]


@pytest.fixture(scope="module")
def pictures(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def output(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("explored") / "look"
    assert _explore(output, "--source", "folder", "--input", pictures, "--sheet-faces", 2) == 0
    return output


def test_a_folder_of_pictures_is_known_afterwards(output: Path) -> None:
    found = _read(output)
    counts = {(row["split"], row["label"]): row["count"] for row in _rows(found, "categories") if row["count"]}
    assert counts == {
        ("all", "happy"): 3, ("all", "sad"): 6, ("all", "fear"): 2,
        ("train", "happy"): 2, ("train", "sad"): 4, ("train", "fear"): 2,
        ("val", "happy"): 1, ("val", "sad"): 2,
    }  # fmt: skip
    assert [(r["width"], r["height"], r["channels"], r["count"]) for r in _rows(found, "pictures_shapes")] == [
        (64, 64, 1, 7),
        (20, 16, 1, 1),
        (80, 40, 3, 1),
    ]
    values = np.concatenate([pixels.reshape(-1) for pixels in TRAIN]) / 255
    (pixels,) = _rows(found, "pictures_pixels", split="train")
    assert (pixels["mean"], pixels["deviation"]) == pytest.approx((values.mean(), values.std()), abs=1e-6)
    assert pixels["pictures"] == 7
    seen = {row["check"]: row["count"] for row in _rows(found, "sanity_values", split="all", column="picture")}
    assert seen == {"empty": 1, "unreadable": 1, "tiny_picture": 1, "nearly_constant": 1, "other_size": 2}
    assert [tuple(row.values()) for row in _rows(found, "pictures_duplicates")] == [
        ("exact", 1, 4, 3),
        ("near", 1, 2, 1),
    ]
    leaks = {(r["kind"], r["split_a"], r["split_b"]): r["pictures"] for r in _rows(found, "pictures_leaks")}
    assert leaks == {("exact", "train", "val"): 3, ("near", "train", "val"): 1}
    assert [tuple(row.values())[:4] for row in _rows(found, "pictures_conflicts")] == [("exact", "happy", "sad", 3)]
    said = {one.table: one.level for one in found.advice}
    assert said["pictures_leaks"] == "problem" or said["pictures_leaks"] == "warning"
    assert any("--leak-guard drop" in one.text for one in found.advice)


def test_contact_sheets_and_mean_faces_are_there(output: Path) -> None:
    found = _read(output)
    labels = ("fear", "happy", "sad")
    assert sorted(found.pictures) == [f"{kind}_{label}" for kind in ("faces", "mean") for label in labels]
    mean = cv2.imdecode(np.frombuffer(found.pictures["mean_happy"], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert mean is not None
    wanted = cv2.resize(ONE, (48, 48), interpolation=cv2.INTER_AREA)  # all three happy pictures are the same
    assert np.abs(cv2.resize(mean, (48, 48), interpolation=cv2.INTER_AREA).astype(int) - wanted).max() <= 6
    sheet = cv2.imdecode(np.frombuffer(found.pictures["faces_happy"], np.uint8), cv2.IMREAD_COLOR)
    assert sheet is not None
    assert sheet.shape == (108, 210, 3)  # two of three


def test_files_are_complete_and_say_the_same(output: Path) -> None:
    found = _read(output)
    assert sorted(path.name for path in output.iterdir()) == [
        "_summary.json", "exploration.json", "pictures", "report.html", "tables",
    ]  # fmt: skip
    for table in found.tables:
        with (output / "tables" / f"{table.name}.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file))
        assert tuple(header) == table.columns
        assert len(rows) == len(table.rows)
    assert len(list((output / "tables").iterdir())) == len(found.tables)
    summary = json.loads((output / "_summary.json").read_text(encoding="utf-8"))
    assert summary["tables"] == {table.name: len(table.rows) for table in found.tables}
    assert summary["settings"]["pictures"]["sheet_faces"] == 2
    assert "pictures_leaks" in (output / "report.html").read_text(encoding="utf-8")


def test_an_exploration_is_not_written_over_unless_asked(
    output: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--source", "folder", "--input", pictures, "--pictures", "none")
    assert _explore(output, *flags) == 2
    assert "--on-existing overwrite" in capsys.readouterr().err
    other = output.parent / "other"
    other.mkdir(exist_ok=True)
    (other / "precious.txt").write_text("mine")
    assert _explore(other, *flags, "--on-existing", "overwrite") == 2
    assert "holds precious.txt" in capsys.readouterr().err


@pytest.mark.job
def test_annotations_without_any_picture_are_explored_as_they_are(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "interim").mkdir()
    (tmp_path / "interim/train.csv").write_text(INTERIM)
    (tmp_path / "interim/val.csv").write_text(VAL)
    (tmp_path / "published.csv").write_text("label,count\nHappy,5\nNeutral,1\nnon-face,4\n")
    edges = "arousal_low,arousal_high,valence_low,valence_high"
    (tmp_path / "bins.csv").write_text(f"{edges},ours,paper_count\n-0.2,0.0,0.6,0.8,9,4\n0.8,1.0,-0.2,0.0,9,1\n")
    with collected() as sizes:
        flags = ("--source", "affectnet", "--input", tmp_path / "interim")
        references = ("--reference-counts", tmp_path / "published.csv", "--reference-bins", tmp_path / "bins.csv")
        assert _explore(tmp_path / "out", *flags, *references) == 0
    assert max(sizes) <= 100
    said = capsys.readouterr().out
    assert "train 6 (75.00%) · val 2 (25.00%)" in said
    assert "give their folder with --images" in said  # why there are no pictures
    found = _read(tmp_path / "out")
    assert found.table("pictures_shapes") is None
    checks = {(r["check"], r["column"]): r["count"] for r in _rows(found, "sanity_values", split="all") if r["count"]}
    assert checks == {
        ("sentinel", "valence"): 1,
        ("sentinel", "arousal"): 1,
        ("outside_range", "valence"): 1,
        ("outside_unit_circle", "valence, arousal"): 1,  # (-0.2, 1.0)
        ("duplicated_name", "path"): 2,
        ("conflicting_labels", "path"): 2,
        ("name_in_two_splits", "path"): 2,
    }
    bins = _rows(found, "feelings_bins", split="all")
    assert len(bins) == 100
    assert {(r["valence_low"], r["arousal_low"]): r["count"] for r in bins if r["count"]} == {
        (0.6, -0.2): 3,
        (-0.2, 0.8): 1,
        (0.0, 0.0): 1,
        (0.8, 0.0): 1,
    }
    differing = {
        (r["valence_low"], r["arousal_low"]): (r["count"], r["reference"], r["difference"])
        for r in _rows(found, "feelings_reference")
        if r["count"] or r["reference"]
    }
    assert differing == {(0.6, -0.2): (3, 4, -1), (-0.2, 0.8): (1, 1, 0), (0.0, 0.0): (1, 0, 1), (0.8, 0.0): (1, 0, 1)}
    (happy,) = _rows(found, "categories_reference", label="happy")
    assert (happy["count"], happy["difference"], happy["share_lost"]) == (4, -1, 0.2)
    (no_face,) = _rows(found, "categories_reference", label="no_face")
    assert (no_face["count"], no_face["reference"], no_face["share_lost"]) == (1, 4, 0.75)
    (valence,) = _rows(found, "feelings_summary", split="val", dimension="valence")
    assert (valence["count"], valence["min"], valence["max"], valence["mean"]) == (2, 0.6, 1.0, 0.8)
    both = {(r["kind"], r["p"], r["q"]): r for r in _rows(found, "splits_divergence")}
    assert both["categories", "val", "train"]["kl_bits"] == pytest.approx(1.321928)  # log2(5/2): 2 of 5 are happy
    assert both["categories", "val", "train"]["kl_nats"] == pytest.approx(0.916291)
    assert both["categories", "train", "val"]["kl_nats"] == float("inf")
    assert both["categories", "train", "val"]["dropped_terms"] == 3


@pytest.mark.job
def test_shards_are_explored_from_their_own_columns(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = tmp_path / "shards"
    assert build(shards, source="folder", input=pictures, detector="none", leak_guard="off") == 0
    assert _explore(tmp_path / "look", "--shards", shards) == 0
    found = _read(tmp_path / "look")
    assert next(tuple(row.values()) for row in _rows(found, "pictures_duplicates")) == ("exact", 1, 4, 3)
    shapes = [(r["width"], r["height"], r["format"], r["count"]) for r in _rows(found, "pictures_shapes")]
    assert shapes[0] == (64, 64, "png", 7)
    manifest = json.loads((shards / "_manifest.json").read_text(encoding="utf-8"))
    (pixels,) = _rows(found, "pictures_pixels", split="train")
    image = manifest["images"]["image_48_gray"]
    assert (pixels["mean"], pixels["deviation"]) == pytest.approx((image["mean"][0], image["std"][0]), abs=1e-6)
    values = {row["check"]: row["count"] for row in _rows(found, "sanity_values", split="all", column="picture")}
    assert values["unreadable"] == 1
    assert values["empty"] == 1
    assert {"faces_happy", "mean_sad"} <= set(found.pictures)
    sampled = [*("--shards", shards), *("--pictures", "sample"), *("--sample-pictures", 3)]
    assert _explore(tmp_path / "some [b]", *sampled) == 0
    assert f"file:{tmp_path}/some [b]/report.html" in capsys.readouterr().out
    some = _read(tmp_path / "some [b]")
    faces = manifest["counts"]["written_faces"]
    assert f"a sample of about {faces // round(faces / 3)} of {faces} faces" in dict(some.facts)["Pictures"]
    seen = sum(row["count"] for row in _rows(some, "pictures_shapes"))
    assert 0 < seen < sum(row["count"] for row in _rows(found, "pictures_shapes")) == faces
    assert _rows(some, "categories") == _rows(found, "categories")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--output", "x"), "name either --input or --shards"),
        (("--source", "folder", "--input", "nowhere"), "--output is missing"),
        (("--source", "folder", "--input", "nowhere", "--output", "x"), "does not exist"),
        (("--shards", "nowhere", "--output", "x"), "holds no shards"),
        (("--source", "images", "--input", ".", "--output", "x", "--near-bits", "17"), "--near-bits: 17"),
        (("--source", "table", "--input", "t", "--output", "x", "--reference-column", "n"), "--reference-counts"),
        (("--source", "table", "--input", "t", "--output", "x", "--reference-counts", "no.csv"), "does not exist"),
    ],
)
def test_wrong_usage_says_what_to_give(
    spark: SparkSession, flags: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    absolute = [str(tmp_path / word) if word in ("x", "nowhere", "no.csv", ".", "t") else word for word in flags]
    assert main(absolute) == 2
    assert said in capsys.readouterr().err


def test_an_output_that_cannot_be_made_fails_before_the_work(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert _explore(tmp_path / "file" / "look", "--source", "folder", "--input", tmp_path / "nowhere") == 1
    said = capsys.readouterr().err
    assert "Parent path is not a directory" in said
    assert "Traceback" not in said


def test_labels_and_paths_with_brackets_are_said_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    rows = (("all", "[/x] [b]", 3, 1.0),)
    table = Figures("categories", "categories", "", ("split", "label", "count", "share"), rows)
    print_summary(Exploration("t", (), (table,)), "file:/look [b]/report.html", 1.0)
    said = capsys.readouterr().out
    assert "[/x] [b]" in said
    assert "file:/look [b]/report.html" in said


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli(["explore", "--help"])
    said = capsys.readouterr().out
    assert said.count("fer-spark explore --s") >= 3
    assert "--reference-counts" in said
    assert "exploration of" not in said
