"""Names of number labels that stand in another column of their table, as `label_text` beside `label`."""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from fer_spark.labels import KNOWN
from fer_spark.sources.numbering.meaning import Numbering
from fer_spark.sources.numbering.seen import NUMBER
from fer_spark.sources.numbering.stored import numbered
from fer_spark.sources.tables import MARK, AnnotationTable

_LABEL_WORDS = re.compile(r"label|emotion|expression|class|categor|target|name|text", re.IGNORECASE)
_MOST = 200
"""Pairs of a number and a text: of more, the text is no name of a class."""


def names_in_columns(table: AnnotationTable, label: Column) -> list[Numbering]:
    """What each column of texts states that names every number of `label` by an expression of its own, in all rows."""
    own = table.frame.select(label).columns[0]
    fields = [field for field in table.frame.schema.fields if isinstance(field.dataType, StringType)]
    names = [field.name for field in fields if field.name.startswith(MARK) and field.name != own]
    found = (_pairs(table, label, name) for name in names if _LABEL_WORDS.search(name.removeprefix(MARK)))
    return [Numbering(pairs, origin) for pairs, origin in found if pairs]


def _pairs(table: AnnotationTable, label: Column, name: str) -> tuple[dict[int, str], str]:
    number, text = F.trim(label.cast("string")), F.lower(F.trim(F.col(f"`{name}`")))
    rows = table.frame.select(number.alias("number"), text.alias("text")).where("number != '' AND text != ''")
    pairs = [(row["number"], row["text"]) for row in rows.distinct().limit(_MOST).collect()]
    whole = [number for number, _ in pairs if re.match(NUMBER, number, re.ASCII)]
    found = numbered({int(float(number)): text for number, text in pairs if number in whole})
    unambiguous = len(pairs) == len(whole) == len(found) == len(set(found.values()))
    expressions = all(word in KNOWN for _, word in pairs)
    origin = f"the column {name.removeprefix(MARK)}"
    return (found if unambiguous and expressions and len(pairs) < _MOST else {}), origin
