"""Tables that lie in zip archives together with the pictures that they name."""

from __future__ import annotations

import csv
import io
import itertools
import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from fer_spark.sources.archives.find import ARCHIVE_NAME, Archives
from fer_spark.sources.archives.zip import Place, list_zip, read_placed
from fer_spark.sources.files.names import PictureNames
from fer_spark.sources.files.tables import TABLE_NAME
from fer_spark.sources.settings import SourceError
from fer_spark.sources.tables import MARK, AnnotationTable, form_of
from fer_spark.sources.text.dialect import LINES, WINDOWS, check_header, csv_dialect, encoding_of

_MOST_BYTES = 256 << 20
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


def packed_lists(archives: Archives, most: int) -> list[PackedList]:
    """The tables with rows in the first `most` of the zip archives. Raises SourceError for one that cannot be read."""
    zips = archives.of_kind(zipped=True)
    names = [] if zips is None else zips.names.orderBy("name").limit(most).collect()
    found = (_lists_of(row["file"], row["name"]) for row in names)
    return [packed for packed in itertools.chain.from_iterable(found) if packed.rows]


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


def _lists_of(uri: str, name: str) -> Iterator[PackedList]:
    places: dict[str, Place] = {}
    for member, place in list_zip(uri, name, _MOST_BYTES):
        inside = member.path.partition("#")[2]
        own = PictureNames(posixpath.basename(inside)).why_none(inside) is None  # in no folder that is passed over
        if place is not None and own and TABLE_NAME.match(posixpath.basename(inside)) and not _PACKED.search(inside):
            places[member.path] = place
    for member in read_placed(uri, name, places.items()):
        if member.content is None:
            raise SourceError(f"{member.path} cannot be read: {member.detail}")
        yield PackedList(member.path, list(_rows(member.path, member.content)))


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
