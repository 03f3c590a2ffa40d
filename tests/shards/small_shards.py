"""Shards of a few rows, written without Spark: row n of a split has pixels and a label that follow from n alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import FACE
from fer_spark.shards.manifest import NAME, Counts, ImageColumn, Manifest, ShardFile

LABELS = ["angry", "happy", "sad"]
GRAY = ImageColumn(StoredPixels("image_6_gray", FaceShape(6, "gray")), [0.5], [0.25])


def label_of(row: int) -> str | None:
    """Every 11th row has none; the others take turns, with `happy` twice as often."""
    return None if row % 11 == 10 else ("angry", "happy", "sad", "happy")[row % 4]


def picture(row: int, image: ImageColumn) -> np.ndarray:
    """Smooth, so that a JPEG keeps it; red, green and blue differ, so that swapped channels show."""
    side = image.pixels.size_px
    base = np.full((side, side), row % 200, np.uint8)
    if image.pixels.mode == "gray":
        return base
    return np.stack([base, base // 2 + 20, 255 - base], axis=2)


def encode(row: int, image: ImageColumn) -> bytes:
    pixels = picture(row, image)
    if image.pixels.codec == "raw":
        floats = image.pixels.dtype == "float32"
        return (pixels / np.float32(255)).astype("<f4").tobytes() if floats else pixels.tobytes()
    extension = ".png" if image.pixels.codec == "png" else ".jpg"
    return bytes(cv2.imencode(extension, pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1])


def write_shards(
    root: Path, groups: dict[str, list[list[int]]], images: dict[str, ImageColumn] | None = None, **changes: Any
) -> Manifest:
    """`groups`: per split, per file, the rows of each row group. Returns the manifest that was written."""
    images = images or {"image_6_gray": GRAY}
    schema = pa.schema([field for field in FACE.arrow_schema if field.name != "split"])
    schema = pa.schema([*schema, *(pa.field(name, pa.binary()) for name in images)])
    files, per_label = [], {}
    for split, split_files in groups.items():
        row = 0
        counts = per_label.setdefault(split, {})
        for number, sizes in enumerate(split_files):
            path = f"split={split}/part-{number:05d}.zstd.parquet"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with pq.ParquetWriter(root / path, schema, compression="zstd", write_page_checksum=True) as writer:
                for size in sizes:
                    rows = [face(row + i, images) for i in range(size)]
                    for each in rows:
                        name = each["label"] or "(none)"
                        counts[name] = counts.get(name, 0) + 1
                    writer.write_table(pa.Table.from_pylist(rows, schema), row_group_size=max(size, 1))
                    row += size
            files.append(ShardFile(path, split, sum(sizes), sizes, (root / path).stat().st_size))
    total = sum(file.rows for file in files)
    per_split = {split: sum(map(sum, split_files)) for split, split_files in groups.items()}
    manifest = Manifest(
        label_names=LABELS,
        images=images,
        counts=Counts(total, total, total, 0, {}, per_split, per_label),
        files=files,
        quarantine_files=[],
        checksum="00000000000000aa",
        settings={},
        sources=[],
        duplicates={},
        decodes_per_picture=1.0,
        run={},
        package_version="0",
    )
    manifest = replace(manifest, **changes)
    (root / NAME).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def face(row: int, images: dict[str, ImageColumn]) -> dict[str, Any]:
    """One row of a shard."""
    values: dict[str, Any] = {"face_id": f"{row:032x}", "image_id": f"{row:032x}", "label": label_of(row)}
    if row % 5:
        values["label_probs"] = [0.5, 0.25, 0.25]
    if row % 3:
        values |= {"valence": row / 1000, "arousal": -row / 1000}
    return values | {name: encode(row, image) for name, image in images.items()}
