from __future__ import annotations

import argparse

from tests.benchmarks import __doc__ as description

if __name__ == "__main__":
    line = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=description)
    line.formatter_class = argparse.RawDescriptionHelpFormatter
    line.add_argument(
        "what",
        nargs="*",
        choices=[
            "prepare",
            "build",
            "photographs",
            "eyes",
            "scale",
            "reader",
            "training",
            "score",
            "explore",
            "start",
            "faces",
            "smoke",
            [],
        ],
        default=[],
    )
    line.add_argument(
        "--images", type=int, default=0, help="how many pictures, or annotation rows; 0: the benchmark's own number"
    )
    line.add_argument("--rounds", type=int, default=3, help="repetitions, taken in turn")
    line.add_argument("--cores", type=int, default=2)
    line.add_argument("--bundle", default="fer2013", help="for score: a shipped bundle's name, or a directory")
    asked = line.parse_args()
    for name in asked.what or ["prepare", "photographs", "eyes"]:
        if name == "smoke":
            from tests.benchmarks.smoke import run as run_smoke

            if not run_smoke():
                raise SystemExit(1)
        elif name == "scale":
            from tests.benchmarks.scale import run as run_scale

            run_scale(asked.images or 200_000, asked.cores)
        elif name == "explore":
            from tests.benchmarks.explore import run as run_explore

            run_explore(asked.images or 10_000_000, asked.cores)
        elif name == "build":
            from tests.benchmarks.build import run as run_build

            run_build(asked.images, asked.rounds, asked.cores)
        elif name == "start":
            from tests.benchmarks.start import run as run_start

            run_start(asked.images or 5, asked.rounds, asked.cores)
        elif name == "reader":
            from tests.benchmarks.reader import run as run_reader

            run_reader(asked.images, asked.rounds, asked.cores)
        elif name == "training":
            from tests.benchmarks.training import run as run_training

            run_training(asked.images, asked.rounds)
        elif name == "score":
            from tests.benchmarks.score import run as run_score

            run_score(asked.images, asked.rounds, asked.cores, asked.bundle)
        elif name == "faces":
            from tests.benchmarks.faces import run as run_faces

            run_faces(asked.rounds)
        elif name == "eyes":
            from tests.benchmarks.eyes import run as run_eyes

            run_eyes(asked.images or 600)
        else:
            from tests.benchmarks.prepare import run as run_prepare

            run_prepare(name, asked.images, asked.rounds, asked.cores)
