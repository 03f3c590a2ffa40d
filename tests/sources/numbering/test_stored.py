"""Names of number labels, as people's tools store them with the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.numbering.stored import names_beside, names_in_footers, names_of_lines, numbered
from fer_spark.sources.settings import SourceError
from tests.sources.lakes import write

NAMES = ["Anger", "happiness", "pain"]
READ = {0: "angry", 1: "happy", 2: "pain"}
FEATURES = {"image": {"_type": "Image"}, "label": {"names": NAMES, "_type": "ClassLabel"}}
README = """---
license: mit
dataset_info:
  features:
  - name: image
    dtype: image
  - name: label
    dtype:
      class_label:
        names:
          '0': Anger
          '1': happiness
          '2': pain
---
# Faces
"""


def test_names_are_spelled_as_here_unless_two_would_be_one() -> None:
    assert numbered(NAMES) == READ
    assert numbered(["Joy", "Happy", "none", "no-face"]) == {0: "joy", 1: "happy", 2: "none", 3: "no-face"}
    assert numbered({4: "Sadness", 9: "Non-Face"}) == {4: "sad", 9: "no_face"}


def test_lines_of_names_with_and_without_numbers() -> None:
    assert names_of_lines("\ufeffAnger\r\n\r\n happiness \r\npain\r\n") == dict(enumerate(NAMES))
    assert names_of_lines("1 Anger\n2: happiness\n3,pain\n") == {1: "Anger", 2: "happiness", 3: "pain"}
    assert names_of_lines("1 Anger\n1 pain\n") == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dataset_info.json", json.dumps({"features": FEATURES})),
        ("dataset_infos.json", json.dumps({"default": {"features": {"row": FEATURES}}})),
        ("README.md", README),
        ("classes.txt", "anger\nhappy\npain\n"),
        ("classnames.txt", "anger\nhappy\npain\n"),
        ("data.yaml", "nc: 3\nnames: ['anger', 'happy', 'pain']\n"),
        ("data.yaml", "names:\n  0: anger\n  1: happy\n  2: pain\n"),
    ],
)
def test_files_beside_the_data(spark: SparkSession, tmp_path: Path, name: str, content: str) -> None:
    write(tmp_path, {name: content, "data/t.csv": "x", "pictures/t.csv": "x"})
    for folder in (tmp_path, tmp_path / "data"):
        [found] = names_beside(spark, f"file:{folder}", "Label")
        assert (found.names, found.origin) == (READ, f"{name} beside the data")
    assert names_beside(spark, f"file:{tmp_path / 'pictures'}", "label") == [], "not those of a folder further up"
    if name[0] not in "cd" or name.startswith("dataset"):
        assert names_beside(spark, f"file:{tmp_path}", "other") == []


def test_files_that_cannot_be_read_are_named(spark: SparkSession, tmp_path: Path) -> None:
    for name, content in (("dataset_info.json", b"{"), ("data.yaml", b"names: ["), ("classes.txt", b"d\xe9go\xfbt\n")):
        folder = write(tmp_path / name, {name: content})
        with pytest.raises(SourceError, match=name.replace(".", r"\.")):
            names_beside(spark, f"file:{folder}", "label")
    folder = write(tmp_path / "r", {"README.md": "---\n[\n---\n"})
    assert names_beside(spark, f"file:{folder}", "label") == []


def test_footers_of_all_files_count(spark: SparkSession, tmp_path: Path) -> None:
    def put(name: str, info: Any) -> None:
        table = pa.table({"label": pa.array([0], pa.int64())})
        if info:
            table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
        pq.write_table(table, tmp_path / name)

    put("a b.parquet", {"info": {"features": FEATURES}})
    put("b.parquet", None)
    files = [str(path.as_uri()) for path in sorted(tmp_path.iterdir())]
    [found] = names_in_footers(spark, files, "label")
    assert str(found) == "0 = angry, 1 = happy, 2 = pain from the file's footer"
    assert names_in_footers(spark, files, "image") == []
    put("b.parquet", {"info": {"features": {"label": {"names": NAMES[::-1], "_type": "ClassLabel"}}}})
    assert [one.names[0] for one in names_in_footers(spark, files, "label")] == ["angry", "pain"]
