"""What a picture file says about itself, read from its bytes without decoding a pixel.

JPEG (https://www.w3.org/Graphics/JPEG/itu-t81.pdf), PNG (https://www.w3.org/TR/png-3/) and GIF
(https://www.w3.org/Graphics/GIF/spec-gif89a.txt) are walked here, also to refuse a file that is cut off: a decoder
would fill the missing part with gray. The rarer formats' headers are read by Pillow.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

from fer_spark.faces.errors import EmptyPictureError, PictureTooLargeError, UnreadablePictureError
from fer_spark.faces.exif import ORIENTATION_TAG, exif_orientation
from fer_spark.faces.looks_like import looks_like

PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers raise on damaged bytes (UnidentifiedImageError is an OSError)."""

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_PILLOW_FORMATS = {"gif": "GIF", "webp": "WEBP", "bmp": "BMP", "tiff": "TIFF", "png": "PNG", "jpeg": "JPEG"}


@dataclass(frozen=True)
class Header:
    """`width`, `height`: upright, px; `channels`: 1 gray, 3 colour; `orientation`: EXIF, 1-8, not yet applied.

    `engine`: cv2, deep (cv2, 16 bits a channel) or pillow.
    """

    format: str
    width: int
    height: int
    channels: int
    orientation: int
    engine: str

    @property
    def reducible(self) -> bool:
        """Whether it can be decoded at 1/2, 1/4 or 1/8 of its size for less work."""
        return self.format == "jpeg" and self.engine == "cv2"


def inspect(content: bytes, max_megapixels: float) -> Header:
    """Read a picture's header.

    Raises EmptyPictureError, PictureTooLargeError, or UnreadablePictureError for an unknown format or a cut-off file.
    """
    if not content:
        raise EmptyPictureError("the file has no bytes")
    kind = format_of(content)
    if kind is None:
        raise UnreadablePictureError(f"not a picture that can be read here; it looks like {looks_like(content)}")
    try:
        header = _READERS.get(kind, _pillow_header)(content, kind)
    except (struct.error, IndexError) as error:
        raise UnreadablePictureError(f"{kind}: cut off within its header ({len(content)} bytes)") from error
    if header.width <= 0 or header.height <= 0:
        raise UnreadablePictureError(f"{kind}: its header says {header.width}x{header.height} px")
    check_area(header.width, header.height, max_megapixels)
    return header


def check_area(width: int, height: int, max_megapixels: float) -> None:
    """Raise PictureTooLargeError for more pixels than the limit."""
    if width * height > max_megapixels * 1e6:
        raise PictureTooLargeError(
            f"{width}x{height} px is {width * height / 1e6:.1f} megapixels, limit {max_megapixels:g} (--max-megapixels)"
        )


