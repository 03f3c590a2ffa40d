"""Files that state labels in a form no source reads are named before a build loses them; others are passed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_source, recognised
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.poison import jpeg
from tests.sources.lakes import write

Files = dict[str, bytes | str]
CLASSES = ("angry", "happy", "sad")


def _lines(template: str, names: list[str]) -> str:
    return "".join(template.format(name=name, label=CLASSES[i % 3], code=i % 3) for i, name in enumerate(names))


def _studio(names: list[str]) -> str:
    return json.dumps([{"id": i, "data": {"image": f"/data/?d={name}"}} for i, name in enumerate(names)])


FORMS: dict[str, Callable[[list[str]], Files]] = {
    "a CSV without a header": lambda names: {"labels.csv": _lines("{name},{label}\n", names)},
    "a list cut at blanks": lambda names: {"train_list.txt": _lines("{name} {code}\n", names)},
    "a TSV without a header": lambda names: {"all.tsv": _lines("{code}\t{name}\n", names)},
    "lines of another kind": lambda names: {"x.lst": _lines("{name} 0 1 2 3 4 50.1 {code}\n", names)},
    "a JSON object": lambda names: {"map.json": json.dumps(dict.fromkeys(names, "sad"))},
    "Label Studio's export": lambda names: {"export.json": _studio(names)},
    "Excel": lambda names: {"emotion labels.xlsx": b"PK\x03\x04"},
    "MATLAB": lambda names: {"annotations.mat": b"MATLAB 5.0"},
}


def taken(spark: SparkSession, where: Path, labels_needed: bool = True) -> tuple[SourceSettings, str]:
    said: list[str] = []
    return recognised(spark, SourceSettings(input=str(where)), said.append, labels_needed), said[0]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stems=st.lists(st.text("abé_09 -", min_size=1, max_size=5), min_size=3, max_size=6, unique=True),
    ending=st.sampled_from([".jpg", ".JPG", ".png", ".webp"]),
    folder=st.sampled_from(["", "train/", "set/images/"]),
)
def test_labels_in_a_form_that_is_not_read_stop_a_build_and_are_named(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, form: str, stems: list[str], ending: str, folder: str
) -> None:
    """In a folder of the pictures or above it; what needs no labels goes on and says so."""
    where = tmp_path_factory.mktemp("in")
    names = [f"x{stem.strip()}{i}{ending}" for i, stem in enumerate(stems)]
    files = FORMS[form](names)
    beside = folder if form != "a JSON object" else ""
    write(where, {**{f"{folder}{name}": jpeg() for name in names}, **{beside + k: v for k, v in files.items()}})
    [name] = files
    with pytest.raises(SourceError, match=r"labels in it would be lost\. .* --source images builds without") as refused:
        taken(spark, where)
    assert name in str(refused.value)
    found, said = taken(spark, where, labels_needed=False)
    assert found.source == "images"
    assert f"{name} " in said
    assert "is not read" in said


def test_what_states_no_labels_stops_nothing(spark: SparkSession, tmp_path: Path) -> None:
    pictures = {f"2024/IMG_{i}.jpg": jpeg() for i in range(3)}
    beside: Files = {
        "2024/IMG_0.jpg.supplemental-metadata.json": '{"title": "IMG_0.jpg", "url": "a.jpg b.jpg"}',
        "2024/IMG_1.json": '{"title": "IMG_1.jpg", "near": ["IMG_0.jpg", "IMG_2.jpg"]}',
        "2024/IMG_2.txt": "a child that smiles, as in IMG_0.jpg and IMG_1.jpg",
        "2024/notes.txt": "cropped by hand",
        "README.md": "see IMG_0.jpg and IMG_1.jpg",
        "settings.xml": "<x/>",
        "budget.xlsx": b"PK",
    }
    found, said = taken(spark, write(tmp_path, {**pictures, **beside}))
    assert found.source == "images"
    assert "not read" not in said


def test_a_form_that_no_source_reads_is_named(spark: SparkSession, tmp_path: Path) -> None:
    for name, form in (("fer.npz", "NumPy arrays"), ("image.7z", "a 7-Zip archive"), ("d/faces.h5", "HDF5")):
        where = write(tmp_path / form, {name: b"x", "README.md": "x"})
        with pytest.raises(SourceError, match=rf"{Path(name).name} is {form}, which no source reads; name one of"):
            taken(spark, where)


def test_folders_are_read_as_the_classes_that_they_are_called(spark: SparkSession, tmp_path: Path) -> None:
    numbered = {f"{i}{sign}{name}/{i}.jpg": jpeg() for sign in "_-. " for i, name in enumerate(CLASSES)}
    found, said = taken(spark, write(tmp_path / "numbered", numbered))
    assert "0 angry, 0-angry, 0.angry …" in said
    rows = open_source(spark, found).raw().collect()
    assert {(row["source_path"].split(".jpg")[0][-1], row["label"]) for row in rows} == set(
        zip("012", CLASSES, strict=True)
    )
    codes = write(tmp_path / "codes", {f"{part}/{i}/{i}.jpg": jpeg() for part in ("train", "test") for i in range(3)})
    with pytest.raises(SourceError, match="nothing says what they mean"):
        open_source(spark, taken(spark, codes)[0])
    write(codes, {"classes.txt": "\n".join(CLASSES)})
    rows = open_source(spark, taken(spark, codes)[0]).raw().collect()
    assert {(row["label"], row["split"]) for row in rows} == {(n, s) for n in CLASSES for s in ("train", "test")}
    persons = write(tmp_path / "persons", {f"p{i}/{name}/{i}.jpg": jpeg() for i in range(3) for name in CLASSES})
    found, said = taken(spark, persons)
    assert (found.source, found.label_from) == ("images", "class")
    assert "folders in folders called angry, happy, sad" in said
    for name, folders in (("days", range(1, 29)), ("years", range(2019, 2026))):
        dated = write(tmp_path / name, {f"{number}/1.jpg": jpeg() for number in folders})
        assert taken(spark, dated)[0].label_from == "none"
        assert taken(spark, dated)[0].source == "images"
