"""Files that a reader must survive: some are no pictures, some are pictures without a face."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import cv2
import numpy as np

from fer_spark.sample.scene import Image, develop

BROKEN_KINDS: dict[str, str] = {
    "empty": "a file of no bytes",
    "truncated": "a picture that ends after a fifth to a half of its bytes",
    "text": "a web page's error text under a picture's name",
    "bomb": "a valid PNG of under 100 kB that unpacks to 400 million pixels",
    "noise": "a valid picture of noise, without a face",
    "landscape": "a valid picture of hills, without a face",
}
"""What `broken_fraction` writes. The last two decode well: a face detector, not a decoder, rejects them."""

_BOMB_SIDE_PX = 20_000


def break_file(kind: str, good: bytes, suffix: str, rng: np.random.Generator) -> bytes:
    """Bytes of a broken file named like the good one (`suffix` is `.jpg` or `.png`)."""
    if kind == "empty":
        return b""
    if kind == "truncated":
        return good[: max(24, int(len(good) * rng.uniform(0.2, 0.5)))]
    if kind == "text":
        return b"<html><head><title>404 Not Found</title></head><body>The picture has moved.</body></html>\n"
    if kind == "bomb":
        return _bomb()
    height, width = rng.integers(96, 320, 2).tolist()
    image = _draw_noise(height, width, rng) if kind == "noise" else _draw_landscape(height, width, rng)
    return bytes(cv2.imencode(suffix, image[:, :, ::-1])[1])


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    """A black 1-bit PNG, written by hand so that no encoder needs the pixels."""
    row_bytes = 1 + _BOMB_SIDE_PX // 8
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(row_bytes * 1000)) for _ in range(_BOMB_SIDE_PX // 1000)) + packer.flush()
    header = struct.pack(">IIBBBBB", _BOMB_SIDE_PX, _BOMB_SIDE_PX, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _draw_noise(height: int, width: int, rng: np.random.Generator) -> Image:
    coarse = int(rng.integers(1, 5))
    small = rng.integers(0, 256, (height // coarse + 1, width // coarse + 1, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _draw_landscape(height: int, width: int, rng: np.random.Generator) -> Image:
    """Sky, sun and three ranges of hills."""
    down = np.linspace(0, 1, height)[:, None, None]
    sky = rng.uniform((90, 130, 190), (180, 200, 250)) + down * rng.uniform(-60, 40, 3)
    image = np.ascontiguousarray(np.broadcast_to(np.clip(sky, 0, 255), (height, width, 3)), dtype=np.uint8)
    sun = (int(rng.uniform(0, width)), int(rng.uniform(0, 0.4) * height))
    cv2.circle(image, sun, max(3, width // 16), (255, 240, 200), -1, cv2.LINE_AA)
    x = np.linspace(0, 1, 48)
    for number in range(3):
        waves = sum(rng.uniform(0.02, 0.07) / k * np.sin(2 * np.pi * (k * x + rng.random())) for k in (1, 2, 5))
        ridge = np.stack([x * width, (0.48 + 0.16 * number + waves) * height], axis=1)
        hill = np.concatenate([ridge, [[width, height], [0, height]]])
        colour = (rng.uniform((30, 70, 30), (90, 130, 80)) * (1.2 - 0.25 * number)).tolist()
        cv2.fillPoly(image, [np.rint(hill).astype(np.int32)], colour, cv2.LINE_AA)
    return develop(image, 60.0, False, rng)
