"""One picture while its faces are prepared: header, ids, and what was decoded and found so far."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from fer_spark.faces.decode import decode
from fer_spark.faces.errors import PictureTooLargeError, PictureTooSmallError
from fer_spark.faces.geometry import Detection, Picture, Pixels
from fer_spark.faces.hashes import image_id, perceptual_hash, pixel_hash
from fer_spark.faces.header import Header, check_area, inspect
from fer_spark.faces.pixels_text import parse_pixels
from fer_spark.faces.raw_pixels import shown_values
from fer_spark.faces.settings import FaceSettings
from fer_spark.faces.shrink import halved
from fer_spark.pixels.raw import RawPixels

LEAST_SIDE_PX = 8
"""A picture with a shorter side holds no face of any kind."""

OVERVIEW_PX = 1280
"""From this longer side on, a picture is halved before it is looked at; twice the detector's largest input."""

_REDUCTIONS = (8, 4, 2, 1)


class OpenedPicture:
    """A picture's bytes, checked; decoded when asked for, each reduction once."""

    def __init__(self, content: bytes, encoding: str, settings: FaceSettings, gray: bool) -> None:
        self.content, self.encoding = content, encoding
        self.image_id = image_id(content)
        self.found: list[Detection] | None = None
        self.searched: set[int] = set()
        """Reductions at which a detector looked for small faces."""
        self.decodes = 0
        self._settings, self._gray = settings, gray
        self._views: dict[int, Pixels] = {}
        self._overviews: dict[int, Picture] = {}
        self._hashes: dict[int, tuple[str, int]] = {}

    @cached_property
    def header(self) -> Header:
        """What the bytes say of themselves. Raises RejectedPictureError for one that is too large, too small or none.

        Raises ValueError for an unknown encoding.
        """
        limit = self._settings.max_file_mb
        if len(self.content) > limit * 2**20:
            raise PictureTooLargeError(f"{len(self.content) / 2**20:.1f} MiB, limit {limit:g} (--max-file-mb)")
        raw = RawPixels.parse(self.encoding)
        if raw is not None or self.encoding == "pixels":
            header = self._parse(raw)
        elif self.encoding == "file":
            header = inspect(self.content, self._settings.max_megapixels)
        else:
            raise ValueError(f"encoding: expected file or pixels, got {self.encoding!r}")
        if min(header.width, header.height) < LEAST_SIDE_PX:
            raise PictureTooSmallError(f"{header.width}x{header.height} px, the shorter side must have {LEAST_SIDE_PX}")
        return header

    def _parse(self, raw: RawPixels | None) -> Header:
        """`raw`: its shape; None: square and gray."""
        if raw is not None:
            check_area(raw.width, raw.height, self._settings.max_megapixels)
        pixels = parse_pixels(self.content) if raw is None else shown_values(self.content, raw, self._gray)
        self.decodes += 1
        height, width = pixels.shape[:2]
        check_area(width, height, self._settings.max_megapixels)
        self._views[1] = pixels
        return Header("pixels", width, height, 1 if raw is None or raw.channels == 1 else 3, 1, "text")

    def view(self, reduction: int) -> Pixels:
        """The upright pixels at 1/reduction of the size. Raises RejectedPictureError when they cannot be decoded."""
        header = self.header
        if reduction not in self._views:
            limit = self._settings.max_megapixels
            self._views[reduction] = decode(self.content, header, self._gray, reduction, limit)
            self.decodes += 1
        return self._views[reduction]

    def overview(self, reduction: int) -> Picture:
        """A view of less than OVERVIEW_PX, for the detector and the hashes: more detail would only cost time."""
        if reduction not in self._overviews:
            pixels, scale = self.view(reduction), 1 / reduction
            while max(pixels.shape[:2]) >= OVERVIEW_PX and min(pixels.shape[:2]) > 1:  # a strip may be 8 px high
                pixels, scale = halved(pixels), scale / 2
            self._overviews[reduction] = Picture(pixels, self.header.width, self.header.height, scale)
        picture = self._overviews[reduction]
        if picture.scale == 1:  # there is nothing finer
            return picture
        # not kept: it would hold this picture, and so itself, in memory until the next collection of garbage
        return replace(picture, finer=self._finer)

    def _finer(self, scale: float) -> Picture:
        """The picture with at least `scale` px per px of its full size: nothing is halved, so large ones are large."""
        reduction = self.reduction_for(1.0, scale)
        self.searched.add(reduction)
        return Picture(self.view(reduction), self.header.width, self.header.height, 1 / reduction)

    def hashes(self, reduction: int) -> tuple[str, int]:
        """(pixel_hash, perceptual_hash) of the overview."""
        if reduction not in self._hashes:
            pixels = self.overview(reduction).pixels
            self._hashes[reduction] = (pixel_hash(pixels), perceptual_hash(pixels))
        return self._hashes[reduction]

    def reduction_for(self, length_px: float, needed_px: float) -> int:
        """The largest reduction (8, 4, 2, 1) at which `length_px` of the picture still has `needed_px`; else 1."""
        if not self.header.reducible:
            return 1
        return next((reduction for reduction in _REDUCTIONS if length_px / reduction >= needed_px), 1)
