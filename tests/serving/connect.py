"""A Spark Connect server of the installed pyspark, and what a user's program does with it, in a process of its own.

A process that has opened a Connect session makes columns and functions for that kind alone, so it is never the tests'.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark.find_spark_home import _find_spark_home

from tests.jvm import quick_jvm

ROOT = Path(__file__).parents[2]
_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
_START_S = 240
JOBS = ("build_shards", "score", "explain", "explore")


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server over an executor that is a process of its own; yields its address. `folder` takes its files."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    conf = {
        "spark.master": "local-cluster[1,2,1024]",
        "spark.driver.extraJavaOptions": quick_jvm(),
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": "2",
    }
    words = [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]
    command = [f"{_find_spark_home()}/bin/spark-submit", *words, "--class", _CLASS]
    python = {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "SPARK_HOME": _find_spark_home()}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | python, stdout=log, stderr=log)
    try:
        _wait(process, port, folder / "server.log")
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"no Connect server: {log.read_text()[-3000:]}")


def client(remote: str, folder: Path, pictures: Path, bundle: Path) -> dict[str, Any]:
    """What `main` found as a program of its own, in a folder that is not the checkout."""
    words = [remote, str(pictures), str(bundle), str(folder / "found.json")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.serving.connect", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads((folder / "found.json").read_text()))


def functions(spark: Any, pictures: Path, bundle: Path) -> dict[str, Any]:
    """Every function of fer_spark.udf on the same pictures, by name of the way; for a session of either kind."""
    from fer_spark.udf import LimeSettings, explain_udf, predict_udf, register, register_explain

    lime = LimeSettings(samples=40, segment_count=4, hide="black")
    files = spark.read.format("binaryFile").load(str(pictures))
    files = files.selectExpr("regexp_extract(path, '[^/]+$', 0) AS name", "content")
    predict, explain = predict_udf(bundle, detector="none"), explain_udf(bundle, lime=lime, detector="none")
    register(spark, bundle, detector="none")
    register_explain(spark, bundle, lime=lime, detector="none")
    files.createOrReplaceTempView("files")
    sql = "SELECT name, {}(content) AS found FROM files"
    local = spark.createDataFrame(
        [(p.name, bytearray(p.read_bytes())) for p in pictures.iterdir()], "name string, b binary"
    )
    frames = {
        "predict": files.select("name", predict("content").alias("found")),
        "explain": files.select("name", explain("content").alias("found")),
        "predict in sql": spark.sql(sql.format("fer_predict")),
        "explain in sql": spark.sql(sql.format("fer_explain")),
        "predict bytes of the client": local.repartition(3).select("name", predict("b").alias("found")),
    }
    return {way: _rows(frame) for way, frame in frames.items()}


def _rows(frame: Any) -> dict[str, Any]:
    found = {row["name"]: row["found"].asDict(recursive=True) for row in frame.collect()}
    for row in found.values():
        row.pop("segment_map", None)  # bytes
    return found


def refusals(spark: Any, place: str) -> dict[str, list[str]]:
    """What each job that needs the JVM raises: the error's classes, and its text."""
    import fer_spark

    found = {}
    for name in JOBS:
        job: Callable[..., Any] = getattr(fer_spark, name)
        try:
            job(spark, place, "out")
        except ValueError as error:
            found[name] = [*(kind.__name__ for kind in type(error).__mro__), str(error)]
    return found


def main(remote: str, pictures: str, bundle: str, output: str) -> None:
    from pyspark.sql import SparkSession

    from fer_spark.cli import main as cli
    from fer_spark.spark.connect import is_connect
    from fer_spark.udf import predict_udf

    spark = SparkSession.builder.remote(remote).getOrCreate()
    found: dict[str, Any] = {"connect": is_connect(spark), **functions(spark, Path(pictures), Path(bundle))}
    found["refused"] = refusals(spark, pictures)
    found["code"] = cli(["explore", "--source", "images", "--input", pictures, "--output", "out"])
    spark.stop()
    other: Any = SparkSession.builder.remote(remote).create()  # what one session was sent is not another's
    files = other.read.format("binaryFile").load(pictures)
    rows = files.select(predict_udf(bundle, detector="none")("content").alias("found")).collect()
    found["another session"] = sorted(row["found"]["label"] for row in rows)
    Path(output).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
