"""Persons by the names of their pictures: --group-from, so that no person is in two splits."""

from __future__ import annotations

import dataclasses
import re

from pyspark.errors import IllegalArgumentException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.base import Slice, Source
from fer_spark.sources.settings import SourceError, SourceSettings

_NAME = "person"
_TOKEN = re.compile(r"\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?!\?)|\(\?<(?![=!])(?P<name>\w+)>", re.DOTALL)
"""What decides which groups a pattern has: quoted parts, signs, classes; a group, with or without a name."""


def check_group_from(spark: SparkSession, settings: SourceSettings) -> None:
    """Raise SourceError for a pattern that Java, and so Spark, refuses, or one without a group."""
    if not settings.group_from:
        return
    what = f"--group-from {settings.group_from!r}"
    if settings.group_column:
        raise SourceError(f"--group-from and --group-column {settings.group_column}: give one of them")
    try:
        compiled = spark._jvm.java.util.regex.Pattern.compile(_in_java(settings.group_from))  # type: ignore[union-attr]
    except IllegalArgumentException as error:  # Java's own exception, as Spark's session passes it on
        raise SourceError(f"{what}: {str(error).splitlines()[0]}") from error
    if compiled.matcher("").groupCount() == 0:
        raise SourceError(f"{what} has no group: put what names the person into brackets, such as '^([^_]+)_'")


def person_in(settings: SourceSettings, path: Column) -> Column:
    """The person that --group-from finds in a path; null where it does not match, or finds nothing."""
    pattern = _in_java(settings.group_from)
    found = F.regexp_extract(path, pattern, group_number(pattern))
    return F.nullif(F.trim(found), F.lit(""))


def group_number(pattern: str) -> int:
    """Of the group that is called person, else of the first."""
    names = [token["name"] for token in _TOKEN.finditer(pattern) if token[0].startswith("(")]
    return names.index(_NAME) + 1 if _NAME in names else 1


def with_persons(settings: SourceSettings, source: Source) -> Source:
    """The same source with the persons of --group-from; where it does not match, with those that the source states."""
    if not settings.group_from or not source.paths_name_pictures:
        return source

    def read(part: Slice) -> DataFrame:
        rows = source.read(part)
        return rows.withColumn("group_id", F.coalesce(person_in(settings, F.col("source_path")), "group_id"))

    def lines() -> list[str]:
        return [
            *source.lines(),
            *nameless_line(settings, source.list_keys().select(F.col("source_path").alias("name"))),
        ]

    return dataclasses.replace(source, read=read, lines=lines)


def nameless_line(settings: SourceSettings, names: DataFrame) -> list[str]:
    """One line for the user where --group-from finds no person in some `name`, or none."""
    missed = person_in(settings, F.col("name")).isNull()
    found = names.agg(F.count(F.lit(1)), F.count_if(missed), F.min(F.when(missed, F.col("name")))).collect()[0]
    total, nameless, example = found
    if not nameless:
        return []
    some = "any of the" if nameless == total else f"{nameless:,} of"
    return [f"--group-from finds no person in the names of {some} {total:,} pictures, such as {example!r}"]


def _in_java(pattern: str) -> str:
    """Python's spelling of named groups, too."""
    return re.sub(r"\(\?P=(\w+)\)", r"\\k<\1>", pattern.replace("(?P<", "(?<"))
