"""What the figures suggest doing, in plain sentences, each with the figure and the table behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from fer_spark.exploration import ALL, Advice, Figures, Level
from fer_spark.exploring.sentences import OF_FEELINGS, OF_PICTURES, OF_ROWS
from fer_spark.labels import NO_EXPRESSION

_UNEVEN, _VERY_UNEVEN = 2.0, 10.0
"""Imbalance ratios from which there is advice."""

_MUCH = 1.5
"""A class with this many times an even share is one that a model will lean to."""

_HALF = 0.5
_LEVELS = ("problem", "warning", "note")

Records = dict[str, list[dict[str, Any]]]


def advise(tables: Sequence[Figures]) -> tuple[Advice, ...]:
    """Everything that is worth saying about these tables, problems first."""
    records: Records = {table.name: list(table.records()) for table in tables}
    found = [advice for part in (_splits, _labels, _feelings, _rows, _copies, _pictures) for advice in part(records)]
    return tuple(sorted(found, key=lambda advice: _LEVELS.index(advice.level)))


def _splits(records: Records) -> Iterator[Advice]:
    sizes = {row["split"]: row for row in records.get("splits_sizes", [])}
    if not any(sizes):
        text = (
            "The source states no splits; build-shards draws train, val and test by a stable hash (--split, --ratios)."
        )
        yield Advice(text, "no split", "sanity_values", "note")
        return
    missing = [name for name in ("train", "val", "test") if name not in sizes]
    shares = ", ".join(f"{name} {row['share']:.2%}" for name, row in sizes.items() if name)
    if "test" in missing and {"train", "val"} <= sizes.keys():
        text = (
            "There is no test split: a figure on val is no figure on unseen data once val has chosen a model. "
            "build-shards --val-from train makes val the test split and draws a new val from train."
        )
        yield Advice(text, shares, "splits_sizes", "warning")
    elif missing:
        lacking = f"There is no {' and no '.join(missing)} split"
        if missing == ["val"]:
            text = f"{lacking}: build-shards draws one from train (--val-from, --val-fraction)."
            yield Advice(text, shares, "splits_sizes", "note")
        else:
            yield Advice(f"{lacking}; see build-shards --split.", shares, "splits_sizes", "warning")
    small = [row for name, row in sizes.items() if name in ("val", "test") and row["rows"] < 1000]
    for row in small:
        text = f"{row['split']} has few rows: differences of a point of accuracy are chance there; read the intervals."
        yield Advice(text, f"{row['rows']:,} rows", "splits_sizes", "note")
    for row in records.get("splits_divergence", []):
        if (
            row["kind"] == "categories"
            and (row["p"], row["q"]) in (("train", "val"), ("train", "test"))
            and row["js_bits"] > 0.01
        ):
            text = (
                f"{row['q']} has another mix of labels than train: accuracy there is not accuracy on data like train. "
                "Read balanced accuracy and macro-F1, and choose epochs by them (train --select-on macro_f1)."
            )
            yield Advice(text, _distance(row), "splits_divergence", "warning")


def _distance(row: dict[str, Any]) -> str:
    """`KL(train‖val) 0.601 nats (0.867 bits), JS 0.215 bits`."""
    finite = math.isfinite(row["kl_nats"])
    kl = f"{row['kl_nats']:.3f} nats ({row['kl_bits']:.3f} bits)" if finite else "∞"
    return f"KL({row['p']}‖{row['q']}) {kl}, JS {row['js_bits']:.3f} bits"


def _labels(records: Records) -> Iterator[Advice]:
    summaries = {row["split"]: row for row in records.get("categories_summary", [])}
    split = "train" if "train" in summaries else ALL
    summary = summaries.get(split)
    if summary is not None and summary["imbalance_ratio"] and summary["imbalance_ratio"] >= _UNEVEN:
        yield _imbalance(split, summary, records["categories"])
    empty: dict[str, list[str]] = {}
    for row in records.get("categories", []):
        if row["count"] == 0 and row["label"] and row["split"] in summaries and summaries[row["split"]]["labelled"]:
            empty.setdefault(row["split"], []).append(row["label"])
    for place, labels in empty.items():
        if place == ALL or set(labels) - set(empty.get(ALL, [])):
            text = (
                f"No row of {'any split' if place == ALL else place} is labelled {' or '.join(labels)}: nothing "
                "can be learnt or measured there."
            )
            yield Advice(text, "0 rows", "categories", "warning")
    lost = [
        row
        for row in records.get("categories_reference", [])
        if row["share_lost"] and row["label"] not in NO_EXPRESSION
    ]
    if lost:
        worst = max(lost, key=lambda row: abs(row["share_lost"]))
        less = "fewer" if worst["share_lost"] > 0 else "more"
        text = (
            f"Counts are not those of the reference: {worst['label']} has {abs(worst['share_lost']):.0%} {less} "
            "rows than published."
        )
        yield Advice(text, f"{worst['difference']:+,} rows", "categories_reference", "note")


def _imbalance(split: str, summary: dict[str, Any], categories: list[dict[str, Any]]) -> Advice:
    even = summary["labelled"] / summary["classes"]
    rows = [row for row in categories if row["split"] == split and row["label"]]
    often = [row["label"] for row in sorted(rows, key=lambda row: -row["count"]) if row["count"] >= _MUCH * even][:3]
    ratio = summary["imbalance_ratio"]
    level: Level = "warning" if ratio >= _VERY_UNEVEN else "note"
    towards = " and ".join(often or [summary["largest"]])
    text = (
        f"{'The data' if split == ALL else split} is biased towards {towards}: {ratio:.1f} rows of "
        f"{summary['largest']} to one of "
        f"{summary['smallest']}. Compare what train offers against it, one at a time: --sampler balanced or sqrt, "
        "--loss logit_adjusted or focal, --class-weights effective or sqrt_inverse (fer-spark compare trains them "
        "on one budget)."
    )
    return Advice(text, f"{ratio:.1f} : 1", "categories_summary", level)


def _values(records: Records, check: str) -> list[dict[str, Any]]:
    return [
        row
        for row in records.get("sanity_values", [])
        if row["check"] == check and row["split"] == ALL and row["count"] > 0
    ]


def _feelings(records: Records) -> Iterator[Advice]:
    for check, (text, level) in OF_FEELINGS.items():
        for row in _values(records, check):
            column = str(row["column"]).replace(", ", " and ")
            yield Advice(f"{column.capitalize()} {text}", f"{row['count']:,} rows", "sanity_values", level)


def _rows(records: Records) -> Iterator[Advice]:
    for check, (text, level) in OF_ROWS.items():
        for row in _values(records, check):
            yield Advice(text, f"{row['count']:,} rows", "sanity_values", level)
    for row in _values(records, "null"):
        if row["column"] in ("path", "label"):
            yield Advice(f"Some rows have no {row['column']}.", f"{row['count']:,} rows", "sanity_values", "warning")


def _copies(records: Records) -> Iterator[Advice]:
    for row in records.get("pictures_duplicates", []):
        if row["redundant"]:
            kind = "exact copies of others" if row["kind"] == "exact" else "nearly the same as others"
            text = f"Some pictures are {kind}; they count several times in training."
            yield Advice(text, f"{row['redundant']:,} redundant pictures", "pictures_duplicates", "note")
    for kind, copies in (("exact", "an exact copy"), ("near", "a near-copy")):
        leaks = [row for row in records.get("pictures_leaks", []) if row["kind"] == kind]
        if leaks:
            places = ", ".join(f"{row['split_a']} → {row['split_b']} {row['pictures']:,}" for row in leaks)
            text = (
                f"Pictures of one split have {copies} in another, so that tests flatter the model: build-shards "
                "--leak-guard drop takes them out of train."
            )
            yield Advice(text, places, "pictures_leaks", "problem" if kind == "exact" else "warning")
    pairs = sum(row["pairs"] for row in records.get("pictures_conflicts", []) if row["kind"] == "exact")
    if pairs:
        text = "Copies of one picture carry different labels: no model can be right about both."
        yield Advice(text, f"{pairs:,} pairs", "pictures_conflicts", "warning")


def _pictures(records: Records) -> Iterator[Advice]:
    for check, (text, level) in OF_PICTURES.items():
        for row in _values(records, check):
            yield Advice(text, f"{row['count']:,} pictures, e.g. {row['examples']}", "sanity_values", level)
    shapes = records.get("pictures_shapes", [])
    others = [row for row in _values(records, "other_size") if row["count"]]
    if shapes and others:
        text = (
            f"Pictures are of mixed sizes, {_commonest_size(shapes)}; build-shards brings faces to one size (--size, "
            "--detector)."
        )
        yield Advice(text, f"{others[0]['count']:,} of other sizes", "pictures_shapes", "note")
    if len({row["channels"] for row in shapes}) > 1:
        gray = sum(row["share"] for row in shapes if row["channels"] == 1)
        text = (
            "Gray and colour pictures are mixed: a model of colour pictures may learn the difference instead of faces."
        )
        yield Advice(text, f"{gray:.0%} gray", "pictures_shapes", "note")


def _commonest_size(shapes: list[dict[str, Any]]) -> str:
    """Whatever the channels and formats; `most of them` of more than half."""
    sums: dict[str, float] = {}
    for row in shapes:
        size = f"{row['width']}×{row['height']}"
        sums[size] = sums.get(size, 0) + row["share"]
    size = max(sums, key=lambda candidate: sums[candidate])
    return f"most of them {size}" if sums[size] > _HALF else f"{size} the most frequent"
