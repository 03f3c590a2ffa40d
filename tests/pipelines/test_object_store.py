"""Every job from S3 to S3, over HTTP, on a server that is as strict as S3; Spark by S3A, the reader by fsspec."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import fsspec
import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.cli.commands.build_shards import main as build
from fer_spark.cli.commands.explore import main as explore
from fer_spark.cli.commands.report import main as report
from fer_spark.cli.commands.train import main as train
from fer_spark.pipelines.explain.run import MARKER, SUMMARY
from fer_spark.scoring.outputs.read import read_scores
from fer_spark.sources.files.s3 import S3Store
from fer_spark.sources.files.store import OpenStore, Store
from tests.pipelines.build import builds
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import NAMES, both_hold_the_lease, lake, picture, score
from tests.pipelines.stores import (
    BUILD,
    GRAYS,
    ODD,
    PATHS,
    TRAIN,
    archived,
    compared_and_searched,
    configure,
    evaluated_and_explained,
    pictures,
    with_copies,
)
from tests.servers import ObjectStore, free_ports, object_store
from tests.shards.tables.tables import NAME, Others
from tests.sources.lakes import open_images, whole
from tests.tables.catalogs import catalog_in

__all__ = ["pictures"]  # a fixture

pytestmark = pytest.mark.store

BUCKET = "lake"


@pytest.fixture(scope="module")
def store(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A bucket that S3A and fsspec can reach, and one that S3A is given wrong keys for."""
    before = dict(fsspec.config.conf)
    with object_store(tmp_path_factory.mktemp("weed")) as server:
        fsspec.config.conf["s3"] = server.for_fsspec()
        try:
            for bucket in (BUCKET, "locked", "foreign"):
                fsspec.filesystem("s3").mkdir(bucket)
            configure(spark, server.for_hadoop(BUCKET))
            configure(spark, server.for_hadoop("locked", secret_key="another+secret/of=tests"))
            configure(spark, server.for_hadoop("foreign", access_key="AKIDUNKNOWN0000001"))
            yield server
        finally:
            fsspec.config.conf.clear()
            fsspec.config.conf.update(before)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


def objects(below: str) -> dict[str, bytes]:
    """What lies in a folder of the bucket, by its name there."""
    system, root = fsspec.filesystem("s3", use_listings_cache=False), f"{BUCKET}/{below}".rstrip("/")
    return {path.removeprefix(f"{root}/"): system.cat_file(path) for path in system.find(root)}


def fetch(below: str, folder: Path) -> Path:
    """Shards as files of this machine: the manifest and what it lists."""
    kept = objects(below)
    listed = json.loads(kept["_manifest.json"])
    for name in ("_manifest.json", *listed["quarantine_files"], *(file["path"] for file in listed["files"])):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(kept[name])
    return folder


def parquet_files(below: str) -> set[str]:
    """Faces, wherever they come from."""
    return {f"s3://{BUCKET}/{below}/{name}" for name in objects(below) if name.startswith("split=")}


@pytest.fixture(scope="module")
def shards(store: ObjectStore, pictures: Path) -> str:
    """Shards built on S3 from pictures there, a table too where deltalake is installed."""
    fsspec.filesystem("s3").put(f"{pictures}/", f"{BUCKET}/in/", recursive=True)
    words = [*BUILD, "--format", "delta"] if find_spec("deltalake") else BUILD
    assert build(["--input", f"s3a://{BUCKET}/in", "--output", f"s3a://{BUCKET}/shards", *words]) == 0
    return f"s3a://{BUCKET}/shards"


def test_shards_are_those_of_a_disk_and_committed_without_renaming(
    store: ObjectStore, shards: str, pictures: Path, tmp_path: Path
) -> None:
    assert build(["--input", str(pictures), "--output", str(tmp_path / "shards"), *BUILD]) == 0
    kept = objects("shards")
    there, here = json.loads(kept["_manifest.json"]), json.loads((tmp_path / "shards" / "_manifest.json").read_bytes())
    assert there["counts"]["written_faces"] == len(PATHS)
    assert there["checksum"] == here["checksum"]
    committed = json.loads(kept["_SUCCESS"])
    assert committed["committer"] == "magic"
    assert {name.removeprefix("/") for name in committed["filenames"]} == {
        f"shards/{file['path']}" for file in there["files"]
    }


