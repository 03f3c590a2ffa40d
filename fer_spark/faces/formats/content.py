"""Which format a picture is in, by its bytes alone: a file's name is never looked at.

All that Pillow and OpenCV decode by themselves. Left out: formats that Pillow hands to other programs (EPS, WMF), that
it knows by name only (GRIB, HDF5), and OpenEXR, which OpenCV's builds switch off.
"""

from __future__ import annotations

import re
import struct

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
    (b"\xff\x0a", "jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"qoif", "qoi"),
    (b"8BPS\x00\x01", "psd"),
    (b"\x59\xa6\x6a\x95", "sun"),
    (b"DDS ", "dds"),
    (b"icns", "icns"),
    (b"BLP1", "blp"),
    (b"BLP2", "blp"),
    (b"FTEX", "ftex"),
    (b"DanM", "msp"),
    (b"LinS", "msp"),
    (b"SIMPLE  =", "fits"),
    (b"/* XPM */", "xpm"),
    (b"#?RADIANCE", "hdr"),
    (b"#?RGBE", "hdr"),
    (b"\xb1\x68\xde\x3a", "dcx"),
    (b"\x80\xe8\x00\x00", "pixar"),
    (b"P7 332", "xvthumb"),
    (b"P7\n", "pam"),
)
_NETPBM = re.compile(rb"P[1-6fF][ \t\r\n]")
_XBM = re.compile(rb"\s*(/\*.*?\*/\s*)?#define[ \t]+\w*_?width[ \t]+\d", re.DOTALL)
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_DIB_HEADERS = frozenset((12, 16, 40, 52, 56, 64, 108, 124))
_TGA_DEPTHS = {1: (8, 16), 2: (15, 16, 24, 32), 3: (8, 16), 9: (8, 16), 10: (15, 16, 24, 32), 11: (8, 16)}

PILLOW = {"heif": "HEIF", "jxl": "JXL", "hdr": "", "pam": "", "pfm": ""}
"""What Pillow calls a format where that is not ours in capitals; empty: OpenCV alone reads it."""

_SPOKEN = {"heif": "HEIC", "jxl": "JPEG XL", "jpeg2000": "JPEG 2000"}


def pillow_name(kind: str) -> str:
    """Pillow's name of a format; empty for one that OpenCV alone reads."""
    return PILLOW.get(kind, kind.upper())


def spoken(kind: str) -> str:
    """A format as a message names it."""
    return _SPOKEN.get(kind, kind)


def format_of(content: bytes) -> str | None:
    """The format by its content; None for an unknown one. Formats without a magic number must fit in every field."""
    head = content[:16]
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return iso_media(content)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if len(head) == 16 and head[:2] == b"BM" and (head[6:10] == bytes(4) or head[14] in _DIB_HEADERS):
        return "bmp"
    if _NETPBM.match(head):
        return "pfm" if head[:2] == b"PF" else "ppm"
    try:
        return _by_fields(content)
    except (struct.error, IndexError):
        return None


def iso_media(content: bytes) -> str | None:
    """`avif` or `heif` of an ISO media file (ISO/IEC 14496-12, section 4.3) by its brands; None: a video or other."""
    size = max(16, min(int.from_bytes(content[:4], "big"), 1024))
    box = content[:size]
    brands = {box[8:12], *(box[at : at + 4] for at in range(16, len(box) - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "avif"
    if brands & _HEIC_BRANDS or box[8:12] in (b"mif1", b"msf1"):
        return "heif"
    return None


def _by_fields(content: bytes) -> str | None:
    head = content[:32]
    if head[:4] in (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00") and head[4:6] != b"\x00\x00":
        (entry,) = struct.unpack_from("<I", head, 18)
        if 22 <= entry < len(content):
            return "ico" if head[2] == 1 else "cur"
    if head[:2] == b"\x01\xda" and head[2] in (0, 1) and head[3] in (1, 2):
        return "sgi"
    if head[0] == 10 and head[1] in (0, 2, 3, 5) and head[2] in (0, 1) and head[3] in (1, 2, 4, 8):
        return "pcx"
    if head[4:6] in (b"\x11\xaf", b"\x12\xaf") and head[14:16] in (b"\x00\x00", b"\x03\x00"):
        return "fli"
    if head[20:24] == b"GIMP":
        return "gbr"
    if content[2048:2052] == b"PCD_":
        return "pcd"
    if b"Image type:" in content[:100] and b"\n" in content[:100]:
        return "im"
    if _XBM.match(content[:512]):
        return "xbm"
    return "tga" if _is_tga(content) else None


def _is_tga(content: bytes) -> bool:
    """Truevision's TGA 2.0 ends with its name; 1.0 has no magic, but its 18 bytes must agree with the file's size."""
    mapped, kind = content[1], content[2]
    map_length, map_bits = struct.unpack_from("<xxxxxHB", content)
    width, height, bits, flags = struct.unpack_from("<HHBB", content, 12)
    if kind not in _TGA_DEPTHS or bits not in _TGA_DEPTHS[kind] or mapped > 1 or not width or not height:
        return False
    if content.endswith(b"TRUEVISION-XFILE.\x00"):
        return True
    if (kind in (1, 9)) != (mapped == 1) or flags & 0xC0 or (mapped and map_bits not in (15, 16, 24, 32)):
        return False
    data = len(content) - 18 - content[0] - (map_length * ((map_bits + 7) // 8) if mapped else 0)
    size = width * height * ((bits + 7) // 8)
    return bool(data >= size if kind < 8 else size / 128 <= data <= 2 * size)
