"""The jobs as a cluster's user runs them: by spark-submit, from S3 to S3; and once more on this machine, to compare."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import fsspec
from pyspark.find_spark_home import _find_spark_home

from fer_spark.sample import Drawing, WriteSettings, write_folder
from tests.check import ROOT
from tests.cluster import alike
from tests.cluster.alike import Likeness
from tests.cluster.nodes import bare_python, without_python
from tests.cluster.standalone import LIGHT, Standalone, standalone
from tests.servers import ObjectStore, jars, object_store

BUCKET = "lake"
_FOLDERS = ["--source", "folder"]
_SIZE_PX = 200
"""Of the pictures: small enough for many in little time, too large to be taken for faces that are cropped already."""
_TRAIN = ["--network", "small_cnn", "--epochs", "12", "--learning-rate", "0.01", "--ema-decay", "0.98", "--no-augment"]
_TRAIN += ["--partition", "batches", "--precision", "fp32", "--device", "cpu", "--threads", "1", "--seed", "3"]
_BATCH = 32
_SCORE = ["--source", "images", "--label-from", "parent", "--keep-crop", "--views", "single", "--samples", "200"]
_SCORE += ["--explain", "least-confident:8"]
_EXPLAIN = ["--split", "train", "--per-class", "2", "--views", "single", "--samples", "200"]
_LAST_LINES = 20


class JobError(Exception):
    """A job ended with another exit code than 0; the message ends with the end of its log."""


@dataclass
class Step:
    """A line of the summary. `likeness`: to what local mode gave; None where there is nothing to compare."""

    name: str
    seconds: float
    local_s: float | None = None
    rows: str = ""
    likeness: Likeness | None = None


@dataclass
class Demo:
    """A running cluster and object store, and a folder that is not the checkout, where the jobs are started.

    python   of the nodes: all packages, without fer_spark, which comes with each job
    package  fer_spark as a zip
    output   where models, pages and logs are left
    """

    work: Path
    output: Path
    python: Path
    package: Path
    cluster: Standalone
    store: ObjectStore
    steps: list[Step] = field(default_factory=list)

    @property
    def s3(self) -> fsspec.AbstractFileSystem:
        return fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True, **self.store.for_fsspec())

    @property
    def settings(self) -> Path:
        return self.output / "cluster.conf"

    def write_settings(self) -> None:
        """cluster.conf, which every spark-submit reads. Keys are in the environment of nodes and driver instead."""
        lines = [line.replace("=", " ", 1) for line in self.cluster.conf]
        lines += [
            f"spark.pyspark.python {self.python}",
            f"spark.submit.pyFiles {self.package}",
            f"spark.jars {','.join(map(str, jars()))}",
            f"spark.hadoop.fs.s3a.endpoint {self.store.endpoint}",
            "spark.hadoop.fs.s3a.path.style.access true",
            "spark.ui.enabled false",
            "spark.driver.memory 1g",
            f"spark.driver.extraJavaOptions {LIGHT}",
            f"spark.executor.extraJavaOptions {LIGHT}",
        ]
        self.settings.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def submit(self, job: str, *words: str) -> float:
        """Run a job on the cluster; returns its seconds."""
        submit = [f"{_find_spark_home()}/bin/spark-submit", "--properties-file", str(self.settings)]
        print(f"$ spark-submit --properties-file cluster.conf jobs/{job}.py {' '.join(words)}", flush=True)
        environment = without_python() | keys(self.store)
        return self._finish(job, [*submit, str(ROOT / "jobs" / f"{job}.py"), *words], environment)

    def locally(self, job: str, *words: str) -> float:
        """Run a job in local mode, as the checkout has it; returns its seconds."""
        command = job.replace("_", "-")
        print(f"$ fer-spark {command} {' '.join(words)}", flush=True)
        line = [sys.executable, "-m", "fer_spark", command, *words]
        return self._finish(f"local-{job}", line, without_python() | {"PYTHONPATH": str(ROOT)})

    def _finish(self, name: str, line: list[str], environment: dict[str, str]) -> float:
        log, began = self.output / "logs" / f"{name}.log", time.perf_counter()
        with log.open("wb") as out:
            code = subprocess.run(line, cwd=self.work, env=environment, stdout=out, stderr=out, check=False).returncode
        if code:
            end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])
            raise JobError(f"exit code {code}; {log} ends with:\n{end}")
        seconds = time.perf_counter() - began
        print(f"  {seconds:.1f} s", flush=True)
        return seconds

    def download(self, name: str, to: Path) -> Path:
        """Copy a folder or a file of the bucket to this disk."""
        self.s3.get(f"{BUCKET}/{name}", str(to), recursive=True)
        return to

    def compare(self, name: str, seconds: float, local_s: float, likeness: Likeness, what: str) -> None:
        self.steps.append(Step(name, seconds, local_s, f"{likeness.rows:,} {what}", likeness))


def keys(store: ObjectStore) -> dict[str, str]:
    """How both Spark and Python learn of an S3 store, without a key on a command line."""
    return {"AWS_ACCESS_KEY_ID": store.key, "AWS_SECRET_ACCESS_KEY": store.secret, "AWS_ENDPOINT_URL": store.endpoint}


@contextmanager
def started(work: Path, output: Path, package: Path) -> Iterator[Demo]:
    """A cluster and an object store with an empty bucket, ended with the block."""
    python = bare_python(work / "python")
    (work / "store").mkdir()
    (output / "logs").mkdir(parents=True)
    with ExitStack() as stack:
        store = stack.enter_context(object_store(work / "store"))
        cluster = stack.enter_context(standalone(output / "logs" / "cluster", nodes=keys(store)))
        demo = Demo(work, output, python, package, cluster, store)
        demo.s3.mkdir(BUCKET)
        demo.write_settings()
        print(f"{cluster.master}, workers on {' and '.join(cluster.workers)}; S3 at {store.endpoint}", flush=True)
        yield demo


def run(demo: Demo, count: int) -> list[Step]:
    """All steps, each on the cluster and then in local mode. Raises JobError."""
    _pictures(demo, count)
    for step in (_build, _train, _score, _explain, _explore):
        step(demo)
    _report(demo)
    return demo.steps


def _pictures(demo: Demo, count: int) -> None:
    place, settings = demo.work / "pictures", WriteSettings(drawing=Drawing(size_px=_SIZE_PX), workers=2)
    drawing = _timed(lambda: write_folder(place, count, 7, broken_fraction=0.05, settings=settings))
    uploading = _timed(lambda: demo.s3.put(f"{place}/", f"{BUCKET}/pictures/", recursive=True))
    demo.steps += [
        Step("draw pictures", drawing, rows=f"{count:,} files"),
        Step("upload", uploading, rows=f"{len(demo.s3.find(f'{BUCKET}/pictures')):,} objects"),
    ]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _there(name: str) -> str:
    return f"s3a://{BUCKET}/{name}"


def _build(demo: Demo) -> None:
    there = demo.submit("build_shards", *_FOLDERS, "--input", _there("pictures"), "--output", _there("shards"))
    here = demo.locally("build_shards", *_FOLDERS, "--input", "pictures", "--output", "shards")
    likeness = alike.faces(demo.download("shards", demo.work / "there" / "shards"), demo.work / "shards")
    demo.compare("build-shards", there, here, likeness, "faces")


def _train(demo: Demo) -> None:
    """Two processes on the cluster's two nodes, and one here with batches of twice the size, are to learn the same."""
    model = str(demo.output / "model")
    two = [*_TRAIN, "--processes", "2", "--batch-size", str(_BATCH // 2)]
    there = demo.submit("train", "--shards", _there("shards"), "--output", model, *two)
    here = demo.locally("train", "--shards", "shards", "--output", "model", *_TRAIN, "--batch-size", str(_BATCH))
    demo.compare("train", there, here, alike.weighed(demo.output / "model", demo.work / "model"), "tensors")


def _score(demo: Demo) -> None:
    words = ["--bundle", str(demo.output / "model"), *_SCORE]
    there = demo.submit("score", *words, "--input", _there("pictures"), "--output", _there("scores"))
    here = demo.locally("score", *words, "--input", "pictures", "--output", "scores")
    scores = demo.download("scores", demo.work / "there" / "scores")
    demo.compare("score", there, here, alike.scored(scores, demo.work / "scores"), "rows")
    demo.compare("  with LIME", 0.0, 0.0, alike.explained(scores, demo.work / "scores"), "faces explained")


def _explain(demo: Demo) -> None:
    words = ["--bundle", str(demo.output / "model"), *_EXPLAIN]
    there = demo.submit("explain", *words, "--shards", _there("shards"), "--output", _there("why"))
    here = demo.locally("explain", *words, "--shards", "shards", "--output", "why")
    likeness = alike.explained(demo.download("why", demo.work / "there" / "why"), demo.work / "why")
    demo.compare("explain", there, here, likeness, "faces explained")


def _explore(demo: Demo) -> None:
    there = demo.submit("explore", *_FOLDERS, "--input", _there("pictures"), "--output", _there("look"))
    here = demo.locally("explore", *_FOLDERS, "--input", "pictures", "--output", "look")
    look = demo.download("look", demo.work / "there" / "look")
    demo.compare("explore", there, here, alike.explored(look, demo.work / "look"), "rows of tables")
    (demo.output / "exploration.html").write_bytes((look / "report.html").read_bytes())


def _report(demo: Demo) -> None:
    seconds = demo.submit("report", "--scores", _there("scores"), "--output", _there("report.html"))
    page = demo.download("report.html", demo.output / "report.html")
    demo.steps.append(Step("report", seconds, rows=f"{page.stat().st_size / 1000:,.0f} kB, one page"))
