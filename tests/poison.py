"""Makes a folder of pictures that break careless readers, and says what each must give."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.uint8]


def gradient(width: int, height: int, channels: int = 3) -> Array:
    """A picture whose every pixel is known: red rises to the right, green downwards, blue falls to the right."""
    across, down = np.linspace(0, 255, width), np.linspace(0, 255, height)
    red, green = np.broadcast_to(across, (height, width)), np.broadcast_to(down[:, None], (height, width))
    planes = np.stack([red, green, 255 - red], axis=-1)[..., :channels]
    return np.asarray(planes.squeeze() if channels == 1 else planes).round().astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def jpeg(width: int = 60, height: int = 40, **options: object) -> bytes:
    return encoded(Image.fromarray(gradient(width, height)), "JPEG", **({"quality": 95, "subsampling": 0} | options))


def exif_jpeg(orientation: int, width: int = 60, height: int = 40) -> bytes:
    """A JPEG that is stored turned: upright it is `gradient(width, height)`."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(gradient(width, height))
    stored = image.transpose(turn[orientation]) if orientation in turn else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, "JPEG", quality=95, subsampling=0, exif=exif.tobytes())


def thumbnail_jpeg() -> bytes:
    """A JPEG whose EXIF block holds a whole small JPEG, with an end marker of its own."""
    plain, thumbnail = jpeg(), jpeg(16, 12)
    body = b"Exif\x00\x00" + b"MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00" + thumbnail
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]


def png_bomb(side: int = 10_000) -> bytes:
    """A PNG of side * side black bits: 100 megapixels in some kB."""
    rows = zlib.compress(bytes((side + 7) // 8 + 1) * side, 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def sixteen_bit(kind: str) -> bytes:
    values = gradient(60, 40, 1).astype(np.uint16) * 257
    return encoded(Image.fromarray(values), kind)


def animated(kind: str) -> bytes:
    """Two frames: the gradient, then white."""
    first, second = Image.fromarray(gradient(60, 40)), Image.new("RGB", (60, 40), "white")
    return encoded(
        first,
        kind,
        save_all=True,
        append_images=[second],
        duration=100,
        **({"lossless": True} if kind == "WEBP" else {}),
    )


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("face.jpg", jpeg())
    return buffer.getvalue()


def _rgba() -> bytes:
    alpha = gradient(60, 40, 1)
    return encoded(Image.fromarray(np.dstack([gradient(60, 40), alpha])), "PNG")


def _png() -> bytes:
    return encoded(Image.fromarray(gradient(60, 40)), "PNG")


_CORPUS: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "empty.jpg": (lambda: b"", "empty"),
    "text.jpg": (lambda: b"this is no picture\n", "unreadable"),
    "cut.jpg": (lambda: jpeg()[:-200], "unreadable"),
    "cut_behind_thumbnail.jpg": (lambda: thumbnail_jpeg()[:-200], "unreadable"),
    "cut.png": (lambda: _png()[:-30], "unreadable"),
    "bomb.png": (png_bomb, "too_large"),
    "cmyk.jpg": (lambda: encoded(Image.fromarray(gradient(60, 40)).convert("CMYK"), "JPEG"), None),
    "sixteen.png": (lambda: sixteen_bit("PNG"), None),
    "sixteen.tif": (lambda: sixteen_bit("TIFF"), None),
    "transparent.png": (_rgba, None),
    "palette.png": (lambda: encoded(Image.fromarray(gradient(60, 40)).convert("P"), "PNG"), None),
    "animated.gif": (lambda: animated("GIF"), None),
    "animated.webp": (lambda: animated("WEBP"), None),
    "turned.jpg": (lambda: exif_jpeg(6), None),
    "one_pixel.png": (lambda: encoded(Image.fromarray(gradient(1, 1)), "PNG"), "too_small"),
    "strip.png": (lambda: encoded(Image.fromarray(gradient(8000, 4)), "PNG"), "too_small"),
    "drawing.svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="4"/></svg>', "unreadable"),
    "page.jpg": (lambda: b"<!DOCTYPE html><html><body>404</body></html>", "unreadable"),
    "archive.png": (_zip, "unreadable"),
    "really_a_png.jpg": (_png, None),
    "bitmap.bmp": (lambda: encoded(Image.fromarray(gradient(60, 40)), "BMP"), None),
    "progressive.jpg": (lambda: jpeg(progressive=True), None),
    "thumbnail.jpg": (thumbnail_jpeg, None),
    "gray.jpg": (lambda: encoded(Image.fromarray(gradient(60, 40, 1)), "JPEG"), None),
    "with blank.jpg": (lambda: jpeg(61, 40), None),
    "per%20cent.jpg": (lambda: jpeg(62, 40), None),
    "num#ber.jpg": (lambda: jpeg(63, 40), None),
    "question?.jpg": (lambda: jpeg(64, 40), None),
    "größe 顔.jpg": (lambda: jpeg(65, 40), None),
    "new\nline.jpg": (lambda: jpeg(66, 40), None),
    "deep/er/nested.jpg": (lambda: jpeg(67, 40), None),
}


def write_corpus(folder: Path) -> dict[str, str | None]:
    """Write the corpus; returns each file's path below `folder` and its reason, None for a picture that must be read.

    The reasons are those of the detector `none` with the default limits.
    """
    for name, (make, _) in _CORPUS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make())
    return {name: reason for name, (_, reason) in _CORPUS.items()}
