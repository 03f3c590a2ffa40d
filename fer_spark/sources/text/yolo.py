"""What YOLO's files say: the classes and splits of its YAML, the boxes of its label files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from fer_spark.sources.labelling import reject
from fer_spark.sources.numbering.meaning import Numbering
from fer_spark.sources.numbering.stored import names_in_yaml
from fer_spark.sources.settings import SPLITS

BOX = ("box_left", "box_top", "box_width", "box_height")
_SIDES = 4
_OUTSIDE = 0.01
"""Rounding puts some values a little outside 0 to 1."""


@dataclass(frozen=True)
class DataFile:
    """`names`: what the classes are called; `folders`: split of the label files below each, from `/` to `/`; `lists`:
    split of the pictures that each of these text files names; `has_points`: a line goes on after its box with points of
    the body or face."""

    names: tuple[Numbering, ...] = ()
    folders: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    has_points: bool = False

    def split_of(self, key: Column) -> Column:
        """By the folders that the YAML names; null where it names none of a key's."""
        found = F.lit(None).cast("string")
        for folder, split in self.folders.items():
            found = F.coalesce(found, F.when(F.concat(key, F.lit("/")).contains(folder), split))
        return found


def data_file(text: str, name: str) -> DataFile:
    """Raises SourceError for what is no YAML."""
    names = names_in_yaml(text, name)
    content = yaml.safe_load(text) if names else {}
    places = [(path, split) for split in SPLITS for path in _texts(content.get(split))]
    folders = {_label_folder(path): split for path, split in places if not _is_list(path)}
    folders.pop("/", None)
    lists = {path: split for path, split in places if _is_list(path)}
    return DataFile(tuple(names), folders, lists, "kpt_shape" in content)


def boxes(rows: DataFrame, has_points: bool) -> DataFrame:
    """Adds label_raw, the box and box_is_share from `line`, words between single blanks; one that is no box is
    rejected, by its `source_row`."""
    words = F.split("line", " ")
    numbers = F.transform(F.slice(words, 2, 1 << 16), lambda word: word.try_cast("double"))
    count = F.size(numbers)
    as_box = count.isin(_SIDES, _SIDES + 1) | (F.lit(has_points) & (count >= _SIDES))
    as_polygon = ~as_box & (count > _SIDES + 1) & (count % 2 == 0)
    sides = _of_box(numbers), _of_polygon(numbers)
    box = [F.when(as_box, side).when(as_polygon, of_polygon) for side, of_polygon in zip(*sides, strict=True)]
    where = F.concat(F.lit("line "), (F.col("source_row") + 1).cast("string"))
    used = F.when(as_box, F.slice(numbers, 1, _SIDES)).otherwise(numbers)
    outside = F.exists(used, lambda value: (value < -_OUTSIDE) | (value > 1 + _OUTSIDE))
    problem = F.when(
        F.exists(used, lambda value: value.isNull() | F.isnan(value)), F.concat(where, F.lit(": a value is no number"))
    )
    problem = problem.when(
        ~(as_box | as_polygon),
        F.concat(where, F.lit(" has "), count.cast("string"), F.lit(" numbers after its class, expected 4")),
    )
    problem = problem.when(
        outside, F.concat(where, F.lit(": values outside 0 to 1, expected shares of the picture's width and height"))
    )
    problem = problem.when(~((box[2] > 0) & (box[3] > 0)), F.concat(where, F.lit(": its box has no area")))
    problem = F.when(F.col("line").isNotNull(), problem)
    rows = reject(rows, F.when(problem.isNotNull(), "bad_annotation"), problem)
    good = F.col("reject_reason").isNull()
    named = {name: F.when(good, value) for name, value in zip(BOX, box, strict=True)}
    return rows.withColumns({"label_raw": F.get(words, F.lit(0)), "box_is_share": F.lit(True), **named})


def _of_box(numbers: Column) -> list[Column]:
    """Left, top, width, height from the middle and the sides."""
    across, down, width, height = (F.get(numbers, F.lit(i)) for i in range(_SIDES))
    return [across - width / 2, down - height / 2, width, height]


def _of_polygon(numbers: Column) -> list[Column]:
    """The same of the upright rectangle around it."""
    across = F.filter(numbers, lambda _, i: i % 2 == 0)
    down = F.filter(numbers, lambda _, i: i % 2 == 1)
    left, top = F.array_min(across), F.array_min(down)
    return [left, top, F.array_max(across) - left, F.array_max(down) - top]


def _texts(entry: Any) -> list[str]:
    return [text for text in (entry if isinstance(entry, list) else [entry]) if isinstance(text, str)]


def _is_list(path: str) -> bool:
    return path.strip().lower().endswith(".txt")


def _label_folder(path: str) -> str:
    """`../train/images` and `images/train` as `/train/labels/` and `/labels/train/`."""
    inner = re.sub(r"^(\.{0,2}/)+", "", path.replace("\\", "/").strip()).rstrip("/")
    return re.sub(r"(?i)^(.*)/(?:images|labels)/", r"\1/labels/", f"/{inner}/") if inner and inner != "." else "/"
