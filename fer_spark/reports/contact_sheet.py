"""Pictures side by side with words below each: a model's most confident mistakes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from fer_spark.reports.look import INK, MUTED, PAPER, WRONG

_PICTURE, _GAP, _LINE, _SCALE = 132, 14, 18, 2
_TYPE_SIZE, _ARROW = 14, 20


@dataclass(frozen=True)
class Mistake:
    """One face predicted as another expression: image (H, W) gray or (H, W, 3) RGB, uint8; confidence in [0, 1]."""

    image: npt.NDArray[np.uint8]
    true: str
    predicted: str
    confidence: float
    name: str


def contact_sheet(mistakes: Sequence[Mistake], columns: int = 6) -> bytes:
    """PNG of all of them in reading order: picture, true → predicted, confidence and name below. One line if none."""
    if not mistakes:
        return _png(_with_words("No mistakes: every picture was given its own class.", (480, 60)))
    columns = min(columns, len(mistakes))
    rows = -(-len(mistakes) // columns)
    wide, high = _PICTURE + _GAP, _PICTURE + 3 * _LINE + _GAP + 6
    sheet = Image.new("RGB", ((columns * wide + _GAP) * _SCALE, (rows * high + _GAP) * _SCALE), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, mistake in enumerate(mistakes):
        left, top = (_GAP + i % columns * wide) * _SCALE, (_GAP + i // columns * high) * _SCALE
        sheet.paste(_enlarged(mistake.image), (left, top))
        below = top + (_PICTURE + 6) * _SCALE
        _fitted(draw, (left, below), mistake.true, INK)
        _arrow(draw, (left, below + _LINE * _SCALE))
        after = (left + _ARROW * _SCALE, below + _LINE * _SCALE)
        _fitted(draw, after, mistake.predicted, WRONG, f" {_percent(mistake.confidence)}")
        _fitted(draw, (left, below + 2 * _LINE * _SCALE), mistake.name, MUTED)
    return _png(sheet)


def _percent(share: float) -> str:
    """Rounded down, so that 100 % is shown for certainty alone."""
    return f"{int(share * 1000) / 10:.1f} %"


def _enlarged(image: npt.NDArray[np.uint8]) -> Image.Image:
    side = _PICTURE * _SCALE
    kernel = Image.Resampling.BICUBIC if image.shape[0] < side else Image.Resampling.BOX
    return Image.fromarray(image).convert("RGB").resize((side, side), kernel)


def _arrow(draw: ImageDraw.ImageDraw, at: tuple[int, int]) -> None:
    """As wide as _ARROW less a gap, as high as a letter: Pillow's own font has none."""
    left, right, middle = at[0] + _SCALE, at[0] + (_ARROW - 5) * _SCALE, at[1] + 9 * _SCALE
    draw.line([(left, middle), (right, middle)], fill=WRONG, width=3)
    draw.line([(right - 8, middle - 8), (right, middle), (right - 8, middle + 8)], fill=WRONG, width=3, joint="curve")


def _fitted(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, ink: str, tail: str = "") -> None:
    """`text` and `tail` in the largest size that fits; what does not fit at half the size makes `text` shorter."""
    room = _PICTURE * _SCALE - (_ARROW * _SCALE if tail else 0)
    size = _TYPE_SIZE * _SCALE
    while size > _TYPE_SIZE and _width(draw, text + tail, size) > room:
        size -= 1
    shown = text
    while len(shown) > 1 and _width(draw, shown + tail, size) > room:
        shown = shown.removesuffix("…")[:-1] + "…"
    draw.text((at[0], at[1] + _LINE * _SCALE // 2), shown + tail, fill=ink, font=_font(size), anchor="lm")


def _width(draw: ImageDraw.ImageDraw, text: str, size: int) -> float:
    return float(draw.textlength(text, font=_font(size)))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _with_words(text: str, size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", (size[0] * _SCALE, size[1] * _SCALE), PAPER)
    ImageDraw.Draw(image).text((_GAP * _SCALE, _GAP * _SCALE), text, fill=INK, font=_font(_TYPE_SIZE * _SCALE))
    return image


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
