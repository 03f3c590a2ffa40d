"""Divergence between splits, in labels and in feelings."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING

from fer_spark.exploration import Figures, Value, declared
from fer_spark.exploring.bins import COARSE, edges_of
from fer_spark.exploring.categories import by_split, expressions
from fer_spark.exploring.divergence import NOTE, divergence
from fer_spark.exploring.feelings import Cells, cells_by_split, coarse, paper_cells

if TYPE_CHECKING:
    from fer_spark.exploring.found import Counted

_SPLITS_SIZES, _SPLITS_DIVERGENCE, _SPLITS_DIFFERENCE = declared(
    "splits_sizes", "splits_divergence", "splits_difference"
)
_DECIMALS = 6


def split_tables(counted: Counted) -> list[Figures]:
    """Sizes, divergences both ways, and difference maps; nothing but sizes where there is one split."""
    splits = [split for split in counted.splits if split]
    tables = [_sizes(counted)] if splits else []
    if len(splits) < 2:
        return tables
    labels = {split: expressions(counts) for split, counts in by_split(counted).items() if split in splits}
    feelings = {split: coarse(cells) for split, cells in cells_by_split(counted).items() if split in splits}
    tables.append(_divergences(labels, feelings))
    if sum(1 for cells in feelings.values() if cells) > 1:
        tables.append(_differences(feelings))
    return tables


def _sizes(counted: Counted) -> Figures:
    sums: dict[str, int] = {}
    for (split, _), count in counted.labels.items():
        sums[split] = sums.get(split, 0) + count
    rows = tuple((split, sums[split], round(sums[split] / counted.rows, _DECIMALS)) for split in counted.splits)
    note = "As the source states them. The row without a name counts rows of no split, or of one that is unknown."
    return Figures(*_SPLITS_SIZES, "Rows by split", ("split", "rows", "share"), rows, note)


def _divergences(labels: Mapping[str, Mapping[str, int]], feelings: Mapping[str, Cells]) -> Figures:
    rows: list[tuple[Value, ...]] = []
    names = sorted({label for counts in labels.values() for label in counts})
    pairs = list(permutations(labels, 2))
    for p, q in pairs:
        here, there = ([labels[split].get(label, 0) for label in names] for split in (p, q))
        rows += _divergence_row("categories", p, q, here, there)
    for p, q in pairs:
        here, there = ([feelings[split].get(place, 0) for place in paper_cells()] for split in (p, q))
        rows += _divergence_row("feelings_bins", p, q, here, there)
    columns = (
        "kind", "p", "q", "kl_nats", "kl_bits", "js_bits", "absolutely_continuous", "smoothing", "dropped_terms",
    )  # fmt: skip
    note = f"{NOTE} categories: labels that are expressions; feelings_bins: the 100 bins of 0.2 by 0.2."
    return Figures(*_SPLITS_DIVERGENCE, "Divergence between splits", columns, tuple(rows), note)


def _divergence_row(kind: str, p: str, q: str, here: list[int], there: list[int]) -> list[tuple[Value, ...]]:
    found = divergence(here, there)
    if found is None:
        return []
    figures = (round(figure, _DECIMALS) for figure in (found.kl_nats, found.kl_bits, found.js_bits))
    return [(kind, p, q, *figures, found.absolutely_continuous, "none", found.dropped_terms)]


def _differences(feelings: Mapping[str, Cells]) -> Figures:
    order = [split for split in ("train", "val", "test") if feelings.get(split)]
    rows: list[tuple[Value, ...]] = []
    for i, p in enumerate(order):
        for q in order[i + 1 :]:
            total_p, total_q = sum(feelings[p].values()), sum(feelings[q].values())
            for valence, arousal in paper_cells():
                share_p = feelings[p].get((valence, arousal), 0) / total_p
                share_q = feelings[q].get((valence, arousal), 0) / total_q
                shares = (round(share, _DECIMALS) for share in (share_p, share_q, share_p - share_q))
                rows.append((p, q, *edges_of(valence, COARSE), *edges_of(arousal, COARSE), *shares))
    columns = (
        "p", "q", "valence_low", "valence_high", "arousal_low", "arousal_high", "share_p", "share_q", "difference",
    )  # fmt: skip
    note = "Shares of each split's rows in bins of 0.2 by 0.2; difference = share_p − share_q: above 0, p has more."
    return Figures(*_SPLITS_DIFFERENCE, "Differences between splits", columns, tuple(rows), note)
