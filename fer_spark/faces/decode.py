"""From a picture's bytes to upright 8-bit pixels: gray (H, W) or RGB (H, W, 3). Orientation is applied exactly once.

OpenCV decodes plain JPEG and PNG, Pillow most others. Transparent pixels are shown on white, as a viewer shows them:
the colour stored under full transparency is arbitrary. Colours of another profile become sRGB. An animation gives its
first frame.
"""

from __future__ import annotations

import io

import cv2
import cv2.typing
import numpy as np
from PIL import Image

from fer_spark.faces.errors import PictureTooLargeError, UnreadablePictureError
from fer_spark.faces.exif import turned_upright
from fer_spark.faces.formats.content import pillow_name, spoken
from fer_spark.faces.formats.jpeg import closed
from fer_spark.faces.formats.shown import convert_in_place, shown_array, shown_picture
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
    if header.open_ended:
        content = closed(content)
    if header.engine == "cv2":
        pixels = _by_opencv(content, header, gray, reduction)
    elif header.engine == "deep":
        values = _opencv_imdecode(content, header, cv2.IMREAD_UNCHANGED)
        if header.format == "pam" and values.ndim == 3 and values.shape[2] >= 3:
            values[..., :3] = values[..., 2::-1].copy()  # OpenCV leaves the colours of this one format as they lie
        pixels = shown_array(values, header.profile, header.white)
    else:
        pixels = _by_pillow(content, header, max_megapixels)
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
    as_gray = header.channels == 1 or (gray and header.format == "jpeg" and header.profile is None)
    flags = _FLAGS[reduction][0 if as_gray else 1] | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = as_pixels(_opencv_imdecode(content, header, flags))
    if not as_gray:
        pixels = as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels))
    return convert_in_place(pixels, header.profile) if header.profile else pixels


def _by_pillow(content: bytes, header: Header, max_megapixels: float) -> Pixels:
    """The first frame. Pillow turns a TIFF upright by itself."""
    name = spoken(header.format)
    try:
        with Image.open(io.BytesIO(content), formats=[pillow_name(header.format)]) as picture:
            check_area(*picture.size, max_megapixels)
            picture.load()
            return shown_picture(picture, header.profile)
    except Image.DecompressionBombError as error:
        raise PictureTooLargeError(f"{name}: {error}") from error
    except PILLOW_ERRORS as error:
        raise UnreadablePictureError(f"{name}: damaged ({error})") from error
