"""Rows that name their pictures by paths of another machine: each gets the one file whose path ends as its own does.

The longest ending that some file has decides; of several such files, the one that also agrees in letter case and
Unicode form. Everything else stays unmatched. Nothing is taken for granted twice:

- names of one table's file are of one machine, so that two of them are never one picture: the longer ending has it;
- where a folder was found elsewhere, what it lacks there is missing, whatever is called so in other folders.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from fer_spark.sources.labelling import reject
from fer_spark.sources.pictures import Pictures
from fer_spark.sources.places.spelled import ELSEWHERE, with_parts
from fer_spark.sources.settings import SourceError
from fer_spark.spark.held import held

MATCHED = "_matched"
"""The key of the file that stands for the row's own; null where the row's own is there."""

NO_NAME = "\0"
"""With this begins the key of a row that names nothing."""

_WHOLE = 1 << 20
_ID = ("_file", "key")


def matched(rows: DataFrame, pictures: Pictures, what: str) -> DataFrame:
    """`rows` (`_file`, `key`, `named` and reasons) with the keys of pictures; MATCHED is added where any was changed.

    A path that ends as several pictures do is a `bad_annotation`. Raises SourceError where no row names any picture.
    """
    files = pictures.listed().select("path", pictures.key(F.col("path")).alias("key"))
    names = rows.where(~F.col("key").startswith(NO_NAME)).select(*_ID).distinct()
    there = _are_there(names, files.select("key"))
    if False not in there:
        return rows
    found = _found(names, files.select("key"))
    kinds = set() if found is None else {row["found"] for row in found.select("found").distinct().collect()}
    if found is None or not kinds:
        if True not in there:
            check_named(rows, pictures, what)
        return rows
    joined = rows.join(found, list(_ID), "left").withColumn("key", F.coalesce(MATCHED, "key"))
    return reject(joined, F.when(F.col("problem").isNotNull(), "bad_annotation"), F.col("problem")).drop(
        "problem", "found", *([] if True in kinds else [MATCHED])
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


def _found(names: DataFrame, files: DataFrame) -> DataFrame | None:
    """`_file`, `key`, and either MATCHED or `problem`; `found`: which of them. Names with neither are left out; None
    where all are."""
    lost = held(with_parts(names.join(files, "key", "left_anti")).withColumn("name", F.element_at("folded", -1)))
    named = with_parts(files).withColumn("name", F.element_at("folded", -1))
    near = held(named.join(lost.select("name").distinct(), "name", "left_semi"))
    if near.limit(1).count() == 0:
        return None
    there = names.join(files.distinct(), "key", "left_semi").select(
        *_ID, F.col("key").alias(MATCHED), F.lit(_WHOLE).alias("depth"), F.lit("").alias("old"), _no_text("problem")
    )
    settled = _without_strays(_claimed(there.unionByName(_best(lost, near)))).where(F.col("depth") < _WHOLE)
    problem = F.col("problem")
    match = F.when(problem.isNull(), F.col(MATCHED)).alias(MATCHED)
    return held(settled.select(*_ID, match, problem, problem.isNull().alias("found")))


def _best(names: DataFrame, near: DataFrame) -> DataFrame:
    """The longest ending of each name that a file has: MATCHED or `problem`, its `depth`, and what is `old` before it.

    Both with their parts.
    """
    ends = near.select("key", _endings()).select("key", "ending.form", "ending.text")
    ends = ends.groupBy("form", "text").agg(
        F.count("*").alias("files"), F.min("key").alias("first"), F.max("key").alias("last")
    )
    cut = names.select(*_ID, "folded", _endings()).select(*_ID, "folded", "ending.*")
    met = cut.join(ends, ["form", "text"]).groupBy(*_ID, "folded").agg(_longest("folded"), _longest("exact"))
    loose, exact = F.col("of_folded"), F.col("of_exact")
    agrees = (exact["parts"] == loose["parts"]) & (exact["files"] == 1)
    match = F.when(loose["files"] == 1, loose["first"]).when(agrees, exact["first"])
    several = F.format_string(
        "the path ends as those of %d pictures, such as '%s' and '%s'; write it out, or see --path-prefix",
        loose["files"],
        loose["first"],
        loose["last"],
    )
    before = F.slice("folded", F.lit(1), F.size("folded") - loose["parts"])
    return met.select(
        *_ID,
        match.alias(MATCHED),
        loose["parts"].alias("depth"),
        F.array_join(before, "/").alias("old"),
        F.when(match.isNull(), several).alias("problem"),
    )


def _endings() -> Column:
    """A row for each ending of both forms of a path: `form`, `parts` (how many) and `text`."""

    def of(form: str) -> Column:
        def ending(count: Column) -> Column:
            text = F.array_join(F.slice(form, -count, count), "/")
            return F.struct(F.lit(form).alias("form"), count.alias("parts"), text.alias("text"))

        return F.transform(F.sequence(F.lit(1), F.size(form)), ending)

    return F.explode(F.concat(of("folded"), of("exact"))).alias("ending")


def _longest(form: str) -> Column:
    pair = F.struct("parts", "files", "first", "last")
    return F.max_by(pair, F.when(F.col("form") == form, F.col("parts"))).alias(f"of_{form}")


def _claimed(claims: DataFrame) -> DataFrame:
    """Of the names of one table's file that claim one picture, that with the longest ending; none where they tie."""
    here = Window.partitionBy("_file", MATCHED)
    single = F.col(MATCHED).isNotNull()
    top = claims.withColumn("_top", F.when(single, F.max("depth").over(here)))
    top = top.withColumn("_tied", F.count_if(F.col("depth") == F.col("_top")).over(here))
    words = "%d rows name different pictures that could all be '%s'; see --path-prefix"
    tied = F.format_string(words, "_tied", MATCHED)
    contested = single & (F.col("_tied") > 1) & (F.col("depth") < _WHOLE)
    return top.where(~single | (F.col("depth") == F.col("_top"))).select(
        *_ID, MATCHED, "depth", "old", F.when(contested, tied).otherwise(F.col("problem")).alias("problem")
    )


def _without_strays(claims: DataFrame) -> DataFrame:
    """Without names of folders below one that was found elsewhere as a whole: what is not there is missing."""
    folder = claims.groupBy("_file", "old").agg(
        F.count("*").alias("names"), F.count_if(F.col("problem").isNull()).alias("sure")
    )
    steps = F.split("old", "/")
    highest = F.when(F.col("old").startswith(ELSEWHERE), 2).otherwise(0)
    counts = F.when(F.size(steps) > highest, F.sequence(highest, F.size(steps) - 1, F.lit(1)))
    above = F.transform(counts, lambda count: F.array_join(F.slice(steps, 1, count), "/"))
    higher = folder.where("old != ''").select("_file", "old", "names", F.explode(above).alias("above"))
    sure = folder.select("_file", F.col("old").alias("above"), F.col("sure").alias("of_above"))
    strays = higher.join(sure, ["_file", "above"]).where("of_above >= names").select("_file", "old").distinct()
    return claims.join(strays, ["_file", "old"], "left_anti")


def _no_text(name: str) -> Column:
    return F.lit(None).cast("string").alias(name)
