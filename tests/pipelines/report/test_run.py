"""`fer-spark report` from published scores and explanations to one page, on faces whose answers are known."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.cli import main as cli
from fer_spark.cli.commands.explain import main as explain
from fer_spark.cli.commands.report import main
from fer_spark.pipelines.report.count import count_batches, count_scores
from fer_spark.pipelines.report.faces import open_pictures
from fer_spark.pipelines.report.facts import explanations_of
from fer_spark.pipelines.report.gallery import gallery
from fer_spark.pipelines.report.read import open_scores
from fer_spark.pipelines.report.settings import ReportSettings
from fer_spark.reports.scoring.figures import FINE, label_counts
from fer_spark.rows import SCORE
from fer_spark.scoring.outputs.read import read_scores
from tests.pipelines.evaluate.evaluations import TRAIN, VAL, write_bundle, write_shards
from tests.pipelines.score.worlds import BRIGHT, DARK, MIDDLE, NAMES, lake, score, scores, summary
from tests.reports.scoring.test_page import read

GRAYS = {
    "angry/a.png": DARK,
    "angry/b.png": 90,  # nearer to happy
    "happy/c.png": MIDDLE,
    "happy/d.png": 100,
    "sad/e.png": BRIGHT,
    "sad/f.png": 210,
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    counts = {"angry": 1, "happy": 1, "sad": 2}
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single", data={"train_counts": counts})


@pytest.fixture(scope="module")
def scored(spark: SparkSession, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six faces with given labels, one of them taken for another; and two pictures without a face."""
    root = lake(tmp_path_factory.mktemp("lake"), GRAYS)
    (root / "sad/text.png").write_bytes(b"this is no picture")
    (root / "sad/nothing.png").write_bytes(b"")
    output = tmp_path_factory.mktemp("scored") / "scores"
    assert score(bundle, root, output, "--abstain-below", "0.8", "--keep-crop", kind="folder") == 0
    return output


