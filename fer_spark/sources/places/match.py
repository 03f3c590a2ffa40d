"""Rows that name their pictures by paths of another machine: each gets the one file whose path ends as its own does.

The longest ending that some file has decides; of several such files, the one that also agrees in letter case and
Unicode form. Everything else stays unmatched. Nothing is present for granted twice:

- names of one table's file are of one machine, so that two of them are never one picture: the longer ending has it;
- where a folder was found elsewhere, what it lacks there is missing, whatever is called so in other folders.

Only names that are not there, and files called as they are, come to the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fer_spark.sources.labelling import reject
from fer_spark.sources.pictures import Pictures
from fer_spark.sources.places.endings import Claim, last_part, longest_endings, settled
from fer_spark.sources.settings import SourceError

MATCHED = "_matched"
"""The key of the file that stands for the row's own; null where the row's own is there."""

NO_NAME = "\0"
"""With this begins the key of a row that names nothing."""

MOST = 4_000_000
"""Names, and files called as they are, that the driver compares: about a gigabyte."""

_ID = ("_file", "key")


def matched(rows: DataFrame, pictures: Pictures, what: str) -> DataFrame:
    """`rows` (`_file`, `key`, `named` and reasons) with the keys of pictures; MATCHED is added where any was changed.

    A path that ends as several pictures do is a `bad_annotation`. Raises SourceError where no row names any picture, or
    where more of them than MOST would have to be compared.
    """
    files = pictures.listed().select("path", pictures.key(F.col("path")).alias("key")).select("key")
    names = rows.where(~F.col("key").startswith(NO_NAME)).select(*_ID).distinct()
    there = _are_there(names, files)
    if False not in there:
        return rows
    claims = _claims(names, files, True in there, what)
    if not claims:
        if True not in there:
            check_named(rows, pictures, what)
        return rows
    cells = [(*claim.name, claim.match, claim.problem) for claim in claims]
    found = rows.sparkSession.createDataFrame(_texts((*_ID, MATCHED, "problem"), cells))
    joined = rows.join(found, list(_ID), "left").withColumn("key", F.coalesce(MATCHED, "key"))
    any_changed = any(claim.match is not None for claim in claims)
    return reject(joined, F.when(F.col("problem").isNotNull(), "bad_annotation"), F.col("problem")).drop(
        "problem", *([] if any_changed else [MATCHED])
    )


def check_named(rows: DataFrame, pictures: Pictures, what: str) -> None:
    """Raise SourceError when rows are there, and not one of them has the key of a picture."""
    listed = pictures.listed().select("path", pictures.key(F.col("path")).alias("key"))
    if rows.join(listed, "key", "left_semi").limit(1).count():
        return
    named, there, count = rows.select("named").first(), listed.select("path").first(), rows.count()
    if count == 0:
        return
    example = f"the folder has '{there[0]}'" if there else "the folder holds no picture"
    raise SourceError(
        f"none of the {count} rows of {what} names a picture under {pictures.description}: "
        f"the table says '{named[0] if named else ''}', {example}; give the pictures' folder with --images"
    )


def matched_line(rows: DataFrame) -> list[str]:
    """One line for the user on the rows that were matched, with an example; none where there are none."""
    if MATCHED not in rows.columns:
        return []
    pair = F.struct("named", MATCHED)
    counted = rows.agg(F.count(MATCHED).alias("rows"), F.min(F.when(F.col(MATCHED).isNotNull(), pair)).alias("pair"))
    row = counted.collect()[0]
    if not row["rows"]:
        return []
    named, there = row["pair"]
    return [
        f"{row['rows']:,} rows name their pictures by paths of another place, and were matched by the longest ending "
        f"that one picture alone has: '{named}' is '{there}'"
    ]


def _are_there(names: DataFrame, files: DataFrame) -> set[bool]:
    """Whether some names are those of files, and some are not."""
    marked = names.join(files.distinct().withColumn("_there", F.lit(True)), "key", "left")
    return {row["there"] for row in marked.select(F.col("_there").isNotNull().alias("there")).distinct().collect()}


def _claims(names: DataFrame, files: DataFrame, some_are_there: bool, what: str) -> list[Claim]:
    lost = [(row[0], row[1]) for row in _collected(names.join(files, "key", "left_anti").select(*_ID), what)]
    parts = frozenset(last_part(key) for _, key in lost)
    near = [row[0] for row in _collected(files.mapInArrow(_with_last_part(parts), "key string"), what)]
    claims = longest_endings(lost, near)
    if not claims or not some_are_there:
        return settled(claims, (), {})
    there = names.join(files.distinct(), "key", "left_semi")
    matches = _texts(_ID, {(claim.file, claim.match) for claim in claims if claim.match is not None})
    present = there.join(names.sparkSession.createDataFrame(matches), list(_ID), "left_semi")
    counts = {row["_file"]: row["count"] for row in there.groupBy("_file").count().collect()}
    return settled(claims, {(row["_file"], row["key"]) for row in present.collect()}, counts)


def _texts(names: Sequence[str], rows: Collection[tuple[str | None, ...]]) -> pa.Table:
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(names))]
    return pa.table(columns, names=list(names))


def _collected(rows: DataFrame, what: str) -> list[tuple[str, ...]]:
    """Rows of texts. Raises SourceError for more than MOST."""
    names = rows.columns
    table = rows.select(*names).limit(MOST + 1).toArrow()
    if table.num_rows > MOST:
        raise SourceError(
            f"more than {MOST:,} rows of {what} name pictures by paths that are not there, or pictures are called so: "
            "too many to compare. Say with --path-prefix OLD=NEW where they are"
        )
    return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))


def _with_last_part(parts: frozenset[str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Keeps keys whose last part is one of these."""

    def keep(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            mask = [last_part(key) in parts for key in batch.column("key").to_pylist()]
            yield batch.filter(pa.array(mask, pa.bool_()))

    return keep
