"""Labels as tables: counts and shares, how uneven they are, and how they differ from published counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fer_spark.exploration import ALL, Figures, Value, declared
from fer_spark.exploring.divergence import effective_classes, entropy_bits
from fer_spark.labels import NO_EXPRESSION

if TYPE_CHECKING:
    from fer_spark.exploring.found import Counted

_CATEGORIES, _CATEGORIES_SUMMARY, _CATEGORIES_REFERENCE = declared(
    "categories", "categories_summary", "categories_reference"
)
NO_LABEL = ""


def by_split(counted: Counted) -> dict[str, dict[str, int]]:
    """Rows by label, over all rows ("all") and in each split."""
    found: dict[str, dict[str, int]] = {ALL: {}}
    for (split, label), count in counted.labels.items():
        for place in (ALL,) if counted.splits == (NO_LABEL,) else (ALL, split):
            sums = found.setdefault(place, {})
            sums[label] = sums.get(label, 0) + count
    return {place: found[place] for place in (ALL, *counted.splits) if place in found}


def order_of(label_names: Sequence[str], found: Sequence[str]) -> list[str]:
    """Labels as they are shown: the taxonomy's, other expressions, what is no expression, and no label last."""
    others = sorted(set(found) - set(label_names) - set(NO_EXPRESSION) - {NO_LABEL})
    rest = [name for name in NO_EXPRESSION if name in found]
    return [*label_names, *others, *rest, *([NO_LABEL] if NO_LABEL in found else [])]


def expressions(counts: Mapping[str, int]) -> dict[str, int]:
    """The labels that are expressions."""
    return {label: count for label, count in counts.items() if label and label not in NO_EXPRESSION}


def category_tables(counted: Counted, label_names: Sequence[str]) -> list[Figures]:
    """Counts and summary; none where no row has a label."""
    counts = by_split(counted)
    order = order_of(label_names, list(counts[ALL]))
    if not any(counts[ALL].get(label) for label in order if label):
        return []
    rows: list[tuple[Value, ...]] = []
    for split, sums in counts.items():
        total = sum(sums.values())
        rows += [(split, label, sums.get(label, 0), _share(sums.get(label, 0), total)) for label in order]
    note = (
        "share is of all rows of the split. The row without a name counts rows without a label that is known; "
        "none, uncertain and no_face are AffectNet's codes for what is no expression."
    )
    table = Figures(*_CATEGORIES, "Rows by label", ("split", "label", "count", "share"), tuple(rows), note)
    return [table, _summary(counts, label_names)]


def _summary(counts: Mapping[str, Mapping[str, int]], label_names: Sequence[str]) -> Figures:
    rows: list[tuple[Value, ...]] = []
    for split, sums in counts.items():
        of = {**dict.fromkeys(label_names, 0), **expressions(sums)}
        there = {label: count for label, count in of.items() if count}
        largest = max(there, key=lambda label: there[label], default=None)
        smallest = min(there, key=lambda label: there[label], default=None)
        ratio = there[largest] / there[smallest] if largest is not None and smallest is not None else None
        numbers = list(there.values())
        rows.append(
            (
                split,
                sum(sums.values()),
                sum(numbers),
                len(there),
                largest,
                smallest,
                None if ratio is None else round(ratio, 4),
                round(effective_classes(numbers), 4) if numbers else None,
                round(entropy_bits(numbers), 6) if numbers else None,
            )
        )
    columns = (
        "split", "rows", "labelled", "classes", "largest", "smallest", "imbalance_ratio", "effective_classes",
        "entropy_bits",
    )  # fmt: skip
    note = (
        "Over labels that are expressions and occur. imbalance_ratio is the largest class over the smallest; "
        "effective_classes is exp(entropy): the number of equally frequent classes that would be as varied."
    )
    return Figures(*_CATEGORIES_SUMMARY, "Class imbalance", columns, tuple(rows), note)


def reference_table(counted: Counted, label_names: Sequence[str], reference: Mapping[str, int], what: str) -> Figures:
    """The data's counts beside published ones, label by label, over all rows."""
    counts = by_split(counted)[ALL]
    named = {label: count for label, count in counts.items() if label}
    rows: list[tuple[Value, ...]] = []
    for label in order_of(label_names, [*named, *reference]):
        if label in named or label in reference or label in label_names:
            count, stated = named.get(label, 0), reference.get(label)
            rows.append(
                (
                    label,
                    count,
                    stated,
                    None if stated is None else count - stated,
                    None if not stated else round((stated - count) / stated, 6),
                )
            )
    note = (
        f"reference: {what}. difference = count − reference; share_lost = (reference − count) / reference, empty where "
        "the reference names no rows."
    )
    columns = ("label", "count", "reference", "difference", "share_lost")
    return Figures(*_CATEGORIES_REFERENCE, "Compared with published counts", columns, tuple(rows), note)


def _share(count: int, total: int) -> float | None:
    return round(count / total, 6) if total else None
