"""Tables of several files, each written in its own way: all rows are those that were written, or one line says which
file is not."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.settings import SourceError
from fer_spark.sources.tables import open_table
from tests.sources.lakes import write

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
COLUMNS = ("image", "emotion", "face x", "note")
CELLS = {
    "image": ("a.jpg", "é/ü b.jpg", "C:\\x\\1.jpg", "x,y;z|t.jpg"),
    "emotion": ("happy", "sad", " angry"),
    "face x": ("12", "12,5", "-0,25", ""),
    "note": ("", 'say "hä"', "two\nlines", "one\r\n\r\nthree", '5" wide', "tab\there"),
}


def drawn(seed: int, count: int) -> list[dict[str, str]]:
    chosen = random.Random(seed)
    rows = [{name: chosen.choice(CELLS[name]) for name in COLUMNS} for _ in range(count)]
    return [*rows, {"image": "Ä.jpg", "emotion": "fear", "face x": "1", "note": 'odd " quote'}]


def as_csv(rows: list[dict[str, str]], sign: str, encoding: str, end: str, columns: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=sign, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def read(spark: SparkSession, place: Path) -> dict[str, list[dict[str, Any]]]:
    """By file: its rows in their order, by lower-case names; line ends as `\\n`, no cells of nothing."""
    rows = open_table(spark, str(place)).frame.orderBy("_file", "_row").collect()
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        known = {name.removeprefix("in:").lower(): value for name, value in row.asDict().items() if "in:" in name}
        found.setdefault(row["_file"], []).append({name: _plain(value) for name, value in known.items() if value})
        assert row["_row"] == len(found[row["_file"]]) - 1
    return found


def _plain(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n")


def wanted(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: _plain(value) for name, value in row.items() if value} for row in rows]


def test_each_file_is_read_by_its_own_dialect(spark: SparkSession, tmp_path: Path) -> None:
    truth, files = {}, {}
    dialects = list(itertools.product(",;\t|", ENCODINGS))
    random.Random(3).shuffle(dialects)
    for i, (sign, encoding) in enumerate(dialects[:12]):
        name = f"{i:02d}.{'tsv' if sign == chr(9) else ('csv', 'txt')[i % 2]}"
        rows = drawn(i, 5)
        columns = COLUMNS[::-1] if sign == ";" else COLUMNS
        files[name] = as_csv(rows, sign, encoding, ("\n", "\r\n")[i % 2], columns)
        truth[name] = wanted(rows)
    same = [as_csv(drawn(i, 3), ",", "utf-8", "\n", COLUMNS) for i in (50, 51)]
    files |= {"x.csv": same[0], "y.csv.gz": gzip.compress(same[1]), "empty.csv": b""}
    truth |= {"x.csv": wanted(drawn(50, 3)), "y.csv": wanted(drawn(51, 3))}
    assert read(spark, write(tmp_path, files)) == truth


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_lone_table_with_lines_in_its_cells(spark: SparkSession, tmp_path: Path, end: str) -> None:
    rows = drawn(9, 8)
    write(tmp_path, {"t.csv": as_csv(rows, ";", "utf-8-sig", end, COLUMNS)})
    assert read(spark, tmp_path / "t.csv") == {"t.csv": wanted(rows)}


def test_json_of_several_forms_in_one_folder(spark: SparkSession, tmp_path: Path) -> None:
    rows = [{"image": f"{i} é.jpg", "emotion": ("sad", "happy")[i % 2], "Note": "{x\n" * (i % 3)} for i in range(7)]
    pretty = json.dumps(rows, indent=2)
    files = {
        "lines.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "one_line.json": json.dumps(rows, ensure_ascii=False),
        "pretty.json": pretty,
        "tabs.json": json.dumps(rows, indent="\t").replace("\n", "\r\n"),
        "utf16.json": pretty.encode("utf-16"),
        "bom.json": pretty.encode("utf-8-sig"),
        "single.json": json.dumps(rows[0], indent=4),
        "codes.jsonl": '{"image": "x.jpg", "emotion": 3}\n',
    }
    truth = wanted([{name.lower(): value for name, value in row.items()} for row in rows])
    found = read(spark, write(tmp_path, files))  # type: ignore[arg-type]
    assert found.pop("single.json") == truth[:1]
    assert found.pop("codes.jsonl") == [{"image": "x.jpg", "emotion": "3"}]
    assert found == dict.fromkeys(files.keys() - {"single.json", "codes.jsonl"}, truth)


def test_what_cannot_be_one_table_names_the_file_and_what_differs(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"t/a.csv": "image,emotion\n1.jpg,sad\n", "t/b.csv": "picture;emotion\n2.jpg;sad\n"})
    with pytest.raises(SourceError, match=r"t/b\.csv has the columns picture, emotion, .*t/a\.csv has image, emotion"):
        open_table(spark, str(tmp_path / "t"))
    several = json.dumps({"image": "a"}, indent=1) + "\n" + json.dumps({"image": "b"}, indent=1)
    write(tmp_path, {"j/a.json": several, "j/b.json": "[]"})
    with pytest.raises(SourceError, match=r"j/a\.json holds 2 objects of many lines each: write each in a line, or an"):
        open_table(spark, str(tmp_path / "j"))
