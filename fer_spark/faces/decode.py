"""From a picture's bytes to upright 8-bit pixels: gray (H, W) or RGB (H, W, 3). Orientation is applied exactly once.

OpenCV decodes plain JPEG and PNG, Pillow everything else. Transparent pixels are shown on white, as a viewer shows
them: the colour stored under full transparency is arbitrary. An animation gives its first frame.
"""

from __future__ import annotations

import io

import cv2
import cv2.typing
import numpy as np
from PIL import Image

from fer_spark.faces.errors import PictureTooLargeError, UnreadablePictureError
from fer_spark.faces.exif import turned_upright
from fer_spark.faces.geometry import Pixels, as_pixels
from fer_spark.faces.header import PILLOW_ERRORS, Header, check_area

_FLAGS = {
    1: (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR),
    2: (cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_COLOR_2),
    4: (cv2.IMREAD_REDUCED_GRAYSCALE_4, cv2.IMREAD_REDUCED_COLOR_4),
    8: (cv2.IMREAD_REDUCED_GRAYSCALE_8, cv2.IMREAD_REDUCED_COLOR_8),
}
"""reduction: (flags for gray, flags for BGR). OpenCV 4.10 has no IMREAD_COLOR_RGB."""


def decode(
    content: bytes, header: Header, gray: bool = False, reduction: int = 1, max_megapixels: float = 1e6
) -> Pixels:
    """Decode a picture whose header was read by `inspect`.

    Gray pictures come as (H, W), colour as (H, W, 3) RGB unless `gray`. `reduction` 2, 4 or 8 needs a reducible header
    and gives sides of ceil(side / reduction). Raises UnreadablePictureError, or PictureTooLargeError where a damaged
    file decodes to more than max_megapixels.
    """
    if header.engine == "cv2":
        pixels = _by_opencv(content, header, gray, reduction)
    elif header.engine == "deep":
        pixels = _over_white(_sixteen_bits(content, header))
    else:
        pixels = _over_white(_by_pillow(content, header, max_megapixels))
    if gray and pixels.ndim == 3:
        pixels = as_pixels(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    upright = turned_upright(pixels, header.orientation)
    expected = -(-header.height // reduction), -(-header.width // reduction)
    if upright.shape[:2] != expected:
        raise UnreadablePictureError(
            f"{header.format}: decoded to {upright.shape[:2]}, its header says {expected} (H, W)"
        )
    return upright


def _opencv_imdecode(content: bytes, header: Header, flags: int) -> cv2.typing.MatLike:
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise UnreadablePictureError(f"{header.format}: damaged ({str(error).strip().splitlines()[0]})") from error
    if pixels is None:
        raise UnreadablePictureError(f"{header.format}: damaged, the decoder refused it")
    return pixels


def _by_opencv(content: bytes, header: Header, gray: bool, reduction: int) -> Pixels:
    as_gray = header.channels == 1 or (gray and header.format == "jpeg")
    flags = _FLAGS[reduction][0 if as_gray else 1] | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = as_pixels(_opencv_imdecode(content, header, flags))
    return pixels if as_gray else as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels))


def _sixteen_bits(content: bytes, header: Header) -> Pixels:
    """16 bits a channel, scaled so that 65535 becomes 255: v / 257, rounded."""
    pixels = _opencv_imdecode(content, header, cv2.IMREAD_UNCHANGED)
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    if pixels.dtype != np.uint8:
        raise UnreadablePictureError(f"{header.format}: pixels of type {pixels.dtype}, expected 8 or 16 bits a channel")
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    return as_pixels(pixels)


def _by_pillow(content: bytes, header: Header, max_megapixels: float) -> Pixels:
    """The first frame as stored: (H, W), (H, W, 3) RGB, or (H, W, 4) RGBA. Pillow turns a TIFF upright by itself."""
    try:
        with Image.open(io.BytesIO(content), formats=[header.format.upper()]) as picture:
            check_area(*picture.size, max_megapixels)
            picture.load()
            frame = _sixteen_bit_gray(picture) if picture.mode.startswith("I;16") else np.asarray(_plain_mode(picture))
    except Image.DecompressionBombError as error:
        raise PictureTooLargeError(f"{header.format}: {error}") from error
    except PILLOW_ERRORS as error:
        raise UnreadablePictureError(f"{header.format}: damaged ({error})") from error
    return as_pixels(frame)


def _sixteen_bit_gray(picture: Image.Image) -> Pixels:
    """A gray PNG with a transparent value, or an animated one: OpenCV shows neither as a viewer does, and Pillow's own
    conversion cuts values off at 255. (H, W), or (H, W, 4) RGBA where a value is transparent."""
    values = np.asarray(picture).astype(np.uint16)
    gray = cv2.convertScaleAbs(values, alpha=1 / 257)
    clear = picture.info.get("transparency")
    if clear is None:
        return as_pixels(gray)
    alpha = np.where(values == clear, 0, 255).astype(np.uint8)
    return as_pixels(np.dstack([gray, gray, gray, alpha]))


def _plain_mode(picture: Image.Image) -> Image.Image:
    """Convert to L, RGB or RGBA. Raises ValueError for a mode whose white is unknown."""
    if picture.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {picture.mode} have no known white; convert the picture to 8 or 16 bits")
    if picture.mode in ("LA", "La", "PA", "RGBa", "RGBA") or "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _over_white(pixels: Pixels) -> Pixels:
    """(H, W, 4) RGBA on a white background, rounded; anything else as it is."""
    if pixels.ndim < 3 or pixels.shape[2] != 4:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint32)
    mixed = (pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return as_pixels(mixed)
