"""Emotion taxonomies. An expression has one name here; codes exist only where a dataset is read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Taxonomy:
    """An ordered set of expression names; the order is that of a model's outputs and of `label_probs`."""

    name: str
    names: tuple[str, ...]


_FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_AFFECTNET7 = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry")
_FERPLUS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
_RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")

TAXONOMIES: dict[str, Taxonomy] = {
    "fer2013": Taxonomy("fer2013", _FER2013),
    "affectnet8": Taxonomy("affectnet8", (*_AFFECTNET7, "contempt")),
    "affectnet7": Taxonomy("affectnet7", _AFFECTNET7),
    "ferplus8": Taxonomy("ferplus8", _FERPLUS),
    "rafdb": Taxonomy("rafdb", _RAFDB),
}
"""Names in the order of each dataset's own codes."""

NO_EXPRESSION: dict[str, str] = {
    "none": "the annotator saw none of the expressions",
    "uncertain": "the annotator could not decide",
    "no_face": "the annotator saw no face",
}
"""AffectNet's codes that are no expression, and what they say."""

CODES: dict[str, dict[int, str]] = {
    "fer2013": {**dict(enumerate(_FER2013)), 7: "contempt"},
    "affectnet8": dict(enumerate((*_AFFECTNET7, "contempt", *NO_EXPRESSION))),
    "affectnet7": dict(enumerate((*_AFFECTNET7, "contempt", *NO_EXPRESSION))),
    "ferplus8": dict(enumerate(_FERPLUS)),
    "rafdb": dict(enumerate(_RAFDB, 1)),
    "expw": dict(enumerate(_FER2013)),
}
"""What a number means in each dataset's own form; 7 beside FER-2013's codes is the contempt of CK+ in that form.

A taxonomy that the user names for other data names classes and their order: it says nothing of numbers there.
"""

ALIASES: dict[str, str] = {
    "anger": "angry",
    "mad": "angry",
    "disgusted": "disgust",
    "afraid": "fear",
    "fearful": "fear",
    "scared": "fear",
    "happiness": "happy",
    "joy": "happy",
    "joyful": "happy",
    "smile": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "calm": "neutral",
    "neutrality": "neutral",
    "contemptuous": "contempt",
}
"""Other spellings, in lower case."""

KNOWN: dict[str, str] = {**{name: name for name in TAXONOMIES["affectnet8"].names}, **ALIASES}
"""Every spelling, in lower case, with the name it stands for."""


def canonical(raw: str | None) -> str | None:
    """The expression's name for any known spelling, in any case and with spaces around; None for an unknown one."""
    return KNOWN.get(raw.strip().lower()) if raw is not None else None


def nearest(raw: str, known: Iterable[str] = KNOWN) -> str | None:
    """The known spelling closest to a word, as its canonical name; None when nothing is close."""
    hits = difflib.get_close_matches(raw.strip().lower(), list(known), n=1, cutoff=0.6)
    return KNOWN.get(hits[0], hits[0]) if hits else None


def taxonomy(text: str) -> Taxonomy:
    """A taxonomy by name, or one made of the names in `a,b,c`, in that order.

    A list may hold words that are no expression known here, as long as they do not look like one misspelt.
    Raises ValueError with the nearest name.
    """
    if text in TAXONOMIES:
        return TAXONOMIES[text]
    words = [word.strip().lower() for word in text.split(",")]
    if len(words) < 2:
        hint = difflib.get_close_matches(text, TAXONOMIES, n=1, cutoff=0.4)
        meant = f" (did you mean {hint[0]}?)" if hint else ""
        raise ValueError(f"labels {text!r}: expected {', '.join(TAXONOMIES)} or names separated by commas{meant}")
    names = tuple(_listed_name(word, text) for word in words)
    if len(set(names)) < len(names):
        raise ValueError(f"labels {text!r}: one expression is named twice: {', '.join(names)}")
    return Taxonomy(text, names)


def code_names(text: str) -> dict[int, str]:
    """What `1=surprise,2=fear` says of numbers; a name may stand for several. Raises ValueError with what is wrong."""
    found: dict[int, str] = {}
    for part in text.split(","):
        number, sign, word = (piece.strip() for piece in part.partition("="))
        if not sign or not re.fullmatch(r"[0-9]{1,4}", number):
            raise ValueError(f"codes {text!r}: {part.strip()!r}, expected NUMBER=NAME, such as 1=surprise,2=fear")
        name = word.lower() if word.lower() in NO_EXPRESSION else _listed_name(word.lower(), text)
        if found.setdefault(int(number), name) != name:
            raise ValueError(f"codes {text!r}: {number} is {found[int(number)]} and {name}")
    return found


def _listed_name(word: str, text: str) -> str:
    name = KNOWN.get(word)
    if name is not None:
        return name
    if not word or word.isdigit():
        raise ValueError(f"labels {text!r}: {word!r} is no name; give names, not codes")
    close = difflib.get_close_matches(word, KNOWN, n=1, cutoff=0.75)
    if close:
        raise ValueError(f"labels {text!r}: unknown name {word!r}; did you mean {KNOWN[close[0]]}?")
    return word
