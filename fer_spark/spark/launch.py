"""How the JVM is started: no sooner than needed and, for a short job, without what nobody asked for."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_spark.machine import MachineError
from fer_spark.spark.archive import sharing_options
from fer_spark.spark.java import Java, check_java
from fer_spark.spark.quiet import quieten

QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For a job of seconds: compile once, and lightly; one thread collects. Not for jobs that compute for minutes."""

_QUICK_EXECUTORS = "-XX:TieredStopAtLevel=1"
"""The same for a cluster's executors, without a collector, which what the user has set may choose."""

_OPTIONS = "SPARK_SUBMIT_OPTS"
_LAUNCHER = "SPARK_LAUNCHER_OPTS"
_NO_PYTHON = "no-python-data-sources"


_ahead: list[Future[None]] = []
"""The start of a JVM by another thread."""
_quick: list[bool] = [False]
"""Whether the job that this process runs is one of seconds."""


def start_ahead(settings: Mapping[str, str], quick: bool) -> None:
    """Start the JVM in a thread of its own, while this one goes on; `start_jvm` waits for it. Nothing where one runs.

    settings  Spark settings that the user gave
    quick     the job is one of seconds
    """
    _quick[:] = [quick]
    importlib.import_module("pyspark.sql")  # by one thread, before there are two
    if _running() or _ahead:
        return
    pool = ThreadPoolExecutor(1, thread_name_prefix="jvm")
    _ahead.append(pool.submit(_start, settings, quick))
    pool.shutdown(wait=False)


def start_jvm(settings: Mapping[str, str]) -> None:
    """Start the JVM unless one runs. Raises MachineError where there is no Java that serves, or it does not start."""
    if _ahead:
        with suppress(ImportError):  # Spark 4.3 loads it at the first list that it hands over: now there is time for it
            importlib.import_module("pandas")
        _ahead.pop().result()
    if not _running():
        _start(settings, False)


def executor_options() -> str:
    """Options of a cluster's executors for the job that `start_ahead` began; empty unless it is one of seconds."""
    return _QUICK_EXECUTORS if _quick[0] else ""


def quick_options(java: Java, leave: bool = True) -> str:
    """Options of a JVM for a job of seconds. `leave`: whether it may leave an archive of classes to later ones."""
    from pyspark.find_spark_home import _find_spark_home

    return f"{QUICK} {sharing_options(java.release, java.program, Path(_find_spark_home(), 'jars'), leave)}".strip()


def _running() -> bool:
    from pyspark import SparkContext

    return SparkContext._gateway is not None


def _start(settings: Mapping[str, str], quick: bool) -> None:
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError

    # the JVM takes its locale, and with it the encoding of file names, from the environment it starts in
    if not any("utf" in os.environ.get(name, "").lower() for name in ("LC_ALL", "LC_CTYPE", "LANG")):
        os.environ["LC_ALL"] = "C.UTF-8"
    launch = SparkConf(loadDefaults=False)
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        SparkContext._ensure_initialized(conf=launch)
        return
    java = check_java()
    # what the JVM itself must know, and the launcher's own habit of turning the console bar on
    early = {"spark.driver.memory": "2g", "spark.ui.showConsoleProgress": "false"} | dict(settings)
    for key, value in early.items():
        launch.set(key, value)
    quieten()
    quick = quick and not _chosen(settings)  # on a cluster too, where the driver plans
    with _environment(quick_options(java) if quick and java is not None else ""):
        try:
            SparkContext._ensure_initialized(conf=launch)
        except PySparkRuntimeError as error:
            raise MachineError(
                "Java did not start; its own message is above. Too little memory? --conf spark.driver.memory=1g. "
                "fer-spark doctor says what else may be missing"
            ) from error


def _chosen(settings: Mapping[str, str]) -> bool:
    """Whether the user chose options of the JVM, which ours could contradict."""
    if any(os.environ.get(name) for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "PYSPARK_SUBMIT_ARGS")):
        return True
    folders = [os.environ.get("SPARK_CONF_DIR", ""), os.path.join(os.environ.get("SPARK_HOME", ""), "conf")]
    if any(Path(folder, "spark-defaults.conf").is_file() for folder in folders if folder):
        return True
    return "-XX" in os.environ.get(_OPTIONS, "") or any("JavaOptions" in key for key in settings)


@contextmanager
def _environment(options: str) -> Iterator[None]:
    """The environment that the JVM starts in, with `options` of its own; restored once it runs."""
    changed = {_LAUNCHER: os.environ.get(_LAUNCHER, QUICK)}
    if options:
        changed[_OPTIONS] = f"{os.environ.get(_OPTIONS, '')} {options}".strip()
    if "PYSPARK_DRIVER_PYTHON" not in os.environ and not _python_data_sources():
        changed["PYSPARK_DRIVER_PYTHON"] = _NO_PYTHON
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _python_data_sources() -> bool:
    """Whether a Python package offers data sources: Spark 4 looks for them, by this name, in a Python process that it
    starts for that in every session, unless there is no Python by the name that the JVM knows."""
    return any(info.name.startswith("pyspark_") for info in pkgutil.iter_modules())
