"""Whole tables whose labels are numbers, in generated numberings: each row's label is the true one, or none is read."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.labels import TAXONOMIES
from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_row, write

SEVEN = TAXONOMIES["fer2013"].names


def _pairs(names: dict[int, str]) -> str:
    return ",".join(f"{code}={name}" for code, name in names.items())


def _parquet(path: Path, codes: list[int], names: list[str] | None) -> None:
    table = pa.table({"content": [b"x"] * len(codes), "label": pa.array(codes, pa.int64())})
    if names:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.job)])
def test_names_in_the_footer_are_used_in_any_order(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    names = draw.sample(SEVEN, 7)
    truth = [*names, *draw.choices(names, k=20)]
    _parquet(tmp_path / "t" / "0.parquet", [names.index(name) for name in truth], [name.title() for name in names])
    settings: dict[str, Any] = {"source": "table", "input": str(tmp_path / "t")}
    for flags in ({}, {"codes": _pairs(dict(enumerate(names)))}, {"labels": ",".join(names)}):
        source = open_source(spark, SourceSettings(**settings, **flags))
        rows = by_row(source)
        assert [rows[i]["label"] for i in range(len(truth))] == truth
        assert str(source.numbering).startswith(f"0 = {names[0]}, 1 = {names[1]}")
        assert "from the file's footer" in str(source.numbering)
    other = [*names[1:], names[0]]
    wrong = ({"labels": ",".join(other)}, {"codes": _pairs(dict(enumerate(other)))}, {"labels": "rafdb"})
    for flags in wrong:
        with pytest.raises(SourceError, match=r"contradict .* from the file's footer"):
            open_source(spark, SourceSettings(**settings, **flags))
    _parquet(tmp_path / "t" / "1.parquet", [0], other)
    with pytest.raises(SourceError, match="contradict"):
        open_source(spark, SourceSettings(**settings))


def test_names_in_another_column_are_what_the_numbers_mean(spark: SparkSession, tmp_path: Path) -> None:
    """Where each number stands beside one expression in all rows, and no sooner."""
    draw = random.Random(3)
    names = draw.sample(SEVEN, 7)
    codes = [*range(7), *draw.choices(range(7), k=9)]
    settings: dict[str, Any] = {"source": "table", "input": str(tmp_path)}

    def written(texts: list[str], footer: list[str] | None = None) -> None:
        _parquet(tmp_path / "0.parquet", codes, footer)
        table = pq.read_table(tmp_path / "0.parquet").append_column("label_text", pa.array(texts))
        pq.write_table(table.append_column("file_text", pa.array([f"{i}" for i in codes])), tmp_path / "0.parquet")

    texts = [names[code].title() for code in codes]
    written(texts)
    source = open_source(spark, SourceSettings(**settings))
    assert [row["label"] for _, row in sorted(by_row(source).items())] == [names[code] for code in codes]
    assert "from the column label_text" in str(source.numbering)
    written(texts, [*names[1:], names[0]])
    with pytest.raises(SourceError, match=r"contradict .* from the column label_text"):
        open_source(spark, SourceSettings(**settings))
    for odd in ("a smile", next(name for name in names if name != names[codes[0]])):
        written([odd, *texts[1:]])
        with pytest.raises(SourceError, match="nothing says what they mean"):
            open_source(spark, SourceSettings(**settings))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.job)])
def test_numbers_of_a_legend_in_any_numbering_and_dialect(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    first = draw.choice([0, 1, 3])
    names = dict(enumerate(draw.sample(SEVEN, 7), first))
    truth = [*draw.choices(list(names), k=20), *names]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=draw.choice(",;\t|"))
    writer.writerows(
        [("image", "emotion"), *((f"{i}.jpg", f"{code}{draw.choice(['', '.0'])}") for i, code in enumerate(truth))]
    )
    encoding = draw.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    files: dict[str, bytes | str] = {f"{i}.jpg": f"{i}" for i in range(len(truth))}
    write(tmp_path, {**files, "t.csv": text.getvalue().encode(encoding)})
    settings: dict[str, Any] = {"source": "legend", "input": str(tmp_path / "t.csv")}
    rows = by_row(open_source(spark, SourceSettings(**settings, codes=_pairs(names))))
    assert [rows[i]["label"] for i in range(len(truth))] == [names[code] for code in truth]
    taxonomies = ["", draw.choice(["fer2013", "affectnet7", "rafdb"])]
    for labels in (*taxonomies, *([",".join(names.values())] if first else [])):
        with pytest.raises(SourceError, match="--codes"):
            open_source(spark, SourceSettings(**settings, labels=labels))


@pytest.mark.job
def test_a_format_of_its_own_is_not_talked_out_of_its_numbers(spark: SparkSession, tmp_path: Path) -> None:
    rows = "".join(f"{code},1 2 3 4\n" for code in range(7))
    write(tmp_path, {"a/fer2013.csv": f"emotion,pixels\n{rows}", "b/fer2013.csv": f"emotion,pixels\n{rows}"})
    settings: dict[str, Any] = {"source": "fer2013", "input": str(tmp_path / "a" / "fer2013.csv")}
    source = open_source(spark, SourceSettings(**settings))
    found = by_row(source)
    assert tuple(found[i]["label"] for i in range(7)) == SEVEN
    assert str(source.numbering).endswith("from FER-2013's own format")
    alphabetical = ",".join(sorted(SEVEN))
    for flags in ({"labels": alphabetical}, {"codes": "4=neutral"}):
        with pytest.raises(SourceError, match=r"4 = sad.* from FER-2013's own format, but 4 = neutral"):
            open_source(spark, SourceSettings(**settings, **flags))
    few = by_row(open_source(spark, SourceSettings(**settings, codes="3=happy,4=sad")))
    assert [few[i]["label"] for i in range(7)] == [None, None, None, "happy", "sad", None, None]
    write(tmp_path, {"b/classes.txt": "\n".join(sorted(SEVEN))})
    with pytest.raises(SourceError, match=r"but 4 = neutral, .* from classes\.txt beside the data"):
        open_source(spark, SourceSettings(source="fer2013", input=str(tmp_path / "b" / "fer2013.csv")))


def test_pixels_as_a_list(spark: SparkSession, tmp_path: Path) -> None:
    lines = 'emotion,pixels\n0,"[1, 2, 3, 4]"\n1,"[[5, 6], [7, 8]]"\n2,9 9 9 9\n'
    write(
        tmp_path,
        {"t.csv": lines, "t.json": '[{"emotion": 0, "pixels": [1, 2, 3, 4]}, {"emotion": 1, "pixels": [5, 6, 7, 8]}]'},
    )
    for name, count in (("t.csv", 3), ("t.json", 2)):
        rows = by_row(open_source(spark, SourceSettings(source="fer2013", input=str(tmp_path / name))))
        found = [bytes(rows[i]["content"]).split() for i in range(count)]
        assert found == [b"1 2 3 4".split(), b"5 6 7 8".split(), b"9 9 9 9".split()][:count]


def test_settings_that_came_later_leave_the_jobs_of_older_releases_as_they_were() -> None:
    assert not {"codes", "unlabelled"} & SourceSettings(labels="fer2013").described().keys()
    assert SourceSettings(codes="1=sad", unlabelled=True).described()["codes"] == "1=sad"
