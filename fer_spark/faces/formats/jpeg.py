"""JPEG files read segment by segment, as decoders do (https://www.w3.org/Graphics/JPEG/itu-t81.pdf)."""

from __future__ import annotations

import hashlib
import io
import re
import struct
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from fer_spark.faces.errors import UnreadablePictureError
from fer_spark.faces.exif import exif_orientation

END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff+([^\x00\x01\xff\xd0-\xd7])")
_ICC = b"ICC_PROFILE\x00"
_TAILS = (END, b"\xfe" * 64 + END, b"\x55\xaa\x33\x66" * 16 + END)
"""What no decoder reads behind a picture whose data is complete; their first bits differ."""

_MOST_ZEROS = 8
"""So many at the end may be data."""


@dataclass(frozen=True)
class JpegHeader:
    """`width`, `height`: as stored, px; `profile`: ICC bytes; `open_ended`: no end marker behind the last scan."""

    width: int
    height: int
    components: int
    orientation: int
    profile: bytes | None
    open_ended: bool


def read_header(content: bytes) -> JpegHeader:
    """Walk the segments up to the first scan, stepping over bytes between them that belong to none, then look for the
    end. Raises UnreadablePictureError, struct.error or IndexError for a file that ends within its segments."""
    position, orientation, chunks = 2, 1, {}
    frame: bytes | None = None
    progressive = False
    while True:
        found = _MARKER.search(content, position)
        if found is None:
            raise UnreadablePictureError(f"jpeg: cut off within its header ({len(content)} bytes)")
        marker, start = found[1][0], found.end()
        if marker in (0xD8, 0xD9):
            raise UnreadablePictureError(f"jpeg: damaged, marker {marker:x} at byte {found.start()}")
        (length,) = struct.unpack_from(">H", content, start)
        body = content[start + 2 : start + length]
        if marker == 0xDA:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame, progressive = body, marker == 0xC2
        elif marker == 0xE1 and orientation == 1 and body.startswith(b"Exif\x00\x00"):
            orientation = exif_orientation(body[6:])
        elif marker == 0xE2 and body.startswith(_ICC) and len(body) > 14:
            chunks[body[12]] = body[14:]
        position = start + length
    height, width, components = struct.unpack_from(">HHB", frame or b"", 1)
    ids = frame[6 : 6 + 3 * components : 3] if frame else b""
    ended = _has_end(content, position, progressive)
    if not ended and not _has_every_scan(content, position, ids, progressive):
        raise UnreadablePictureError(f"jpeg: cut off after {len(content)} bytes, the end marker is missing")
    profile = b"".join(chunks[number] for number in sorted(chunks)) or None
    return JpegHeader(width, height, components, orientation, profile, not ended)


def _has_end(content: bytes, scan_at: int, progressive: bool) -> bool:
    """Whether an end marker is behind the last scan; one before it is an EXIF thumbnail's.

    Segments between the scans of a progressive file may hold bytes that look like an end marker: they are stepped over.
    """
    position = scan_at
    if not progressive and content.rfind(END, scan_at) >= 0:
        return True
    while True:
        found = _MARKER.search(content, position)
        if found is None or found.end() + 2 > len(content):
            return found is not None and found[1] == b"\xd9"
        if found[1] == b"\xd9":
            return True
        (length,) = struct.unpack_from(">H", content, found.end())
        position = found.end() + length


def _has_every_scan(content: bytes, scan_at: int, ids: bytes, progressive: bool) -> bool:
    """Whether the scans together give every component all of its 64 coefficients to the last bit."""
    missing = {component: np.full(64, 99) for component in ids}
    position = scan_at
    while (found := _MARKER.search(content, position)) and found.end() + 2 <= len(content):
        (length,) = struct.unpack_from(">H", content, found.end())
        body = content[found.end() + 2 : found.end() + length]
        if found[1] == b"\xda":
            count = body[0] if body else 0
            if len(body) < 4 + 2 * count:
                return False
            first, last, bits = body[1 + 2 * count : 4 + 2 * count]
            for component in body[1 : 1 + 2 * count : 2]:
                if component in missing:
                    missing[component][first : last + 1] = bits & 15 if progressive else 0
        position = found.end() + length
    return bool(missing) and not any(left.any() for left in missing.values())


def closed(content: bytes) -> bytes:
    """An open-ended file with an end marker, which decoders wait for."""
    return _data(content) + END


def _data(content: bytes) -> bytes:
    """Without half an end marker, and without the zeros of space that was reserved: a decoder takes them for rows."""
    bare = content.rstrip(b"\0\xff")
    return bare if len(content) - len(bare) > _MOST_ZEROS else content.rstrip(b"\xff")


def require_every_row(content: bytes, components: int) -> None:
    """Raise UnreadablePictureError for an open-ended file that lacks more than its end marker.

    A decoder fills what is missing with gray and does not say so. But where nothing is missing, it does not read on:
    whatever follows, the pixels are the same.
    """
    whole = _data(content)
    if len({_digest(whole + tail, components) for tail in _TAILS}) > 1:
        raise UnreadablePictureError(f"jpeg: cut off after {len(content)} bytes, the end marker is missing")


def _digest(content: bytes, components: int) -> bytes:
    """Of the decoded pixels."""
    try:
        if components == 4:
            with Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
                return hashlib.sha256(picture.tobytes()).digest()
        flags = cv2.IMREAD_GRAYSCALE if components == 1 else cv2.IMREAD_COLOR
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except (cv2.error, OSError, SyntaxError, ValueError) as error:
        raise UnreadablePictureError(f"jpeg: damaged ({str(error).strip().splitlines()[0]})") from error
    if pixels is None:
        raise UnreadablePictureError("jpeg: damaged, the decoder refused it")
    return hashlib.sha256(pixels.data).digest()
