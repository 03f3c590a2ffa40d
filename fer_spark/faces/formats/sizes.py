"""Sizes that a file states, where Pillow does not read them or would decode before it tells.

JPEG XL: ISO/IEC 18181-1, section D.2 (SizeHeader), and 18181-2 (boxes). Radiance HDR, PFM, PAM: OpenCV's own formats,
whose headers are lines of text. TIFF: TIFF 6.0, section 2.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from fer_spark.faces.errors import UnreadablePictureError

_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_SIDE_BITS = (9, 13, 18, 30)
_EMBEDDED = re.compile(rb"\x89PNG\r\n\x1a\n.{4}IHDR(.{8})|\xff\x4f\xff\x51.{4}(.{8})", re.DOTALL)
_HDR = re.compile(rb"\n\n?[-+]([YX]) (\d{1,9}) [-+][YX] (\d{1,9})\s")
_PFM = re.compile(rb"PF\s(\d{1,9})\s(\d{1,9})\s")
_PAM = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)[ \t]+(\d{1,9})", re.MULTILINE)
_TIFF_KINDS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_TIFF_TAGS = {256: "width", 257: "height", 258: "bits", 274: "orientation", 277: "channels"}

NEEDS = {"jpeg2000": 24, "avif": 16, "heif": 16, "jxl": 32, "hdr": 24, "pfm": 24}
"""Bytes a pixel that the decoder takes at its peak, where it is more than _USUAL: it keeps planes of wide numbers."""
_USUAL = 11
"""3 of the result and 8 beyond it."""


@dataclass(frozen=True)
class Size:
    """As stored, px. `white`: the value of white where the file states it."""

    width: int
    height: int
    channels: int
    orientation: int = 1
    white: float | None = None


def most_megapixels(kind: str, max_megapixels: float) -> float:
    """The limit for a format, so that none takes more memory than the usual ones at max_megapixels."""
    return max_megapixels * min(1.0, _USUAL / NEEDS.get(kind, _USUAL))


def before_opening(content: bytes, kind: str) -> list[tuple[int, int]]:
    """(width, height) of what opening the file, not only reading it, would already decode."""
    if kind == "jxl":
        return [_jxl_size(content)]
    if kind in ("ico", "cur", "icns"):
        found = (struct.unpack(">II", png or jp2) for png, jp2 in _EMBEDDED.findall(content))
        return [(int(width), int(height)) for width, height in found]
    return []


def text_header(content: bytes, kind: str) -> Size:
    """Of a Radiance HDR, PFM or PAM file. Raises UnreadablePictureError."""
    head = content[: 1 << 16]
    if kind == "hdr" and (found := _HDR.search(head)):
        first, second = int(found[2]), int(found[3])
        width, height = (second, first) if found[1] == b"Y" else (first, second)
        return Size(width, height, 3, white=1.0)
    if kind == "pfm" and (found := _PFM.match(head)):
        return Size(int(found[1]), int(found[2]), 3)
    values = {name: int(value) for name, value in _PAM.findall(head.partition(b"ENDHDR")[0])}
    if kind == "pam" and values.keys() >= {b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"}:
        white = values[b"MAXVAL"] if values[b"MAXVAL"] > 255 else None
        return Size(values[b"WIDTH"], values[b"HEIGHT"], 1 if values[b"DEPTH"] < 3 else 3, white=white)
    raise UnreadablePictureError(f"{kind}: damaged header, it states no size")


def deep_tiff_header(content: bytes) -> Size | None:
    """The first picture's tags; None unless it has values of 32 or 64 bits. Raises struct.error for a file that ends
    before them."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\x00", b"\x00+")
    (directory,) = struct.unpack_from(order + ("8xQ" if big else "4xI"), content)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), content, directory)
    values = {"channels": 1, "orientation": 1, "bits": 1}
    for index in range(min(count, 1000)):
        entry = directory + (8 + 20 * index if big else 2 + 12 * index)
        tag, kind = struct.unpack_from(order + "HH", content, entry)
        if tag in _TIFF_TAGS and kind in _TIFF_KINDS:
            values[_TIFF_TAGS[tag]] = _first_value(content, order, entry, big)
    if values["bits"] not in (32, 64) or not {"width", "height"} <= values.keys():
        return None
    turned = values["orientation"] if values["orientation"] in range(1, 9) else 1
    return Size(values["width"], values["height"], 1 if values["channels"] < 3 else 3, turned)


def _first_value(content: bytes, order: str, entry: int, big: bool) -> int:
    """Of a tag; values that do not fit into its entry lie where the entry says."""
    (kind,) = struct.unpack_from(order + "H", content, entry + 2)
    (count,) = struct.unpack_from(order + ("Q" if big else "I"), content, entry + 4)
    place = entry + (12 if big else 8)
    if count * struct.calcsize(_TIFF_KINDS[kind]) > (8 if big else 4):
        (place,) = struct.unpack_from(order + ("Q" if big else "I"), content, place)
    return int(struct.unpack_from(order + _TIFF_KINDS[kind], content, place)[0])


def _jxl_size(content: bytes) -> tuple[int, int]:
    stream = content if content[:2] == b"\xff\x0a" else _jxl_stream(content)
    bits, position = int.from_bytes(stream[2:18], "little"), 0

    def read(count: int) -> int:
        nonlocal position
        position += count
        return (bits >> (position - count)) & ((1 << count) - 1)

    def side(small: int) -> int:
        return 8 * (1 + read(5)) if small else 1 + read(_SIDE_BITS[read(2)])

    small = read(1)
    height = side(small)
    ratio = read(3)
    width = height * _RATIOS[ratio][0] // _RATIOS[ratio][1] if ratio else side(small)
    return width, height


def _jxl_stream(content: bytes) -> bytes:
    """The first bytes of the codestream in a file of boxes."""
    position = 0
    while position + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        start = position + (16 if size == 1 else 8)
        if kind in (b"jxlc", b"jxlp"):
            start += 4 if kind == b"jxlp" else 0
            return content[start : start + 32]
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, position + 8)
        if size < 8:
            break
        position += size
    raise UnreadablePictureError(f"JPEG XL: cut off within its header ({len(content)} bytes)")