@pytest.fixture(scope="module")
def explained(spark: SparkSession, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explained") / "of [b]"
    root.mkdir()
    shards = write_shards(root.parent / "shards", {"train": TRAIN, "val": VAL}, NAMES)
    words = ["--bundle", str(bundle), "--shards", str(shards), "--output", str(root / "why"), "--device", "cpu"]
    assert explain([*words, "--samples", "60", "--segment-count", "4", "--hide", "black", "--fidelity"]) == 0
    return root / "why"


def _rows_of(spark: SparkSession, explained: Path) -> DataFrame:
    return spark.read.option("__globPaths__", "false").parquet(str(explained / "explanations"))


def run(output: Path, *more: object) -> int:
    return main(["--output", str(output), *map(str, more)])


def words(page: Path) -> str:
    return " ".join(read(page.read_text(encoding="utf-8")).words)


def test_every_face_is_counted_once_and_by_what_it_is(spark: SparkSession, scored: Path) -> None:
    rows = scores(scored)
    statuses, cells = count_scores(read_scores(spark, str(scored)))
    assert statuses == {"ok": 6, "empty": 1, "unreadable": 1}
    assert list(statuses) == ["ok", "empty", "unreadable"]
    assert label_counts(cells) == {"angry": 1, "happy": 3, "sad": 2}
    assert sum(cell.faces for cell in cells if cell.given != cell.label) == 1
    assert sum(cell.faces for cell in cells if cell.abstained) == summary(scored)["abstained"] > 0
    for cell in cells:
        inside = [
            row["confidence"]
            for row in rows
            if (row["label"], row["given_label"]) == (cell.label, cell.given)
            and cell.bin / FINE < row["confidence"] <= (cell.bin + 1) / FINE
        ]
        assert (len(inside), sum(inside)) == (cell.faces, pytest.approx(cell.confidence, rel=1e-5))


def test_of_chosen_rows_a_picture_counts_by_any_of_its_faces(spark: SparkSession, scored: Path) -> None:
    rows = read_scores(spark, str(scored)).where("status = 'ok'")
    more = rows.withColumns({"face_index": F.col("face_index") + 1, "batch": F.lit(3)})
    twice = more.unionByName(more.withColumn("face_index", F.lit(2)))
    statuses, cells = count_scores(twice, chosen=True)
    assert statuses == {"ok": 6}
    assert sum(cell.faces for cell in cells) == 12
    assert [(one.number, one.pictures) for one in count_batches(twice, chosen=True)] == [(3, 6)]


@pytest.mark.job
def test_squares_of_another_size_are_not_averaged_with_these(spark: SparkSession, explained: Path) -> None:
    rows = _rows_of(spark, explained)
    assert set(explanations_of(rows).maps) == {"angry", "happy", "sad"}
    finer = rows.withColumns({"segment_count": F.lit(9), "weights": F.expr("array_repeat(cast(1 as float), 9)")})
    assert explanations_of(rows.unionByName(finer)).maps == {}


def test_scores_alone_make_a_page_with_the_numbers_by_hand(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "night [b] 5%41.html"
    assert run(page, "--scores", scored) == 0
    assert capsys.readouterr().out.endswith(f"Open file:{page}\n")
    text = words(page)
    assert "pictures 8 6 with a face" in text
    assert "agrees with given label 83.3 % of 6 faces" in text
    assert "these faces (6 faces) training data (4 faces)" in text
    assert "happy 50.0 % · 25.0 %" in text
    assert "unreadable 1 12.5 % not a picture of a known format" in text
    assert "Disagrees with the given label Surest first" in text
    assert "given angry" in text
    found = read(page.read_text(encoding="utf-8"))
    assert all(address.startswith("data:image/png") for address in found.addresses)
    assert len(found.addresses) == 6 + 1 + summary(scored)["abstained"]  # drawn, the mistake, the abstained


def test_a_page_that_is_there_is_replaced_only_on_request(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine", encoding="utf-8")
    assert run(page, "--scores", scored) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == "mine"
    assert run(page, "--scores", scored, "--overwrite", "--title", "A <night>", "--gallery", "2", "--no-faces") == 0
    text = page.read_text(encoding="utf-8")
    assert "A &lt;night&gt;" in text
    assert "<img" not in text
    assert "personal data" not in text
    assert len(re.findall(r'<article class="face"', text)) == 2 + 1 + min(summary(scored)["abstained"], 2)


def test_a_page_that_cannot_be_written_says_why_in_a_line(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert run(tmp_path / "file" / "page.html", "--scores", scored, "--gallery", "0") == 1
    said = capsys.readouterr().err
    assert "is not a directory" in said
    assert ".java:" not in said


def test_rows_can_be_chosen(scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "page.html", "--scores", scored, "--where", "given_label = 'happy'", "--gallery", "0") == 0
    text = words(tmp_path / "page.html")
    assert "pictures 2 2 with a face" in text
    assert "every label" not in text
    assert "only rows where given_label = 'happy'" in text
    assert run(tmp_path / "other.html", "--scores", scored, "--where", "lable = 1") == 2
    assert "given_label" in capsys.readouterr().err
    assert run(tmp_path / "other.html", "--scores", scored, "--where", "face_px < 0") == 2
    assert "no rows" in capsys.readouterr().err
    assert not (tmp_path / "other.html").exists()


def test_explanations_alone_show_faces_from_their_shards_with_heat_maps(explained: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "page.html", "--explanations", explained) == 0
    text = words(tmp_path / "page.html")
    told = json.loads((explained / "_explanations.json").read_text(encoding="utf-8"))
    for label, one in told["per_label"].items():
        assert f"{label} {one['faces']} {one['explained']}" in text
    gain = told["fidelity"]["all"]["deletion_gain_random"]
    assert f"deletion against random order {gain['mean']:+.3f} {gain['low']:+.3f} to {gain['high']:+.3f}" in text
    page = html.unescape((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.count('<img class="heat"') == len(re.findall("<button type=button", page)) == 20  # every face, twice
    assert page.count('<figure><span class="layers"><img class="ghost"') == len(told["mean_weights"])
    assert page.count('<span class="layers spread"><img') == sum(row["faces"] > 1 for row in told["per_label"].values())
    assert "No pictures of faces" not in text


def test_scores_and_explanations_of_the_same_faces_come_together(spark: SparkSession, explained: Path) -> None:
    why = _rows_of(spark, explained)
    given = {
        "face_id": F.col("face_id"),
        "source_path": F.concat(F.lit("night/"), "face_id"),
        "label": F.col("predicted"),
        "given_label": F.col("label"),
        "confidence": F.col("probability"),
        "status": F.lit("ok"),
        "face_index": F.lit(0),
        "abstained": F.lit(False),
    }
    table = why.select(*(given.get(c.name, F.lit(None)).cast(c.sql_type).alias(c.name) for c in SCORE.columns))
    pictures = open_pictures(spark, table, str(explained.parent.parent / "shards"), "", 8)
    sections = {one.title: one.faces for one in gallery(table, why, ReportSettings(gallery=4), pictures)}
    assert set(sections) == {"Explained faces", "Worst fits", "Disagrees with the given label", "Least confident"}
    assert {len(faces) for faces in sections.values()} == {2, 4}  # two of the ten are taken for another
    for face in (face for faces in sections.values() for face in faces):
        assert face.explanation is not None
        assert face.picture is not None
        assert face.picture.shape == (8, 8)
        assert face.origin == f"night/{face.source}"
    assert {face.given for face in sections["Disagrees with the given label"]} == {"angry"}
    assert {face.label for face in sections["Explained faces"]} == {"angry", "happy", "sad"}
    sure = [face.confidence for face in sections["Least confident"]]
    assert sure == sorted(sure)
    again = {one.title: one.faces for one in gallery(table.repartition(5), why, ReportSettings(gallery=4), pictures)}
    assert [f.source for f in again["Explained faces"]] == [f.source for f in sections["Explained faces"]]


def test_pages_of_unlike_scores_and_explanations_say_so(scored: Path, explained: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "page.html", "--scores", scored, "--explanations", explained) == 0
    assert "None of the explained faces shown here is among the scores" in words(tmp_path / "page.html")


@pytest.mark.job
def test_nights_are_told_apart(spark: SparkSession, bundle: Path, tmp_path: Path) -> None:
    root, ledger = lake(tmp_path / "lake", {"a.png": DARK, "b.png": MIDDLE}), str(tmp_path / "ledger")
    nightly = ["--incremental", "--checkpoint", ledger]
    assert score(bundle, root, tmp_path / "scores", *nightly) == 0
    lake(root, {"c.png": BRIGHT, "d.png": 210, "e.png": 200})
    assert score(bundle, root, tmp_path / "scores", *nightly) == 0
    batches = count_batches(open_scores(spark, str(tmp_path / "scores"), "").rows)
    assert [(one.number, one.pictures, one.counts) for one in batches] == [
        (2, 3, {"sad": 3}),
        (1, 2, {"angry": 1, "happy": 1}),
    ]
    assert run(tmp_path / "page.html", "--scores", tmp_path / "scores") == 0
    text = words(tmp_path / "page.html")
    assert "latest run (3 faces) earlier runs (2 faces) training data (4 faces)" in text
    assert "sad 100.0 % · 0.0 % · 50.0 %" in text
    assert "Batch by batch" in text
    assert "No pictures of faces were kept: score with --keep-crop" in text


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--scores or --explanations"),
        (["--scores", "x", "--output", "page.pdf"], "ends with .html"),
        (["--explanations", "x", "--where", "a = 1"], "--where"),
        (["--scores", "/no/such/place"], "no _summary.json"),
        (["--explanations", "/no/such/place"], "no _explanations.json"),
        (["--scores", "SCORED", "--shards", "/no/such/place"], "--no-faces"),
        (["--scores", "SCORED", "--bundle", "/no/such/bundle"], "--bundle"),
        (["--scores", "SCORED", "--gallery", "-1"], "--gallery"),
    ],
)
def test_wrong_usage_is_code_2_with_the_way_out(
    spark: SparkSession, scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    given = [str(scored) if flag == "SCORED" else flag for flag in flags]
    assert run(tmp_path / "page.html", *given) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_the_command_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli(["report", "--scroes", "x"])
    assert end.value.code == 2
    assert "--scores" in capsys.readouterr().err
