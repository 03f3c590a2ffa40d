"""The pictures in zip archives, as `tar` reads them; folders called as expressions are recognised."""

from __future__ import annotations

import dataclasses
from collections import Counter

from fer_spark.labels import KNOWN
from fer_spark.sources.archives.find import TAR_NAME, find_archives
from fer_spark.sources.archives.recognise import archive_match
from fer_spark.sources.archives.zip import ZIP_NAME, list_zip
from fer_spark.sources.files.names import PictureNames, is_picture_name
from fer_spark.sources.layouts.tar import LAYOUT as TAR
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.settings import SourceError

_NO_LIMIT = 1 << 62
_LEAST_CLASSES = 2


def recognise(look: Look) -> Match | None:
    """By the names of its files, and of the first archive's members. Raises SourceError for a lone archive of others.

    Where most of its pictures lie in folders that are called as expressions are, these are the labels.
    """
    match = None if any(TAR_NAME.search(name) for name in look.files) else archive_match(look, ZIP_NAME)
    if match is None:
        return None
    name, members = _first_members(look)
    pictures = [path for path in members if is_picture_name(path) and PictureNames().why_none(path) is None]
    if members and not pictures:
        if match.sureness == Sureness.POSSIBLE:
            return None
        raise SourceError(f"{name} holds no pictures, but {members[0]}: unpack it, and give what is in it as --input")
    known = {*KNOWN, *look.settings.labels.lower().split(",")}
    classes = [found for path in pictures if (found := _class_of(path, known))]
    some = list(Counter(classes))
    if len(some) >= _LEAST_CLASSES and len(classes) * 2 > len(pictures):
        shown = ", ".join(sorted(some)[:3]) + (" …" if len(some) > 3 else "")
        return dataclasses.replace(match, why=f"{name} has folders called {shown}", label_from="class")
    lists = [path for path in members if path.lower().endswith((".csv", ".tsv", ".jsonl", ".parquet", ".yaml"))]
    unread = f"; {lists[0]} in it is not read: unpack it if its labels are there" if lists else ""
    why = f"{name} holds pictures, such as {pictures[0]}{unread}" if pictures else match.why
    return dataclasses.replace(match, why=why)


def _first_members(look: Look) -> tuple[str, list[str]]:
    """The first archive's name and its members' paths."""
    first = find_archives(look.spark, look.settings.input).names.orderBy("name").first()
    assert first is not None
    listed = list_zip(first["file"], first["name"], _NO_LIMIT)
    paths = (member.path.removeprefix(first["name"]).removeprefix("#") for member, _ in listed)
    return str(first["name"]), [path for path in paths if path]


def _class_of(path: str, known: set[str]) -> str:
    """The innermost folder that is called as an expression; empty where none is."""
    return next((part for part in reversed(path.split("/")[:-1]) if part.strip().lower() in known), "")


LAYOUT = dataclasses.replace(TAR, recognise=recognise)
