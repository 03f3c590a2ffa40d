"""A path as a table spells it: relative to the pictures' root, its prefix replaced, or in parts to compare."""

from __future__ import annotations

import posixpath
import unicodedata
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from fer_spark.sources.settings import SourceError

ELSEWHERE = "/"
"""The first part of a path that is not relative to the root of its table's own pictures."""


def place_key(named: Column, prefix: str) -> Column:
    """A path as a table spells it, as one relative to the pictures' root: `\\` to `/`, no `./`, no absolute prefix."""
    path = F.regexp_replace(_slashes(F.trim(named)), "^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?/", "/")
    inside = path.startswith(prefix.rstrip("/") + "/")
    path = F.when(inside, F.substring(path, len(prefix.rstrip("/")) + 2, 1 << 20)).otherwise(path)
    return F.regexp_replace(path, r"^(\./)+", "")


def without_prefix(rows: DataFrame, named: Column, prefix: str) -> Column:
    """`named` with OLD replaced by NEW, or cut off, where `prefix` (OLD=NEW or OLD) begins it; whole parts alone count.

    Raises SourceError where it begins no path of `rows`.
    """
    if not prefix:
        return named
    old, _, new = prefix.replace("\\", "/").partition("=")
    old, new = old.rstrip("/"), new.rstrip("/")
    path = _slashes(F.trim(named))
    begins = path.startswith(old + "/")
    if rows.where(begins).limit(1).count() == 0:
        first = rows.select(named).where(named.isNotNull()).first()
        example = f": the table says {first[0]!r}" if first else ""
        raise SourceError(f"--path-prefix {prefix!r}: no path begins with {old!r}{example}")
    rest = F.substring(path, len(old) + 2, 1 << 20)
    return F.when(begins, F.concat(F.lit(f"{new}/" if new else ""), rest)).otherwise(named)


def parts(path: str) -> tuple[list[str], list[str]]:
    """`./a//B%20c.JPG` → (a, B%20c.JPG), (a, b c.jpg): in NFC, lower case and unescaped.

    Both have one part more in front, ELSEWHERE, where the path begins with a `/` or with `..`.
    """
    plain = posixpath.normpath(path)
    exact = [part for part in plain.split("/") if part]
    folded = [_folded(part) for part in exact]
    if plain.startswith("/") or exact[:1] == [".."]:
        return [ELSEWHERE, *exact], [ELSEWHERE, *folded]
    return exact, folded


def _folded(part: str) -> str:
    """Unescaped as often as it can be: a file may itself be called `%20.png`, and a list may escape that."""
    if part.isascii() and "%" not in part:
        return part.lower()
    text = part
    while (unescaped := unquote(text)) != text and "/" not in unescaped:
        text = unescaped
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _slashes(path: Column) -> Column:
    return F.regexp_replace(path, r"\\", "/")
