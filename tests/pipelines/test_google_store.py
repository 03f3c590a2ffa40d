"""Every job from Google's store to Google's store: Spark by Hadoop's connector, the reader by gcsfs; by a key file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.cli.commands.build_shards import main as build
from fer_spark.cli.commands.explore import main as explore
from fer_spark.cli.commands.report import main as report
from fer_spark.cli.commands.train import main as train
from fer_spark.scoring.outputs.read import read_scores
from tests.pipelines.build.builds import manifest
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.google_store import GoogleStore, for_a_process, for_hadoop, google_store, reached_by
from tests.pipelines.processes import kill, run_until, start
from tests.pipelines.score.worlds import NAMES, lake, score
from tests.pipelines.store_front import FORBIDDEN, TOKEN, Held
from tests.pipelines.stores import (
    BUILD,
    GRAYS,
    PATHS,
    TRAIN,
    archived,
    compared_and_searched,
    configure,
    evaluated_and_explained,
    pictures,
    with_copies,
)

__all__ = ["pictures"]  # a fixture

pytestmark = pytest.mark.store

BUCKET = "lake"
UNKNOWN = "unknown"
"""A bucket that Spark is given the key file of an unknown account for."""


@pytest.fixture(scope="module")
def store(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleStore]:
    """Buckets that the connector and gcsfs can reach as users do, and two that the connector is refused."""
    with (
        pytest.MonkeyPatch.context() as patched,
        google_store(tmp_path_factory.mktemp("google")) as server,
        reached_by(spark, server),
    ):
        # else gcsfs looks for a minute, by gRPC, for what kind of bucket it is
        patched.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        pytest.importorskip("gcsfs", reason="gcsfs is not installed: pip install gcsfs")
        patched.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        patched.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(server.key_file))
        for bucket in (BUCKET, UNKNOWN, FORBIDDEN):
            server.make_bucket(bucket)
        configure(spark, for_hadoop(server.unknown_key_file))
        Storage(spark, f"gs://{UNKNOWN}/")  # Hadoop keeps the file system of a bucket as it was opened first
        configure(spark, for_hadoop(server.key_file))
        yield server


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


def objects(below: str) -> dict[str, bytes]:
    """What lies in a folder of the bucket, by its name there; folders themselves are objects without content."""
    system, root = fsspec.filesystem("gs", use_listings_cache=False), f"{BUCKET}/{below}".rstrip("/")
    found = {path.removeprefix(f"{root}/"): system.cat_file(path) for path in system.find(root)}
    return {name: content for name, content in found.items() if name and not name.endswith("/")}


@pytest.fixture(scope="module")
def shards(store: GoogleStore, pictures: Path) -> str:
    """Shards built on the store from pictures there."""
    system = fsspec.filesystem("gs")
    for label in GRAYS:
        for path in sorted((pictures / label).iterdir()):
            system.pipe_file(f"{BUCKET}/in/{label}/{path.name}", path.read_bytes())
    assert build(["--input", f"gs://{BUCKET}/in", "--output", f"gs://{BUCKET}/shards", *BUILD]) == 0
    return f"gs://{BUCKET}/shards"


def test_shards_are_those_of_a_disk_and_committed_by_the_committer_for_stores(
    shards: str, pictures: Path, tmp_path: Path
) -> None:
    assert build(["--input", str(pictures), "--output", str(tmp_path / "shards"), *BUILD]) == 0
    kept = objects("shards")
    there, here = json.loads(kept["_manifest.json"]), json.loads((tmp_path / "shards" / "_manifest.json").read_bytes())
    assert there["counts"]["written_faces"] == len(PATHS)
    assert there["checksum"] == here["checksum"]
    assert {file["path"] for file in there["files"]} == {name for name in kept if name.startswith("split=")}
    assert "manifest" in json.loads(kept["_SUCCESS"])["committer"]
    assert not [name for name in kept if "_temporary" in name]


def test_training_reads_them_by_gcsfs(shards: str, tmp_path: Path) -> None:
    assert train(["--shards", shards, "--output", str(tmp_path / "model"), *TRAIN]) == 0
    assert (tmp_path / "model" / "card.json").exists()
    compared_and_searched(shards, tmp_path)


def test_shards_with_copies_are_those_of_a_disk(shards: str, pictures: Path, tmp_path: Path) -> None:
    with_copies(shards, f"gs://{BUCKET}/copies")
    assert build(["--input", str(pictures), "--output", str(tmp_path / "near"), *BUILD]) == 0
    with_copies(str(tmp_path / "near"), str(tmp_path / "copies"))
    there, here = json.loads(objects("copies")["_manifest.json"]), manifest(tmp_path / "copies")
    assert there["counts"]["written_faces"] > len(PATHS)
    assert there["checksum"] == here["checksum"]


def test_archives_are_read(store: GoogleStore, pictures: Path, tmp_path: Path) -> None:
    """By a process whose Python workers know where the store is: they open archives, not Spark."""
    for archive in archived(pictures, tmp_path).iterdir():
        fsspec.filesystem("gs").pipe_file(f"{BUCKET}/archives/{archive.name}", archive.read_bytes())
    output = tmp_path / "shards"
    words = ["--input", f"gs://{BUCKET}/archives", "--output", str(output), *BUILD, "--source", "tar"]
    process = start(["build-shards", *words, "--master", "local[2,4]"], for_a_process(store, tmp_path))
    out, _ = process.communicate(timeout=400)
    assert process.returncode == 0, out
    assert manifest(output)["counts"]["written_faces"] == 2 * len(PATHS)


def test_evaluation_reads_them_and_explanations_lie_beside_them(
    spark: SparkSession, shards: str, bundle: Path, tmp_path: Path
) -> None:
    assert evaluated_and_explained(bundle, shards, f"gs://{BUCKET}/why", tmp_path) == 1.0
    assert json.loads(objects("why")["_explanations.json"])["per_status"] == {"ok": len(GRAYS)}


def test_pictures_are_scored_once_reported_and_explored_and_no_token_is_kept(
    spark: SparkSession, shards: str, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scores, nightly = f"gs://{BUCKET}/scores", ["--incremental", "--checkpoint", f"gs://{BUCKET}/ledger"]
    for scored, unchanged in ((len(PATHS), 0), (0, len(PATHS))):
        assert score(bundle, f"gs://{BUCKET}/in", scores, *nightly) == 0
        summary = json.loads(objects("scores")["_summary.json"])
        assert (summary["scored_pictures"], summary["unchanged"]) == (scored, unchanged)
    rows = read_scores(spark, scores).select("source_path", "label").collect()
    assert sorted(row["source_path"] for row in rows) == PATHS
    assert {row["label"] for row in rows if row["source_path"].startswith("sad/")} == {"sad"}
    assert report(["--scores", scores, "--output", f"gs://{BUCKET}/pages/scores.html"]) == 0
    page = objects("pages")["scores.html"].decode("utf-8")
    assert any(path in page for path in PATHS)
    assert explore(["--input", f"gs://{BUCKET}/in", "--output", f"gs://{BUCKET}/look", "--source", "folder"]) == 0
    assert objects("look")["report.html"].lstrip().lower().startswith(b"<!doctype html")
    shown = capfd.readouterr()
    kept = [text for below in ("shards", "scores", "ledger", "pages", "look") for text in objects(below).values()]
    for text in (shown.out.encode(), shown.err.encode(), *kept):
        assert TOKEN.encode() not in text
        assert b"PRIVATE KEY" not in text


def test_of_many_that_create_a_name_at_once_one_succeeds(spark: SparkSession, store: GoogleStore) -> None:
    storage = Storage(spark, f"gs://{BUCKET}/names")
    for number in range(4):
        texts = [f"{number} {writer}" * 1000 for writer in range(8)]
        with ThreadPoolExecutor(8) as pool:
            created = list(pool.map(lambda text, name=f"entry {number}.json": storage.create_text(name, text), texts))
        assert sum(created) == 1
        assert storage.read_text(f"entry {number}.json") == texts[created.index(True)]
    assert [file.path for file in storage.list_files()] == [f"entry {number}.json" for number in range(4)]


def test_a_writer_that_is_killed_leaves_nothing(spark: SparkSession, store: GoogleStore) -> None:
    storage = Storage(spark, f"gs://{BUCKET}/killed")
    stream: Any = storage._fs.create(storage._path("rows.parquet"), True)
    stream.write(bytearray(20 << 20))  # more than the connector sends at once; what is killed never closes it
    assert not storage.exists("rows.parquet")
    assert storage.list_files() == []


def killed_at(store: GoogleStore, name: str, words: Sequence[object], conf: Sequence[str], arrives: bool) -> None:
    """Run a job until its upload of `name` is on its way, kill it, and let the upload arrive or not."""
    held = Held(name)
    store.held.append(held)
    process = start([*words, "--master", "local[2,4]"], conf)
    try:
        run_until(process, held.reached)
    finally:
        kill(process)
        held.release(arrives)


def test_a_build_killed_while_its_manifest_is_on_its_way_is_completed_by_the_next(
    store: GoogleStore, shards: str, pictures: Path, tmp_path: Path
) -> None:
    words = ["--input", str(pictures), "--output", f"gs://{BUCKET}/killed/shards", *BUILD]
    killed_at(store, "/_manifest.json", ["build-shards", *words], for_a_process(store, tmp_path), arrives=False)
    assert "_manifest.json" not in objects("killed/shards")
    assert build([*words, "--on-existing", "resume"]) == 0
    kept = objects("killed/shards")
    manifest = json.loads(kept["_manifest.json"])
    assert manifest["checksum"] == json.loads(objects("shards")["_manifest.json"])["checksum"]
    assert manifest["counts"]["written_faces"] == len(PATHS)
    assert {file["path"] for file in manifest["files"]} == {name for name in kept if name.startswith("split=")}
    assert not [name for name in kept if name.startswith("_staging")]


def test_scoring_killed_while_an_entry_is_on_its_way_counts_each_picture_once(
    spark: SparkSession, store: GoogleStore, bundle: Path, tmp_path: Path
) -> None:
    """The first entry never arrives, its scores are left; the next run's arrives when that is dead."""
    grays = {f"{number}.png": 50 + number for number in range(12)}
    pictures, place = lake(tmp_path / "in", grays), f"gs://{BUCKET}/killed"
    nightly = ["--incremental", "--checkpoint", f"{place}/ledger", "--chunk-images", "6"]
    words = ["score", "--bundle", bundle, "--source", "images", "--input", pictures, "--output", f"{place}/scores"]
    conf = for_a_process(store, tmp_path)
    for number, arrives in ((1, False), (2, True)):
        killed_at(store, f"/batches/00000{number}.json", [*words, *nightly], conf, arrives)
    assert score(bundle, pictures, f"{place}/scores", *nightly) == 0
    kept = objects("killed/scores")
    summary = json.loads(kept["_summary.json"])
    assert 0 < summary["unchanged"] < len(grays)
    assert summary["scored_pictures"] == len(grays) - summary["unchanged"]
    assert set(kept) == {"_summary.json", *summary["files"]}
    rows = read_scores(spark, f"{place}/scores").select("source_path").collect()
    assert sorted(row["source_path"] for row in rows) == sorted(grays)


