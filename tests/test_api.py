"""The jobs as functions: what the commands do, on a session that exists, with a result to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import fer_spark
from tests.pipelines.evaluate.evaluations import TRAIN, VAL, write_bundle, write_shards
from tests.pipelines.score.worlds import BRIGHT, DARK, NAMES, lake, scores
from tests.test_architecture import loaded

HEAVY = {"pyspark", "torch", "cv2", "pandas", "numpy", "rich", "fer_spark.api"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lake(tmp_path_factory.mktemp("lake"), {"happy/a.png": DARK, "sad/b.png": BRIGHT})


def test_the_package_is_light_until_a_job_is_looked_at() -> None:
    assert loaded("import fer_spark; dir(fer_spark)", HEAVY) == "[]"
    assert loaded("import fer_spark; fer_spark.score", HEAVY - {"fer_spark.api", "numpy", "rich"}) == "[]"
    assert {"build_shards", "score", "explain", "explore"} <= set(dir(fer_spark))
    with pytest.raises(AttributeError, match="no attribute 'scor'"):
        _ = fer_spark.scor


def test_pictures_are_scored_and_the_result_shows_the_commands_summary(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path
) -> None:
    done = fer_spark.score(spark, pictures, tmp_path / "out", bundle=bundle, keep_crop=True)
    assert done.published
    assert done.output == str(tmp_path / "out")
    assert done.summary["faces"] == 2
    assert {row["label"] for row in done.rows.collect()} == {"angry", "sad"}
    assert all(row["crop"] for row in scores(tmp_path / "out"))
    assert "mean confidence" in repr(done)
    html = done._repr_html_()
    assert html.startswith("<pre")
    assert "mean confidence" in html
    several = fer_spark.score(
        spark, [pictures / "happy", pictures / "sad" / "b.png"], tmp_path / "two", bundle=str(bundle), overwrite=True
    )
    assert {row["source_path"] for row in several.rows.collect()} == {"happy/a.png", "sad/b.png"}
    with pytest.raises(ValueError, match="--overwrite"):
        fer_spark.score(spark, pictures, tmp_path / "out", bundle=bundle)


@pytest.mark.parametrize("layout", ["", pytest.param("folder", marks=pytest.mark.job)])
def test_shards_are_built_from_a_place_or_from_a_layout_and_its_input(
    spark: SparkSession, pictures: Path, tmp_path: Path, layout: str
) -> None:
    source: dict[str, Any] = {"source": layout, "input": pictures} if layout else {"source": pictures}
    done = fer_spark.build_shards(
        spark, output=tmp_path / "shards", detector="none", size=["8:gray", "16:rgb"], split="none", **source
    )
    assert done.published
    assert done.summary["counts"]["written_faces"] == 2
    assert sorted(row["label"] for row in done.rows.select("label").collect()) == ["happy", "sad"]
    assert {"image_8_gray", "image_16_rgb"} <= set(done.rows.columns)
    assert "2 faces" in repr(done)


@pytest.mark.job
def test_a_data_set_is_explored_and_faces_are_explained(spark: SparkSession, bundle: Path, tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", {"train": TRAIN, "val": VAL}, NAMES)
    quick = {"samples": 20, "segment_count": 4, "hide": "black", "views": "single"}
    for _ in range(2):  # the second time it is there already
        why = fer_spark.explain(spark, shards, tmp_path / "why", bundle=bundle, limit=2, **quick)
        assert why.summary["faces"] == why.rows.count() == 2
        assert "held-out R²" in repr(why)
    look = fer_spark.explore(spark, "", tmp_path / "look", shards=shards, sheet_faces=0, mean_faces=False)
    assert Path(look.page.removeprefix("file:")).is_file()
    assert "Rows by label" in look._repr_html_()
    assert look.rows.where("label = 'sad'").count() > 0


def test_what_a_command_refuses_is_an_error_that_names_it(spark: SparkSession, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(TypeError, match="sise: no setting of build-shards; did you mean size"):
        fer_spark.build_shards(spark, pictures, out, sise="8:gray")
    with pytest.raises(TypeError, match=r"abstain_below: '0\.5', expected float"):
        fer_spark.score(spark, pictures, out, abstain_below="0.5")
    with pytest.raises(ValueError, match="--abstain-below: 2, expected 0 to 1"):
        fer_spark.score(spark, pictures, out, abstain_below=2)
    with pytest.raises(ValueError, match="source: 'folder' is a layout; `input` says where"):
        fer_spark.build_shards(spark, "folder", out)
    assert not out.exists()
