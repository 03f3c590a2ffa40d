"""Roboflow's CSV: _annotations.csv (a box and a class a row) or _classes.csv (a column a class)."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator

from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.sources.base import Source
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.marked import Face, listed_faces, lists_below, open_marked, pictures_beside, read_list
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings

_BOXES, _CLASSES = "_annotations.csv", "_classes.csv"
_NAME = "filename"
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def open_roboflow(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """--input is the folder, with a list a split, or one list. Names are relative to the list that states them.

    `_annotations.csv` has a face a row; `_classes.csv` a picture, labelled where exactly one of its classes is 1.
    """
    root, paths = lists_below(spark, settings, ".csv", f"^({_BOXES}|{_CLASSES})$")
    boxes = [path for path in paths if path.rsplit("/", 1)[-1] == _BOXES]
    if boxes and len(boxes) < len(paths):
        raise SourceError(f"--input {settings.input!r} holds {_BOXES} and {_CLASSES}: name one with --input")
    storage = Storage(spark, root.uri)
    lists = [(path, list(_faces(read_list(storage, path), path))) for path in paths]
    table = listed_faces(spark, root, lists)
    return open_marked(settings, reading, table, pictures_beside(settings, reading, table, paths), bool(boxes))


def recognise(look: Look) -> Match | None:
    """By the name of a list in it, or in a folder in it."""
    outer = look.unwrapped
    for place in outer.places:
        for name in (_BOXES, _CLASSES):
            if name in place.files:
                where = place.settings.input if place.root.is_file else outer.settings.input
                return Match(Sureness.CERTAIN, f"{name} is Roboflow's list", where)
    return None


def _faces(text: str, path: str) -> Iterator[Face]:
    """Raises SourceError for a list without the columns that it needs."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), skipinitialspace=True)
    header = [name.strip() for name in next(rows, [])]
    has_boxes = path.rsplit("/", 1)[-1] != _CLASSES
    missing = [name for name in ((_NAME, "class", *_SIDES) if has_boxes else (_NAME,)) if name not in header]
    if missing:
        raise SourceError(f"{path}: no column {', '.join(missing)}; the list has: {', '.join(header)}")
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        row = dict(itertools.zip_longest(header, (cell.strip() for cell in cells[: len(header)]), fillvalue=""))
        name = row.pop(_NAME, "")
        yield _marked(name, row) if has_boxes else _classified(name, row)


def _marked(name: str, row: dict[str, str]) -> Face:
    sides = [row.get(side, "") for side in _SIDES]
    try:
        left, top, right, bottom = map(float, sides)
    except ValueError:
        return Face(name, row.get("class", ""), ", ".join(sides))  # quarantined as no four numbers
    return Face(name, row.get("class", ""), f"{left}, {top}, {right - left}, {bottom - top}")


def _classified(name: str, row: dict[str, str]) -> Face:
    classes = [label for label, mark in row.items() if mark == "1"]
    if not row or any(mark not in ("0", "1") for mark in row.values()):
        return Face(name, "", "", "bad_annotation", "a class of its row is neither 0 nor 1")
    if len(classes) > 1:
        return Face(name, "", "", "bad_annotation", f"its row has several classes: {', '.join(classes)}")
    return Face(name, classes[0] if classes else "")


LAYOUT = Layout(open_roboflow, flags=("images", "codes", "path_prefix"), recognise=recognise)
