"""Data sets on disk: drawn pictures in the layouts that real sources have, and the truth about each."""

from __future__ import annotations

import csv
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from fer_spark.sample.broken import BROKEN_KINDS, break_file
from fer_spark.sample.drawing import FER2013_DRAWING, Drawing, DrawnPicture
from fer_spark.sample.people import EXPRESSIONS
from fer_spark.sample.picture import draw_face, label_at, person_at
from fer_spark.sample.truth import TruthRow, truth_of

LAYOUTS = ("folder", "legend", "flat")
SPLITS = ("train", "val", "test")
SPLIT_FRACTIONS = (0.8, 0.1, 0.1)
_USAGES = ("Training", "PublicTest", "PrivateTest")
_SPELLINGS = {"angry": ("anger", "angry"), "happy": ("happiness", "happy"), "sad": ("sadness", "sad")}
_CHUNK = 100
_GOLDEN = 0.6180339887498949
_DECIMALS = tuple(str(value) for value in range(256))

Row = TypeVar("Row")


@dataclass(frozen=True)
class WriteSettings:
    """How files are written; none but `png_fraction` and `drawing` changes a byte."""

    drawing: Drawing = field(default_factory=Drawing)
    png_fraction: float = field(default=0.1, metadata={"help": "share of PNG files; the rest are JPEG"})
    workers: int = field(default=1, metadata={"help": "processes; more than 1 needs an importable main module"})
    progress: bool = field(default=False, metadata={"help": "show a running count on stderr"})


@dataclass(frozen=True)
class _Plan:
    directory: Path
    seed: int
    layout: str
    broken_fraction: float
    split: bool
    settings: WriteSettings


def encode(picture: DrawnPicture, suffix: str, quality: int = 90) -> bytes:
    """The bytes of a `.jpg` or `.png` file; a gray picture has one channel."""
    image = picture.image[:, :, 0] if picture.gray else cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return bytes(cv2.imencode(suffix, image, options)[1])


def split_at(index: int, fractions: tuple[float, float, float] = SPLIT_FRACTIONS) -> str:
    """train, val or test for picture `index`; all pictures of a person share it."""
    place = person_at(index) * _GOLDEN % 1 * sum(fractions)
    return SPLITS[0] if place < fractions[0] else SPLITS[1] if place < fractions[0] + fractions[1] else SPLITS[2]


def write_folder(
    directory: str | Path,
    count: int,
    seed: int,
    layout: str = "folder",
    broken_fraction: float = 0.0,
    split: bool = False,
    settings: WriteSettings | None = None,
) -> list[TruthRow]:
    """Write `count` pictures to a new or empty directory and the truth to `<directory>_truth.csv` beside it.

    folder: `happy/0000012.jpg`; legend: `images/0000012.jpg` and `legend.csv` (`user.id,image,emotion`, labels in mixed
    case and with synonyms); flat: `0000012.jpg`. With `split`, each of train/, val/ and test/ holds such a layout, and
    no person is in two. Rows come back in the order of their indices. The same arguments give the same files.
    Raises ValueError on an unknown layout, a fraction outside [0, 1] or a negative count; FileExistsError when the
    directory holds files.
    """
    directory = Path(directory)
    if layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}")
    if not 0 <= broken_fraction <= 1:
        raise ValueError(f"broken_fraction: expected 0 to 1, got {broken_fraction}")
    if count < 0:
        raise ValueError(f"count: expected 0 or more, got {count}")
    if directory.exists() and any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty: name a new directory, or remove it first")
    plan = _Plan(directory, seed, layout, broken_fraction, split, settings or WriteSettings())
    for part in SPLITS if split else ("",):
        for name in {"folder": EXPRESSIONS, "legend": ("images",), "flat": ("",)}[layout]:
            (directory / part / name).mkdir(parents=True, exist_ok=True)
    rows = list(_in_chunks(partial(_write_files, plan), count, plan.settings))
    if layout == "legend":
        for part in SPLITS if split else ("",):
            _write_legend(directory / part / "legend.csv", [row for row in rows if row.split == part], seed)
    truth = directory.resolve()
    header = [column.name for column in fields(TruthRow)]
    _write_csv(truth.with_name(f"{truth.name}_truth.csv"), header, (astuple(row) for row in rows))
    return rows


