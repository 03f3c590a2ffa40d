"""The table that `make cluster-demo` ends with."""

from __future__ import annotations

from collections.abc import Sequence

from tests.cluster.demo import Step

_HEAD = ("step", "cluster", "local mode", "result", "equal")


def summary(steps: Sequence[Step], seconds: float) -> str:
    """A line for each step, columns aligned."""
    lines = [_HEAD, *map(_cells, steps), ("all", f"{seconds:.1f} s", "", "", "")]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
    texts = ["  ".join(_padded(i, cell, widths[i]) for i, cell in enumerate(line)).rstrip() for line in lines]
    texts.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(["", *texts, ""])


def _cells(step: Step) -> tuple[str, ...]:
    return (
        step.name,
        f"{step.seconds:.1f} s" if step.seconds else "",
        f"{step.local_s:.1f} s" if step.local_s else "",
        step.rows,
        step.likeness.described if step.likeness else "",
    )


def _padded(column: int, cell: str, width: int) -> str:
    """Seconds end, texts begin at the same place."""
    return cell.rjust(width) if column in (1, 2) else cell.ljust(width)
