"""Face arrays to and from JPEG and PNG bytes, and how these codecs are spelled. OpenCV's BGR is seen here alone.

Settings are checked with these spellings before anything heavy is loaded: OpenCV is imported where it is called.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Content = bytes | bytearray | memoryview

CODECS = ("raw", "png", "jpeg")
JPEG_QUALITY = 95
"""Where none is named."""
_CODEC = re.compile(r"(?P<kind>raw|png|jpeg)(?P<quality>\d+)?")
_PNG_LEVEL = 6


def canonical_codec(text: str) -> str:
    """`raw`, `png`, or `jpeg` with its quality: `jpeg` is read as `jpeg95`. Raises ValueError for anything else."""
    match = _CODEC.fullmatch(text)
    if match is None:
        raise ValueError(f"codec {text!r}: expected raw|png|jpeg[QUALITY]")
    kind, quality = match["kind"], match["quality"]
    if quality and (kind != "jpeg" or not 1 <= int(quality) <= 100):
        raise ValueError(f"codec {text!r}: a quality 1-100 goes with jpeg alone")
    return f"jpeg{int(quality or JPEG_QUALITY)}" if kind == "jpeg" else kind


def codec_kind(codec: str) -> str:
    """One of CODECS: the codec without its quality."""
    return codec.rstrip("0123456789")


def encode_picture(face: Array, codec: str) -> bytes:
    """(S, S) gray or (S, S, 3) RGB uint8 → a file that decodes to it; JPEG keeps colour at half the resolution."""
    import cv2

    if codec == "png":
        return _encode(face, ".png", [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
    return _encode(face, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, int(codec.removeprefix("jpeg"))])


def decode_picture(content: Content, gray: bool) -> Array | None:
    """A picture file as (H, W) gray or (H, W, 3) RGB uint8; None where OpenCV can make no picture of the bytes."""
    import cv2

    encoded = np.frombuffer(content, np.uint8)
    flags = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
    try:
        picture = cv2.imdecode(encoded, flags) if len(encoded) else None
    except cv2.error:  # a header that promises more pixels than OpenCV takes
        return None
    if picture is None:
        return None
    return picture if gray else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def to_png(face: Array) -> bytes:
    """(S, S) or (S, S, 3) RGB, uint8 or floats in [0, 1] → PNG to look at, quicker made than a stored one."""
    return _encode(to_uint8(face), ".png", [])


def to_float32(face: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """0-255 → little-endian floats in [0, 1]."""
    return (face.astype("<f4") / np.float32(255)).astype("<f4")


def to_uint8(face: Array) -> npt.NDArray[np.uint8]:
    """The 256 levels that floats in [0, 1] were made from; uint8 as it is."""
    return face if face.dtype == np.uint8 else np.rint(face * 255).astype(np.uint8)


def _encode(face: Array, extension: str, parameters: list[int]) -> bytes:
    import cv2

    shown = face if face.ndim == 2 else cv2.cvtColor(face, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(extension, shown, parameters)
    return encoded.tobytes()
