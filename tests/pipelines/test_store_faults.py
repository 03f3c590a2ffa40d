"""An object store that throttles, loses uploads or is away: builds and scores of it end as those of one that is not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pytest
from pyspark.sql import SparkSession

from fer_spark.cli.commands.build_shards import main as build
from fer_spark.scoring.outputs.read import read_scores
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.faulty_store import Faults, faulty
from tests.pipelines.processes import kill, run_until, start
from tests.pipelines.score.worlds import NAMES, lake, score
from tests.servers import ObjectStore, jars, object_store
from tests.sources.lakes import open_images

pytestmark = [pytest.mark.store, pytest.mark.timeout(400)]
BUILD = ["--source", "folder", "--size", "8:gray", "--detector", "none", "--seed", "3"]
GRAYS = {f"{label}/{number}.png": gray + number for label, gray in (("angry", 51), ("sad", 204)) for number in range(8)}


@pytest.fixture(scope="module")
def store(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    before = dict(fsspec.config.conf)
    with object_store(tmp_path_factory.mktemp("weed")) as server:
        fsspec.config.conf["s3"] = server.for_fsspec()
        try:
            yield server
        finally:
            fsspec.config.conf.clear()
            fsspec.config.conf.update(before)


@dataclass(frozen=True)
class Near:
    """Pictures, the checksum of the shards that a disk gets of them, and a bundle."""

    pictures: Path
    checksum: str
    bundle: Path


@pytest.fixture(scope="module")
def near(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Near:
    folder = tmp_path_factory.mktemp("near")
    pictures = lake(folder / "in", GRAYS)
    assert build(["--input", str(pictures), "--output", str(folder / "shards"), *BUILD]) == 0
    manifest = json.loads((folder / "shards" / "_manifest.json").read_text(encoding="utf-8"))
    return Near(pictures, manifest["checksum"], write_bundle(folder / "bundle", NAMES, views="single"))


FAULTS: list[dict[str, Any]] = [{"throttled": 10}, {"cut": 2}, {"away_s": 20.0}]


@pytest.mark.parametrize("kind", FAULTS, ids=["throttled", "cut", "away"])
def test_a_store_with_faults_holds_what_one_without_does(
    spark: SparkSession, store: ObjectStore, near: Near, kind: dict[str, Any]
) -> None:
    """Above a minute: S3A waits between its tries, with its own defaults, and one store is away for 20 s."""
    bucket = f"faulty-{next(iter(kind)).replace('_', '-')}"
    fsspec.filesystem("s3").mkdir(bucket)
    faults = Faults(**kind)
    with faulty(store.endpoint, faults) as address:
        conf: Any = spark._jsc.hadoopConfiguration()
        for name, value in store.for_hadoop(bucket, endpoint=address).items():
            conf.set(name, value)
        assert build(["--input", str(near.pictures), "--output", f"s3a://{bucket}/shards", *BUILD]) == 0
        nightly = ["--incremental", "--checkpoint", f"s3a://{bucket}/ledger"]
        assert score(near.bundle, near.pictures, f"s3a://{bucket}/scores", *nightly) == 0
        rows = read_scores(spark, f"s3a://{bucket}/scores").select("source_path").collect()
    assert sum(faults.seen[name] for name in ("throttle", "cut", "away")) > 0, faults.seen
    kept = fsspec.filesystem("s3", use_listings_cache=False).cat_file(f"{bucket}/shards/_manifest.json")
    assert json.loads(kept)["checksum"] == near.checksum
    assert sorted(row["source_path"] for row in rows) == sorted(GRAYS)


def test_a_run_that_was_cut_off_for_longer_than_its_lease_doubles_nothing_and_ends_with_exit_code_1(
    spark: SparkSession, store: ObjectStore, near: Near, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its entry of batch 2 is on its way when the way is lost, and arrives when another run has scored the rest."""
    system, bucket = fsspec.filesystem("s3", use_listings_cache=False), "cut-off"
    system.mkdir(bucket)
    for name, value in store.for_hadoop(bucket).items():
        spark._jsc.hadoopConfiguration().set(name, value)  # type: ignore[attr-defined]
    output, nightly = f"s3a://{bucket}/scores", ["--incremental", "--checkpoint", f"s3a://{bucket}/ledger"]
    nightly += ["--chunk-images", "8", "--lease-s", "5"]
    words = ["score", "--bundle", near.bundle, "--source", "images", "--input", near.pictures, "--output", output]
    faults = Faults(lost_at="/ledger/batches/000002.json")
    with faulty(store.endpoint, faults) as address:
        settings = store.for_hadoop(bucket, endpoint=address)
        settings |= {"fs.s3a.retry.interval": "50ms", "fs.s3a.connection.request.timeout": "10m"}
        conf = [f"spark.hadoop.{name}={value}" for name, value in settings.items()]
        conf += ["spark.driver.extraClassPath=" + ":".join(map(str, jars())), "spark.sql.shuffle.partitions=2"]
        first = start([*words, *nightly, "--master", "local[2,4]"], conf)
        try:
            run_until(first, faults.lost)
            while not system.exists(f"{bucket}/scores/_summary.json"):  # until then the first holds the lease
                assert score(near.bundle, near.pictures, output, *nightly) == 0
                time.sleep(0.5)
            assert first.poll() is None, first.communicate()[0]
            faults.mended.set()
            said = first.communicate(timeout=200)[0]
        finally:
            faults.mended.set()
            kill(first)
    assert first.returncode == 1, said
    assert "nothing is lost" in said.splitlines()[-1], said
    assert faults.seen["late"] == 1
    assert faults.seen["away"] > 0
    assert json.loads(system.cat_file(f"{bucket}/ledger/batches/000002.json"))["seen"] == ""  # the other's fence
    assert score(near.bundle, near.pictures, output, *nightly) == 0
    summary = json.loads(system.cat_file(f"{bucket}/scores/_summary.json"))
    assert (summary["scored_pictures"], summary["unchanged"]) == (0, len(GRAYS))
    kept = {path.removeprefix(f"{bucket}/scores/") for path in system.find(f"{bucket}/scores")}
    assert kept == {"_summary.json", *summary["files"]}
    assert not [path for path in system.find(f"{bucket}/ledger/lease") if path.endswith(".json")]
    rows = read_scores(spark, output).select("source_path").collect()
    assert sorted(row["source_path"] for row in rows) == sorted(GRAYS)


def test_pictures_of_a_store_that_asks_to_slow_down_all_come(
    spark: SparkSession, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by the workers, of which each has many requests in flight."""
    monkeypatch.setattr("fer_spark.sources.omitted.MOST_LISTED_BY_SPARK", 10)
    pictures, system = {f"{number}.png": b"x" * (number + 1) for number in range(60)}, fsspec.filesystem("s3")
    system.mkdir("slow")
    for name, content in pictures.items():
        system.pipe_file(f"slow/in/{name}", content)
    faults = Faults(throttled=4)
    with faulty(store.endpoint, faults) as address:
        conf: Any = spark._jsc.hadoopConfiguration()
        for name, value in store.for_hadoop("slow", endpoint=address).items():
            conf.set(name, value)
        rows = open_images(spark, "s3a://slow/in").raw().collect()
    assert {row["source_path"]: bytes(row["content"]) for row in rows} == pictures
    assert faults.seen["throttle"] > len(pictures) / 5
