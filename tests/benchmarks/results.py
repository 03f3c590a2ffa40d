"""What benchmarks found: printed, and kept as JSON, as a Markdown table and as a chart."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Compared:
    """Figures of contenders in rounds taken in turn.

    title       what was done, to how many
    unit        of the figures
    ours        the name, among `figures`, that the others are compared with
    figures     of each contender, one a round
    more        whether a higher figure is the better one
    """

    title: str
    unit: str
    ours: str
    figures: dict[str, list[float]]
    more: bool = True

    def ratio(self, name: str) -> float:
        """How many times better ours is: the median of the rounds' ratios."""
        pairs = zip(self.figures[self.ours], self.figures[name], strict=True)
        return statistics.median(ours / other if self.more else other / ours for ours, other in pairs)

    def rows(self) -> list[tuple[str, float, float, float, float]]:
        """Of each contender: name, median, least, most, and how many times better ours is."""
        return [
            (name, statistics.median(seen), min(seen), max(seen), self.ratio(name))
            for name, seen in self.figures.items()
        ]

    def text(self) -> str:
        """A table for the terminal."""
        width = max(map(len, self.figures))
        lines = [f"\n== {self.title} ({self.unit}; median, range, ours is … times as good)"]
        for name, middle, least, most, ratio in self.rows():
            against = "" if name == self.ours else f"   {ratio:5.2f}"
            lines.append(f"{name:<{width}} {_figure(middle):>10}  ({_figure(least)} to {_figure(most)}){against}")
        return "\n".join(lines)

    def markdown(self) -> str:
        """A table for a page."""
        lines = [
            f"### {self.title}: {self.unit}",
            "",
            f"| | {self.unit} | range | ours is … times as good |",
            "|---|---|---|---|",
        ]
        for name, middle, least, most, ratio in self.rows():
            against = "" if name == self.ours else f"{ratio:.2f}"
            lines.append(f"| {name} | {_figure(middle)} | {_figure(least)} to {_figure(most)} | {against} |")
        return "\n".join(lines)


def write_results(found: Iterable[Compared], folder: Path) -> None:
    """results.json, results.md and results.png in `folder`; what other runs left there is replaced."""
    compared = list(found)
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"system": platform.system(), "machine": platform.machine(), "python": platform.python_version()}
    content = {"machine": machine, "compared": [asdict(table) for table in compared]}
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "results.md").write_text("\n\n".join(table.markdown() for table in compared) + "\n")
    _chart(compared, folder / "results.png")


def _chart(compared: list[Compared], file: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [len(table.figures) + 1.5 for table in compared]
    figure = Figure(figsize=(9, 0.36 * sum(heights) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(compared), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axis, table in zip(axes, compared, strict=True):
        rows = table.rows()[::-1]
        middles = [row[1] for row in rows]
        around = [[row[1] - row[2] for row in rows], [row[3] - row[1] for row in rows]]
        colours = ["#1f5fa8" if row[0] == table.ours else "#b8c0c8" for row in rows]
        axis.barh([row[0] for row in rows], middles, xerr=around, color=colours, ecolor="#404040", capsize=2)
        axis.set_title(
            f"{table.title}: {table.unit}, {'more' if table.more else 'less'} is better", loc="left", fontsize=9
        )
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"
