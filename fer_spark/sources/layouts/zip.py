"""The pictures in zip archives, by a list in them or as `tar`; folders called as expressions are seen."""

from __future__ import annotations

import dataclasses
from collections import Counter

from pyspark.sql import SparkSession

from fer_spark.labels import KNOWN
from fer_spark.sources.archives.find import TAR_NAME, Archives, find_archives
from fer_spark.sources.archives.lists import PackedList, list_table, packed_lists
from fer_spark.sources.archives.pictures import archive_pictures
from fer_spark.sources.archives.recognise import archive_match
from fer_spark.sources.archives.zip import ZIP_NAME, list_zip
from fer_spark.sources.base import Source
from fer_spark.sources.boxes import box_columns
from fer_spark.sources.files.names import PictureNames, is_picture_name
from fer_spark.sources.layout import BOXES, COLUMNS
from fer_spark.sources.layouts.table import named_pictures
from fer_spark.sources.layouts.tar import LAYOUT as TAR
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import whole_path
from fer_spark.sources.plain_rows import LABEL_COLUMNS, PATH_COLUMNS
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings

_NO_LIMIT = 1 << 62
_LEAST_CLASSES = 2
_MOST_ARCHIVES = 1000
_NO_LABELS = SourceSettings.label_from
_PATHS = frozenset(name.casefold() for name in PATH_COLUMNS)
_LABELS = frozenset(name.casefold() for name in LABEL_COLUMNS)


def open_zip(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """By tables in the archives that name pictures and labels, each from its own folder; without them, or with
    --label-from, as `tar`."""
    archives = find_archives(spark, settings.input)
    lists = [] if settings.label_from != _NO_LABELS else labelled_lists(archives, settings)
    if not lists:
        return TAR.open(spark, settings, reading)
    table = list_table(spark, archives, lists)
    named = table.column(settings.path_column, PATH_COLUMNS, "--path-column", required=True)
    assert named is not None
    paths = [packed.path for packed in lists]
    pictures = archive_pictures(spark, settings.input, settings.glob, reading.max_bytes, whole_path, paths)
    boxes = box_columns(table, settings)
    return named_pictures(table, settings, named, boxes, pictures, reading.labels_needed)


def labelled_lists(archives: Archives, settings: SourceSettings, most: int = _MOST_ARCHIVES) -> list[PackedList]:
    """Tables in the first `most` archives with a column of pictures' names and one of labels, usual or given."""
    names = {settings.path_column.casefold()} if settings.path_column else _PATHS
    labels = {settings.label_column.casefold()} if settings.label_column else _LABELS
    columns = [(packed, {name.casefold() for name in packed.columns}) for packed in packed_lists(archives, most)]
    return [packed for packed, own in columns if own & names and own & labels]


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
    lists = labelled_lists(find_archives(look.spark, look.settings.input), look.settings, 1)
    if lists:
        why = f"{lists[0].path.replace('#', ' holds ')}, which names pictures and labels"
        refusal = ""
        if len(some) >= _LEAST_CLASSES and len(classes) * 2 > len(pictures):
            refusal = (
                f"holds folders called {', '.join(sorted(some)[:3])}, and {lists[0].path} with labels of its own: "
                "--source zip takes the list, with --label-from class the folders"
            )
        return dataclasses.replace(match, why=why, refusal=refusal)
    if len(some) >= _LEAST_CLASSES and len(classes) * 2 > len(pictures):
        shown = ", ".join(sorted(some)[:3]) + (" …" if len(some) > 3 else "")
        return dataclasses.replace(match, why=f"{name} has folders called {shown}", label_from="class")
    others = [path for path in members if path.lower().endswith((".csv", ".tsv", ".jsonl", ".parquet", ".yaml"))]
    unread = f"; {others[0]} in it is not read: unpack it if its labels are there" if others else ""
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


LAYOUT = dataclasses.replace(TAR, open=open_zip, flags=(*TAR.flags, *COLUMNS, *BOXES), recognise=recognise)
