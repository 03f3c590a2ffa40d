"""Has anything become slow? Each ratio against a peer in one run, small; a failure only below half of its goal.

python -m tests.benchmarks smoke, or make bench-smoke. The goals are those of docs/measured.md at their own sizes; here
fewer pictures are taken, so that start-up weighs more, and half of a goal leaves room for that. The best of the rounds
counts, and what is too slow is measured once more: whatever else the machine does can only make one of both slower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from fer_spark.training.pixels import bf16_pays
from tests.benchmarks import lime, prepare, reader, score


@dataclass(frozen=True)
class Ratio:
    """What is compared with what, the goal, and rates of rounds in turn: (ours, theirs); none where this
    machine cannot."""

    what: str
    goal: float
    measure: Callable[[], list[tuple[list[float], list[float]]]]


def _reader() -> list[tuple[list[float], list[float]]]:
    rates = reader.run(4_096, 2, 2)[0].figures
    return [(rates[reader.OURS], seen) for name, seen in rates.items() if name != reader.OURS]


def _prepare() -> list[tuple[list[float], list[float]]]:
    rates = prepare.run("prepare", 3_000, 2, 2)[-1].figures
    return [(rates[prepare.LISTED], rates[prepare.EQUAL])]


def _score() -> list[tuple[list[float], list[float]]]:
    rates = score.run(1_500, 2, 2, "fer2013-tiny", prepared=False)[0].figures
    return [(rates[score.SCORING], rates[score.LOOP])]


def _lime() -> list[tuple[list[float], list[float]]]:
    if not bf16_pays(torch.device("cpu")):
        return []
    rates = lime.run(1, 2)[0].figures
    return [(rates[lime.BF16], rates[lime.STOCK_NAME])]


RATIOS = [
    Ratio("reader against the best peer that is installed", 3.0, _reader),
    Ratio("preparing small pictures against a bare loop of the same code", 0.95, _prepare),
    Ratio("scoring pictures against a bare loop of the same code", 0.95, _score),
    Ratio("explaining by the lime package's masks in bfloat16 against it", 3.0, _lime),
]


def run() -> bool:
    """Print a line for each; False when one is below half of its goal, also when it is measured once more."""
    lines, fine = [], True
    for ratio in RATIOS:
        found = _best(ratio)
        if found is not None and found < ratio.goal / 2:
            found = max(found, _best(ratio) or 0.0)
        if found is None:
            lines.append(f"none         goal {ratio.goal:.2f}  {ratio.what}: not on this processor")
            continue
        enough = found >= ratio.goal / 2
        fine &= enough
        lines.append(f"{'ok  ' if enough else 'SLOW'}  {found:5.2f}  goal {ratio.goal:.2f}  {ratio.what}")
    print("\n" + "\n".join(lines))
    return fine


def _best(ratio: Ratio) -> float | None:
    """The best round against the peer that is nearest; None where this machine cannot."""
    measured = ratio.measure()
    return min(max(a / b for a, b in zip(ours, theirs, strict=True)) for ours, theirs in measured) if measured else None
