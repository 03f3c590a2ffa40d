"""What a picture file says about itself, read from its bytes without decoding a pixel.

JPEG, PNG (https://www.w3.org/TR/png-3/) and GIF (https://www.w3.org/Graphics/GIF/spec-gif89a.txt) are walked, also to
refuse a file that is cut off: a decoder would fill the missing part with gray. The rarer formats' headers are read by
Pillow, or in formats/sizes.py where it does not read them or decodes at once.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, replace

from PIL import Image

from fer_spark.faces.errors import EmptyPictureError, PictureTooLargeError, UnreadablePictureError
from fer_spark.faces.exif import ORIENTATION_TAG, exif_orientation
from fer_spark.faces.formats import sizes
from fer_spark.faces.formats.content import format_of, pillow_name, spoken
from fer_spark.faces.formats.jpeg import read_header as read_jpeg
from fer_spark.faces.formats.jpeg import require_every_row
from fer_spark.faces.formats.plugins import missing_plugin
from fer_spark.faces.formats.profiles import transform_to_srgb
from fer_spark.faces.looks_like import looks_like

PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers raise on damaged bytes (UnidentifiedImageError is an OSError)."""

_MOST_PROFILE_BYTES = 4 << 20


@dataclass(frozen=True)
class Header:
    """`width`, `height`: upright, px; `channels`: 1 gray, 3 colour; `orientation`: EXIF, 1-8, not yet applied.

    `engine`: cv2, deep (cv2, values of any type; `white`: the value of white where the file states it) or pillow.
    `profile`: the ICC profile of colours that are to be converted; None for sRGB. `open_ended`: a JPEG whose end marker
    alone is missing.
    """

    format: str
    width: int
    height: int
    channels: int
    orientation: int
    engine: str
    profile: bytes | None = None
    open_ended: bool = False
    white: float | None = None

    @property
    def reducible(self) -> bool:
        """Whether it can be decoded at 1/2, 1/4 or 1/8 of its size for less work."""
        return self.format == "jpeg" and self.engine == "cv2"


def inspect(content: bytes, max_megapixels: float) -> Header:
    """Read a picture's header. Formats whose decoders take more memory have a lower limit: see sizes.NEEDS.

    Raises EmptyPictureError, PictureTooLargeError, or UnreadablePictureError for an unknown format or a cut-off file.
    """
    if not content:
        raise EmptyPictureError("the file has no bytes")
    kind = format_of(content)
    if kind is None:
        raise UnreadablePictureError(f"not a picture that can be read here; it looks like {looks_like(content)}")
    remedy = missing_plugin(kind)
    if remedy is not None:
        what = f"{spoken(kind)} picture: {remedy}, or convert it to JPEG or PNG"
        raise UnreadablePictureError(f"not a picture that can be read here; it looks like a {what}")
    most = sizes.most_megapixels(kind, max_megapixels)
    try:
        for width, height in sizes.before_opening(content, kind):
            check_area(width, height, most)
        header = _READERS.get(kind, _pillow_header)(content, kind)
    except (struct.error, IndexError) as error:
        raise UnreadablePictureError(f"{kind}: cut off within its header ({len(content)} bytes)") from error
    if header.width <= 0 or header.height <= 0:
        raise UnreadablePictureError(f"{kind}: its header says {header.width}x{header.height} px")
    check_area(header.width, header.height, most)
    if header.open_ended:
        require_every_row(content, 4 if header.engine == "pillow" else header.channels)
    return header


def check_area(width: int, height: int, max_megapixels: float) -> None:
    """Raise PictureTooLargeError for more pixels than the limit."""
    if width * height > max_megapixels * 1e6:
        raise PictureTooLargeError(
            f"{width}x{height} px is {width * height / 1e6:.1f} megapixels, limit {max_megapixels:g} (--max-megapixels)"
        )


def _jpeg_header(content: bytes, _kind: str) -> Header:
    found = read_jpeg(content)
    if found.components not in (1, 3, 4):
        raise UnreadablePictureError(f"jpeg: {found.components} colour components, expected 1, 3 or 4")
    width, height = _upright(found.width, found.height, found.orientation)
    channels, engine = 1 if found.components == 1 else 3, "pillow" if found.components == 4 else "cv2"
    profile = _profile(found.profile, {1: "L", 3: "RGB", 4: "CMYK"}[found.components])
    return Header("jpeg", width, height, channels, found.orientation, engine, profile, found.open_ended)


def _profile(profile: object, mode: str) -> bytes | None:
    """The profile, if its colours differ from sRGB. `mode`: Pillow's, of what it is to be applied to."""
    if not isinstance(profile, bytes) or not profile or transform_to_srgb(profile, mode) is None:
        return None
    return profile


