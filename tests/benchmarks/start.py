"""From nothing to a first answer: the seconds of `fer-spark score` on a few pictures, each time in a new process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fer_spark.sample import write_folder


def run(images: int, rounds: int, cores: int) -> None:
    """Score so many drawn pictures, by flags and as plain arguments (which also leaves a page); print the seconds."""
    with tempfile.TemporaryDirectory(prefix="fer-spark-start-") as directory:
        work = Path(directory)
        write_folder(work / "pictures", images, seed=3, layout="flat")
        flags = ["--bundle", "fer2013", "--source", "images", "--input", str(work / "pictures")]
        for round_ in range(rounds):
            for name, words in (("by flags", flags), ("plain, with the page", [str(work / "pictures")])):
                place = work / f"{len(words)}-{round_}"
                began = time.perf_counter()
                line = [sys.executable, "-m", "fer_spark", "score", *words, "--output", place]
                line += ["--master", f"local[{cores},4]"]
                done = subprocess.run(line, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise SystemExit(done.stderr)
                print(f"{images} pictures, {name:<21} {time.perf_counter() - began:5.1f} s", flush=True)
