"""Up to a million drawn pictures through build-shards, explore and score with a 2 GB driver: time and memory by count.

A picture's own time is that between two counts: whole jobs also take the seconds in which they start.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from fer_spark.sample import Drawing, WriteSettings, write_folder

_MIB = 2**20
_PARTS = (100, 10, 1)
JVM, WORKER = "JVM", "largest Python worker"


@dataclass
class Took:
    """A job on so many pictures. `peaks`: resident bytes of the JVM, and of the largest Python worker."""

    images: int
    seconds: float = 0.0
    cpu_s: float = 0.0
    peaks: dict[str, int] = field(default_factory=lambda: {JVM: 0, WORKER: 0})


def run(images: int, cores: int, pictures: str = "") -> None:
    """Run each job on a hundredth, a tenth and all of so many pictures; print seconds and memory.

    pictures  a folder with at least so many; else drawn ones of 96 px
    """
    beside = Path(pictures).parent if pictures else None
    with tempfile.TemporaryDirectory(prefix="fer-spark-scale-", dir=beside) as directory:
        work = Path(directory)
        drawn = Path(pictures) if pictures else work / "all"
        if not pictures:
            began = time.perf_counter()
            write_folder(drawn, images, 1, "flat", settings=WriteSettings(workers=cores, drawing=Drawing(size_px=96)))
            print(f"drew {images:,} pictures in {time.perf_counter() - began:.0f} s", flush=True)
        parts = [images // part for part in _PARTS]
        lakes = [_first(drawn, part, work / f"first-{part}") for part in parts]
        for name in ("build-shards", "explore", "score"):
            smaller = Took(0)
            for part, lake in zip(parts, lakes, strict=True):
                took = _measure(name, lake, work / "output", part, cores)
                print(_line(name, took, smaller), flush=True)
                smaller = took


def _first(pictures: Path, count: int, lake: Path) -> Path:
    files = sorted(path for path in pictures.rglob("*") if path.is_file())
    for file in files[:count]:
        target = lake / file.relative_to(pictures)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(file)
    return lake


def _measure(name: str, lake: Path, output: Path, images: int, cores: int) -> Took:
    shutil.rmtree(output, ignore_errors=True)
    words = [sys.executable, "-m", "fer_spark.cli", name, "--source", "images", "--input", str(lake)]
    words += ["--output", str(output), "--master", f"local[{cores},4]"]
    words += ["--conf", "spark.driver.memory=2g", "--conf", "spark.ui.enabled=false"]
    if name != "explore":
        model = str(Path(os.environ.get("FER_SPARK_DATA", ".")).parent / "models" / "face_detection_yunet.onnx")
        words += ["--detector", "yunet", "--detector-model", model] if Path(model).exists() else ["--detector", "haar"]
        words += ["--max-bad-fraction", "1"]
    if name == "score":
        words += ["--bundle", "fer2013-tiny", "--views", "single"]
    took, began = Took(images), time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    watcher = threading.Thread(target=_watch, args=(process.pid, took), daemon=True)
    watcher.start()
    _, errors = process.communicate()
    took.seconds = time.perf_counter() - began
    watcher.join()
    if process.returncode:
        raise SystemExit(errors)
    if name == "build-shards":
        assert json.loads((output / "_manifest.json").read_text())["counts"]["input"] == images
    return took


def _line(name: str, took: Took, smaller: Took) -> str:
    more = took.images - smaller.images
    each = 1e3 * (took.seconds - smaller.seconds) / more
    of_cpu = 1e3 * (took.cpu_s - smaller.cpu_s) / more
    memory = ", ".join(f"{name} {peak / _MIB:.0f} MiB" for name, peak in took.peaks.items())
    return (
        f"{name:<12} {took.images:>9,} pictures: {took.seconds:7.1f} s, {took.cpu_s:7.1f} CPU-s; "
        f"a further picture {each:.2f} ms, {of_cpu:.2f} of CPU; {memory}"
    )


def _watch(pid: int, took: Took) -> None:
    used: dict[int, float] = {}
    while psutil.pid_exists(pid):
        try:
            for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
                times = process.cpu_times()
                used[process.pid] = times.user + times.system
                name = JVM if process.name() == "java" else WORKER
                if process.pid != pid and process.name().startswith(("java", "python")):  # a fork may not be one yet
                    took.peaks[name] = max(took.peaks[name], process.memory_info().rss)
        except psutil.Error:
            pass
        took.cpu_s = sum(used.values())
        time.sleep(0.25)
