"""Every kind of picture file that is read, made of given pixels by encoders other than the code under test."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from fer_spark.faces.formats.plugins import missing_plugin
from tests.poison import Array, encoded


@dataclass(frozen=True)
class Kind:
    """`make`: (H, W[, 3]) uint8 → a file; `format`: what it is told as; `off`: by how much pixels may differ."""

    format: str
    make: Callable[[Array], bytes]
    gray: bool = False
    off: int = 0


def by_pillow(kind: str, mode: str = "", **options: object) -> Callable[[Array], bytes]:
    def make(pixels: Array) -> bytes:
        image = Image.fromarray(pixels)
        return encoded(image.convert(mode) if mode else image, kind, **options)

    return make


def by_opencv(suffix: str, dtype: str = "uint8", scale: float = 1) -> Callable[[Array], bytes]:
    def make(pixels: Array) -> bytes:
        values = (pixels * scale).astype(dtype)
        done, content = cv2.imencode(suffix, np.ascontiguousarray(values if values.ndim == 2 else values[..., ::-1]))
        assert done
        return content.tobytes()

    return make


def plain_netpbm(pixels: Array) -> bytes:
    """Numbers as text, with a comment."""
    kind, channels = ("P2", 1) if pixels.ndim == 2 else ("P3", 3)
    rows = "\n".join(" ".join(map(str, row)) for row in pixels.reshape(pixels.shape[0], -1).tolist())
    assert pixels.size == pixels.shape[0] * pixels.shape[1] * channels
    return f"{kind}\n# a comment\n{pixels.shape[1]} {pixels.shape[0]}\n255\n{rows}\n".encode()


def deep_netpbm(pixels: Array) -> bytes:
    head = f"P5 {pixels.shape[1]} {pixels.shape[0]} 65535\n".encode()
    return head + (pixels.astype(">u2") * 257).astype(">u2").tobytes()


def pam(pixels: Array) -> bytes:
    """As Netpbm's own programs write it."""
    depth, kind = (1, "GRAYSCALE") if pixels.ndim == 2 else (3, "RGB")
    head = (
        f"P7\nWIDTH {pixels.shape[1]}\nHEIGHT {pixels.shape[0]}\nDEPTH {depth}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n"
    )
    return head.encode() + pixels.tobytes()


def tga_of_1989(pixels: Array) -> bytes:
    """TGA 1.0: no footer, rows from the bottom."""
    head = struct.pack("<BBB5xHHHHBB", 0, 0, 2, 0, 0, pixels.shape[1], pixels.shape[0], 24, 0)
    return head + pixels[::-1, :, ::-1].tobytes()


def floats(bits: str, white: float) -> Callable[[Array], bytes]:
    """A gray TIFF whose values go to `white`."""
    return lambda pixels: encoded(Image.fromarray((pixels * (white / 255)).astype(bits)), "TIFF")


