"""Which labels a source holds, counted before anything is made of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fer_spark.labels import KNOWN

NUMBER = r"^\d{1,4}(\.0*)?$"
"""A label that is a number, as Java and Python read it: `3`, `3.0`."""

_MOST = 1000


@dataclass(frozen=True)
class Seen:
    """Rows by number; the other labels in lower case, and their rows. Of more than 1,000 labels the most frequent."""

    numbers: Mapping[int, int]
    words: frozenset[str] = frozenset()
    word_rows: int = 0

    @property
    def names_expressions(self) -> bool:
        """Whether some label is the name of an expression."""
        return not self.words.isdisjoint(KNOWN)

    def without(self, names: Mapping[int, str]) -> list[int]:
        """The numbers that a numbering does not name."""
        return sorted(self.numbers.keys() - names.keys())

    def share(self, numbers: list[int]) -> float:
        """Of all rows that have a label, those with one of these."""
        return sum(self.numbers[number] for number in numbers) / max(sum(self.numbers.values()) + self.word_rows, 1)


def seen_labels(rows: DataFrame) -> Seen:
    """Counted by `label_raw`, in one small aggregation; what is null or blank does not count."""
    text = F.lower(F.trim("label_raw"))
    counted = rows.where(text != "").groupBy(text.alias("text")).count().orderBy(F.desc("count"), "text")
    found = {str(row["text"]): int(row["count"]) for row in counted.limit(_MOST).collect()}
    numbers: Counter[int] = Counter()
    for word in [word for word in found if re.match(NUMBER, word, re.ASCII)]:
        numbers[int(float(word))] += found.pop(word)
    return Seen(dict(numbers), frozenset(found), sum(found.values()))
