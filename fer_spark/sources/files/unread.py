"""Files beside pictures that seem to state their labels, in a form that no source reads: nobody should lose them
without a word."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from fer_spark.artifacts import Storage
from fer_spark.sources.files.names import PICTURE_SUFFIXES
from fer_spark.sources.look import Look

_HEAD_BYTES = 64 << 10
_FEW_FILES = 20
_TEXTS = (".csv", ".tsv", ".txt", ".lst", ".json", ".jsonl", ".ndjson", ".xml")
_NAMES = re.compile(rf"[^\s\"'<>,;/\\:]+(?:{'|'.join(map(re.escape, PICTURE_SUFFIXES))})\b", re.IGNORECASE)
_LEAST_NAMES = 2
"""A sidecar names its own picture and no other."""

_SHEETS = {
    ".xlsx": "an Excel sheet",
    ".xls": "an Excel sheet",
    ".ods": "an OpenDocument sheet",
    ".mat": "a MATLAB file",
    ".npy": "NumPy arrays",
    ".npz": "NumPy arrays",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".pkl": "a Python pickle",
    ".pickle": "a Python pickle",
    ".rar": "a RAR archive",
    ".7z": "a 7-Zip archive",
}
_LABEL_WORDS = re.compile(r"label|annot|class|legend|emotion|expression|target|truth|(^|[^a-z])fer", re.IGNORECASE)


def unread_labels(look: Look) -> str:
    """The first such file near the pictures of an input, and what it is; empty where there is none.

    A text file counts that names several pictures, any other that is called as labels are.
    """
    for place in look.places:
        for name, what in _in_place(place):
            return f"{posixpath.relpath(posixpath.join(place.root.uri, name), look.root.uri)} {what}"
    return ""


def unread_form(names: list[str]) -> str:
    """The first of these files that holds data in a form that is not read, and what it is; empty where none does."""
    return next((f"{name} {what}" for name, what in _forms(names)), "")


def _forms(names: list[str]) -> Iterator[tuple[str, str]]:
    forms = ((name, _SHEETS.get(posixpath.splitext(name.lower())[1])) for name in names)
    return ((name, f"is {form}") for name, form in forms if form)


def _in_place(place: Look) -> Iterator[tuple[str, str]]:
    if place.root.is_file:
        return
    stems = {posixpath.splitext(name)[0] for name in place.pictures}
    yield from _forms([name for name in place.files if _LABEL_WORDS.search(name)])
    texts = [name for name in place.files if name.lower().endswith(_TEXTS) and not _is_sidecar(name, place, stems)]
    storage = Storage(place.spark, place.root.uri) if texts else None
    for name in texts[:_FEW_FILES]:
        assert storage is not None
        what = _what(storage.read_start(name, _HEAD_BYTES).decode("utf-8", "replace"))
        if what:
            yield name, what


def _is_sidecar(name: str, place: Look, stems: set[str]) -> bool:
    """Whether it is about one picture."""
    return posixpath.splitext(name)[0] in stems or any(name.startswith(picture) for picture in place.pictures)


def _what(head: str) -> str:
    names = {found.lower() for found in _NAMES.findall(head.replace("\0", ""))}
    return f"names pictures, such as {min(names)}" if len(names) >= _LEAST_NAMES else ""