def format_of(content: bytes) -> str | None:
    """The format by its first bytes, whatever the file is called; None for an unknown one."""
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    if content[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "tiff"
    if content[:2] == b"BM" and content[6:10] == b"\x00\x00\x00\x00":
        return "bmp"
    return None


def _jpeg_header(content: bytes, _kind: str) -> Header:
    """Walk the segments up to the first scan, then make sure that the last scan ends."""
    position, orientation, frame, progressive = 2, 1, (0, 0, 0), False
    while True:
        marker_at = position
        while content[marker_at] == 0xFF:
            marker_at += 1
        marker = content[marker_at]
        if marker_at == position or marker == 0xD9:
            raise UnreadablePictureError(f"jpeg: damaged, no marker at byte {position}")
        (length,) = struct.unpack_from(">H", content, marker_at + 1)
        body = content[marker_at + 3 : marker_at + 1 + length]
        if marker == 0xDA:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width, components = struct.unpack_from(">HHB", body, 1)
            frame, progressive = (width, height, components), marker == 0xC2
        elif marker == 0xE1 and orientation == 1 and body.startswith(b"Exif\x00\x00"):
            orientation = exif_orientation(body[6:])
        position = marker_at + 1 + length
    _require_jpeg_end(content, position, progressive)
    width, height, components = frame
    if components not in (1, 3, 4):
        raise UnreadablePictureError(f"jpeg: {components} colour components, expected 1, 3 or 4")
    width, height = _upright(width, height, orientation)
    channels, engine = 1 if components == 1 else 3, "pillow" if components == 4 else "cv2"
    return Header("jpeg", width, height, channels, orientation, engine)


def _require_jpeg_end(content: bytes, scan_at: int, progressive: bool) -> None:
    """Refuse a file without an end marker behind its last scan; one before it is an EXIF thumbnail's.

    Segments between the scans of a progressive file may hold bytes that look like an end marker: they are stepped over.
    """
    position = scan_at
    if not progressive and content.rfind(b"\xff\xd9", scan_at) >= 0:
        return
    while True:
        found = _MARKER.search(content, position)
        if found is None:
            raise UnreadablePictureError(f"jpeg: cut off after {len(content)} bytes, the end marker is missing")
        if found[1] == b"\xd9":
            return
        (length,) = struct.unpack_from(">H", content, found.end())
        position = found.end() + length


def _png_header(content: bytes, _kind: str) -> Header:
    """Step over the chunks to the end chunk; their checksums are left to the decoder."""
    width, height, depth, colour = struct.unpack_from(">IIBB", content, 16)
    position, orientation, plain = 8, 1, True
    while True:
        if position + 12 > len(content):
            raise UnreadablePictureError(f"png: cut off after {len(content)} bytes, the end chunk is missing")
        (length,) = struct.unpack_from(">I", content, position)
        name = content[position + 4 : position + 8]
        if name == b"IEND":
            break
        if name == b"eXIf":
            orientation = exif_orientation(content[position + 8 : position + 8 + length])
        elif name in (b"tRNS", b"acTL"):
            plain = False
        position += 12 + length
    width, height = _upright(width, height, orientation)
    engine = "deep" if depth == 16 and plain else "cv2" if depth == 8 and colour in (0, 2) and plain else "pillow"
    return Header("png", width, height, 1 if colour in (0, 4) else 3, orientation, engine)


def _gif_header(content: bytes, kind: str) -> Header:
    """Step over the blocks to the trailer, then let Pillow read the header."""
    flags = content[10]
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while position < len(content) and content[position] != 0x3B:
        if content[position] == 0x2C:
            local = content[position + 9]
            position += 11 + (3 << ((local & 7) + 1) if local & 0x80 else 0)
        elif content[position] == 0x21:
            position += 2
        else:
            raise UnreadablePictureError(f"gif: damaged, no block at byte {position}")
        while content[position]:
            position += content[position] + 1
        position += 1
    if position >= len(content):
        raise UnreadablePictureError(f"gif: cut off after {len(content)} bytes, the trailer is missing")
    return _pillow_header(content, kind)


def _webp_header(content: bytes, kind: str) -> Header:
    (size,) = struct.unpack_from("<I", content, 4)
    if size + 8 > len(content):
        raise UnreadablePictureError(f"webp: cut off, {len(content)} of {size + 8} bytes")
    return _pillow_header(content, kind)


def _pillow_header(content: bytes, kind: str) -> Header:
    try:
        with Image.open(io.BytesIO(content), formats=[_PILLOW_FORMATS[kind]]) as picture:
            mode, orientation = picture.mode, picture.getexif().get(ORIENTATION_TAG, 1)
            tags = getattr(picture, "tag_v2", {})
            width, height = (tags[256], tags[257]) if kind == "tiff" else picture.size
            bits = tags.get(258, (8,))
    except Image.DecompressionBombError as error:
        raise PictureTooLargeError(f"{kind}: {error}") from error
    except PILLOW_ERRORS as error:
        raise UnreadablePictureError(f"{kind}: damaged header ({error})") from error
    orientation = orientation if orientation in range(1, 9) else 1
    width, height = _upright(width, height, orientation)
    channels = 1 if mode in ("1", "L", "LA", "La", "I", "F") or mode.startswith("I;16") else 3
    if kind == "tiff":
        orientation = 1  # OpenCV and Pillow turn a TIFF, and no other format, upright by themselves
    return Header(kind, width, height, channels, orientation, "deep" if 16 in bits else "pillow")


def _upright(width: int, height: int, orientation: int) -> tuple[int, int]:
    return (height, width) if orientation >= 5 else (width, height)


_READERS = {"jpeg": _jpeg_header, "png": _png_header, "gif": _gif_header, "webp": _webp_header}
