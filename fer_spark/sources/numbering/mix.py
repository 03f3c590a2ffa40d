"""Do the counts of the labels go with what their numbers are taken to mean? A check that no flag can talk out of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fer_spark.labels import TAXONOMIES
from fer_spark.sources.numbering.meaning import Numbering, shown
from fer_spark.sources.numbering.published import PUBLISHED, Published

_CLOSE = 0.02
_WORSE = 0.03
"""Total variation: what a mix may differ from a published one by, and what the given order must be worse by."""

_FEW_CLASSES = 4


@dataclass(frozen=True)
class Mix:
    """`line`: each label's share, beside that of the named data set. `warning`: another order of the same numbers that
    goes with the counts; empty where there is none, or the given one is as good."""

    line: str
    warning: str = ""


def mix_of(counts: Mapping[str, int], numbering: Numbering | None, named: Published | None) -> Mix | None:
    """counts: faces by label. None where no face has a label."""
    present = {label: count for label, count in counts.items() if count}
    if not present:
        return None
    total = sum(present.values())
    beside = _beside(present, named)
    parts = [
        f"{label} {count / total:.1%}" + (f" ({beside[label]:.1%})" if label in beside else "")
        for label, count in present.items()
    ]
    head = f"Mix (in brackets {named.name}): " if named and beside else "Mix: "
    return Mix(head + ", ".join(parts), _warning(present, numbering, named) if numbering else "")


def _beside(counts: Mapping[str, int], named: Published | None) -> dict[str, float]:
    labels = tuple(label for label in counts if named and label in named.counts)
    return named.shares(labels) if named and labels else {}


def _warning(counts: Mapping[str, int], numbering: Numbering, named: Published | None) -> str:
    """Of the data sets with these classes, the one whose shares, in another order, are nearly those of the counts.

    Of a named data set every order counts. Data of the user's own may resemble one by chance: there it has to be an
    order that is in use.
    """
    found: list[tuple[float, str, dict[str, str]]] = []
    for data in [named] if named else PUBLISHED.values():
        orders = [_by_rank(counts, data)] if named else _orders_in_use(numbering, counts)
        found += [(apart, data.name, order) for order in orders if (apart := _better_by(order, counts, data)) >= 0]
    if not found:
        return ""
    _, name, order = min(found, key=lambda order: order[:2])
    changed = {code: order[label] for code, label in numbering.names.items() if order.get(label, label) != label}
    return (
        f"The mix goes better with {name} where {shown(changed)}, instead of "
        f"{shown({code: numbering.names[code] for code in changed})}: look at some pictures of each label, and see "
        "--codes"
    )


def _by_rank(counts: Mapping[str, int], data: Published) -> dict[str, str]:
    """The renaming that brings the mix nearest to the data set's: the largest is the largest, and so on."""
    labels = [label for label in data.counts if label in counts]
    return dict(zip(sorted(labels, key=counts.__getitem__), sorted(labels, key=data.counts.__getitem__), strict=True))


def _orders_in_use(numbering: Numbering, counts: Mapping[str, int]) -> list[dict[str, str]]:
    """Renamings by which the same numbers, in the same sequence, would name these classes as some data set does, or in
    alphabetical order."""
    mine = [name for code, name in sorted(numbering.names.items()) if name in counts]
    sequences = [tuple(sorted(mine)), *(taxonomy.names for taxonomy in TAXONOMIES.values())]
    orders = [[name for name in names if name in mine] for names in sequences]
    return [dict(zip(mine, order, strict=True)) for order in orders if len(order) == len(mine) == len(set(mine))]


def _better_by(order: Mapping[str, str], counts: Mapping[str, int], data: Published) -> float:
    """How far the renamed mix is from the data set's; -1 where it is not near, or the labels as they stand are as good,
    or these are other classes."""
    labels = tuple(label for label in data.counts if label in counts)
    few = len(labels) < max(_FEW_CLASSES, len(data.counts) - 1)
    if few or set(counts) - set(labels) or order.keys() != set(labels):
        return -1
    total = sum(counts.values())
    mine, theirs = {label: counts[label] / total for label in labels}, data.shares(labels)
    noise = 0.4 * sum(math.sqrt(share * (1 - share) / total) for share in theirs.values())
    best = _distance(mine, {label: theirs[order[label]] for label in labels})
    better = _distance(mine, theirs) - best
    return best if best <= _CLOSE + 2 * noise and better >= max(_WORSE, 4 * noise) else -1


def _distance(mix: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(abs(mix[label] - other[label]) for label in mix) / 2
