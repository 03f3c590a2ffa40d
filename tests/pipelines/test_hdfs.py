"""Every job from HDFS to HDFS, on a NameNode and a DataNode in processes of their own, also when these die."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.cli.commands.build_shards import main as build
from fer_spark.cli.commands.explore import main as explore
from fer_spark.cli.commands.report import main as report
from fer_spark.sample import write_folder
from fer_spark.scoring.outputs.read import read_scores
from fer_spark.shards.read.reader import ReadSettings, ShardReader, open_shards
from tests.hadoop import Hadoop, hadoop, hdfs_client, put, text
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import NAMES, both_hold_the_lease, lake, score
from tests.pipelines.stores import compared_and_searched, evaluated_and_explained, with_copies
from tests.servers import ROOT, free_ports

pytestmark = pytest.mark.store

ODD = ["a b.jpg", "ä+%20.jpg", "100%.jpg", "[x]{y}*?.jpg", "a&d#c.jpg", "日本.jpg", "x'\"y.jpg"]
BUILD = ["--source", "folder", "--size", "8:gray", "--detector", "none", "--seed", "3"]
COUNT = 60


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hadoop]:
    with hadoop(tmp_path_factory.mktemp("hadoop")) as running:
        yield running


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures by label, some with names as odd as HDFS allows."""
    root = tmp_path_factory.mktemp("drawn") / "pictures"
    write_folder(root, COUNT, seed=8)
    for label in root.iterdir():
        for path, name in zip(sorted(label.iterdir()), ODD, strict=False):
            path.rename(path.with_name(name))
    return root


@pytest.fixture(scope="module")
def lake_uri(spark: SparkSession, servers: Hadoop, pictures: Path) -> str:
    """The same pictures on HDFS, two seconds old: of younger ones a night notes no age, and the next reads them."""
    put(spark, pictures, f"{servers.uri}/in")
    time.sleep(2.1)
    return f"{servers.uri}/in"


