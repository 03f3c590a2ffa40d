"""Whole jobs, each in a new process: fer-spark's, a bare loop, the usual two UDFs, and other engines, in turn.

All but the two UDFs use the very same preparation and network, so that what differs is the engine. Beside the seconds
stand CPU seconds of the whole process tree, which can be compared where other work runs as well, and its peak memory
(PSS). Engines that are not installed are left out and named: make peers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq

from fer_spark.networks.places import CARD, find_bundle
from tests.benchmarks.prepare import small_pictures
from tests.benchmarks.processes import run_watched
from tests.benchmarks.results import Compared

OURS, BARE = {"build": "fer-spark build-shards", "score": "fer-spark score"}, "bare loop"
_BLOCKS_PER_CORE = 8
"""Ray reads better in more blocks than it chooses for few files: 8 per core was its best setting where it was tried."""


def run(
    kind: str, images: int, rounds: int, cores: int, bundle: str, peers: str, without: Collection[str] = ()
) -> list[Compared]:
    """`kind`: build or score (single view); `peers`: the Python that has the other engines, "" for none; `without`:
    names of contenders that are left out."""
    with tempfile.TemporaryDirectory(prefix="fer-spark-whole-") as directory:
        work = Path(directory)
        files = small_pictures(work / "lake", images or 15_000, cores)
        single = _single_view(bundle, work / "bundle") if kind == "score" else ""
        every = _jobs(kind, work / "lake", single, cores, peers)
        jobs = {name: words for name, words in every.items() if name not in without}
        print(f"{kind}: {len(files):,} small pictures, {cores} cores, rounds in turn: {rounds}", flush=True)
        found: dict[str, list[tuple[float, float, float]]] = {}
        for number in range(rounds):
            for name, words in jobs.items():
                output = work / f"output-{number}"
                seen = run_watched(name, [word.format(output=output) for word in words])
                found.setdefault(name, []).append((seen.seconds, seen.cpu_s, seen.peak_mib))
                faces = _rows(output)
                if faces < 0.9 * len(files):  # the two UDFs find fewer
                    raise SystemExit(f"{name}: {faces:,} rows of {len(files):,} pictures")
                shutil.rmtree(output)
    columns = {name: list(zip(*rows, strict=True)) for name, rows in found.items()}
    title = f"{kind}, {len(files):,} small pictures, whole job, {cores} cores, rounds: {rounds}"
    return [
        Compared(
            title, unit, OURS[kind], {name: list(column[index]) for name, column in columns.items()}, more=False
        )
        for index, unit in enumerate(("seconds", "CPU seconds", "MiB of memory at the peak"))
    ]  # fmt: skip


def _jobs(kind: str, lake: Path, bundle: str, cores: int, peers: str) -> dict[str, list[str]]:
    """The words that start each job; {output} is where it writes."""
    model = known_model()
    ours = [sys.executable, "-m", "fer_spark", "build-shards" if kind == "build" else "score", "--source", "images"]
    ours += ["--input", str(lake), "--output", "{output}", "--master", f"local[{cores},4]"]
    ours += detector_words(model)
    if bundle:
        ours += ["--bundle", bundle]

    def other(python: str, engine: str, *more: str) -> list[str]:
        words = [python, "-m", "tests.benchmarks.engine_jobs", engine, kind, str(lake), "{output}"]
        return [*words, "--cores", str(cores), "--model", model, "--bundle", bundle, *more]

    jobs = {OURS[kind]: ours, BARE: other(sys.executable, "bare")}
    if model:
        jobs["two pandas UDFs"] = other(sys.executable, "two-udfs")
    engines = {
        "Ray Data": ["ray"],
        f"Ray Data, {_BLOCKS_PER_CORE} blocks a core": ["ray", "--blocks", str(_BLOCKS_PER_CORE * cores)],
        "Daft": ["daft"],
    }
    for name, words in engines.items():
        needed = {"ray": "ray.data", "daft": "daft"}[words[0]]
        if (
            peers
            and subprocess.run([peers, "-c", f"import {needed}"], capture_output=True, check=False).returncode == 0
        ):
            jobs[name] = other(peers, *words)
        else:
            print(f"{name}: left out, not installed: make peers")
    return jobs


def known_model() -> str:
    """YuNet's file beside $FER_SPARK_DATA; empty where it is not there."""
    known = Path(os.environ.get("FER_SPARK_DATA", ".")).parent / "models" / "face_detection_yunet.onnx"
    return str(known) if known.is_file() else ""


def detector_words(model: str) -> list[str]:
    """The job's flags for it."""
    return ["--detector", "yunet", "--detector-model", model] if model else ["--detector", "haar"]


def _rows(output: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in output.rglob("*.parquet") if "_quarantine" not in path.parts)


def _single_view(bundle: str, place: Path) -> str:
    """The same bundle, asked one view of a face."""
    place.mkdir()
    for file in find_bundle(bundle).iterdir():
        if file.is_file():
            (place / file.name).write_bytes(file.read_bytes())
    card = json.loads((place / CARD).read_text())
    (place / CARD).write_text(json.dumps(card | {"views": "single"}))
    return str(place)
