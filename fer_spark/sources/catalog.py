"""Opens any layout by its name. What is particular to one of them is declared in its own module."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from fer_spark import members
from fer_spark.settings import flag
from fer_spark.sources import layouts
from fer_spark.sources.annotations import Annotations, listed
from fer_spark.sources.base import Source
from fer_spark.sources.files.unread import unread_form
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look
from fer_spark.sources.persons import check_group_from, with_persons
from fer_spark.sources.settings import AUTO, FileReading, SourceError, SourceSettings, did_you_mean
from fer_spark.spark.places import first_line


def layout_of(name: str) -> Layout:
    """The traits of a layout. Raises SourceError for a name that no module in fer_spark/sources/layouts/ has."""
    known = members.names(layouts)
    if name not in known:
        raise SourceError(f"--source {name!r}: expected one of {', '.join(known)}{did_you_mean(name, known)}")
    layout: Layout = members.member(layouts, name).LAYOUT
    return layout


def layout_for(settings: SourceSettings) -> Layout:
    """The traits of the layout that settings name. Raises SourceError, also for a flag that this layout does not read.

    Flags that no layout names are read by all.
    """
    layout = layout_of(settings.source)
    for field in dataclasses.fields(settings):
        if getattr(settings, field.name) != field.default and field.name not in layout.flags:
            readers = [other for other in members.names(layouts) if field.name in layout_of(other).flags]
            if readers:
                known = " or ".join(readers)
                raise SourceError(f"{flag(field.name)} goes with --source {known}, not {settings.source}")
    return layout


def recognised(
    spark: SparkSession, settings: SourceSettings, report: Callable[[str], None], labels_needed: bool = True
) -> SourceSettings:
    """The settings with the layout that the input is taken for in place of `auto`; others as they are.

    `report` is given what it is taken for, and why. Raises SourceError where there is no input, or no layout recognises
    it, or several do equally; where `labels_needed`, also where a file that seems to state them would not be read.
    """
    if not settings.input:
        raise SourceError("--input is missing; --help shows an example")
    check_group_from(spark, settings)
    if settings.source != AUTO:
        return settings
    look = Look(spark, settings)
    recognisers = {name: layout_of(name).recognise for name in members.names(layouts)}
    found = {name: match for name, ask in recognisers.items() if ask is not None and (match := ask(look)) is not None}
    surest = max((match.sureness for match in found.values()), default=None)
    best = {name: match for name, match in found.items() if match.sureness == surest}
    if len(best) != 1:
        could = " or ".join(f"{name} ({match.why})" for name, match in best.items())
        matches = f"could be {could}" if best else "is like no input that is known"
        form = "" if best else unread_form(look.unwrapped.files)
        unread = f"; {form}, which no source reads" if form else ""
        raise SourceError(f"--source auto: {settings.input!r} {matches}{unread}; name one of {', '.join(recognisers)}")
    ((name, match),) = best.items()
    if match.refusal:
        raise SourceError(f"--source auto: {settings.input!r} {match.refusal}")
    if match.unread and labels_needed:
        raise SourceError(
            f"--source auto: in {settings.input!r}, {match.unread}: labels in it would be lost. Write them as a CSV "
            f"with a header, such as image,label, or as folders; --source {name} builds without labels"
        )
    unread = f"; {match.unread}, and is not read" if match.unread else ""
    report(f"{settings.input} is taken for {name}: {match.why}{unread} (--source names another)")
    if match.label_from and settings.label_from == SourceSettings.label_from:
        settings = dataclasses.replace(settings, label_from=match.label_from)
    return dataclasses.replace(settings, source=name, input=match.input or settings.input)


def open_source(
    spark: SparkSession,
    settings: SourceSettings,
    max_file_bytes: int = 256 << 20,
    by_path: bool = False,
    labels_needed: bool = True,
) -> Source:
    """Open the input named by --source and --input. Files above `max_file_bytes` are listed, not read.

    `by_path`: rows of local files hold the file's path instead of its bytes, with the encoding `path`.
    `labels_needed` False: a table whose labels cannot be found, or are numbers that nobody explains, has none.

    Raises SourceError for an unknown source, a flag that does not go with it, or an input that cannot be opened.
    """
    source = _checked(spark, settings).open(spark, settings, FileReading(max_file_bytes, by_path, labels_needed))
    return with_persons(settings, source)


def open_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    """The annotations of any source. Raises SourceError as open_source does, but never for want of pictures."""
    layout = _checked(spark, settings)
    if layout.annotations is not None:
        return layout.annotations(spark, settings)
    source = layout.open(spark, settings, FileReading(labels_needed=False))
    return listed(source, source.list_keys())


def _checked(spark: SparkSession, settings: SourceSettings) -> Layout:
    """As layout_for, patterns checked too."""
    layout = layout_for(settings)
    if settings.glob:
        _check_glob(spark, settings.glob)
    check_group_from(spark, settings)
    return layout


def _check_glob(spark: SparkSession, glob: str) -> None:
    """Raise SourceError for a pattern that Hadoop, and so Spark, refuses."""
    try:
        spark._jvm.org.apache.hadoop.fs.GlobFilter(glob)  # type: ignore[union-attr]
    except Py4JJavaError as error:
        raise SourceError(f"--glob {glob!r}: {first_line(error)}") from error
