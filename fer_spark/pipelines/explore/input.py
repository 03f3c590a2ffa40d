"""What is to be explored: the annotations and pictures of a source, or the faces of shards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fer_spark.artifacts import Storage
from fer_spark.exploring.looking import PICTURE, Keep
from fer_spark.exploring.pictures_on_spark import drawn, look_at_pictures
from fer_spark.exploring.settings import PictureSettings
from fer_spark.pipelines.explore.look import RawLook, StoredLook
from fer_spark.rows import ANNOTATION, FACE, LOOKED
from fer_spark.shards.manifest import Manifest, read_manifest
from fer_spark.shards.write import read_files
from fer_spark.sources.annotations import EXPECTED, Annotations
from fer_spark.sources.base import Source
from fer_spark.sources.catalog import layout_of, open_annotations, open_source
from fer_spark.sources.settings import SourceError, SourceSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SHARDS_CHECKED = ("label", "split", "valence", "arousal")
_BY_HASH = "by a hash of the path (seed {})"


@dataclass(frozen=True)
class Input:
    """An opened input.

    looked       makes LOOKED rows of its pictures; None where no picture is looked at
    selection    which pictures are read, or why none is, in words for the report
    what         what brightness and the like are measured of
    quarantined  of shards: pictures that gave no face, by reason
    """

    annotations: Annotations
    looked: Callable[[], DataFrame] | None
    selection: str
    what: str = "whole picture"
    quarantined: dict[str, int] = field(default_factory=dict)


def open_input(spark: SparkSession, source: SourceSettings, shards: str, pictures: PictureSettings) -> Input:
    """Open what --source and --input, or --shards, name. Raises SourceError, or ManifestError for damaged shards."""
    if shards:
        return _open_shards(spark, shards, pictures)
    annotations = open_annotations(spark, source)
    if pictures.pictures == "none":
        return Input(annotations, None, "none: not requested")
    layout = layout_of(source.source)
    lenient = replace(source, conflicts="first", keep_no_expression="keep_no_expression" in layout.flags)
    try:
        opened = open_source(spark, lenient, by_path=source.read_files != "spark", labels_needed=False)
        count = opened.images
    except SourceError as error:
        if pictures.pictures == "auto" and layout.is_beside_pictures and not source.images:
            return Input(annotations, None, f"none: {error}")
        raise
    return Input(annotations, *_chosen(opened, count, pictures))


def _chosen(source: Source, count: int, settings: PictureSettings) -> tuple[Callable[[], DataFrame], str]:
    """All pictures, or a slice by hash of about the size requested."""
    sampled = settings.pictures == "sample" or (settings.pictures == "auto" and count > settings.all_up_to)
    chunks = max(1, round(count / settings.sample_pictures)) if sampled else 1
    selection = f"all {count:,}"
    if chunks > 1:
        selection = f"a sample of about {count // chunks:,} of {count:,}, {_BY_HASH.format(settings.seed)}"

    def looked() -> DataFrame:
        raw = source.raw(settings.seed % chunks, chunks)
        named = raw.withColumnsRenamed({"source_path": "path", "reject_reason": "reason"})
        rows = drawn(named.select("path", "split", "label", "reason", "encoding", "content"), settings.seed)
        return look_at_pictures(rows, RawLook(), Keep(settings.sheet_faces, settings.mean_faces))

    return looked, "; ".join([selection, *source.lines()])


def _open_shards(spark: SparkSession, where: str, settings: PictureSettings) -> Input:
    storage = Storage(spark, where)
    manifest = read_manifest(storage)
    if manifest is None:
        raise SourceError(f"--shards {where!r} holds no shards: there is no manifest")
    if not manifest.files:
        raise SourceError(f"--shards {where!r}: these shards hold no face")
    frame = read_files(spark, storage, [file.path for file in manifest.files])
    if "augmented_from" in frame.columns:
        frame = frame.where("augmented_from IS NULL")
    quarantined = manifest.counts.quarantined
    annotations = _faces(frame, where, manifest)
    if settings.pictures == "none":
        return Input(annotations, None, "none: not requested", quarantined=quarantined)
    faces = frame.count()  # the manifest counts augmented copies too
    chunks = max(1, round(faces / settings.sample_pictures)) if settings.pictures == "sample" else 1
    selection = f"all {faces:,} faces, as the shards hold them"
    if chunks > 1:
        selection = f"a sample of about {faces // chunks:,} of {faces:,} faces, {_BY_HASH.format(settings.seed)}"
    return Input(annotations, lambda: _looked_faces(frame, manifest, settings, chunks), selection, "face", quarantined)


def _path(frame: DataFrame) -> DataFrame:
    further = F.when(F.col("face_index") > 0, F.concat(F.lit("#face"), F.col("face_index").cast("string")))
    return frame.withColumn("path", F.concat("source_path", F.coalesce(further, F.lit(""))))


def _faces(frame: DataFrame, where: str, manifest: Manifest) -> Annotations:
    rows = _path(frame).select(
        "path",
        "split",
        F.col("split").alias("split_raw"),
        F.coalesce("label_raw", "label").alias("label_raw"),
        "label",
        F.col("valence").cast("double").alias("valence"),
        F.col("arousal").cast("double").alias("arousal"),
        F.lit(None).cast("string").alias("not_number"),
    )
    annotated = frame.where("valence IS NOT NULL OR arousal IS NOT NULL").limit(1).count() > 0
    has = {
        "path",
        "split",
        *(("label",) if manifest.label_names else ()),
        *(("valence", "arousal") if annotated else ()),
    }
    own = frame.select("split", *(F.col(name).alias(f"in:{name}") for name in FACE.names))
    expected = {name: EXPECTED.get(name, EXPECTED["feeling"]) for name in _SHARDS_CHECKED if name in has}
    names = tuple(manifest.label_names)
    return Annotations(f"shards {where}", names, rows.select(ANNOTATION.names), frozenset(has), True, own, expected)


def _looked_faces(frame: DataFrame, manifest: Manifest, settings: PictureSettings, chunks: int) -> DataFrame:
    """LOOKED rows from FACE's own columns; pixels are decoded for sheets, mean faces and pixel sums alone.

    Of all faces, or of one of so many `chunks` of them by hash; faces of one picture go together.
    """
    column = min(manifest.images, key=lambda name: manifest.images[name].pixels.size_px)
    chunk = F.pmod(F.xxhash64("source_path"), F.lit(chunks)) == settings.seed % chunks
    faces = drawn(_path(frame.where(chunk) if chunks > 1 else frame), settings.seed)
    renamed = {"image_width": "width", "image_height": "height", "image_channels": "channels"}
    more = {"image_format": "format", "content_bytes": "bytes"}
    first = F.when(F.col("face_index") == 0, F.col("pixel_hash"))
    measured = faces.withColumnsRenamed(renamed | more).withColumns({"kind": F.lit(PICTURE), "pixel_hash": first})
    have = set(measured.columns)
    columns = [
        (F.col(item.name) if item.name in have else F.lit(None)).cast(item.sql_type).alias(item.name)
        for item in LOOKED.columns
    ]
    rows = faces.select(
        "path", "split", "label", "draw", F.lit(None).cast("string").alias("reason"), F.col(column).alias("content")
    )
    kept = look_at_pictures(
        rows, StoredLook(manifest.images[column].pixels), Keep(settings.sheet_faces, settings.mean_faces, rows=False)
    )
    return measured.select(columns).unionAll(kept)