def test_what_the_connector_does_not_send_again_is_written(spark: SparkSession, store: GoogleStore) -> None:
    storage = Storage(spark, f"gs://{BUCKET}/lost")
    for number, kind in enumerate(("upload", "answer")):
        store.lost.append(kind)
        assert storage.create_text(f"entry {number}.json", kind)
        assert not storage.create_text(f"entry {number}.json", "another")
        store.lost.append(kind)
        storage.publish_text(f"entry {number}.json", f"second {kind}")
        assert storage.read_text(f"entry {number}.json") == f"second {kind}"
    assert store.lost == []


def test_refused_credentials_are_one_line_and_exit_code_2(
    store: GoogleStore, bundle: Path, pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here, unknown, forbidden = str(pictures), f"gs://{UNKNOWN}/place", f"gs://{FORBIDDEN}/place"
    words = ["--epochs", "1", "--network", "small_cnn", "--device", "cpu", "--output", str(tmp_path / "model")]
    for refused in (
        lambda: build(["--input", unknown, "--output", str(tmp_path / "shards"), *BUILD]),
        lambda: build(["--input", forbidden, "--output", str(tmp_path / "shards"), *BUILD]),
        lambda: build(["--input", here, "--output", unknown, *BUILD]),
        lambda: build(["--input", here, "--output", forbidden, *BUILD]),
        lambda: score(bundle, forbidden, tmp_path / "scores"),
        lambda: score(bundle, here, unknown),
        lambda: score(bundle, here, tmp_path / "nightly", "--incremental", "--checkpoint", forbidden),
        lambda: report(["--scores", unknown, "--output", str(tmp_path / "page.html")]),
        lambda: explore(["--source", "folder", "--input", forbidden, "--output", str(tmp_path / "look")]),
        lambda: train(["--shards", forbidden, *words]),
    ):
        code, said = refused(), capfd.readouterr().err.strip()
        assert code == 2, said
        assert "GOOGLE_APPLICATION_CREDENTIALS" in said.splitlines()[-1], said
        assert "Traceback" not in said
        assert "\tat " not in said
