from __future__ import annotations

import argparse
import importlib
import os
from pathlib import Path

from tests.benchmarks import __doc__ as description
from tests.benchmarks.results import Compared, write_results

MAKE_BENCH = ["build", "score", "prepare", "photographs", "faces-scored", "reader", "lime"]
"""What is measured where nothing is named: some two hours on two cores."""
BESIDE = ["places", "clients"]
"""Where they are named: they need make jars."""
ALONE = ["eyes", "faces", "training", "scale", "explore", "start", "smoke"]
"""These print figures of their own."""


def measure(name: str, asked: argparse.Namespace) -> list[Compared]:
    """Run a benchmark; the comparisons that it made."""
    images, rounds, cores = asked.images, asked.rounds, asked.cores
    if name in ("build", "score"):
        from tests.benchmarks.whole import run as run_whole

        return run_whole(name, images, rounds, cores, asked.bundle, asked.peers, asked.without)
    if name in ("prepare", "photographs"):
        from tests.benchmarks.prepare import run as run_prepare

        return run_prepare(name, images, rounds, cores)
    if name == "faces-scored":
        from tests.benchmarks.score import run as run_score

        return run_score(images, rounds, cores, asked.bundle)
    if name == "reader":
        from tests.benchmarks.reader import run as run_reader

        return run_reader(images, rounds, cores)
    if name == "lime":
        from tests.benchmarks.lime import run as run_lime

        return run_lime(images or 4, rounds, asked.bundle)
    if name == "places":
        from tests.benchmarks.places.run import run as run_places

        return run_places(images, rounds, cores, asked.pictures)
    if name == "clients":
        from tests.benchmarks.places.clients import run as run_clients

        return run_clients(images or 2_000, rounds)
    if name == "smoke":
        from tests.benchmarks.smoke import run as run_smoke

        if not run_smoke():
            raise SystemExit(1)
        return []
    run = importlib.import_module(f"tests.benchmarks.{name}").run
    arguments = {
        "eyes": [images or 600],
        "faces": [rounds],
        "training": [images, rounds],
        "scale": [images or 200_000, cores, asked.pictures],
        "explore": [images or 10_000_000, cores],
        "start": [images or 5, rounds, cores],
    }
    run(*arguments[name])
    return []


def _parser() -> argparse.ArgumentParser:
    line = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=description)
    line.formatter_class = argparse.RawDescriptionHelpFormatter
    line.add_argument("what", nargs="*", choices=[*MAKE_BENCH, *BESIDE, *ALONE, []], default=[])
    line.add_argument(
        "--images", type=int, default=0, help="how many pictures, or annotation rows; 0: the benchmark's own number"
    )
    line.add_argument(
        "--pictures", default="", metavar="FOLDER", help="of places, scale: pictures to take; else drawn ones"
    )
    line.add_argument("--rounds", type=int, default=3, help="repetitions, taken in turn")
    line.add_argument("--cores", type=int, default=2)
    line.add_argument("--bundle", default="fer2013", help="a shipped bundle's name, or a directory")
    line.add_argument("--output", type=Path, help="folder for results.json, results.md and results.png")
    peers = ".venv-peers/bin/python"
    line.add_argument(
        "--peers", default=peers if os.path.exists(peers) else "", help="the Python of make peers (found by itself)"
    )
    line.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="of build and score: a contender to leave out"
    )
    return line


if __name__ == "__main__":
    asked, found = _parser().parse_args(), []
    for name in asked.what or MAKE_BENCH:
        tables = measure(name, asked)
        for table in tables:
            print(table.text(), flush=True)
        found += tables
        if asked.output and found:
            write_results(found, asked.output)
