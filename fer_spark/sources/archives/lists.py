"""Tables that lie in archives together with the pictures that they name."""

from __future__ import annotations

import csv
import io
import itertools
import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from fer_spark.rows import PICTURE
from fer_spark.sources.archives.find import ARCHIVE_NAME, Archives
from fer_spark.sources.archives.select import to_batches
from fer_spark.sources.archives.tar_stream import Member, read_archive
from fer_spark.sources.archives.zip import Place, list_zip, read_placed
from fer_spark.sources.files.names import PictureNames
from fer_spark.sources.files.tables import TABLE_NAME
from fer_spark.sources.numbering.one_hot import class_columns
from fer_spark.sources.plain_rows import LABEL_COLUMNS, PATH_COLUMNS
from fer_spark.sources.settings import SourceError, SourceSettings
from fer_spark.sources.tables import MARK, AnnotationTable, form_of
from fer_spark.sources.text.dialect import LINES, WINDOWS, check_header, csv_dialect, encoding_of

_MOST_BYTES = 256 << 20
_ENDINGS = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson")
_PATHS = frozenset(name.casefold() for name in PATH_COLUMNS)
_LABELS = frozenset(name.casefold() for name in LABEL_COLUMNS)
_PACKED = re.compile(r"\.(zst|gz|bz2|lz4|snappy|deflate)$", re.IGNORECASE)


@dataclass(frozen=True)
class PackedList:
    """`path`: `a.zip#member`; `rows`: cells as text, by column."""

    path: str
    rows: list[dict[str, str | None]]

    @property
    def columns(self) -> list[str]:
        """Of all its rows, in the order in which they come up."""
        return list(dict.fromkeys(itertools.chain.from_iterable(self.rows)))


def labelled_lists(archives: Archives, settings: SourceSettings, most: int) -> list[PackedList]:
    """Tables in the first `most` archives with a column of pictures' names and one of labels, usual or given, or one
    for each class.

    Raises SourceError for a table that cannot be read.
    """
    names = {settings.path_column.casefold()} if settings.path_column else _PATHS
    labels = {settings.label_column.casefold()} if settings.label_column else _LABELS
    columns = [(packed, {name.casefold() for name in packed.columns}) for packed in _packed_lists(archives, most)]
    by_class = not settings.label_column
    return [
        packed
        for packed, own in columns
        if own & names and (own & labels or (by_class and class_columns(packed.columns)))
    ]


def _packed_lists(archives: Archives, most: int) -> list[PackedList]:
    """The tables that have rows in the first `most` archives."""
    some = replace(archives, names=archives.names.orderBy("name").limit(most))
    zips, tars = some.of_kind(zipped=True), some.of_kind(zipped=False)
    found: list[Member] = []
    if zips is not None:
        found += itertools.chain.from_iterable(_in_zip(row["file"], row["name"]) for row in zips.names.collect())
    if tars is not None:
        rows = tars.read(tars.names, _in_tars, PICTURE.ddl).orderBy("path").collect()
        found += (Member(row["path"], bytes(row["content"])) for row in rows)
    lists = (PackedList(member.path, list(_rows(member.path, member.content or b""))) for member in found)
    return [packed for packed in lists if packed.rows]


def list_table(spark: SparkSession, archives: Archives, lists: list[PackedList]) -> AnnotationTable:
    """One table of several lists, as open_tables gives it; an archive is as a folder. Raises SourceError for lists of
    several forms."""
    if len({form_of(packed.path) for packed in lists}) > 1:
        shown = ", ".join(packed.path for packed in lists)
        raise SourceError(
            f"{shown} are lists of several forms: which one counts? Unpack the archive and name it as --input"
        )
    columns = list(dict.fromkeys(itertools.chain.from_iterable(packed.columns for packed in lists)))
    cells = {f"{MARK}{name}": [row.get(name) for packed in lists for row in packed.rows] for name in columns}
    files = [_as_folder(packed.path) for packed in lists for _ in packed.rows]
    numbers = [number for packed in lists for number in range(len(packed.rows))]
    texts = {name: pa.array(values, pa.string()) for name, values in {**cells, "_file": files}.items()}
    frame = spark.createDataFrame(pa.table({**texts, "_row": pa.array(numbers, pa.int64())}))
    return AnnotationTable(archives.root, frame, archives.scan, len(lists), True, "csv")


def _as_folder(path: str) -> str:
    archive, _, inside = path.partition("#")
    return f"{ARCHIVE_NAME.sub('', archive)}/{inside}"


def _in_zip(uri: str, name: str) -> Iterator[Member]:
    places: dict[str, Place] = {}
    for member, place in list_zip(uri, name, _MOST_BYTES):
        if place is not None and _is_list(member.path):
            places[member.path] = place
    for member in read_placed(uri, name, places.items()):
        if member.content is None:
            raise SourceError(f"{member.path} cannot be read: {member.detail}")
        yield member


def _in_tars(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for row in (row for batch in batches for row in batch.to_pylist()):
        members = read_archive(row["file"], row["name"], _MOST_BYTES, with_content=False, always=_ENDINGS)
        yield from to_batches(member for member in members if member.content is not None and _is_list(member.path))


def _is_list(path: str) -> bool:
    """Whether a member is called as a table, in no folder that is passed over."""
    inside = path.partition("#")[2]
    name = posixpath.basename(inside)
    own = PictureNames(name).why_none(inside) is None
    return own and TABLE_NAME.match(name) is not None and not _PACKED.search(inside)


def _rows(path: str, content: bytes) -> Iterator[dict[str, str | None]]:
    form = form_of(path)
    try:
        rows = _csv_rows(path, content) if form == "csv" else _objects(content, form)
        yield from ({name: _text(value) for name, value in row.items()} for row in rows)
    except (ValueError, csv.Error, pa.ArrowInvalid) as error:
        raise SourceError(f"{path} cannot be read as {form}: {str(error)[:200]}") from error


def _csv_rows(path: str, content: bytes) -> Iterator[dict[str, Any]]:
    dialect = csv_dialect(content.splitlines()[:LINES], _is_utf8(content))
    lines = csv.reader(io.StringIO(_decoded(content, dialect.encoding), newline=""), delimiter=dialect.separator)
    header = [name.strip() for name in next(lines, [])]
    check_header(header, path)
    return (dict(zip(header, cells, strict=False)) for cells in lines if cells)


def _objects(content: bytes, form: str) -> Iterable[dict[str, Any]]:
    if form == "parquet":
        table = pq.read_table(io.BytesIO(content))
        plain = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
        rows: list[Any] = table.select(plain).to_pylist()
    else:
        text = _decoded(content, encoding_of(content)).strip()
        whole = text.startswith("[")
        rows = json.loads(text) if whole else [json.loads(line) for line in text.splitlines() if line.strip()]
    return (row for row in rows if isinstance(row, dict))


def _decoded(content: bytes, encoding: str) -> str:
    return content.decode("cp1252" if encoding == WINDOWS else encoding, "replace").removeprefix("\ufeff")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str)
