"""WebDataset: archives whose pictures lie beside their labels, `1.jpg` with `1.cls` or `1.json`."""

from __future__ import annotations

import itertools
import json
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.archives.find import ARCHIVE_NAME, find_archives, read_members
from fer_spark.sources.archives.select import PASSED_OVER, accepted, without_others
from fer_spark.sources.archives.tar_stream import Member
from fer_spark.sources.base import TASKS_PER_CORE, Slice, Source, raw_images
from fer_spark.sources.files.globs import glob_pattern
from fer_spark.sources.files.names import PICTURE_SUFFIXES, PictureNames, is_picture_name
from fer_spark.sources.labelling import rule_of
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.numbering.stored import names_beside
from fer_spark.sources.plain_rows import GROUP_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS
from fer_spark.sources.settings import FileReading, SourceSettings
from fer_spark.sources.split_names import split_of, unknown_split
from fer_spark.spark.held import held

SIDECARS = (".cls", ".json")
_FIRST_MEMBERS = 20
_COPY = re.compile(r"~\d+$")
"""What stands after the name of a second member of that name."""

_BATCH_BYTES, _BATCH_ROWS = 16 << 20, 512
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("content", pa.binary()),
        ("reject_reason", pa.string()),
        ("reject_detail", pa.string()),
        ("label_raw", pa.string()),
        ("split_raw", pa.string()),
        ("group_id", pa.string()),
    ]
)
_DDL = ", ".join(f"{name} {'binary' if name == 'content' else 'string'}" for name in _SCHEMA.names)


@dataclass
class Sample:
    """The members of one archive that share a name up to its first dot."""

    key: str
    pictures: list[Member] = field(default_factory=list)
    stated: dict[str, str | None] = field(default_factory=dict)
    problem: str = ""

    def rows(self) -> Iterator[dict[str, Any]]:
        """One for each picture, with what the sample states."""
        bad = ("bad_annotation", self.problem) if self.problem else (None, None)
        for member in self.pictures:
            reason, detail = (member.reason, member.detail) if member.reason else bad
            content = None if reason else member.content
            found = {"path": member.path, "content": content, "reject_reason": reason, "reject_detail": detail}
            yield {**dict.fromkeys(_SCHEMA.names), **self.stated, **found}


