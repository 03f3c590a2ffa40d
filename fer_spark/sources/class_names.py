"""Folders that are called as expressions: one decision for folders, pictures in folders, and archives."""

from __future__ import annotations

import re
from collections.abc import Collection

from pyspark.sql import Column
from pyspark.sql import functions as F

from fer_spark.labels import KNOWN
from fer_spark.sources.settings import SourceSettings

NUMBER_BEFORE = r"^\d{1,2}\s*[-_. ]\s*(?=[A-Za-z])"
"""What only orders folders, as in `0_angry`."""


def class_names(settings: SourceSettings) -> frozenset[str]:
    """How expressions are called, in small letters: the known names, and those of --labels."""
    return frozenset({*KNOWN, *(name.strip() for name in settings.labels.lower().split(","))} - {""})


def class_of_folder(folder: str, names: Collection[str]) -> str:
    """The class that a folder is called as, without a number in front of it; empty where it is called as none."""
    plain = re.sub(NUMBER_BEFORE, "", folder)
    return next((name for name in (folder, plain) if name.strip().lower() in names), "")


def class_of_folder_column(folder: Column, names: Collection[str]) -> Column:
    """`class_of_folder` of a column; null where the folder is called as no class."""
    plain = F.regexp_replace(folder, NUMBER_BEFORE, "")
    matches = [F.when(F.lower(F.trim(name)).isin(*sorted(names)), name) for name in (folder, plain)]
    return F.coalesce(*matches)
