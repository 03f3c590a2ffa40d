"""COCO: a JSON with images, annotations (a box and a class each) and categories, near the pictures."""

from __future__ import annotations

import posixpath

from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.sources.base import Source
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.marked import listed_faces, lists_below, open_marked, pictures_beside, read_list
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.text.coco import coco_faces, is_coco

_ENDING = ".json"
_HEAD_BYTES = 64 << 10
_FEW = 10


def open_coco(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """--input is the JSON, or a folder with one or several, as Roboflow writes one a split. A face an annotation; an
    image without one is quarantined as a picture without a face.

    Names are relative to their JSON, else matched by the end of the path; --images: the pictures, where they lie
    elsewhere.
    """
    root, paths = lists_below(spark, settings, _ENDING, "")
    storage = Storage(spark, root.uri)
    alike = [path for path in paths if is_coco(_head(storage, path))]
    read = [(path, coco_faces(read_list(storage, path), path)) for path in alike]
    lists = [(path, faces) for path, faces in read if faces is not None]
    if not lists:
        raise SourceError(f"--input {settings.input!r} holds no .json with COCO's images, annotations and categories")
    table = listed_faces(spark, root, lists)
    return open_marked(settings, reading, table, pictures_beside(settings, reading, table, [path for path, _ in lists]))


def recognise(look: Look) -> Match | None:
    """By the beginning of a JSON in it, or in a folder in it."""
    outer = look.unwrapped
    for place in outer.places:
        stems = {posixpath.splitext(name)[0] for name in place.pictures}
        names = [name for name in place.files if name.lower().endswith(_ENDING)]
        known = [name for name in names if posixpath.splitext(name)[0] not in stems]
        storage = Storage(place.spark, place.root.uri) if known else None
        for name in known[:_FEW]:
            assert storage is not None
            if is_coco(_head(storage, name)):
                return Match(Sureness.CERTAIN, f"{name} has images and annotations", outer.settings.input)
    return None


def _head(storage: Storage, path: str) -> str:
    return storage.read_start(path, _HEAD_BYTES).decode("utf-8", "replace")


LAYOUT = Layout(open_coco, flags=("images", "codes", "path_prefix"), recognise=recognise)
