"""Whether an input is archives of pictures, by the names of its files."""

from __future__ import annotations

import re

from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.plain_rows import PATH_COLUMNS

_LISTS = (".csv", ".tsv")
"""A table that may be the pictures' own, under other names of its columns."""


def archive_match(look: Look, names: re.Pattern[str]) -> Match | None:
    """Likely, unless there is more: pictures (of which the archive may be the download) or a table. None beside a table
    that names pictures: they are the archive's."""
    found = [name for name in look.files if names.search(name)]
    if not found or look.has_column(PATH_COLUMNS):
        return None
    outside = look.pictures or any(inner.pictures or inner.folders for inner in look.some_inside)
    more = bool(outside) or (look.table.lower().endswith(_LISTS) and bool(look.columns))
    return Match(Sureness.POSSIBLE if more else Sureness.LIKELY, f"{found[0]} is an archive")
