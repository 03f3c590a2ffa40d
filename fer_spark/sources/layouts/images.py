"""Every picture below a folder or of a glob, unlabelled; --label-from parent: by its folder's name."""

from __future__ import annotations

from pyspark.sql import SparkSession

from fer_spark.sources.base import Source
from fer_spark.sources.class_names import class_names, class_of_folder
from fer_spark.sources.files.unread import unread_labels
from fer_spark.sources.folder_labels import naming_of, picture_source
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import file_pictures
from fer_spark.sources.settings import FileReading, SourceSettings


def open_images(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """Every picture below --input, unlabelled; --label-from parent takes the folder's name as the label."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    return picture_source(settings, pictures, naming_of(settings), labels_needed=reading.labels_needed)


def recognise(look: Look) -> Match | None:
    """Pictures, and nothing that says more of them."""
    outer = look.unwrapped
    found = [name for place in outer.places for name in place.pictures]
    if not found:
        return None
    classes = _classes(outer, look.settings)
    if classes:
        shown = ", ".join(classes[:3]) + (" …" if len(classes) > 3 else "")
        return Match(Sureness.POSSIBLE, f"it has folders in folders called {shown}", label_from="class")
    named = [folder.name for folder in outer.some_inside if folder.pictures]
    folders = f"; folders such as {named[0]} are no labels unless --label-from says so" if len(named) > 1 else ""
    why = f"it holds pictures, such as {found[0]}{folders}"
    return Match(Sureness.POSSIBLE, why, unread=unread_labels(outer))


def _classes(outer: Look, settings: SourceSettings) -> list[str]:
    """Of folders in folders, those that are called as expressions are; none where most are called otherwise."""
    names = class_names(settings)
    folders = [name for folder in outer.some_inside for name in folder.folders]
    found = [name for name in folders if class_of_folder(name, names)]
    return sorted(set(found)) if len(set(found)) > 1 and len(found) * 2 > len(folders) else []


LAYOUT = Layout(open_images, flags=("label_from", "codes"), files_are_input=True, recognise=recognise)
