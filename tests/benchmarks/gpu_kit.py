"""Shards of small gray pictures as lossless mosaics and back: FER-2013 travels to a GPU machine in under 50 MB.

python -m tests.benchmarks.gpu_kit pack --shards SHARDS --kit FOLDER     here
python -m tests.benchmarks.gpu_kit unpack --kit FOLDER --shards SHARDS   there; needs numpy, pyarrow and OpenCV alone

Pictures that repeat are stored once. What comes out is read as the shards that went in: every column, row and row
group; only the files' bytes differ, so that the manifest names other sizes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark.shards.manifest import NAME

_ACROSS = 32
"""Pictures in a row of a mosaic, and rows."""
_LOSSLESS = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def pack(shards: Path, kit: Path, column: str) -> None:
    """Raises ValueError for pictures that are not (S, S) uint8."""
    kit.mkdir(parents=True, exist_ok=True)
    manifest = json.loads((shards / NAME).read_text())
    tables = [pq.read_table(shards / file["path"], partitioning=None) for file in manifest["files"]]
    stored = [bytes(value) for table in tables for value in table[column].to_pylist()]
    side = manifest["images"][column]["size_px"]
    if {len(value) for value in stored} != {side * side}:
        raise ValueError(f"{column}: expected {side} px gray, a byte a pixel")
    places = {value: number for number, value in enumerate(dict.fromkeys(stored))}
    pictures = np.frombuffer(b"".join(places), np.uint8).reshape(-1, side, side)
    for number, mosaic in enumerate(_mosaics(pictures)):
        _, encoded = cv2.imencode(".jp2", mosaic, _LOSSLESS)
        if not np.array_equal(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), mosaic):
            raise ValueError("this OpenCV's JPEG 2000 is not lossless")
        (kit / f"mosaic-{number:03d}.jp2").write_bytes(encoded.tobytes())
    for number, table in enumerate(tables):
        rest = table.drop_columns([column])
        pq.write_table(rest, kit / f"rows-{number:03d}.parquet", compression="zstd", compression_level=19)
    (kit / "schemas.bin").write_bytes(tables[0].schema.serialize().to_pybytes())
    about = {"column": column, "side": side, "pictures": len(pictures), "sha256": _digest(pictures), NAME: manifest}
    (kit / "about.json").write_text(json.dumps(about))
    np.save(kit / "places.npy", np.array([places[value] for value in stored], np.int32))


def unpack(kit: Path, shards: Path) -> None:
    """Raises ValueError where the pictures are not those that were packed."""
    about = json.loads((kit / "about.json").read_text())
    manifest, side, column = about[NAME], about["side"], about["column"]
    mosaics = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted(kit.glob("mosaic-*.jp2"))]
    pictures = np.concatenate([_pictures(mosaic, side) for mosaic in mosaics])[: about["pictures"]]
    if _digest(pictures) != about["sha256"]:
        raise ValueError(f"{kit}: the pictures are not those that were packed")
    schema = pa.ipc.read_schema(pa.py_buffer((kit / "schemas.bin").read_bytes()))
    places, first = np.load(kit / "places.npy"), 0
    for number, file in enumerate(manifest["files"]):
        rest = pq.read_table(kit / f"rows-{number:03d}.parquet")
        rows = places[first : first + len(rest)]
        first += len(rest)
        column_of = pa.array([pictures[row].tobytes() for row in rows], schema.field(column).type)
        table = rest.append_column(column, column_of).select(schema.names).cast(schema)
        path = shards / file["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = [name for name in schema.names if name != column]
        with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=plain, write_page_checksum=True) as out:
            start = 0
            for size in file["row_groups"]:
                out.write_table(table.slice(start, size), row_group_size=size)
                start += size
        file["bytes"] = path.stat().st_size
    manifest["quarantine_files"] = []
    (shards / NAME).write_text(json.dumps(manifest))


def _mosaics(pictures: Pixels) -> Iterator[Pixels]:
    side = pictures.shape[1]
    for start in range(0, len(pictures), _ACROSS * _ACROSS):
        part = pictures[start : start + _ACROSS * _ACROSS]
        down = -(-len(part) // _ACROSS)
        full = np.zeros((down * _ACROSS, side, side), np.uint8)
        full[: len(part)] = part
        yield full.reshape(down, _ACROSS, side, side).swapaxes(1, 2).reshape(down * side, _ACROSS * side)


def _pictures(mosaic: Pixels, side: int) -> Pixels:
    down = mosaic.shape[0] // side
    return mosaic.reshape(down, side, _ACROSS, side).swapaxes(1, 2).reshape(-1, side, side)


def _digest(pictures: Pixels) -> str:
    return hashlib.sha256(np.ascontiguousarray(pictures).tobytes()).hexdigest()


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("what", choices=["pack", "unpack"])
    line.add_argument("--shards", type=Path, required=True)
    line.add_argument("--kit", type=Path, required=True)
    line.add_argument("--column", default="image_48_gray")
    asked = line.parse_args()
    if asked.what == "pack":
        pack(asked.shards, asked.kit, asked.column)
    else:
        unpack(asked.kit, asked.shards)
