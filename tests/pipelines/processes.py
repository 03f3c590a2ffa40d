"""Jobs as processes of their own, which can be killed: driver, JVM and Python workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

import psutil

from tests.jvm import quick_jvm

ROOT = Path(__file__).parents[2]
QUICK_JVM = [
    "spark.ui.enabled=false",
    f"spark.driver.extraJavaOptions={quick_jvm()}",
    f"spark.executor.extraJavaOptions={quick_jvm()}",
]
"""For processes that live for half a minute."""


def start(words: Sequence[object], conf: Sequence[str] = ()) -> subprocess.Popen[str]:
    """`fer-spark` with these words as a process group of its own, output captured. Of `conf`, the last one counts."""
    command = [sys.executable, "-m", "fer_spark.cli", *map(str, words)]
    command += [word for item in [*QUICK_JVM, *conf] for word in ("--conf", item)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )


def run_until(process: subprocess.Popen[str], reached: Event) -> None:
    """Wait for something to happen while the process runs. Raises AssertionError with its output if it ends before.

    The output is read meanwhile: a process that fails writes more than a pipe takes, and would wait for a reader.
    """
    while not reached.is_set():
        with suppress(subprocess.TimeoutExpired):
            raise AssertionError(process.communicate(timeout=0.1)[0])


def kill(process: subprocess.Popen[str]) -> None:
    """By SIGKILL: the driver, its JVM, and the Python workers, which live in process groups of their own; nothing where
    it has ended."""
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with suppress(ProcessLookupError):
            os.kill(member.pid, signal.SIGKILL)
    process.communicate()
    psutil.wait_procs(family, timeout=20)
