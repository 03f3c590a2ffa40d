"""What a layout's module declares of it, so that nothing else has to ask for its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import SparkSession

from fer_spark.sources.annotations import Annotations
from fer_spark.sources.base import Source
from fer_spark.sources.look import Look, Match
from fer_spark.sources.settings import FileReading, SourceSettings

_IMAGES = "images"
COLUMNS = ("path_column", "path_prefix", "label_column", "group_column", "split_column")
"""The flags of a layout whose pictures are named in a table."""
BOXES = ("box_columns", "box_format")
"""The flags of a layout whose table may say where a picture's faces are."""


@dataclass(frozen=True)
class Layout:
    """The traits of one value of --source. What depends on the input itself (boxes, faces that are cropped, splits) is
    said by the Source that it opens.

    open             opens the pictures. Raises SourceError
    annotations      what the input states of its pictures, without any picture. Raises SourceError. None: the opened
                     source's keys state all of it
    flags            fields of SourceSettings that this layout reads and some others do not
    files_are_input  each picture is a file of its own below --input: a listing shows which are new
    recognise        whether an input looks like this layout, and why, for `--source auto`; None: it has to be named
    """

    open: Callable[[SparkSession, SourceSettings, FileReading], Source]
    annotations: Callable[[SparkSession, SourceSettings], Annotations] | None = None
    flags: tuple[str, ...] = ()
    files_are_input: bool = False
    recognise: Callable[[Look], Match | None] | None = None

    @property
    def is_beside_pictures(self) -> bool:
        """Whether it is a table that may name pictures which lie elsewhere, or nowhere yet: --images says where."""
        return _IMAGES in self.flags
