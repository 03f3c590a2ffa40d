"""How a text table is written, found in its first lines: encoding, separator, JSON by lines or as one array."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fer_spark.sources.settings import SourceError

SEPARATORS = (",", "\t", ";", "|")
UTF8, WINDOWS = "UTF-8", "windows-1252"
WINDOWS_AS_READ = "ISO-8859-1"
"""Spark has no Windows-1252: its bytes are read as this, then `windows_text` puts the other 27 signs in place."""
CONTROLS = "".join(map(chr, range(0x80, 0xA0)))
SIGNS = "".join(bytes([code]).decode("cp1252", "ignore") or chr(code) for code in range(0x80, 0xA0))
_MARKS = ((b"\xef\xbb\xbf", UTF8), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
LINE_BYTES, LINES = 1 << 16, 30
"""Of a table's beginning so many lines, and of each so many bytes, are looked at."""

_PICTURE_NAME = re.compile(r"\.(jpe?g|png|bmp|gif|webp|tiff?|heic|avif|pgm|ppm)(\s|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """`whole_files`: records do not end where lines end, so that no file can be split."""

    encoding: str = UTF8
    separator: str = ","
    whole_files: bool = False


def windows_text(text: str) -> str:
    """Windows-1252 that was read as ISO-8859-1, as it is meant."""
    return text.translate(str.maketrans(CONTROLS, SIGNS))


def encoding_of(first: bytes) -> str:
    """By the mark at the beginning of a file, or by the zero bytes of UTF-16 without one; else UTF-8."""
    for mark, encoding in _MARKS:
        if first.startswith(mark):
            return encoding
    if first[1:2] == b"\0":
        return "UTF-16LE"
    return "UTF-16BE" if first[:1] == b"\0" else UTF8


def plain(line: bytes) -> str:
    """A line that was cut out of a text of any of these encodings; exact for ASCII, which separators are."""
    for mark, _ in _MARKS:
        line = line.removeprefix(mark)
    bare = line.replace(b"\0", b"")
    try:
        return bare.decode("utf-8")
    except UnicodeDecodeError:
        return bare.decode("cp1252", "replace")


def csv_dialect(lines: Sequence[bytes], valid_utf8: bool = True, spans: bool = False) -> Dialect:
    """By the first lines of a table, as they lie in the file. `valid_utf8`: whether all of its lines are; `spans`: some
    records go over several of them."""
    encoding = encoding_of(lines[0]) if lines else UTF8
    if encoding == UTF8 and not valid_utf8:
        encoding = WINDOWS
    return Dialect(encoding, separator_of([plain(line) for line in lines]), encoding.startswith("UTF-16") or spans)


def separators_in(line: bytes) -> list[str]:
    """The signs at which a line could be cut."""
    return [sign for sign in SEPARATORS if sign in plain(line)]


def header_of(line: bytes, dialect: Dialect) -> list[str]:
    """Names of columns in a table's first line, in lower case."""
    return [name.strip().casefold() for name in next(csv.reader([plain(line)], delimiter=dialect.separator))]


def separator_of(lines: Sequence[str]) -> str:
    """The sign that cuts most lines into as many parts as the header, and the header into most parts."""
    rows = [line.strip("\r\n") for line in lines if line.strip()]
    if not rows:
        return ","

    def fit(sign: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(rows, delimiter=sign)]
        return (sum(count == counts[0] for count in counts), counts[0]) if counts and counts[0] > 1 else (0, 0)

    return max(SEPARATORS, key=fit)  # of equals the first


def json_dialect(lines: Sequence[bytes], what: str, objects: int = 1) -> Dialect:
    """An array or one object over many lines is read whole. `objects`: how many lines begin with one.

    Raises SourceError for lines of another encoding, and for several objects that each go over many lines.
    """
    encoding = encoding_of(lines[0]) if lines else UTF8
    first = next((plain(line).strip() for line in lines if plain(line).strip()), "")
    if first.startswith("[") or (first.startswith("{") and not _is_object(first)):
        if first.startswith("{") and objects > 1:
            raise SourceError(f"{what} holds {objects} objects of many lines each: write each in a line, or an array")
        return Dialect(encoding, whole_files=True)
    if encoding != UTF8 or (lines and lines[0].startswith(_MARKS[0][0])):
        mark = encoding if encoding != UTF8 else "UTF-8 after a byte order mark"
        raise SourceError(f"{what} holds JSON lines in {mark}: save it as UTF-8 without one")
    return Dialect(encoding)


def check_header(columns: Sequence[str], what: str) -> None:
    """Raise SourceError where the first line names a picture: it is a row, and the table has no header."""
    for name in columns:
        if _PICTURE_NAME.search(name.strip()):
            raise SourceError(
                f"{what}: its first line, {' '.join(columns)[:80]!r}, names a picture: it is a row, and a table needs "
                "a first line with the names of its columns, such as image,emotion"
            )


def _is_object(line: str) -> bool:
    """Whether a line is a whole object; one that was cut off after LINE_BYTES is taken for one."""
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return len(line) > LINE_BYTES // 2
    return True
