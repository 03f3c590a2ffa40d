"""From each of the four commonest downloads to a measured model, by three commands and no flag that is not needed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.cli.commands.evaluate import main as evaluate
from fer_spark.cli.commands.train import main as train
from tests.pipelines.build.builds import build, manifest, quarantine, shards
from tests.pipelines.downloads import DOWNLOADS

COUNT = 210
STATES_NO_SPLIT = "affectnet-kaggle"


@pytest.mark.job
@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_download_becomes_a_measured_model_without_a_flag(
    spark: SparkSession, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Above a minute: built, trained and measured, as in a user's first hour."""
    truth = DOWNLOADS[name](tmp_path / "download", COUNT)
    output, model, measured = tmp_path / "shards", tmp_path / "model", tmp_path / "evaluation"
    assert build(output, input=tmp_path / "download") == 0
    said = capsys.readouterr().out
    rows = shards(output).to_pylist()
    assert quarantine(output) == []
    assert {row["source_path"]: row["label"] for row in rows} == truth
    assert len(rows) == COUNT
    splits = Counter(row["split"] for row in rows)
    assert splits["val"] >= 5
    assert splits["train"] > splits["val"]
    if name != STATES_NO_SPLIT:
        assert splits["test"] == COUNT // 5
        assert all((row["split"] == "test") == ("test" in row["source_path"]) for row in rows)
    assert ("drawn from it because the source states none" in said) == (name != STATES_NO_SPLIT)
    assert manifest(output)["settings"]["splits"]["val_from"] == ("none" if name == STATES_NO_SPLIT else "train")
    assert train(["--shards", str(output), "--output", str(model), "--epochs", "1"]) == 0
    words = ["--bundle", str(model), "--shards", str(output), "--output", str(measured)]
    assert evaluate(words) == 0
    figures = json.loads((measured / "metrics.json").read_text(encoding="utf-8"))
    assert 0 <= figures["scores"]["accuracy"] <= 1
