"""How datasets spell their splits."""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F

SPLIT_NAMES: dict[str, str] = {
    "train": "train",
    "training": "train",
    "train_set": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "val_set": "val",
    "dev": "val",
    "publictest": "val",
    "test": "test",
    "testing": "test",
    "test_set": "test",
    "privatetest": "test",
}
"""Lower-case spelling to split; FER-2013's PublicTest serves as validation and PrivateTest as test, as is usual."""


def split_of(raw: Column) -> Column:
    """train, val or test for a known spelling, null for anything else."""
    pairs = [F.lit(part) for pair in SPLIT_NAMES.items() for part in pair]
    return F.when(raw.isNotNull(), F.try_element_at(F.create_map(*pairs), F.lower(F.trim(raw))))


def split_of_file() -> Column:
    """The split that a table's file name begins with: `training.csv`, `val_1.parquet`; null for any other."""
    stem = F.regexp_extract(F.substring_index("_file", "/", -1), "^([A-Za-z]+)", 1)
    return split_of(stem)


def split_of_name(path: str) -> str | None:
    """The split that a word of a file's name is called after, `instances_val2017.json`; None for any other."""
    words = re.findall("[a-z]+", path.rsplit("/", 1)[-1].lower())
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)


def split_of_path(path: Column) -> Column:
    """The split that the outermost of a path's folders is called after; null where none is."""
    parts = F.split(path, "/")
    folders = F.slice(parts, 1, F.size(parts) - 1)
    of_splits = F.filter(folders, lambda folder: F.lower(F.trim(folder)).isin(*SPLIT_NAMES))
    return split_of(F.try_element_at(of_splits, F.lit(1)))


def stated_split(raw: Column, alone: bool) -> Column:
    """What a row of a table states, else the folders of the table's file, else the name of that file. `alone`: a file
    that is all there is states train alone; called val or test, it would leave nothing to train on."""
    by_name = split_of_file()
    return F.coalesce(
        split_of(raw), split_of_path(F.col("_file")), F.when(by_name == "train", by_name) if alone else by_name
    )


def unknown_split(raw: Column) -> Column:
    """Why a stated split cannot be used; null when it can or when none is stated."""
    stated = raw.isNotNull() & (F.trim(raw) != "")
    names = ", ".join(SPLIT_NAMES)
    return F.when(
        stated & split_of(raw).isNull(),
        F.concat(F.lit("split '"), F.substring(raw, 1, 40), F.lit(f"' is none of {names}")),
    )
