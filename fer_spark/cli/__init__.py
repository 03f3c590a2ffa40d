"""The `fer-spark` command: one subcommand per step, each the same entry point that jobs/*.py submit to Spark."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence

from fer_spark import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "doctor": (
        "fer_spark.cli.commands.doctor",
        "what this machine has and lacks for jobs to run, with the command that mends it",
    ),
    "explore": (
        "fer_spark.cli.commands.explore",
        "a data set or shards → what it holds, what is wrong with it, what to do: tables and one page",
    ),
    "build-shards": (
        "fer_spark.cli.commands.build_shards",
        "pictures → prepared faces in Parquet, every picture accounted for",
    ),
    "augment-shards": (
        "fer_spark.cli.commands.augment_shards",
        "shards → shards with marked copies of the rarer classes in train",
    ),
    "fetch-detector": (
        "fer_spark.cli.commands.fetch_detector",
        "bring the YuNet face detector into your cache, checksum checked",
    ),
    "train": (
        "fer_spark.cli.commands.train",
        "shards → a model: a bundle of weights and a card, the epoch chosen on the val split",
    ),
    "tune": (
        "fer_spark.cli.commands.tune",
        "shards → settings: a search over trainings, its best bundle, and which settings mattered",
    ),
    "evaluate": (
        "fer_spark.cli.commands.evaluate",
        "a bundle on a split of shards → figures with intervals, pictures, one page",
    ),
    "score": (
        "fer_spark.cli.commands.score",
        "pictures → one row per face with its perceived expression; nightly, only what is new",
    ),
    "explain": (
        "fer_spark.cli.commands.explain",
        "a bundle on faces of shards → why: LIME weights per segment, each with its fit",
    ),
    "report": (
        "fer_spark.cli.commands.report",
        "scores and explanations → one page: counts, drift, calibration, faces with heat maps",
    ),
    "compare": (
        "fer_spark.cli.commands.compare",
        "remedies for imbalanced classes, trained on one budget: one table",
    ),
    "export": (
        "fer_spark.cli.commands.export",
        "a trained bundle → ONNX or torch.export, checked equal",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"fer-spark {__version__}")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        print(f"fer-spark: unknown command {name!r}" + (f"; did you mean {near[0]}?" if near else ""), file=sys.stderr)
        print(_usage(), file=sys.stderr)
        return 2
    return int(importlib.import_module(COMMANDS[name][0]).main(rest))


def _usage() -> str:
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: fer-spark COMMAND [flags]      fer-spark COMMAND --help shows its flags",
            "",
            "Facial expression recognition at lake scale. Outputs are perceived expressions, not what a person feels.",
            "",
            *lines,
        ]
    )
