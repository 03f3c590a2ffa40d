"""Labels as a column a class, of which each row marks one (one-hot), as annotation tools write them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyspark.sql import Column
from pyspark.sql import functions as F

from fer_spark.labels import canonical
from fer_spark.sources.settings import SourceError, SourceSettings
from fer_spark.sources.tables import MARK, AnnotationTable, quoted

LABEL = "label"
_MARKED, _NOT_MARKED = ("1", "true", "yes", "x"), ("", "0", "false", "no")
_MAY_BE_LABELS = re.compile(r"(.*[\W_])?(label|emotion|expression|class|target)s?([\W_]?(id|name|text|code|raw))?")
"""Such a column may hold the labels, under a name of its own: then nobody knows which are meant."""


def class_columns(columns: Iterable[str]) -> list[str]:
    """Those that are called as expressions are, if at least two different ones are, and no other may be the label."""
    names = list(columns)
    found = [name for name in names if canonical(name)]
    other = any(_MAY_BE_LABELS.fullmatch(name.strip().casefold()) for name in names)
    return [] if other or len({canonical(name) for name in found}) < 2 else found


def with_label(
    table: AnnotationTable, settings: SourceSettings, usual: tuple[str, ...], needed: bool
) -> AnnotationTable:
    """The table with a column `label` more, made of its class columns; itself where it has a label column or no such.

    A row that marks none has an empty label, one that marks several all their names, which is none: both are
    quarantined as bad_label. Raises SourceError where labels are `needed` and a class column holds anything but marks,
    such as votes.
    """
    columns = class_columns(table.columns)
    if not columns or settings.label_column or settings.unlabelled or table.column("", usual, "") is not None:
        return table
    marks = {name: _mark(name) for name in columns}
    other = [F.first(F.when(mark.isNull(), _text(name)), ignorenulls=True) for name, mark in marks.items()]
    held = zip(columns, table.frame.agg(*other).collect()[0], strict=True)
    no_mark = next(((name, value) for name, value in held if value is not None), None)
    if no_mark is not None and needed:
        raise SourceError(
            f"the columns {', '.join(columns)} of {settings.input!r} are called as expressions, and {no_mark[0]} holds "
            f"{no_mark[1]!r}: such columns are read where one is 1 and the others 0. Votes, scores and intensities are "
            "no labels; add a column label, name one with --label-column, or for FER+ take --source ferplus"
        )
    if no_mark is not None:
        return table
    marked = F.array(*(F.when(mark, F.lit(name.strip())) for name, mark in marks.items()))
    return table.with_column(LABEL, F.array_join(F.array_compact(marked), " and "))


def _text(name: str) -> Column:
    return F.lower(F.trim(F.coalesce(F.col(quoted(MARK + name)).cast("string"), F.lit(""))))


def _mark(name: str) -> Column:
    """True or false; null for what is neither."""
    text = F.regexp_replace(_text(name), r"^([01])\.0+$", "$1")
    return F.when(text.isin(*_MARKED), True).when(text.isin(*_NOT_MARKED), False)
