"""An exploration made by hand: AffectNet's published counts, and valence and arousal drawn around each class."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from fer_spark.exploration import Exploration, Figures, Value
from tests.reports.exploration.explored_tables import ADVICE, LABELS, faces, pictures, sanity, table

COUNTS = {
    "train": (74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750),
    "val": (500, 500, 500, 500, 500, 500, 500, 499),
}
PAPER = (80276, 146198, 29487, 16288, 8191, 5264, 28130, 5135)
_CENTRES = {
    "neutral": (0.0, 0.0, 0.09),
    "happy": (0.66, 0.14, 0.14),
    "sad": (-0.62, -0.22, 0.16),
    "surprise": (0.15, 0.68, 0.15),
    "fear": (-0.12, 0.78, 0.13),
    "disgust": (-0.68, 0.42, 0.13),
    "angry": (-0.45, 0.58, 0.16),
    "contempt": (-0.52, 0.58, 0.12),
}
Points = npt.NDArray[np.float64]


def exploration(rows: float = 1.0) -> Exploration:
    """All tables of the contract; `rows` scales the number of annotations."""
    tables = (*sanity(), *_categories(rows), *_feelings(rows), *_splits(rows), *pictures())
    facts = (("source", "affectnet"), ("input", "s3a://lake/affectnet/interim/*.parquet"), ("rows", "291,650"))
    return Exploration("AffectNet (8 labels)", facts, tables, ADVICE, faces())


@cache
def _points(rows: float) -> dict[tuple[str, str], Points]:
    rng = np.random.default_rng(7)
    found = {}
    for split, counts in COUNTS.items():
        for label, count in zip(LABELS, counts, strict=True):
            x, y, spread = _CENTRES[label]
            drawn = rng.normal((x, y), spread, (max(1, round(count * rows)), 2))
            found[split, label] = np.clip(drawn, -1, 1)
    return found


def _of(rows: float, split: str) -> Points:
    return np.concatenate([one for (own, _), one in _points(rows).items() if split in ("all", own)])


def _categories(rows: float) -> list[Figures]:
    found: list[tuple[Value, ...]] = []
    summary: list[tuple[Value, ...]] = []
    train, val = (np.array(COUNTS[split]) for split in ("train", "val"))
    for split, counts in (("all", train + val), ("train", train), ("val", val)):
        counts = np.maximum(1, np.round(counts * rows)).astype(int)
        shares = counts / counts.sum()
        entropy = float(-(shares * np.log(shares)).sum())
        found += [(split, label, int(n), float(s)) for label, n, s in zip(LABELS, counts, shares, strict=True)]
        found += [(split, name, 0, 0.0) for name in ("none", "uncertain")] + [(split, "", 17, 0.00006)]
        total = int(counts.sum())
        ratio = float(counts.max() / counts.min())
        summary.append(
            (split, total, total, 8, "happy", "contempt", ratio, float(np.exp(entropy)), entropy / float(np.log(2)))
        )
    lost = [
        (label, int(n), p, int(n) - p, (p - int(n)) / p) for label, n, p in zip(LABELS, train + val, PAPER, strict=True)
    ]
    return [
        table(
            "categories", "Counts and shares", "split label count share", found, "share: of the split's labelled rows."
        ),
        table(
            "categories_summary",
            "Imbalance",
            "split rows labelled classes largest smallest imbalance_ratio effective_classes entropy_bits",
            summary,
            "imbalance ratio: largest class to smallest; effective classes: exp(entropy), 8 if all were equal.",
        ),
        table(
            "categories_reference",
            "Against the reference counts",
            "label count reference difference share_lost",
            lost,
            "share lost: (reference − count) / reference.",
        ),
    ]


def _grid(points: Points, width: float, every: bool) -> list[tuple[float, float, float, float, int]]:
    """(arousal_low, arousal_high, valence_low, valence_high, count), arousal falling."""
    n = round(2 / width)
    edges = np.linspace(-1, 1, n + 1)
    counts = np.histogram2d(points[:, 1], points[:, 0], bins=(edges, edges))[0].astype(int)
    e = [round(float(edge), 6) for edge in edges]
    cells = [(e[i], e[i + 1], e[j], e[j + 1], int(counts[i, j])) for i in range(n - 1, -1, -1) for j in range(n)]
    return [cell for cell in cells if every or cell[-1]]


def _feelings(rows: float) -> list[Figures]:
    summary: list[tuple[Value, ...]] = []
    histogram: list[tuple[Value, ...]] = []
    fine: list[tuple[Value, ...]] = []
    bins: list[tuple[Value, ...]] = []
    polar: list[tuple[Value, ...]] = []
    for split in ("all", "train", "val"):
        at = _of(rows, split)
        radius = np.hypot(at[:, 0], at[:, 1])
        for name, values in (("valence", at[:, 0]), ("arousal", at[:, 1]), ("intensity", radius)):
            five = [float(q) for q in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])]
            summary.append((split, name, len(values), *five[:3], float(values.mean()), *five[3:], float(values.std())))
            if name != "intensity":
                counts, edges = np.histogram(values, bins=40, range=(-1, 1))
                edges = edges.round(6)
                histogram += [(split, name, float(edges[k]), float(edges[k + 1]), int(n)) for k, n in enumerate(counts)]
        fine += [(split, *cell[2:4], *cell[:2], cell[4]) for cell in _grid(at, 0.05, False)]
        bins += [(split, *cell) for cell in _grid(at, 0.2, True)]
        angle = np.degrees(np.arctan2(at[:, 1], at[:, 0])) % 360
        ways, far = np.linspace(0, 360, 25), np.linspace(0, 1.5, 16).round(6)
        counts = np.histogram2d(angle, radius, bins=(ways, far))[0]
        polar += [
            (split, float(ways[i]), float(ways[i + 1]), float(far[j]), float(far[j + 1]), int(counts[i, j]))
            for i in range(24)
            for j in range(15)
            if counts[i, j]
        ]
    reference = [
        (*cell, round(cell[4] * 1.21), cell[4] - round(cell[4] * 1.21)) for cell in _grid(_of(rows, "all"), 0.2, True)
    ]
    labelled = [
        (label, *cell[2:4], *cell[:2], cell[4])
        for label in LABELS
        for cell in _grid(np.concatenate([_points(rows)[split, label] for split in COUNTS]), 0.1, False)
    ]
    return [
        table("feelings_summary", "Range and middle", "split dimension count min q25 median mean q75 max std", summary),
        table(
            "feelings_histogram",
            "Histograms",
            "split dimension low high count",
            histogram,
            "Bins of 0.05, [low, high), the last one closed.",
        ),
        table(
            "feelings_grid",
            "Valence by arousal",
            "split valence_low valence_high arousal_low arousal_high count",
            fine,
            "Cells of 0.05 × 0.05, [low, high); empty ones left out.",
        ),
        table(
            "feelings_bins",
            "Table of bins",
            "split arousal_low arousal_high valence_low valence_high count",
            bins,
            "Bins of 0.2 × 0.2 as in table 3 of the AffectNet paper, [low, high), the last one closed at 1.",
        ),
        table(
            "feelings_reference",
            "Table of bins against the reference",
            "arousal_low arousal_high valence_low valence_high count reference difference",
            reference,
            "difference: count − reference.",
        ),
        table(
            "feelings_polar",
            "Polar form",
            "split angle_low_deg angle_high_deg radius_low radius_high count",
            polar,
            "15° × 0.1; angle = atan2(arousal, valence).",
        ),
        table(
            "feelings_by_label",
            "Category by category",
            "label valence_low valence_high arousal_low arousal_high count",
            labelled,
            "Cells of 0.1 × 0.1.",
        ),
    ]


def _splits(rows: float) -> list[Figures]:
    shares = {
        split: [(*cell[:4], cell[4] / len(_of(rows, split))) for cell in _grid(_of(rows, split), 0.2, True)]
        for split in COUNTS
    }
    difference = [("train", "val", *a, b[4], a[4] - b[4]) for a, b in zip(shares["train"], shares["val"], strict=True)]
    divergence: tuple[tuple[Value, ...], ...] = (
        ("categories", "train", "val", 0.5402, 0.7794, 0.1987, True, "none", 0),
        ("categories", "val", "train", 0.7306, 1.0541, 0.1987, True, "none", 0),
        ("feelings_bins", "train", "val", float("inf"), float("inf"), 0.2711, False, "none", 7),
        ("feelings_bins", "val", "train", 0.9221, 1.3303, 0.2711, True, "none", 31),
    )
    return [
        table(
            "splits_sizes",
            "Rows by split",
            "split rows share",
            (("train", 287651, 0.986288), ("val", 3999, 0.013712)),
            "As the source states them.",
        ),
        table(
            "splits_divergence",
            "Divergence",
            "kind p q kl_nats kl_bits js_bits absolutely_continuous smoothing dropped_terms",
            divergence,
            "KL(p‖q) = Σ p ln(p / q), without smoothing: terms with p = 0 drop out; infinite where q = 0 and p > 0.",
        ),
        table(
            "splits_difference",
            "Difference of shares",
            "p q arousal_low arousal_high valence_low valence_high share_p share_q difference",
            difference,
            "share p − share q.",
        ),
    ]
