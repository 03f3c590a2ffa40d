"""Names of labels that are stored with the data: in Parquet footers, and in small files beside them."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.labels import NO_EXPRESSION, canonical
from fer_spark.sources.numbering.meaning import Numbering
from fer_spark.sources.settings import SourceError
from fer_spark.spark.places import first_line

FOOTER = "the file's footer"
_INNER_FOLDERS = re.compile(r"(data|default|plain_text|annotations?|labels?|train\w*|val\w*|test\w*)", re.IGNORECASE)
"""Folders of a data set whose own files of names lie one folder higher."""

_NO_FACE = re.compile(r"(no|non)[-_ ]?face")
_NUMBERED_LINE = re.compile(r"(\d{1,4})\s*[:=,\s]\s*(\S.*)")
_FRONT_MATTER = re.compile(r"^---\s*\n(.*?)\n---\s*(\n|$)", re.DOTALL)


def names_in_footers(spark: SparkSession, files: Iterable[str], column: str) -> list[Numbering]:
    """What Hugging Face's `datasets` wrote into Parquet footers of a column; different ones, each once.

    files: URL-encoded URIs. Every file counts: one may number otherwise. Raises SourceError for a footer that is none.
    """
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda file: _footer(spark, file), files)) - {""}
    found = [_class_label(_json(text, FOOTER).get("info", {}).get("features", {}), column) for text in sorted(texts)]
    return _numberings((names for names in found if names), FOOTER)


def names_beside(spark: SparkSession, folder: str, column: str) -> list[Numbering]:
    """What `dataset_info.json`, the README's head, `classes.txt`, `classnames.txt` and `data.yaml` state, in the folder
    of the data or, where that is an inner one such as `data/`, above it.

    Raises SourceError for a file that cannot be read.
    """
    places = [folder]
    if _INNER_FOLDERS.fullmatch(posixpath.basename(folder.rstrip("/"))):
        places.append(posixpath.dirname(folder.rstrip("/")))
    return [numbering for place in places for numbering in _in_folder(Storage(spark, place), column)]


def names_in_yaml(text: str, name: str) -> list[Numbering]:
    """What a data set's YAML, as YOLO's, states. Raises SourceError for what is no YAML."""
    return _numberings((found for found in [_yaml_names(_yaml(text, name))] if found), f"{name} beside the data")


def numbered(names: Sequence[str] | dict[int, str]) -> dict[int, str]:
    """Names as this package spells them, by number; where two would become one, as they stand there."""
    pairs = dict(names) if isinstance(names, dict) else dict(enumerate(names))
    plain = {code: _spelled(name) for code, name in pairs.items()}
    expressions = [name for name in plain.values() if name not in NO_EXPRESSION]
    if len(set(expressions)) < len(expressions):
        return {code: name.strip().lower() for code, name in pairs.items()}
    return plain


def names_of_lines(text: str) -> dict[int, str]:
    """`classes.txt`: a name a line, from 0; or `3 happy`, a number and a name. Empty where it is neither."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    pairs = [_NUMBERED_LINE.fullmatch(line) for line in lines]
    if lines and all(pairs):
        found = {int(pair[1]): pair[2].strip() for pair in pairs if pair}
        return found if len(found) == len(lines) else {}
    return dict(enumerate(lines))


def _in_folder(storage: Storage, column: str) -> Iterator[Numbering]:
    readers: dict[str, Callable[[str, str], list[Any]]] = {
        "dataset_info.json": lambda text, name: _infos(_json(text, name), column),
        "dataset_infos.json": lambda text, name: _infos(_json(text, name), column),
        "README.md": lambda text, name: _front_matter(text, column),
        "classes.txt": lambda text, name: [names_of_lines(text)],
        "classnames.txt": lambda text, name: [names_of_lines(text)],  # as beside WebDataset archives
        "data.yaml": lambda text, name: [_yaml_names(_yaml(text, name))],
    }
    for name, read in readers.items():
        try:
            text = storage.read_text(name)
        except UnicodeDecodeError:
            if name == "README.md":
                continue
            raise SourceError(f"{storage.uri(name)}: not UTF-8, so the names of the labels cannot be read") from None
        if text is not None:
            yield from _numberings((found for found in read(text, name) if found), f"{name} beside the data")


def _numberings(found: Iterable[Sequence[str] | dict[int, str]], origin: str) -> list[Numbering]:
    different: list[Numbering] = []
    for names in found:
        numbering = Numbering(numbered(names), origin)
        if numbering not in different:
            different.append(numbering)
    return different


def _spelled(name: str) -> str:
    text = name.strip().lower()
    return "no_face" if _NO_FACE.fullmatch(text) else canonical(text) or text


def _footer(spark: SparkSession, file: str) -> str:
    """The entry of Hugging Face in one file's footer, or nothing."""
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(jvm.java.net.URI(file))
    conf: Any = spark._jsc.hadoopConfiguration()
    try:
        opened = jvm.org.apache.parquet.hadoop.ParquetFileReader.open(
            jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(path, conf)
        )
        try:
            entry = opened.getFooter().getFileMetaData().getKeyValueMetaData().get("huggingface")
        finally:
            opened.close()
    except Py4JJavaError as error:
        raise SourceError(f"{file}: its footer cannot be read: {first_line(error)}") from error
    return str(entry or "")


def _json(text: str, name: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise SourceError(f"{name}: no JSON ({error}), so the names of the labels cannot be read") from None
    return content if isinstance(content, dict) else {}


def _yaml(text: str, name: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SourceError(f"{name}: no YAML ({error}), so the names of the labels cannot be read") from None
    return content if isinstance(content, dict) else {}


def _infos(content: dict[str, Any], column: str) -> list[Any]:
    """`features` of the one configuration, or of each by its name."""
    infos = [content] if "features" in content else [info for info in content.values() if isinstance(info, dict)]
    return [_class_label(info.get("features", {}), column) for info in infos]


def _class_label(features: Any, column: str) -> list[str]:
    """The names of the feature of a column, wherever it is nested; empty where it is no ClassLabel."""
    if not isinstance(features, dict):
        return []
    for name, feature in features.items():
        if isinstance(feature, dict) and str(name).strip().casefold() == column.casefold():
            names = feature.get("names")
            if feature.get("_type") == "ClassLabel" and isinstance(names, list):
                return [str(name) for name in names]
    inner = (_class_label(feature, column) for feature in features.values())
    return next((names for names in inner if names), [])


def _front_matter(text: str, column: str) -> list[Any]:
    """The `dataset_info` at the head of a data set's README, as Hugging Face keeps it; no names where it is none."""
    head = _FRONT_MATTER.match(text)
    try:
        content = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        return []
    infos = content.get("dataset_info", []) if isinstance(content, dict) else []
    found = []
    for info in infos if isinstance(infos, list) else [infos]:
        for feature in info.get("features", []) if isinstance(info, dict) else []:
            if isinstance(feature, dict) and str(feature.get("name", "")).casefold() == column.casefold():
                dtype = feature.get("dtype")
                found.append(_yaml_names(dtype.get("class_label", {})) if isinstance(dtype, dict) else {})
    return found


def _yaml_names(content: Any) -> dict[int, str]:
    """`names`, a list or a table by number."""
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, list):
        return {code: str(name) for code, name in enumerate(names)}
    if isinstance(names, dict) and all(str(code).isdecimal() for code in names):
        return {int(code): str(name) for code, name in names.items()}
    return {}
