"""What a person sees while Spark works: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from pyspark import SparkContext

_DESCRIPTION = "spark.job.description"
_POLL_S = 0.5
_LOG_EVERY_S = 20.0


class JobProgress:
    """Steps of a long job, each shown with the Spark tasks that it has done. Writes to standard error."""

    def __init__(self, context: SparkContext) -> None:
        self._context = context
        self._tracker = context.statusTracker()
        self._console = Console(stderr=True)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show `title` with a bar over the tasks of whatever Spark runs inside the `with` block.

        Spark's own pages and history name these jobs and stages so, too.
        """
        stop = threading.Event()
        show = self._bar if self._console.is_terminal else self._lines
        watcher = threading.Thread(target=show, args=(title, stop), daemon=True)
        outer = self._context.getLocalProperty(_DESCRIPTION)
        self._context.setLocalProperty(_DESCRIPTION, title)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()
            self._context.setLocalProperty(_DESCRIPTION, outer)  # type: ignore[arg-type]  # None: as before there was one

    def print_line(self, text: str) -> None:
        """One line that stays."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _tasks(self) -> tuple[int, int]:
        done = total = 0
        for stage in self._tracker.getActiveStageIds():
            info = self._tracker.getStageInfo(stage)
            if info is not None:
                done, total = done + info.numCompletedTasks, total + info.numTasks
        return done, total

    def _bar(self, title: str, stop: threading.Event) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} tasks"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            bar = progress.add_task(title, total=1)
            while not stop.wait(_POLL_S):
                done, total = self._tasks()
                if total:
                    progress.update(bar, completed=done, total=total)

    def _lines(self, title: str, stop: threading.Event) -> None:
        began = time.monotonic()
        while not stop.wait(_LOG_EVERY_S):
            done, total = self._tasks()
            took = time.monotonic() - began
            tasks = f"{done}/{total} tasks after {took:.0f} s" if total else f"{took:.0f} s so far"
            left = f", about {took / done * (total - done):.0f} s left" if done else ""
            print(f"{title}: {tasks}{left}", file=sys.stderr, flush=True)