@pytest.fixture(scope="module")
def near(spark: SparkSession, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of the same pictures on a local disk."""
    folder = tmp_path_factory.mktemp("near") / "shards"
    assert build(["--input", str(pictures), "--output", str(folder), *BUILD]) == 0
    return folder


@pytest.fixture(scope="module")
def shards(servers: Hadoop, lake_uri: str) -> str:
    """Shards built on HDFS from pictures there; the path below its root."""
    assert build(["--input", lake_uri, "--output", f"{servers.uri}/shards", *BUILD]) == 0
    return "shards"


def checksum(path: Path) -> str:
    return str(json.loads((path / "_manifest.json").read_bytes())["checksum"])


def test_shards_are_those_of_a_disk(spark: SparkSession, servers: Hadoop, shards: str, near: Path) -> None:
    there = json.loads(text(spark, f"{servers.uri}/{shards}", "_manifest.json"))
    assert there["counts"]["written_faces"] == COUNT
    assert there["checksum"] == checksum(near)


def test_the_reader_gives_the_batches_of_a_disk_by_the_name_nodes_web_port(
    servers: Hadoop, shards: str, near: Path
) -> None:
    settings = ReadSettings(batch_size=8)
    with (
        open_shards(f"{servers.web_uri}/{shards}", "train", settings) as there,
        open_shards(str(near), "train", settings) as here,
    ):
        assert there.rows == here.rows > 0
        assert faces(there) == faces(here)


def faces(reader: ShardReader) -> list[tuple[int, bytes]]:
    """Label and pixels of every row."""
    batches = list(reader.epoch(0))
    rows = [(batch.labels, batch.images) for batch in batches]
    return sorted(
        (int(label), image.numpy().tobytes())
        for labels, images in rows
        for label, image in zip(labels, images, strict=True)
    )


def test_evaluation_reads_them_by_that_port_and_explanations_lie_beside_them(
    spark: SparkSession, servers: Hadoop, shards: str, bundle: Path, near: Path, tmp_path: Path
) -> None:
    there, why = f"{servers.uri}/{shards}", f"{servers.uri}/why"
    accuracy = evaluated_and_explained(bundle, there, why, tmp_path, f"{servers.web_uri}/{shards}")
    (tmp_path / "near").mkdir()
    assert accuracy == evaluated_and_explained(bundle, str(near), str(tmp_path / "why"), tmp_path / "near")
    explained = json.loads(text(spark, why, "_explanations.json"))
    assert explained["per_status"] == json.loads((tmp_path / "why" / "_explanations.json").read_bytes())["per_status"]
    assert explained["per_status"]["ok"] > 0


def test_shards_with_copies_are_those_of_a_disk(
    spark: SparkSession, servers: Hadoop, shards: str, near: Path, tmp_path: Path
) -> None:
    with_copies(f"{servers.uri}/{shards}", f"{servers.uri}/copies")
    with_copies(str(near), str(tmp_path / "copies"))
    there = json.loads(text(spark, f"{servers.uri}/copies", "_manifest.json"))
    assert there["counts"]["written_faces"] > COUNT
    assert there["checksum"] == checksum(tmp_path / "copies")


def test_comparison_and_search_read_them_by_that_port(servers: Hadoop, shards: str, tmp_path: Path) -> None:
    compared_and_searched(f"{servers.web_uri}/{shards}", tmp_path)


LOGGED = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d ")
"""A line of Spark's log: where a job ends early, the JVM may still say that it stopped while a task began."""


def test_training_reads_hdfs_where_a_client_is_installed(servers: Hadoop, shards: str, tmp_path: Path) -> None:
    words = ["train", "--shards", f"{servers.uri}/{shards}", "--output", str(tmp_path / "model"), "--epochs", "1"]
    words += ["--batch-size", "4", "--network", "small_cnn", "--device", "cpu"]
    done = fer_spark(words, hdfs_client())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model" / "card.json").exists()
    without = fer_spark([*words, "--overwrite"])
    assert without.returncode == 2
    assert "pip install hdfs-native" in without.stderr
    assert without.stderr.strip().count("\n") == 0


def test_archives_are_read_where_a_client_is_installed(
    spark: SparkSession, servers: Hadoop, pictures: Path, near: Path, tmp_path: Path
) -> None:
    """Above a minute where the machine is busy: two jobs, each a process of its own."""
    for kind in ("tar", "zip"):
        shutil.make_archive(str(tmp_path / "archives" / f"all {kind} 100%"), kind, pictures)
    put(spark, tmp_path / "archives", f"{servers.uri}/archives")
    words = ["build-shards", *BUILD, "--conf", "spark.ui.enabled=false", "--input", f"{servers.uri}/archives"]
    words[words.index("folder")] = "tar"
    done = fer_spark([*words, "--output", str(tmp_path / "shards")], hdfs_client())
    assert done.returncode == 0, done.stderr
    counts = json.loads((tmp_path / "shards" / "_manifest.json").read_bytes())["counts"]
    assert counts["written_faces"] == 2 * COUNT
    without = fer_spark([*words, "--output", str(tmp_path / "none")])
    assert without.returncode == 2, without.stderr
    own = [line for line in without.stderr.splitlines() if not LOGGED.match(line)]
    assert "pip install hdfs-native" in own[-1]
    assert "Traceback" not in without.stderr


def fer_spark(words: list[str], *packages: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HADOOP_", "ARROW_"))}
    return subprocess.run(
        [sys.executable, "-m", "fer_spark.cli", *words],
        env=clean | {"PYTHONPATH": ":".join(map(str, (ROOT, *packages)))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_pictures_are_scored_once_reported_and_explored(
    spark: SparkSession, servers: Hadoop, lake_uri: str, pictures: Path, bundle: Path
) -> None:
    scores, nightly = f"{servers.uri}/scores", ["--incremental", "--checkpoint", f"{servers.uri}/ledger"]
    for scored, unchanged in ((COUNT, 0), (0, COUNT)):
        assert score(bundle, lake_uri, scores, *nightly) == 0
        summary = json.loads(text(spark, scores, "_summary.json"))
        assert (summary["scored_pictures"], summary["unchanged"]) == (scored, unchanged)
    found = sorted(row["source_path"] for row in read_scores(spark, scores).select("source_path").collect())
    assert found == sorted(str(path.relative_to(pictures)) for path in pictures.rglob("*") if path.is_file())
    assert report(["--scores", scores, "--output", f"{servers.uri}/pages/scores.html"]) == 0
    page = text(spark, f"{servers.uri}/pages", "scores.html")
    assert any(path in page for path in found)
    assert explore(["--input", lake_uri, "--output", f"{servers.uri}/look", "--source", "folder"]) == 0
    assert text(spark, f"{servers.uri}/look", "report.html").lstrip().lower().startswith("<!doctype html")


def test_two_runs_that_both_hold_the_lease_double_nothing(
    spark: SparkSession, servers: Hadoop, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, place = lake(tmp_path / "in", {"a b.png": 51, "c.png": 204}), f"{servers.uri}/race"

    def run() -> int:
        return score(bundle, source, f"{place}/scores", "--incremental", "--checkpoint", f"{place}/ledger")

    with both_hold_the_lease(monkeypatch, "before the entry", run) as codes:
        codes.append(run())
    assert codes == [0, 1]  # the one that ran meanwhile, and the one that it overtook
    assert run() == 0
    found = sorted(row["source_path"] for row in read_scores(spark, f"{place}/scores").collect())
    assert found == ["a b.png", "c.png"]


def test_names_are_published_whole_and_created_once(spark: SparkSession, servers: Hadoop) -> None:
    storage = Storage(spark, f"{servers.uri}/odd names #1")
    texts = [str(number) * 1000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda text: storage.create_text("entry 1.json", text), texts))
    assert sum(created) == 1
    assert storage.read_text("entry 1.json") == texts[created.index(True)]
    for content in ("old", "new"):
        storage.publish_text("100% of #2.json", content)
        assert storage.read_text("100% of #2.json") == content
    assert [file.path for file in storage.list_files()] == ["100% of #2.json", "entry 1.json"]


@pytest.mark.parametrize(
    ("server", "says"),
    [("data_node", "could only be written to 0 of the 1 minReplication nodes"), ("name_node", "destination host is")],
)
def test_a_server_that_dies_before_the_manifest_ends_the_run_and_the_next_completes_it(
    spark: SparkSession,
    servers: Hadoop,
    lake_uri: str,
    near: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    server: str,
    says: str,
) -> None:
    there = f"{servers.uri}/without-{server}"
    with before_the_manifest(monkeypatch, getattr(servers, f"kill_{server}")):
        code = build(["--input", lake_uri, "--output", there, *BUILD])
    shown = capfd.readouterr().err.strip()
    getattr(servers, f"start_{server}")()
    assert code == 1, shown
    assert "Traceback" not in shown
    assert says in shown.splitlines()[-1]
    assert shown.endswith("when it serves again, run the job again")
    assert not Storage(spark, there).exists("_manifest.json")
    assert build(["--input", lake_uri, "--output", there, "--on-existing", "resume", *BUILD]) == 0
    assert json.loads(text(spark, there, "_manifest.json"))["checksum"] == checksum(near)


def test_a_name_node_that_is_not_there_is_one_line(
    servers: Hadoop, pictures: Path, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Hadoop tries ten times, once a second."""
    [port] = free_ports(1)
    for run in (
        lambda: build(["--input", str(pictures), "--output", f"hdfs://127.0.0.1:{port}/out", *BUILD]),
        lambda: score(bundle, f"hdfs://127.0.0.1:{port}/in", servers.conf.parent / "scores"),
    ):
        code, shown = run(), capfd.readouterr().err.strip()
        assert code == 1, shown
        assert "Traceback" not in shown
        assert "Connection refused" in shown.splitlines()[-1]


def test_the_web_port_is_not_for_spark(
    servers: Hadoop, lake_uri: str, pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = lake_uri.replace(servers.uri, servers.web_uri)
    for words in (
        ["--input", there, "--output", str(tmp_path / "shards")],
        ["--input", str(pictures), "--output", f"{servers.web_uri}/web"],
    ):
        code, shown = build([*words, *BUILD]), capfd.readouterr().err.strip()
        assert code == 2, shown
        assert "give hdfs://" in shown.splitlines()[-1]
        assert "Traceback" not in shown


@contextmanager
def before_the_manifest(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> Iterator[None]:
    """What happens to a run in here, when it is about to publish its manifest."""
    real, left = Storage.create_text, [happens]

    def create(self: Storage, path: str, content: str) -> bool:
        if path == "_manifest.json":
            left.pop()()
        return real(self, path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "create_text", create)
        yield
    assert not left