def _png_header(content: bytes, _kind: str) -> Header:
    """Step over the chunks to the end chunk; their checksums are left to the decoder."""
    width, height, depth, colour = struct.unpack_from(">IIBB", content, 16)
    position, orientation, plain = 8, 1, True
    profile: bytes | None = None
    while True:
        if position + 12 > len(content):
            raise UnreadablePictureError(f"png: cut off after {len(content)} bytes, the end chunk is missing")
        (length,) = struct.unpack_from(">I", content, position)
        name = content[position + 4 : position + 8]
        if name == b"IEND":
            break
        if name == b"eXIf":
            orientation = exif_orientation(content[position + 8 : position + 8 + length])
        elif name == b"iCCP":
            profile = _unpacked(content[position + 8 : position + 8 + length])
        elif name in (b"tRNS", b"acTL"):
            plain = False
        position += 12 + length
    width, height = _upright(width, height, orientation)
    engine = "deep" if depth == 16 and plain else "cv2" if depth == 8 and colour in (0, 2) and plain else "pillow"
    channels = 1 if colour in (0, 4) else 3
    mode = "L" if colour == 0 and plain else "RGB"
    return Header("png", width, height, channels, orientation, engine, _profile(profile, mode))


def _unpacked(chunk: bytes) -> bytes | None:
    """The profile in an iCCP chunk; None for a damaged one."""
    try:
        return zlib.decompressobj().decompress(chunk[chunk.index(b"\0") + 2 :], _MOST_PROFILE_BYTES)
    except (ValueError, zlib.error):
        return None


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
    """A still picture is left to OpenCV, which gives the same pixels as Pillow for a third of the memory."""
    (size,) = struct.unpack_from("<I", content, 4)
    if size + 8 > len(content):
        raise UnreadablePictureError(f"webp: cut off, {len(content)} of {size + 8} bytes")
    header = _pillow_header(content, kind)
    animated = content[12:16] == b"VP8X" and bool(content[20] & 2)
    return header if animated else replace(header, engine="deep")


def _jpeg2000_header(content: bytes, kind: str) -> Header:
    """Its end marker (ISO/IEC 15444-1, A.4.4) cannot occur within its data."""
    if content.rfind(b"\xff\xd9", content.find(b"\xff\x4f\xff\x51")) < 0:
        raise UnreadablePictureError(f"{spoken(kind)}: cut off after {len(content)} bytes, the end marker is missing")
    return _pillow_header(content, kind)


def _opencv_header(content: bytes, kind: str) -> Header:
    found = sizes.text_header(content, kind)
    return Header(kind, found.width, found.height, found.channels, 1, "deep", white=found.white)


def _pcx_header(content: bytes, kind: str) -> Header:
    """The palette of 256 colours is the end of the file; without it Pillow would show the colours' numbers as grays."""
    version, bits, planes, grays = content[1], content[3], content[65:66], content[68:69] == b"\2"
    if version >= 5 and bits == 8 and planes == b"\1" and not grays and content[-769:-768] != b"\x0c":
        raise UnreadablePictureError(f"pcx: cut off after {len(content)} bytes, the palette is missing")
    return _pillow_header(content, kind)


def _tiff_header(content: bytes, kind: str) -> Header:
    """By Pillow; where it has no name for the values (floats in three channels), by the tags alone, for OpenCV."""
    try:
        return _pillow_header(content, kind)
    except UnreadablePictureError:
        found = sizes.deep_tiff_header(content)
        if found is None:
            raise
    width, height = _upright(found.width, found.height, found.orientation)
    return Header(kind, width, height, found.channels, 1, "deep")


def _pillow_header(content: bytes, kind: str) -> Header:
    name = spoken(kind)
    try:
        with Image.open(io.BytesIO(content), formats=[pillow_name(kind)]) as picture:
            mode, orientation = picture.mode, picture.getexif().get(ORIENTATION_TAG, 1)
            tags = getattr(picture, "tag_v2", {})
            width, height = (tags[256], tags[257]) if kind == "tiff" else picture.size
            bits = tags.get(258, (8,))
            profile = _profile(picture.info.get("icc_profile"), _mode_shown(picture))
            if kind == "jxl" and not getattr(picture, "jpeg", False):
                orientation = 1  # its decoder turned it; only a JPEG kept whole inside is left as it was
    except Image.DecompressionBombError as error:
        raise PictureTooLargeError(f"{name}: {error}") from error
    except PILLOW_ERRORS as error:
        raise UnreadablePictureError(f"{name}: damaged header ({error})") from error
    orientation = orientation if orientation in range(1, 9) else 1
    width, height = _upright(width, height, orientation)
    channels = 1 if mode in ("1", "L", "LA", "La", "I", "F") or mode.startswith("I;16") else 3
    if kind == "tiff":
        orientation = 1  # OpenCV and Pillow turn a TIFF, and no other format, upright by themselves
    return Header(kind, width, height, channels, orientation, "deep" if 16 in bits else "pillow", profile)


def _mode_shown(picture: Image.Image) -> str:
    """The mode that a profile is applied to: `shown_picture` makes RGB of all others."""
    if picture.mode in ("1", "L", "I", "F") or picture.mode.startswith("I;16"):
        return "RGB" if "transparency" in picture.info else "L"
    return "CMYK" if picture.mode == "CMYK" else "RGB"


def _upright(width: int, height: int, orientation: int) -> tuple[int, int]:
    return (height, width) if orientation >= 5 else (width, height)


_READERS = {
    "jpeg": _jpeg_header,
    "png": _png_header,
    "gif": _gif_header,
    "webp": _webp_header,
    "tiff": _tiff_header,
    "jpeg2000": _jpeg2000_header,
    "pcx": _pcx_header,
    "hdr": _opencv_header,
    "pam": _opencv_header,
    "pfm": _opencv_header,
}
