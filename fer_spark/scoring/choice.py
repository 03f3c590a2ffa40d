"""Reads `--explain`: which of the scored faces are to be explained."""

from __future__ import annotations

import math
from dataclasses import dataclass

_LEAST, _DISAGREE, WHERE = "least-confident", "disagreements", "where"
FORMS = f"a share such as 0.01, {_LEAST}:N, {_DISAGREE}, or '{WHERE}:SQL condition'"


@dataclass(frozen=True)
class Wish:
    """One `--explain`: exactly one of these is set."""

    share: float = 0.0
    least_confident: int = 0
    disagreements: bool = False
    where: str = ""


def wishes(texts: tuple[str, ...]) -> tuple[Wish, ...]:
    """The wishes behind the words. Raises ValueError for words that are none of FORMS."""
    return tuple(_wish(text.strip()) for text in texts)


def _wish(text: str) -> Wish:
    word, _, rest = text.partition(":")
    if text == _DISAGREE:
        return Wish(disagreements=True)
    if word == WHERE and rest.strip():
        return Wish(where=rest.strip())
    if word == _LEAST and rest.isdecimal() and int(rest) > 0:
        return Wish(least_confident=int(rest))
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise ValueError(f"--explain {text!r}: expected {FORMS}")
    return Wish(share=share)