def test_deltalake_reads_them_as_a_table(store: ObjectStore, shards: str, tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'fer-spark[tables]'")
    table = deltalake.DeltaTable(f"s3://{BUCKET}/shards", storage_options=store.for_deltalake())
    rows = sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: str(row["face_id"]))
    assert sorted(row["label"] for row in rows) == sorted(path.split("/")[0] for path in PATHS)
    assert rows == builds.shards(fetch("shards", tmp_path)).to_pylist()
    assert set(table.file_uris()) == parquet_files("shards")


def test_pyiceberg_reads_shards_as_a_table_that_follows_an_append(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The catalog, which knows the store, is a file of this machine; what Iceberg writes itself lies on the store."""
    pytest.importorskip("pyiceberg", reason="pyiceberg is not installed: pip install 'fer-spark[tables]'")
    catalog_in(tmp_path / "catalog", monkeypatch, WAREHOUSE=f"s3://{BUCKET}/warehouse", **store.for_pyiceberg())
    faces, refused = Others("iceberg", tmp_path), Others("iceberg", tmp_path, name=f"{NAME}_quarantine")
    source = lake(tmp_path / "in", {f"{label}/{n}.png": gray + n for label, gray in GRAYS.items() for n in range(4)})
    (source / "angry" / "broken.png").write_bytes(b"no picture")
    words = ["--input", str(source), "--format", "iceberg", "--table", NAME, *BUILD]
    for number, on_existing in enumerate(("fail", "append")):
        assert build(["--output", f"s3a://{BUCKET}/iceberg", "--on-existing", on_existing, *words]) == 0
        rows = sorted(faces.rows().to_pylist(), key=lambda row: str(row["face_id"]))
        assert len(rows) == 12 + number
        fetched = fetch("iceberg", tmp_path / on_existing)
        assert rows == builds.shards(fetched).to_pylist()
        assert faces.places() == parquet_files("iceberg")
        assert refused.rows().to_pylist() == builds.quarantine(fetched)
        assert faces.commits() == number + 1
        picture(source / "sad" / "new.png", 90)
    shown = capfd.readouterr()
    kept = [text for below in ("iceberg", "warehouse") for text in objects(below).values()]
    for text in (shown.out.encode(), shown.err.encode(), *kept):
        assert store.secret.encode() not in text
        assert store.key.encode() not in text


def test_rows_are_the_same_whether_spark_lists_the_pictures_or_the_workers_open_them(
    spark: SparkSession, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, sizes, ages, contents and reasons, also of what Spark does not list."""
    root, system = f"{BUCKET}/both [1] %20 ä", fsspec.filesystem("s3")
    files = {f"a=b/{name}": name.encode() for name in ODD} | {f"many/{number}.jpg": b"z" for number in range(30)}
    files |= {"_u.jpg": b"x", ".v/w.png": b"yy", "e/empty.jpg": b"", "big.jpg": b"x" * 1001, "notes.txt": b"text"}
    for name, content in files.items():
        system.pipe_file(f"{root}/{name}", content)
    by_spark = whole(spark, f"s3a://{root}")
    assert by_spark[1] == len(files) - 1  # notes.txt is no picture
    monkeypatch.setattr("fer_spark.sources.omitted.MOST_LISTED_BY_SPARK", 10)
    monkeypatch.setattr("fer_spark.sources.pictures._scan", lambda *_: pytest.fail("Spark lists the files"))
    for here, there in zip(whole(spark, f"s3a://{root}"), by_spark, strict=True):
        assert here == there
    with monkeypatch.context() as without_arrow:
        without_arrow.setattr("fer_spark.sources.files.store.arrow_options", lambda *_: None)
        for here, there in zip(whole(spark, f"s3a://{root}"), by_spark, strict=True):
            assert here == there
    source = open_images(spark, f"s3a://{root}")
    for name in ("many/7.jpg", "a=b/100%.png"):
        system.rm_file(f"{root}/{name}")
    pictures = {name: content for name, content in files.items() if 0 < len(content) <= 1000 and name != "notes.txt"}
    found = {row["source_path"]: row["content"] for row in source.raw().collect() if row["reject_reason"] is None}
    assert set(pictures) - set(found) == {"many/7.jpg", "a=b/100%.png"}
    assert {name: bytes(content) for name, content in found.items()} == {name: pictures[name] for name in found}
    assert {row["source_path"] for row in source.keys().collect()} == set(files) - {"notes.txt"}


def test_workers_open_the_store_by_arrow_and_where_that_cannot_by_fsspec(
    spark: SparkSession, store: ObjectStore
) -> None:
    fsspec.filesystem("s3").pipe_file(f"{BUCKET}/open/{ODD[-1]}", b"x'y")
    by_arrow = Store.of(spark, f"s3a://{BUCKET}/open")
    assert by_arrow.arrow is not None
    wrong = replace(by_arrow, arrow=by_arrow.arrow | {"secret_key": "another+secret/of=tests"})
    opened = {S3Store: by_arrow.open(ODD[-1]), OpenStore: wrong.open(ODD[-1])}
    for kind, there in opened.items():
        assert isinstance(there, kind)
        assert there.read(ODD[-1]) == b"x'y"
        with pytest.raises(FileNotFoundError):
            there.read("none.png")
    with pytest.raises(PermissionError):
        S3Store(wrong.uri, wrong.arrow or {}, lambda _: b"").read(ODD[-1])
    assert store.secret not in repr(by_arrow)


def test_training_reads_them_by_fsspec(shards: str, tmp_path: Path) -> None:
    assert train(["--shards", shards, "--output", str(tmp_path / "model"), *TRAIN]) == 0
    assert (tmp_path / "model" / "card.json").exists()
    compared_and_searched(shards, tmp_path)


def test_shards_with_copies_are_those_of_a_disk(shards: str, tmp_path: Path) -> None:
    with_copies(shards, f"s3a://{BUCKET}/copies")
    with_copies(str(fetch("shards", tmp_path / "near")), str(tmp_path / "copies"))
    there, here = json.loads(objects("copies")["_manifest.json"]), builds.manifest(tmp_path / "copies")
    assert there["counts"]["written_faces"] > len(PATHS)
    assert there["checksum"] == here["checksum"]


def test_archives_are_read(store: ObjectStore, pictures: Path, tmp_path: Path) -> None:
    fsspec.filesystem("s3").put(f"{archived(pictures, tmp_path)}/", f"{BUCKET}/archives/", recursive=True)
    output = tmp_path / "shards"
    words = ["--input", f"s3a://{BUCKET}/archives", "--output", str(output), *BUILD, "--source", "tar"]
    assert build(words) == 0
    assert builds.manifest(output)["counts"]["written_faces"] == 2 * len(PATHS)


def test_evaluation_reads_them_and_explanations_lie_beside_them(
    spark: SparkSession, shards: str, bundle: Path, tmp_path: Path
) -> None:
    """The second time as after a run that was killed at its end: the store keeps the folders of what it removes."""
    why = f"s3a://{BUCKET}/why"
    for turn in ("first", "again"):
        assert evaluated_and_explained(bundle, shards, why, tmp_path / turn) == 1.0
        assert json.loads(objects("why")[SUMMARY])["per_status"] == {"ok": len(GRAYS)}
        Storage(spark, why).delete(SUMMARY)
        Storage(spark, why).publish_text(MARKER, "{}")


def test_pictures_are_scored_once_reported_and_explored_and_no_key_is_kept(
    spark: SparkSession,
    store: ObjectStore,
    shards: str,
    bundle: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above a minute: jobs whose every file goes through a server that checks signatures. In the second night the lake
    holds more pictures than Spark should list."""
    scores, nightly = f"s3a://{BUCKET}/scores", ["--incremental", "--checkpoint", f"s3a://{BUCKET}/ledger"]
    for scored, unchanged in ((len(PATHS), 0), (0, len(PATHS))):
        assert score(bundle, f"s3a://{BUCKET}/in", scores, *nightly) == 0
        summary = json.loads(objects("scores")["_summary.json"])
        assert (summary["scored_pictures"], summary["unchanged"]) == (scored, unchanged)
        monkeypatch.setattr("fer_spark.sources.omitted.MOST_LISTED_BY_SPARK", len(PATHS) - 1)
    rows = read_scores(spark, scores).select("source_path", "label").collect()
    assert sorted(row["source_path"] for row in rows) == PATHS
    assert {row["label"] for row in rows if row["source_path"].startswith("sad/")} == {"sad"}
    assert report(["--scores", scores, "--output", f"s3a://{BUCKET}/pages/scores.html"]) == 0
    page = objects("pages")["scores.html"].decode("utf-8")
    assert any(path in page for path in PATHS)
    assert explore(["--input", f"s3a://{BUCKET}/in", "--output", f"s3a://{BUCKET}/look", "--source", "folder"]) == 0
    assert objects("look")["report.html"].lstrip().lower().startswith(b"<!doctype html")
    shown = capfd.readouterr()
    kept = [text for below in ("shards", "scores", "ledger", "pages", "look") for text in objects(below).values()]
    for text in (shown.out.encode(), shown.err.encode(), *kept):
        assert store.secret.encode() not in text
        assert store.key.encode() not in text


def test_two_runs_that_both_hold_the_lease_double_nothing(
    spark: SparkSession, store: ObjectStore, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, place = lake(tmp_path / "in", {"a b.png": 51, "c.png": 204}), f"s3a://{BUCKET}/race"

    def run() -> int:
        return score(bundle, source, f"{place}/scores", "--incremental", "--checkpoint", f"{place}/ledger")

    with both_hold_the_lease(monkeypatch, "before the entry", run) as codes:
        codes.append(run())
    assert codes == [0, 1]  # the one that ran meanwhile, and the one that it overtook
    assert run() == 0
    found = sorted(row["source_path"] for row in read_scores(spark, f"{place}/scores").collect())
    assert found == ["a b.png", "c.png"]


def test_a_delta_table_that_deltalake_commits_to(
    spark: SparkSession, store: ObjectStore, bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """deltalake has nothing in the environment: what S3A has been set to is passed on, and not shown."""
    deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'fer-spark[tables]'")
    source, place = lake(tmp_path / "in", {"a b.png": 51, "c.png": 204}), f"s3a://{BUCKET}/table"
    words = ["--format", "delta", "--incremental", "--checkpoint", f"{place}/_ledger"]
    for number in (2, 3):
        assert score(bundle, source, place, *words) == 0
        assert read_scores(spark, place).count() == number
        picture(source / "new.png", 90)
    table = deltalake.DeltaTable(f"s3://{BUCKET}/table", storage_options=store.for_deltalake())
    assert (table.version(), table.to_pyarrow_table().num_rows) == (1, 3)
    shown = capfd.readouterr()
    for text in (shown.out.encode(), shown.err.encode(), *objects("table").values()):
        assert store.secret.encode() not in text
        assert store.key.encode() not in text


def test_of_many_that_create_a_name_at_once_one_succeeds(spark: SparkSession, store: ObjectStore) -> None:
    storage = Storage(spark, f"s3a://{BUCKET}/names")
    texts = [str(number) * 1000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda text: storage.create_text("entry 1.json", text), texts))
    assert sum(created) == 1
    assert storage.read_text("entry 1.json") == texts[created.index(True)]
    assert [file.path for file in storage.list_files()] == ["entry 1.json"]


def test_wrong_keys_are_one_line_and_exit_code_2(
    store: ObjectStore, bundle: Path, pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there, here = "s3a://locked/place", str(pictures)
    for refused in (
        lambda: build(["--input", "s3a://foreign/place", "--output", str(tmp_path / "shards"), *BUILD]),
        lambda: build(["--input", there, "--output", str(tmp_path / "shards"), *BUILD]),
        lambda: build(["--input", here, "--output", there, *BUILD]),
        lambda: score(bundle, there, tmp_path / "scores"),
        lambda: score(bundle, here, there),
        lambda: score(bundle, here, tmp_path / "nightly", "--incremental", "--checkpoint", there),
        lambda: report(["--scores", there, "--output", str(tmp_path / "page.html")]),
        lambda: explore(["--source", "folder", "--input", there, "--output", str(tmp_path / "look")]),
    ):
        code, said = refused(), capfd.readouterr().err.strip()
        assert code == 2, said
        assert "the store refuses these credentials, or there are none; give S3" in said.splitlines()[-1]
        assert "Traceback" not in said
        assert "\tat " not in said
        assert "secret/of=tests" not in said


def test_a_store_that_does_not_answer_is_one_line_and_exit_code_1(
    spark: SparkSession,
    store: ObjectStore,
    bundle: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("fer_spark.spark.stores.AWAY_S", 0)
    [port] = free_ports(1)
    configure(spark, replace(store, endpoint=f"http://127.0.0.1:{port}").for_hadoop("away"))
    there, here = "s3a://away/place", str(pictures)
    for unanswered in (
        lambda: build(["--input", there, "--output", str(tmp_path / "shards"), *BUILD]),
        lambda: build(["--input", here, "--output", there, *BUILD]),
        lambda: score(bundle, there, tmp_path / "scores"),
        lambda: report(["--scores", there, "--output", str(tmp_path / "page.html")]),
        lambda: explore(["--source", "folder", "--input", there, "--output", str(tmp_path / "look")]),
    ):
        code, said = unanswered(), capfd.readouterr().err.strip()
        assert code == 1, said
        assert f"no answer at http://127.0.0.1:{port} for 0 s (Connection refused)" in said.splitlines()[-1]
        assert "Traceback" not in said
