"""build-shards, whole jobs in new processes, in turn: local mode and a standalone cluster of as many cores, from disk;
local mode from S3, to disk and to S3.

The cluster's workers and the store run on this machine and share its cores with the job. The workers count as the
job's own; what the store takes, which elsewhere is another machine's, is reported apart, and the ratio once more with
its CPU seconds, spread over the cores, taken off the job's.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import psutil

from tests.benchmarks.places.figures import CLUSTER, FROM_S3, LOCAL, S3_TO_S3, Figures, tables
from tests.benchmarks.places.stage import logged, prepared
from tests.benchmarks.prepare import small_pictures
from tests.benchmarks.processes import Server, run_watched
from tests.benchmarks.results import Compared
from tests.benchmarks.whole import detector_words, known_model
from tests.check import ROOT
from tests.cluster.demo import keys
from tests.cluster.standalone import standalone
from tests.servers import MISSING, ObjectStore, has_object_store, jars, object_store

BUCKET = "lake"
_AT_ONCE = 64


@dataclass(frozen=True)
class Contender:
    """A way to run the job. `output` is where it writes, without the round's number.

    environment  more of the command's
    nodes        processes that compute for it
    """

    input: str
    output: str
    words: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    nodes: list[psutil.Process] = field(default_factory=list)


def run(images: int, rounds: int, cores: int, folder: str) -> list[Compared]:
    """Measure; one round more than `rounds` runs before, and is left out.

    folder  with the pictures to take, the first `images` of them or all; empty for drawn ones
    """
    if not has_object_store():
        raise SystemExit(f"places: {MISSING}")
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fer-spark-places-")))
        pictures = _pictures(work / "pictures", folder, images, cores)
        (work / "store").mkdir()
        store = stack.enter_context(object_store(work / "store"))
        server = _server()
        s3 = fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True, **store.for_fsspec())
        _upload(s3, work / "pictures")
        addresses = tuple(f"127.0.0.{number + 2}" for number in range(cores))
        cluster = stack.enter_context(
            standalone(work / "cluster", addresses, {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
        )
        nodes = [psutil.Process(process.pid) for process in cluster.workers.values()]
        contenders = _contenders(work, store, cores, cluster.conf, nodes)
        print(f"{pictures:,} pictures, {cores} cores; rounds in turn: {rounds} after one that is left out", flush=True)
        found: dict[str, list[Figures]] = {name: [] for name in contenders}
        for number in range(rounds + 1):
            for place, (name, contender) in enumerate(contenders.items()):
                figures = _run(name, contender, work / f"events-{number}-{place}", server, s3, pictures)
                found[name].append(figures)
        _check_same(found)
    return tables({name: runs[1:] for name, runs in found.items()}, pictures, cores)


def _pictures(lake: Path, folder: str, images: int, cores: int) -> int:
    """Fill a folder with pictures; how many they are."""
    if not folder:
        return len(small_pictures(lake, images or 5_000, cores))
    lake.mkdir()
    files = sorted(path for path in Path(folder).iterdir() if path.is_file())[: images or None]
    for file in files:
        shutil.copy(file, lake / file.name)
    return len(files)


def _server() -> psutil.Process:
    """The store's process."""
    (found,) = [child for child in psutil.Process().children() if child.name() == "weed"]
    return found


def _upload(s3: Any, pictures: Path) -> None:
    began = time.perf_counter()
    s3.mkdir(BUCKET)
    s3.put(f"{pictures}/", f"{BUCKET}/pictures/", recursive=True, batch_size=_AT_ONCE)
    print(f"uploaded in {time.perf_counter() - began:.1f} s", flush=True)


def _contenders(
    work: Path, store: ObjectStore, cores: int, cluster: list[str], nodes: list[psutil.Process]
) -> dict[str, Contender]:
    local = ["--master", f"local[{cores},4]"]
    s3 = [
        f"spark.driver.extraClassPath={':'.join(map(str, jars()))}",
        f"spark.hadoop.fs.s3a.endpoint={store.endpoint}",
        "spark.hadoop.fs.s3a.path.style.access=true",
    ]
    here, there = str(work / "pictures"), f"s3a://{BUCKET}/pictures"
    output, remote = str(work / "shards"), f"s3a://{BUCKET}/shards"
    return {
        LOCAL: Contender(here, output, local),
        CLUSTER: Contender(here, output, _confs(cluster), nodes=nodes),
        FROM_S3: Contender(there, output, [*local, *_confs(s3)], keys(store)),
        S3_TO_S3: Contender(there, remote, [*local, *_confs(s3)], keys(store)),
    }


def _confs(settings: list[str]) -> list[str]:
    return [word for setting in settings for word in ("--conf", setting)]


def _run(name: str, contender: Contender, events: Path, server: psutil.Process, s3: Any, pictures: int) -> Figures:
    events.mkdir()
    words = [sys.executable, "-m", "fer_spark", "build-shards", "--source", "images", *detector_words(known_model())]
    words += ["--input", contender.input, "--output", contender.output, *contender.words, *logged(events)]
    store, began = Server(server), time.time()
    watched = run_watched(name, words, contender.environment, contender.nodes, [store])
    spans = prepared(events)
    manifest = _manifest(contender.output, s3)
    faces = manifest["counts"]["written_faces"]
    if manifest["counts"]["input"] != pictures or faces < 0.9 * pictures:
        raise SystemExit(f"{name}: {faces:,} faces of {pictures:,} pictures")
    figures = Figures(
        watched.seconds,
        watched.cpu_s,
        watched.peak_mib,
        sum(end - begin for begin, end in spans),
        store.cpu_s(began, time.time()),
        sum(store.cpu_s(begin, end) for begin, end in spans),
        manifest["checksum"],
    )
    print(f"    preparing {figures.preparing_s:.1f} s; the store {figures.store_s:.1f} CPU-s", flush=True)
    return figures


def _manifest(output: str, s3: Any) -> dict[str, Any]:
    """That of the shards, which are removed."""
    if output.startswith("s3a://"):
        place = output.removeprefix("s3a://")
        manifest: dict[str, Any] = json.loads(s3.cat_file(f"{place}/_manifest.json"))
        s3.rm(place, recursive=True)
    else:
        manifest = json.loads((Path(output) / "_manifest.json").read_text())
        shutil.rmtree(output)
    return manifest


def _check_same(found: dict[str, list[Figures]]) -> None:
    checksums = {name: {figures.checksum for figures in runs} for name, runs in found.items()}
    if len(set.union(*checksums.values())) > 1:
        raise SystemExit(f"shards differ: {checksums}")