def write_fer2013_csv(
    path: str | Path,
    count: int,
    seed: int,
    fractions: tuple[float, float, float] = SPLIT_FRACTIONS,
    settings: WriteSettings | None = None,
) -> None:
    """Write a table in the format of fer2013.csv: `emotion,pixels,Usage`, 48 x 48 gray values as decimal text.

    `fractions` are the shares of Training, PublicTest and PrivateTest; no person is in two of them.
    """
    settings = replace(settings or WriteSettings(), drawing=FER2013_DRAWING)
    rows = _in_chunks(partial(_fer2013_rows, seed, fractions), count, settings)
    _write_csv(Path(path), ["emotion", "pixels", "Usage"], rows)


def _in_chunks(draw: Callable[[range], list[Row]], count: int, settings: WriteSettings) -> Iterator[Row]:
    chunks = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    if settings.workers <= 1:
        yield from _with_progress(map(draw, chunks), count, settings.progress)
        return
    # A forked process would inherit OpenCV's thread pool without its threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(settings.workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from _with_progress(pool.map(draw, chunks), count, settings.progress)


def _with_progress(batches: Iterable[list[Row]], count: int, shown: bool) -> Iterator[Row]:
    done = 0
    for batch in batches:
        yield from batch
        done += len(batch)
        if shown:
            print(f"\r{done:,} of {count:,} pictures", end="\n" if done == count else "", file=sys.stderr, flush=True)


def _write_files(plan: _Plan, indices: range) -> list[TruthRow]:
    return [_write_file(plan, index) for index in indices]


def _write_file(plan: _Plan, index: int) -> TruthRow:
    rng = np.random.default_rng([plan.seed, 4, index])
    suffix = ".png" if rng.random() < plan.settings.png_fraction else ".jpg"
    kind = tuple(BROKEN_KINDS)[rng.integers(len(BROKEN_KINDS))] if rng.random() < plan.broken_fraction else ""
    label = label_at(plan.seed, index)
    part = split_at(index) if plan.split else ""
    place = {"folder": label, "legend": "images", "flat": ""}[plan.layout]
    path = Path(part, place, f"{index:07d}{suffix}")
    picture = draw_face(plan.seed, index, plan.settings.drawing, label)
    content = encode(picture, suffix, int(rng.integers(72, 96)))
    if kind:
        content = break_file(kind, content, suffix, rng)
    (plan.directory / path).write_bytes(content)
    return truth_of(path.as_posix(), part, picture, kind)


def _fer2013_rows(seed: int, fractions: tuple[float, float, float], indices: range) -> list[tuple[int, str, str]]:
    rows = []
    for index in indices:
        picture = draw_face(seed, index, FER2013_DRAWING)
        pixels = " ".join(map(_DECIMALS.__getitem__, picture.image[:, :, 0].tobytes()))
        usage = _USAGES[SPLITS.index(split_at(index, fractions))]
        rows.append((EXPRESSIONS.index(picture.label), pixels, usage))
    return rows


def _write_legend(path: Path, rows: list[TruthRow], seed: int) -> None:
    rng = np.random.default_rng([seed, 5])
    cases = (str.lower, str.upper, str.capitalize)
    lines = []
    for row in rows:
        spellings = _SPELLINGS.get(row.label, (row.label,))
        spelled = cases[rng.choice(3, p=(0.7, 0.15, 0.15))](spellings[rng.integers(len(spellings))])
        lines.append((row.person, Path(row.path).name, spelled))
    _write_csv(path, ["user.id", "image", "emotion"], lines)


def _write_csv(path: Path, header: list[str], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
