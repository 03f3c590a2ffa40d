"""`fer-spark train` in several processes, by torchrun and on Spark: the figures of one, an end for every beginning."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.cluster.nodes import bare_python
from tests.cluster.submit import package
from tests.pipelines.train.trainings import (
    COUNTS,
    SMALL_CNN,
    accuracy,
    card,
    history,
    spoil,
    start,
    train,
    words,
    write_shards,
)

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
LIMIT_S = 400
CLUSTER = ["--master", "local-cluster[2,1,1024]", "--conf", "spark.executorEnv.PYTHONPATH="]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("plain") / "shards", COUNTS)


@pytest.fixture(scope="module")
def alone(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process, batches of 32."""
    output = tmp_path_factory.mktemp("alone") / "model"
    assert train(shards, output, "--partition", "batches", flags=SMALL_CNN) == 0
    return output


def shared(shards: Path, output: Path, *more: str) -> list[str]:
    """What two processes are told that are to compute what `alone` does."""
    return words(shards, output, "--partition", "batches", "--batch-size", "16", *more, flags=SMALL_CNN)


def finish(arguments: list[str], torchrun: int = 0, **environment: str) -> tuple[int, str]:
    submit = "--conf spark.ui.enabled=false pyspark-shell"
    process = start(arguments, torchrun, PYSPARK_SUBMIT_ARGS=submit, **environment)
    said, _ = process.communicate(timeout=LIMIT_S)
    return process.returncode, said


def assert_same(output: Path, other: Path) -> None:
    ours, theirs = (load_file(one / "weights.safetensors") for one in (output, other))
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, atol=1e-4, err_msg=name)
    for mine, its in zip(history(output), history(other), strict=True):
        assert mine["val_accuracy"] == pytest.approx(its["val_accuracy"])
        assert mine["val_loss"] == pytest.approx(its["val_loss"], abs=1e-3)


def test_two_processes_equal_one_with_twice_the_batch(shards: Path, alone: Path, tmp_path: Path) -> None:
    code, said = finish(shared(shards, tmp_path / "out"), 2)
    assert code == 0, said
    assert_same(tmp_path / "out", alone)
    assert said.count("Kept epoch") == 1
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_stopped_processes_go_on_where_they_were(shards: Path, alone: Path, tmp_path: Path) -> None:
    """A limit that is over after every epoch; a start too many of --overwrite would start again."""
    output = tmp_path / "out"
    code, said = finish(shared(shards, output, "--max-minutes", "1e-9"), 2)
    assert code != 0
    assert "run the same command again" in said
    assert len(history(output)) == 1
    assert not (output / "card.json").exists()
    code, said = finish(shared(shards, output), 2)
    assert code == 0, said
    assert "resuming at epoch 1, batch 0" in said
    assert_same(output, alone)


def test_odd_numbers_of_rows_end(tmp_path: Path) -> None:
    """101 rows in groups of 7, of which two processes read their own; 13 rows to test, in groups of 7 and 6."""
    shards = write_shards(tmp_path / "shards", {"train": [33, 33, 35], "val": [4, 4, 5]}, group=7)
    more = ["--partition", "row_groups", "--batch-size", "9", "--sampler", "balanced", "--epochs", "8"]
    code, said = finish(words(shards, tmp_path / "out", *more, flags=SMALL_CNN), 2)
    assert code == 0, said
    assert card(tmp_path / "out")["metrics"]["rows"] == 13
    assert accuracy(tmp_path / "out") > 0.9


def test_one_process_that_fails_ends_all(shards: Path, tmp_path: Path) -> None:
    """The damage lies in one row group, which one of the two processes comes to read."""
    broken = tmp_path / "shards"
    shutil.copytree(shards, broken)
    spoil(broken / "split=train" / "part-3.parquet")
    began = time.monotonic()
    code, said = finish(words(broken, tmp_path / "out", "--partition", "row_groups", flags=SMALL_CNN), 2)
    assert code not in (0, None)
    assert "split=train/part-3.parquet" in said
    assert "[rank0]: Traceback" not in said
    assert "[rank1]: Traceback" not in said
    assert time.monotonic() - began < LIMIT_S / 2
    assert not (tmp_path / "out" / "card.json").exists()


def test_spark_starts_the_processes_on_this_machine(shards: Path, alone: Path, tmp_path: Path) -> None:
    """The number of processes comes from a file, which those processes read too."""
    file = tmp_path / "recipe.toml"
    file.write_text("processes = 2\n")
    code, said = finish(shared(shards, tmp_path / "out", "--config", str(file), "--master", "local[2]"))
    assert code == 0, said
    assert_same(tmp_path / "out", alone)
    code, said = finish(shared(shards, tmp_path / "out", "--config", str(file), "--master", "local[2]"))
    assert code == 2, said
    assert "holds a finished bundle" in said


def test_a_stop_on_spark_is_a_stop_and_a_failure_a_failure(shards: Path, tmp_path: Path) -> None:
    spark = ["--processes", "2", "--master", "local[2]"]
    code, said = finish(shared(shards, tmp_path / "stopped", *spark, "--max-minutes", "1e-9"))
    assert code == 4, said
    assert len(history(tmp_path / "stopped")) == 1
    broken = tmp_path / "shards"
    shutil.copytree(shards, broken)
    spoil(broken / "split=train" / "part-0.parquet")
    code, said = finish(shared(broken, tmp_path / "failed", *spark))
    assert code == 1, said
    assert "split=train/part-0.parquet" in said
    assert "one of the 2 processes on local[2] failed" in said
    assert "Traceback (most recent call last):\n  File" not in said.split("one of the 2 processes")[1]


def test_executors_of_a_cluster_that_get_the_package_as_a_zip_equal_one_process(
    shards: Path, alone: Path, tmp_path: Path
) -> None:
    cluster = [*CLUSTER, "--conf", f"spark.submit.pyFiles={package(tmp_path)}"]
    python = str(bare_python(tmp_path / "python"))
    code, said = finish(shared(shards, tmp_path / "out", "--processes", "2", *cluster), PYSPARK_PYTHON=python)
    assert code == 0, said
    assert_same(tmp_path / "out", alone)