def open_webdataset(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """Every picture of the archives, labelled by the member of its name that ends with .cls, or by a field of .json.

    Numbers mean what --codes, a list in --labels or a file of names beside the archives says. The members of a
    sample follow one another, as WebDataset itself asks for.
    """
    archives = find_archives(spark, settings.input)

    def samples(names: DataFrame, with_content: bool) -> DataFrame:
        found = archives.read(names, _reader(settings, reading.max_bytes, with_content), _DDL)
        return found.withColumns(
            {
                "split": split_of(F.col("split_raw")),
                "reject_detail": F.coalesce("reject_detail", unknown_split(F.col("split_raw"))),
                "reject_reason": F.coalesce(
                    "reject_reason", F.when(unknown_split(F.col("split_raw")).isNotNull(), "bad_annotation")
                ),
            }
        )

    listing, lines = without_others(held(samples(archives.names, False)))
    labelled = listing.where("label_raw IS NOT NULL").limit(1).count() > 0
    beside = partial(names_beside, spark, archives.root.uri, "cls")
    rule = rule_of(listing, settings, beside, reading.labels_needed)

    def rows(frame: DataFrame) -> DataFrame:
        named = frame.withColumns({"source_path": F.col("path"), "encoding": F.lit("file")})
        return raw_images(rule.apply(named) if labelled else named)

    def read(part: Slice) -> DataFrame:
        if archives.fill(part.chunks):
            return rows(samples(part.of(archives.names, F.col("name")), True))
        mine = part.of(samples(archives.names, True), F.col("path"))
        tasks = TASKS_PER_CORE * spark.sparkContext.defaultParallelism
        return rows(mine.repartition(tasks, "path") if archives.count < tasks else mine)

    name, names = f"webdataset {settings.input}", rule.taxonomy.names if labelled else ()
    numbering = rule.numbering if labelled else None
    keys, count = (lambda: rows(listing)), listing.count
    return Source(name, names, False, False, read, keys, count, archives.digest, numbering=numbering, lines=lines)


def samples_of(members: Iterator[Member], settings: SourceSettings) -> Iterator[Sample]:
    """Members that follow one another and share their key; what is no picture and no sidecar is passed over.

    What a listing keeps of members to count them belongs to no sample, and ends none.
    """
    sample, pattern = Sample(""), glob_pattern(settings.glob)
    for member in members:
        key = sample_key(member.path)
        path = _COPY.sub("", member.path)
        matches = pattern.fullmatch(posixpath.basename(path.partition("#")[2])) is not None
        if member.reason == PASSED_OVER:
            if matches:
                yield Sample(key, [member])
            continue
        if key != sample.key:
            yield sample
            sample = Sample(key)
        if path.lower().endswith(SIDECARS):
            _state(sample, member, settings)
        elif "#" not in path or (is_picture_name(path) and matches):
            sample.pictures.append(member)  # an archive that is damaged is a row of its own
    yield sample


def sample_key(path: str) -> str:
    """`a.tar#x/0001.face.jpg` → `a.tar#x/0001`: up to the first dot of the member's name, as WebDataset does."""
    archive, _, inside = path.partition("#")
    folder, slash, name = inside.rpartition("/")
    return f"{archive}#{folder}{slash}{name.partition('.')[0]}"


def _state(sample: Sample, member: Member, settings: SourceSettings) -> None:
    """Take what a sidecar says; .cls wins over a field of .json."""
    text = (member.content or b"").decode("utf-8", "replace").strip()
    if not member.path.lower().endswith(".json"):
        sample.stated["label_raw"] = text
        return
    try:
        fields = json.loads(text) if text else {}
    except ValueError as error:
        sample.problem = f"{member.path} is no JSON: {error}"
        return
    found = {str(name).casefold(): value for name, value in fields.items()} if isinstance(fields, dict) else {}
    for column, given, usual in (
        ("label_raw", settings.label_column, LABEL_COLUMNS),
        ("split_raw", settings.split_column, SPLIT_COLUMNS),
        ("group_id", settings.group_column, GROUP_COLUMNS),
    ):
        values = [found[name.casefold()] for name in ((given,) if given else usual) if name.casefold() in found]
        if values and isinstance(values[0], str | int | float):
            sample.stated.setdefault(column, str(values[0]).strip())


def _reader(
    settings: SourceSettings, max_bytes: int, with_content: bool
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        names = PictureNames(settings.glob, *SIDECARS)
        for batch in batches:
            for row in batch.to_pylist():
                members = read_members(row["file"], row["name"], max_bytes, with_content, SIDECARS)
                found = accepted(members, "", names, not with_content)
                yield from _batches(samples_of(found, settings))

    return read


def _batches(samples: Iterator[Sample]) -> Iterator[pa.RecordBatch]:
    """Arrow batches bounded by bytes and rows."""
    held: list[dict[str, Any]] = []
    held_bytes = 0
    for row in (row for sample in samples for row in sample.rows()):
        held.append(row)
        held_bytes += len(row["content"] or b"")
        if held_bytes >= _BATCH_BYTES or len(held) >= _BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(held, schema=_SCHEMA)
            held, held_bytes = [], 0
    if held:
        yield pa.RecordBatch.from_pylist(held, schema=_SCHEMA)


def recognise(look: Look) -> Match | None:
    """By the first members of its first archive: a picture and a label of one name."""
    if not any(ARCHIVE_NAME.search(name) for name in look.files):
        return None
    first = find_archives(look.spark, look.settings.input).names.orderBy("name").first()
    assert first is not None
    members = read_members(first["file"], first["name"], 0, with_content=False)
    found: dict[str, set[str]] = {}
    for member in itertools.islice(members, _FIRST_MEMBERS):
        found.setdefault(sample_key(member.path), set()).add(posixpath.splitext(member.path.lower())[1])
    pairs = [kinds for kinds in found.values() if kinds & set(SIDECARS) and kinds & set(PICTURE_SUFFIXES)]
    return (
        Match(Sureness.CERTAIN, f"{first['name']} holds {' and '.join(sorted(pairs[0]))} of one name")
        if pairs
        else None
    )


_FLAGS = ("codes", "label_column", "group_column", "split_column")
LAYOUT = Layout(open_webdataset, flags=_FLAGS, recognise=recognise)
