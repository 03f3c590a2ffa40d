"""Pictures named by plain arguments: what is read, by which model it is scored, and where the answers go."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fer_spark.artifacts import literal
from fer_spark.machine import check_place
from fer_spark.scoring.settings import ScoreSettings
from fer_spark.sources.settings import AUTO, SourceSettings

SHIPPED = "fer2013"
IMAGES = "images"
"""The layout that plain arguments name."""
PAGE = ".html"
"""Behind the output's name: the page lies beside it, as readers take every file in it for scores."""

_SUFFIX = "-scores"
_GLOB = re.compile(r"[*?\[{]")


def plain_settings(
    words: Sequence[str], settings: ScoreSettings, source: SourceSettings, keep_crop: bool = True
) -> tuple[ScoreSettings, SourceSettings]:
    """Settings for the pictures that `words` name: folders, files, or one place on any storage, or one glob.

    What the user gave stays; else the shipped model scores them, and the output lies beside them. Raises ValueError
    for pictures that are not there or named twice, MachineError where the output cannot be written.
    """
    if source.input:
        raise ValueError(f"name the pictures once: {words[0]!r} or --input {source.input!r}")
    text, output = input_of(words)
    if not (settings.output or output):
        raise ValueError(f"--output is missing: there is no place beside {words[0]!r}")
    settings = replace(
        settings,
        bundle=settings.bundle or SHIPPED,
        output=settings.output or output,
        keep_crop=settings.keep_crop or keep_crop,
    )
    check_place(settings.output, "--output")
    layout = IMAGES if source.source == AUTO else source.source  # labels, where there are any, are not asked for
    return settings, replace(source, source=layout, input=text)


def input_of(words: Sequence[str]) -> tuple[str, str]:
    """What --input names all of `words`, and a place beside them; empty where there is none. Raises ValueError."""
    return _single(words[0]) if len(words) == 1 else _joined(words)


def page_of(output: str) -> str:
    """The page that belongs to an output."""
    return output.rstrip("/") + PAGE


def _single(word: str) -> tuple[str, str]:
    """What to read, and the output beside it; empty where there is no place beside it."""
    if os.path.lexists(word):
        path = Path(os.path.abspath(word))
        name = path.stem if path.is_file() else path.name
        return word, str(path.with_name(name + _SUFFIX)) if name else ""
    if "://" not in word and not _GLOB.search(word):
        raise ValueError(f"{word!r}: no such file or folder")
    fixed = word[: found.start()].rpartition("/")[0] if (found := _GLOB.search(word)) else word.rstrip("/")
    if "://" in word:
        return word, fixed + _SUFFIX if fixed.partition("://")[2] else ""
    return word, _single(fixed or ".")[1]


def _joined(words: Sequence[str]) -> tuple[str, str]:
    """One glob that names all of them, and an output in the folder that holds them all, inside none of them."""
    for word in words:
        if not os.path.lexists(word):
            only = "; of places on other storage, and of globs, one can be given" if "://" in word else ""
            raise ValueError(f"{word!r}: no such file or folder{only}")
    paths = sorted({Path(os.path.abspath(word)) for word in words})
    roots = [path for path in paths if not any(other in path.parents for other in paths)]
    if len(roots) == 1:
        return _single(str(roots[0]))
    common = Path(os.path.commonpath([path.parent for path in roots]))
    names = ",".join(literal(str(path.relative_to(common))).replace(",", "\\,") for path in roots)
    output = common / f"{roots[0].stem}-and-{len(roots) - 1}-more{_SUFFIX}"
    return f"{literal(str(common)).rstrip('/')}/{{{names}}}", str(output)
