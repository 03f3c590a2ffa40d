"""What is to be scored: pictures of any source, or the prepared faces of shards; and what each file looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from fer_spark.artifacts import Storage
from fer_spark.networks.card import Card, digest_of
from fer_spark.pipelines.score.sources import SHARDS
from fer_spark.pixels.stored import StoredPixels
from fer_spark.preparation.preparation import Preparation
from fer_spark.serving.match import check_preparation, image_column, preparation_differences
from fer_spark.shards.manifest import read_manifest
from fer_spark.shards.write import read_files
from fer_spark.sources.base import Slice, Source, digest_rows
from fer_spark.sources.catalog import layout_of, open_source
from fer_spark.sources.files.names import PictureNames
from fer_spark.sources.lake import GLOB_CHARS, open_root
from fer_spark.sources.pictures import file_stats as listed_stats
from fer_spark.sources.pictures import stats_of
from fer_spark.sources.settings import SourceError, SourceSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_BINARY_FILE = "path string, modificationTime timestamp, length bigint, content binary"
_ANY_AGE = "36500d"
"""Spark's streams pass over files that are a week older than the newest: pictures come with old dates."""


@dataclass(frozen=True)
class Only(Slice):
    """The pictures of the named paths alone: no other file is opened."""

    paths: tuple[str, ...] = ()

    def of(self, frame: DataFrame, key: Column) -> DataFrame:
        return frame.where(key.isin(list(self.paths)))


@dataclass(frozen=True)
class Input:
    """An opened input.

    read      rows of one slice: RAW_IMAGE, or faces of shards where `pixels` is set
    keys      source_path, source_row of everything to account for
    stats     path, length and modified_us of each file, where pictures are files of their own; else None
    stream    the same as a stream that gives up to so many files at a time; else None
    detector  what the source says of its pictures
    pixels, preparation    of faces that are prepared already; else None
    lines     what the user should know of the listing
    """

    description: str
    read: Callable[[Slice], DataFrame]
    keys: Callable[[], DataFrame]
    images: int
    stats: Callable[[], DataFrame] | None
    fingerprint: Callable[[], str]
    detector: str | None = None
    pixels: StoredPixels | None = None
    preparation: Preparation | None = None
    stream: Callable[[int], DataFrame] | None = None
    lines: list[str] = field(default_factory=list)


def open_input(
    spark: SparkSession, settings: SourceSettings, card: Card, max_file_mb: float, whole: bool, detector: str
) -> Input:
    """Open what --source and --input name. `whole`: nothing is compared by its bytes before the workers see them.
    `detector`: the one that --detector names, or empty.

    Raises SourceError for an input that cannot be opened, MismatchError for shards that do not fit the bundle.
    """
    if settings.source == SHARDS:
        return _open_shards(spark, settings, card, detector)
    by_path = whole and settings.read_files != "spark"
    if settings.read_files == "workers" and not whole:
        raise SourceError("--read-files workers does not go with --incremental; leave it at auto")
    source = open_source(spark, settings, int(max_file_mb * 2**20), by_path, labels_needed=False)
    files = layout_of(settings.source).files_are_input
    return Input(
        source.description,
        source.read,
        lambda: source.keys().select("source_path", "source_row"),
        source.images,
        (lambda: file_stats(spark, settings)) if files else None,
        lambda: fingerprint(spark, settings, source),
        source.detector,
        stream=(lambda most: file_stream(spark, settings, most)) if files else None,
        lines=source.lines(),
    )


def file_stats(spark: SparkSession, settings: SourceSettings) -> DataFrame:
    """path (below the input's root), length and modified_us of every picture, from the listing alone."""
    return listed_stats(spark, open_root(spark, settings.input), settings.glob, pictures=True)


def file_stream(spark: SparkSession, settings: SourceSettings, files_per_chunk: int) -> DataFrame:
    """A stream of what file_stats gives. Raises SourceError for a single file, or a folder named like a glob."""
    root = open_root(spark, settings.input)
    where = root.targets[0] if root.literal else settings.input
    if root.is_file or (root.literal and set(where) & GLOB_CHARS):
        raise SourceError(f"--trigger stream: {settings.input!r} must be a folder whose name has none of *?[]{{}}")
    reader = spark.readStream.format("binaryFile").schema(_BINARY_FILE).option("recursiveFileLookup", "true")
    reader = reader.option("maxFilesPerTrigger", files_per_chunk).option("maxFileAge", _ANY_AGE)
    if settings.glob:
        reader = reader.option("pathGlobFilter", settings.glob)
    names = PictureNames(settings.glob, root.glob)
    return stats_of(reader.load(where), root).where(~F.col("path").rlike(names.pattern))


def fingerprint(spark: SparkSession, settings: SourceSettings, source: Source) -> str:
    """Over every file of the input (path, length and age) and the settings that say what is read of them.

    Empty where pictures lie in a folder that is not named.
    """
    if source.beside_table and not settings.images:
        return ""
    places = [place for place in (settings.input, settings.images, settings.votes) if place]
    digests = [digest_rows(listed_stats(spark, open_root(spark, place), "", pictures=False)) for place in places]
    return ",".join([digest_of(settings.described())[:32], *digests])


def _open_shards(spark: SparkSession, settings: SourceSettings, card: Card, detector: str) -> Input:
    storage = Storage(spark, settings.input)
    manifest = read_manifest(storage)
    if manifest is None:
        raise SourceError(f"--input {settings.input!r} holds no shards: there is no manifest")
    column = image_column(card, manifest, "")
    preparation = manifest.preparation
    differing = preparation_differences(card, manifest, column, detector)
    otherwise = f"score the pictures themselves; --detector {preparation.detector} accepts that these were found by it"
    check_preparation(differing, forced=False, otherwise=otherwise)
    if not manifest.files:
        raise SourceError(f"--input {settings.input!r}: these shards hold no face")
    frame = read_files(spark, storage, [file.path for file in manifest.files])
    return Input(
        f"shards {settings.input}",
        lambda part: part.of(frame, F.col("image_id")),
        lambda: frame.select("source_path", "source_row").distinct(),
        manifest.counts.written_images,
        None,
        lambda: manifest.checksum,
        pixels=manifest.images[column].pixels,
        preparation=preparation,
    )
