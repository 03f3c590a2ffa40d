"""Pictures as bare values in a column, without a file's header: what `encoding` says of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

ORDERS = ("rgb", "bgr", "planes")
"""Of colours: red first or blue first, each pixel's together, alpha last; or a plane after another, red first."""

CHANNELS = (1, 3, 4)
_WRITTEN = re.compile(r"(pixels|bytes) (\d{1,10})x(\d{1,10})x([134]) (rgb|bgr|planes)")


@dataclass(frozen=True)
class RawPixels:
    """`is_text`: values 0-255 as decimal text between blanks; else a byte each. Rows from the top."""

    is_text: bool
    height: int
    width: int
    channels: int
    order: str = "rgb"

    def __str__(self) -> str:
        """`bytes 48x32x3 bgr`, as it stands in RAW_IMAGE's `encoding`."""
        kind = "pixels" if self.is_text else "bytes"
        return f"{kind} {self.height}x{self.width}x{self.channels} {self.order}"

    @classmethod
    def parse(cls, encoding: str) -> RawPixels | None:
        """None for an encoding of another kind."""
        found = _WRITTEN.fullmatch(encoding)
        if found is None:
            return None
        return cls(found[1] == "pixels", int(found[2]), int(found[3]), int(found[4]), found[5])
