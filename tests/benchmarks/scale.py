"""Hundreds of thousands of pictures through a 2 GB driver: time against count, and memory of the Python workers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from fer_spark.sample import Drawing, WriteSettings, write_folder

_MIB = 2**20


def run(images: int, cores: int) -> None:
    """Draw pictures of 96 px, build shards from a quarter, a half and all of them; print seconds and memory."""
    with tempfile.TemporaryDirectory(prefix="fer-spark-scale-") as directory:
        work = Path(directory)
        began = time.perf_counter()
        write_folder(
            work / "all", images, 1, "flat", settings=WriteSettings(workers=cores, drawing=Drawing(size_px=96))
        )
        print(f"drew {images:,} pictures in {time.perf_counter() - began:.0f} s", flush=True)
        files = sorted(path for path in (work / "all").rglob("*") if path.is_file())
        for part in (images // 4, images // 2, images):
            lake = work / f"first-{part}"
            for file in files[:part]:
                target = lake / file.relative_to(work / "all")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(file)
            _measure(lake, work / "shards", part, cores)


def _measure(lake: Path, output: Path, images: int, cores: int) -> None:
    shutil.rmtree(output, ignore_errors=True)
    model = str(Path(os.environ.get("FER_SPARK_DATA", ".")).parent / "models" / "face_detection_yunet.onnx")
    detector = ["--detector", "yunet", "--detector-model", model] if Path(model).exists() else ["--detector", "haar"]
    words = [sys.executable, "-m", "fer_spark.cli", "build-shards", "--source", "images", "--input", str(lake)]
    words += ["--output", str(output), "--max-bad-fraction", "1", "--master", f"local[{cores},4]", *detector]
    words += ["--conf", "spark.driver.memory=2g", "--conf", "spark.ui.enabled=false"]
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peaks = {"Python worker": 0, "driver JVM": 0}
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks), daemon=True)
    watcher.start()
    _, errors = process.communicate()
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(errors)
    manifest = json.loads((output / "_manifest.json").read_text())
    assert manifest["counts"]["input"] == images
    print(
        f"{images:>9,} pictures: {seconds:6.1f} s, {images / seconds:6.0f}/s, {1e3 * seconds / images:.2f} ms each; "
        f"largest Python worker {peaks['Python worker'] / _MIB:.0f} MiB, "
        f"JVM {peaks['driver JVM'] / _MIB:.0f} MiB resident; "
        f"{manifest['counts']['written_faces']:,} faces",
        flush=True,
    )


def _watch(pid: int, peaks: dict[str, int]) -> None:
    while psutil.pid_exists(pid):
        try:
            for child in psutil.Process(pid).children(recursive=True):
                name = "driver JVM" if child.name() == "java" else "Python worker"
                peaks[name] = max(peaks[name], child.memory_info().rss)
        except psutil.Error:
            pass
        time.sleep(0.5)
