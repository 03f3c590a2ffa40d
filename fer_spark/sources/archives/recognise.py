"""Whether an input is archives of pictures, by the names of its files, and where their labels are, by its members."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

from fer_spark.sources.archives.find import Archives, find_archives, read_members
from fer_spark.sources.archives.lists import labelled_lists
from fer_spark.sources.archives.zip import ZIP_NAME
from fer_spark.sources.class_names import class_names, class_of_folder
from fer_spark.sources.files.names import PictureNames, is_picture_name
from fer_spark.sources.files.tables import TABLE_NAME
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.plain_rows import PATH_COLUMNS
from fer_spark.sources.settings import SourceError

_LISTS = (".csv", ".tsv")
"""A table that may be the pictures' own, under other names of its columns."""

_UNREAD = (".csv", ".tsv", ".jsonl", ".parquet", ".yaml")
_LEAST_CLASSES = 2
_FIRST_MEMBERS = 500
"""Of a tar archive, that is read from its front; a zip archive has a directory of all."""

_SHOWN = 3


def archive_match(look: Look, names: re.Pattern[str], layout: str) -> Match | None:
    """By the names of the input's files, and of the first archive's members. Raises SourceError for a lone archive of
    others.

    Likely, unless there is more: pictures (of which the archive may be the download) or a table. None beside a table
    that names pictures: they are the archive's. Where most of its pictures lie in folders called as expressions, these
    are the labels.
    """
    match = _by_files(look, names)
    if match is None:
        return None
    archives = find_archives(look.spark, look.settings.input)
    first = _first_members(archives)
    if first.paths and not first.pictures:
        if match.sureness == Sureness.POSSIBLE:
            return None
        if first.are_all:
            other = first.paths[0]
            raise SourceError(f"{first.archive} holds no pictures, but {other}: unpack it, and give that as --input")
    return _with_labels(look, match, archives, first, layout)


def _by_files(look: Look, names: re.Pattern[str]) -> Match | None:
    found = [name for name in look.files if names.search(name)]
    if not found or look.has_column(PATH_COLUMNS):
        return None
    outside = look.pictures or any(inner.pictures or inner.folders for inner in look.some_inside)
    more = bool(outside) or (look.table.lower().endswith(_LISTS) and bool(look.columns))
    return Match(Sureness.POSSIBLE if more else Sureness.LIKELY, f"{found[0]} is an archive")


@dataclass(frozen=True)
class _Members:
    """Paths of an archive's first members, or of all."""

    archive: str
    paths: list[str]
    are_all: bool

    @cached_property
    def pictures(self) -> list[str]:
        return [path for path in self.paths if is_picture_name(path) and PictureNames().why_none(path) is None]

    def classes(self, known: Collection[str]) -> list[str]:
        """Folders called as expressions, the most common first, where most of the pictures lie in such folders."""
        counts = Counter(_class_of(path, known) for path in self.pictures)
        if counts.pop("", 0) * 2 >= len(self.pictures):
            return []
        least = _LEAST_CLASSES if self.are_all else 1  # the first may all be of one class
        return [name for name, _ in counts.most_common()] if len(counts) >= least else []

    def ending(self, endings: Collection[str]) -> str:
        """The first that ends so; empty where none does."""
        return next((path for path in self.paths if path.lower().endswith(tuple(endings))), "")


def _with_labels(look: Look, match: Match, archives: Archives, first: _Members, layout: str) -> Match:
    """By a list among the members, or by folders called as expressions; both are a question."""
    classes = first.classes(class_names(look.settings))
    shown = ", ".join(classes[:_SHOWN])
    has_table = any(TABLE_NAME.match(path.rpartition("/")[2]) for path in first.paths)
    lists = labelled_lists(archives, look.settings, 1) if has_table else []
    if lists:
        refusal = (
            f"holds folders called {shown}, and {lists[0].path} with labels of its own: --source {layout} takes the "
            "list, with --label-from class the folders"
        )
        why = f"{lists[0].path.replace('#', ' holds ')}, which names pictures and labels"
        return replace(match, why=why, refusal=refusal if classes else "")
    if classes:
        more = " …" if len(classes) > _SHOWN else ""
        return replace(match, why=f"{first.archive} has folders called {shown}{more}", label_from="class")
    if not first.pictures:
        return match
    unread = first.ending(_UNREAD)
    why = f"{first.archive} holds pictures, such as {first.pictures[0]}"
    return replace(match, why=why, unread=f"{unread} lies in {first.archive}" if unread else "")


def _first_members(archives: Archives) -> _Members:
    first = archives.names.orderBy("name").first()
    assert first is not None
    listed = read_members(first["file"], first["name"], 1 << 62, with_content=False)
    paths = (member.path.removeprefix(first["name"]).removeprefix("#") for member in listed)
    most = None if ZIP_NAME.search(first["name"]) else _FIRST_MEMBERS
    found = list(itertools.islice(filter(None, paths), most))
    return _Members(first["name"], found, len(found) != most)


def _class_of(path: str, known: Collection[str]) -> str:
    """The innermost folder that is called as an expression; empty where none is."""
    return next((part for part in reversed(path.split("/")[:-1]) if class_of_folder(part, known)), "")