def fits(pixels: Array) -> bytes:
    cards = [("SIMPLE", "T"), ("BITPIX", "8"), ("NAXIS", "2"), ("NAXIS1", pixels.shape[1]), ("NAXIS2", pixels.shape[0])]
    head = "".join(f"{name:8}= {value:>20}".ljust(80) for name, value in cards) + "END".ljust(80)
    return head.ljust(2880).encode() + pixels[::-1].tobytes().ljust(-(-pixels.size // 2880) * 2880, b"\0")


def icon(pixels: Array) -> bytes:
    image = Image.fromarray(pixels)
    return encoded(image, "ICO", sizes=[image.size])


def icon_of_bitmap(pixels: Array) -> bytes:
    """Rows of colours and of the mask from the bottom, each filled up to four bytes; the mask hides nothing."""
    height, width = pixels.shape[:2]
    rows = b"".join(row.tobytes().ljust(-(-width * 3 // 4) * 4, b"\0") for row in pixels[::-1, :, ::-1])
    mask = bytes(-(-width // 32) * 4 * height)
    bitmap = struct.pack("<IiiHHIIiiII", 40, width, 2 * height, 1, 24, 0, len(rows + mask), 0, 0, 0, 0) + rows + mask
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, width, height, 0, 0, 1, 24, len(bitmap), 22) + bitmap


def photoshop(pixels: Array) -> bytes:
    height, width = pixels.shape[:2]
    head = struct.pack(">4sH6xHIIHHIIIH", b"8BPS", 1, 3, height, width, 8, 3, 0, 0, 0, 0)
    return head + pixels.transpose(2, 0, 1).tobytes()


KINDS: dict[str, Kind] = {
    "ppm": Kind("ppm", by_pillow("PPM")),
    "pgm": Kind("ppm", by_pillow("PPM"), gray=True),
    "ppm as text": Kind("ppm", plain_netpbm),
    "pgm as text": Kind("ppm", plain_netpbm, gray=True),
    "pgm of 16 bits": Kind("ppm", deep_netpbm, gray=True),
    "pfm": Kind("pfm", by_opencv(".pfm", "float32", 1 / 255)),
    "gray pfm": Kind("ppm", by_opencv(".pfm", "float32", 1 / 255), gray=True),
    "pam": Kind("pam", pam),
    "gray pam": Kind("pam", pam, gray=True),
    "hdr": Kind("hdr", by_opencv(".hdr", "float32", 1 / 255), off=2),
    "sun": Kind("sun", by_opencv(".ras")),
    "jp2": Kind("jpeg2000", by_pillow("JPEG2000")),
    "j2k": Kind("jpeg2000", by_pillow("JPEG2000", no_jp2=True), gray=True),
    "jp2 by opencv": Kind("jpeg2000", by_opencv(".jp2"), off=16),
    "avif": Kind("avif", by_pillow("AVIF", quality=100, subsampling="4:4:4"), off=6),
    "gray avif": Kind("avif", by_pillow("AVIF", quality=100), gray=True, off=6),
    "tga": Kind("tga", by_pillow("TGA")),
    "tga rle": Kind("tga", by_pillow("TGA", compression="tga_rle")),
    "gray tga": Kind("tga", by_pillow("TGA"), gray=True),
    "tga 1.0": Kind("tga", tga_of_1989),
    "pcx": Kind("pcx", by_pillow("PCX")),
    "gray pcx": Kind("pcx", by_pillow("PCX"), gray=True),
    "ico": Kind("ico", icon),
    "ico of bitmaps": Kind("ico", icon_of_bitmap),
    "qoi": Kind("qoi", by_pillow("QOI")),
    "sgi": Kind("sgi", by_pillow("SGI")),
    "dds": Kind("dds", by_pillow("DDS")),
    "im": Kind("im", by_pillow("IM")),
    "psd": Kind("psd", photoshop),
    "fits": Kind("fits", fits, gray=True),
    "bmp with alpha": Kind("bmp", by_pillow("BMP", "RGBA")),
    "bmp of grays": Kind("bmp", by_pillow("BMP"), gray=True),
    "tiff of floats to 1": Kind("tiff", floats("float32", 1), gray=True),
    "tiff of floats to 255": Kind("tiff", floats("float32", 255), gray=True),
    "tiff of 32 bits": Kind("tiff", floats("int32", 65535), gray=True),
    "tiff of three floats": Kind("tiff", by_opencv(".tiff", "float32", 1 / 255)),
    "tiff of deflate": Kind("tiff", by_pillow("TIFF", compression="tiff_adobe_deflate")),
    "webp": Kind("webp", by_pillow("WEBP", lossless=True)),
}  # fmt: skip
if missing_plugin("heif") is None:
    KINDS["heic"] = Kind("heif", by_pillow("HEIF", quality=-1, chroma=444), off=6)
if missing_plugin("jxl") is None:
    KINDS["jxl"] = Kind("jxl", by_pillow("JXL", lossless=True))
    KINDS["gray jxl"] = Kind("jxl", by_pillow("JXL", lossless=True), gray=True)
    KINDS["jxl in boxes"] = Kind("jxl", by_pillow("JXL", lossless=True, use_container=True))


def picture(kind: Kind, width: int, height: int, seed: int) -> Array:
    """Smooth random pixels that reach from 0 to 255, so that lossy kinds come near them."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (3, 4) if kind.gray else (3, 4, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    smooth = (smooth - smooth.min()) / max(float(smooth.max() - smooth.min()), 1e-6) * 255
    return smooth.round().astype(np.uint8)
