"""Petastorm's own `_common_metadata` beside the shards, so that `petastorm.make_reader` users can read them.

It holds the Arrow schema, the Unischema as Petastorm's own writer stores it, and the row groups of each file. This
package writes it and never reads it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark.artifacts import Storage
from fer_spark.rows import FACE
from fer_spark.shards.manifest import ImageColumn, Manifest
from fer_spark.shards.petastorm import compat as petastorm_compat

NAME = "_common_metadata"
_MARK = "petastorm_metadata"
_PARTITION = "split"
_DTYPES: dict[str, Any] = {"string": np.str_, "int": np.int32, "bigint": np.int64, "float": np.float32}


def publish_petastorm_metadata(
    storage: Storage, manifest: Manifest, old: Manifest | None, requested: bool
) -> dict[str, Any]:
    """Write the metadata if requested, or if shards that have it are appended to; remove it where it would be wrong.

    Returns what the manifest's `run` notes of it.
    """
    was_there = bool(old and old.run.get(_MARK))
    if not requested and not (was_there and old and {file.path for file in old.files} <= _paths(manifest)):
        if was_there:
            storage.delete(NAME)
        return {}
    storage.publish_bytes(NAME, common_metadata(manifest))
    return {_MARK: True}


def common_metadata(manifest: Manifest) -> bytes:
    """The file's content, made by Petastorm's own functions."""
    metadata = petastorm_compat.load("petastorm.etl.dataset_metadata")
    utils = petastorm_compat.load("petastorm.utils")
    row_groups = {file.path: len(file.row_groups) for file in manifest.files}
    pixels = [pa.field(name, pa.binary()) for name in manifest.images]
    schema = pa.schema([*(field for field in FACE.arrow_schema if field.name != _PARTITION), *pixels])
    with tempfile.TemporaryDirectory() as directory:
        pq.write_table(schema.empty_table(), Path(directory) / "part.parquet")
        dataset = petastorm_compat.view("pyarrow.parquet").ParquetDataset(directory)
        metadata._generate_unischema_metadata(dataset, unischema(manifest))
        utils.add_to_dataset_metadata(dataset, metadata.ROW_GROUPS_PER_FILE_KEY, json.dumps(row_groups))
        return (Path(directory) / NAME).read_bytes()


def unischema(manifest: Manifest) -> Any:
    """FACE's columns, `split`, and the pixels: JPEG and PNG as decoded RGB or gray arrays, raw ones as bytes.

    Petastorm has no codec for bare bytes: `np.frombuffer(row.image_48_gray, np.uint8).reshape(48, 48)` makes a picture.
    """
    petastorm = petastorm_compat.load("petastorm.unischema")
    fields = []
    for column in FACE.columns:
        listed = column.sql_type.startswith("array<")
        dtype = _DTYPES[column.sql_type.removeprefix("array<").removesuffix(">")]
        shape = (None,) if listed else ()
        fields.append(petastorm.UnischemaField(column.name, dtype, shape, None, column.name != _PARTITION))
    fields += [_pixels(name, image) for name, image in manifest.images.items()]
    return petastorm.Unischema("FacesSchema", fields)


def _pixels(name: str, image: ImageColumn) -> Any:
    field = petastorm_compat.load("petastorm.unischema").UnischemaField
    if image.pixels.codec == "raw":
        return field(name, np.bytes_, (), None, False)
    codec = petastorm_compat.load("petastorm.codecs").CompressedImageCodec(image.pixels.codec_kind)
    return field(name, np.uint8, image.pixels.shape, codec, False)


def _paths(manifest: Manifest) -> set[str]:
    return {file.path for file in manifest.files}
