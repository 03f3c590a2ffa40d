"""`fer-spark score pictures/`: what plain arguments stand for, and what a person sees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.cli.commands.score import main
from fer_spark.pipelines.score.plain import input_of, plain_settings
from fer_spark.scoring.settings import ScoreSettings
from fer_spark.sources.settings import SourceSettings
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import BRIGHT, DARK, MIDDLE, NAMES, lake, picture, scores

ODD = "b [1], {2} *.png"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the program is started in: pictures/ with three, one of them in a folder, and two beside it."""
    lake(tmp_path / "pictures", {"a.png": DARK, "sub/c.png": BRIGHT, ODD: MIDDLE})
    lake(tmp_path, {"x.png": DARK, "y.z.png": BRIGHT})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def filled(*words: str) -> tuple[ScoreSettings, SourceSettings]:
    return plain_settings(words, ScoreSettings(), SourceSettings())


@pytest.mark.parametrize(
    ("words", "text", "output"),
    [
        (["pictures"], "pictures", "{0}/pictures-scores"),
        (["pictures/"], "pictures/", "{0}/pictures-scores"),
        (["./pictures/sub/.."], "./pictures/sub/..", "{0}/pictures-scores"),
        (["y.z.png"], "y.z.png", "{0}/y.z-scores"),
        (["pictures/*.png"], "pictures/*.png", "{0}/pictures-scores"),
        (["s3a://lake/in/"], "s3a://lake/in/", "s3a://lake/in-scores"),
        (["s3a://lake/in/*.jpg"], "s3a://lake/in/*.jpg", "s3a://lake/in-scores"),
        (["x.png", "y.z.png"], "{0}/{{x.png,y.z.png}}", "{0}/x-and-1-more-scores"),
        (["pictures", "x.png"], "{0}/{{pictures,x.png}}", "{0}/pictures-and-1-more-scores"),
        (["pictures", "pictures/a.png", "./pictures"], "{0}/pictures", "{0}/pictures-scores"),
    ],
)
def test_the_output_lies_beside_the_pictures_and_in_none_of_their_folders(
    here: Path, words: list[str], text: str, output: str
) -> None:
    assert input_of(words) == (text.format(here), output.format(here))


def test_a_folder_by_its_dot_has_its_output_beside_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here / "pictures")
    assert input_of(["."]) == (".", f"{here}/pictures-scores")
    assert input_of(["*.png"]) == ("*.png", f"{here}/pictures-scores")


def test_what_the_user_gives_stays_and_the_rest_is_filled_in(here: Path) -> None:
    settings, source = filled("pictures")
    assert (settings.bundle, settings.output, settings.keep_crop) == ("fer2013", f"{here}/pictures-scores", True)
    assert (source.source or "images", source.input) == (source.source, "pictures")
    given = ScoreSettings(bundle="own", output="out", faces="all")
    settings, source = plain_settings(["x.png"], given, SourceSettings(source="table"), keep_crop=False)
    assert settings == given
    assert source.source == "table"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pictres"], "'pictres': no such file or folder"),
        (["pictures", "gone.png"], "'gone.png': no such file or folder$"),
        (["pictures", "s3a://lake/in"], "of places on other storage, and of globs, one can be given"),
        (["/"], "--output is missing: there is no place beside '/'"),
    ],
)
def test_pictures_that_are_not_there_are_refused(here: Path, words: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        filled(*words)


def test_wrong_usage_is_code_2(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pictures", "--input", "pictures"]) == 2
    assert "name the pictures once" in capsys.readouterr().err
    assert main(["--source", "images", "--input", "pictures", "--output", "out"]) == 2  # without plain arguments
    assert "fer-spark score: --bundle is missing" in capsys.readouterr().err
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert main(["pictures"]) == 2
    assert f"may not write to {here}; give another --output" in capsys.readouterr().err
    assert main(["gone"]) == 2
    assert sorted(path.name for path in here.iterdir()) == ["pictures", "x.png", "y.z.png"]


def test_a_person_sees_each_picture_then_counts_then_where_the_page_is(
    spark: SparkSession, here: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pictures", "--bundle", str(bundle), "--abstain-below", "0.9", "x.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = "\n".join(lines)
    assert shown.index("pictures/a.png") < shown.index("pictures/sub/c.png") < shown.index("x.png")
    assert shown.index("x.png") < shown.index("scored") < shown.index("mean confidence")
    output = here / "pictures-and-1-more-scores"
    assert lines[-1] == f"{output}.html"
    assert "<html" in Path(lines[-1]).read_text(encoding="utf-8")
    rows = {row["source_path"]: row for row in scores(output)}
    assert rows.keys() == {"pictures/a.png", "pictures/sub/c.png", f"pictures/{ODD}", "x.png"}
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert (rows["x.png"]["label"], rows["pictures/sub/c.png"]["label"]) == ("angry", "sad")
    assert main(["pictures", "x.png", "--bundle", str(bundle)]) == 2
    assert "--overwrite replaces" in capsys.readouterr().err


def test_many_rows_are_cut_and_a_picture_without_a_face_says_why(
    spark: SparkSession, tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(22):
        picture(tmp_path / "many" / f"p{number:02}.png", BRIGHT)
    (tmp_path / "many" / "p00.png").write_bytes(b"no picture")
    assert main([str(tmp_path / "many"), "--bundle", str(bundle), "--no-keep-crop"]) == 0
    out = capsys.readouterr().out
    assert ("p19.png" in out, "p20.png" in out) == (True, False)
    assert "… the first 20 rows; all are in " in out
    assert "unreadable" in next(line for line in out.splitlines() if "p00.png" in line)
    assert all(row["crop"] is None for row in scores(tmp_path / "many-scores"))
