"""What the runs of all places took, compared as the goals have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.benchmarks.results import Compared

LOCAL, CLUSTER = "local mode, disk to disk", "cluster, disk to disk"
FROM_S3, S3_TO_S3 = "local mode, S3 to disk", "local mode, S3 to S3"
CLUSTER_GOAL, S3_GOAL = 0.9, 0.85


@dataclass(frozen=True)
class Figures:
    """Of one run. `preparing_s`: of the stage that prepares; `store_…`: CPU seconds of the store."""

    seconds: float
    cpu_s: float
    peak_mib: float
    preparing_s: float
    store_s: float
    store_preparing_s: float
    checksum: str


def tables(found: dict[str, list[Figures]], pictures: int, cores: int) -> list[Compared]:
    """The comparisons that have a goal, which are also printed in a line each, and then the figures of whole jobs."""
    title = f"build-shards, {pictures:,} pictures, {cores} cores, rounds: {len(found[LOCAL])}"

    def rates(of: str, ours: str, seconds: Callable[[Figures], float]) -> Compared:
        figures = {name: [pictures / seconds(run) for run in found[name]] for name in (ours, LOCAL)}
        return Compared(f"{title}; {of}", "pictures/s", ours, figures)

    def costs(unit: str, names: Iterable[str], cost: Callable[[Figures], float]) -> Compared:
        figures = {name: [cost(run) for run in found[name]] for name in names}
        return Compared(f"{title}; whole job", unit, next(iter(figures)), figures, more=False)

    def without_store(seconds: float, store_s: float) -> float:
        return seconds - store_s / cores

    goals = [
        (CLUSTER_GOAL, rates("preparing", CLUSTER, lambda run: run.preparing_s)),
        (CLUSTER_GOAL, rates("whole job", CLUSTER, lambda run: run.seconds)),
        (S3_GOAL, rates("preparing", FROM_S3, lambda run: run.preparing_s)),
        (
            S3_GOAL,
            rates(
                "preparing, without the store's CPU seconds",
                FROM_S3,
                lambda run: without_store(run.preparing_s, run.store_preparing_s),
            ),
        ),
        (S3_GOAL, rates("whole job", FROM_S3, lambda run: run.seconds)),
    ]
    for goal, compared in goals:
        ratio = compared.ratio(LOCAL)
        reached = "reached" if ratio >= goal else "below"
        print(f"{compared.ours}, of {LOCAL}; {compared.title.rpartition('; ')[2]}: {ratio:.2f}, goal {goal}: {reached}")
    return [
        *(compared for _, compared in goals),
        costs("seconds", found, lambda run: run.seconds),
        costs("seconds of preparing", found, lambda run: run.preparing_s),
        costs("CPU seconds", found, lambda run: run.cpu_s),
        costs("CPU seconds of the store", (FROM_S3, S3_TO_S3), lambda run: run.store_s),
        costs("MiB of memory at the peak", found, lambda run: run.peak_mib),
    ]
