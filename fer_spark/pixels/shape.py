"""Size and colour of a face: what a network takes, and what a pixel column holds."""

from __future__ import annotations

from dataclasses import dataclass

CHANNELS = {"gray": 1, "rgb": 3}
"""Channels by mode. Colours come as red, green, blue everywhere; OpenCV's own order is seen by codecs.py alone."""


@dataclass(frozen=True)
class FaceShape:
    """(size_px, size_px) gray, or (size_px, size_px, 3) RGB; raises ValueError for what is neither."""

    size_px: int
    mode: str

    def __post_init__(self) -> None:
        if self.mode not in CHANNELS or self.size_px < 1:
            raise ValueError(f"{self.size_px!r} px, {self.mode!r}: expected mode gray or rgb, size_px 1 or more")

    @property
    def channels(self) -> int:
        return CHANNELS[self.mode]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one face's array."""
        return (self.size_px, self.size_px) if self.mode == "gray" else (self.size_px, self.size_px, 3)

    def __str__(self) -> str:
        return f"{self.size_px}:{self.mode}"
