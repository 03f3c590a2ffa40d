"""Every layout declares its traits in its own module, and what it declares is so; no other module asks for its name."""

from __future__ import annotations

import dataclasses
import importlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark import members
from fer_spark.faces.settings import FaceSettings
from fer_spark.labels import TAXONOMIES
from fer_spark.pipelines.build.context import BuildSettings
from fer_spark.pipelines.build.run import run_build
from fer_spark.pipelines.score.input import file_stats
from fer_spark.shards.settings import ShardSettings
from fer_spark.sources import layouts
from fer_spark.sources.catalog import layout_for, layout_of, open_annotations, open_source
from fer_spark.sources.layout import Layout
from fer_spark.sources.settings import SOURCES, SourceError, SourceSettings, SplitSettings
from fer_spark.spark.progress import JobProgress
from tests.compared import decisions_by_name, decisions_in
from tests.poison import jpeg
from tests.sources.examples import EXAMPLES, LABELS
from tests.sources.lakes import alike, check, in_chunks, write

ROOT = Path(__file__).parents[2]
FIELDS = {field.name: field for field in dataclasses.fields(SourceSettings)}
SAMPLE = "fer_spark/sample/"
"""It writes layouts of its own, some called as a source."""
USUAL = ("fer2013", "folder", "images", "legend", "table")
"""Layouts that the default tests open; the long ones open all."""

TOY = '''"""A toy: pictures whose names begin with their expression."""

from pyspark.sql import functions as F

from fer_spark.sources.folder_labels import picture_source
from fer_spark.sources.layout import Layout
from fer_spark.sources.pictures import file_pictures


def by_name(frame):
    return frame.withColumns({"label_raw": F.substring_index("path", "-", 1), "split": F.lit("train")})


def open_toy(spark, settings, reading):
    return picture_source(settings, file_pictures(spark, settings.input, settings.glob, reading), by_name)


LAYOUT = Layout(open_toy, flags=("label_from",), files_are_input=True)
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with one layout more; nothing else knows of it."""
    folder = write(tmp_path / "more", {"toy_names.py": TOY})
    monkeypatch.setattr(layouts, "__path__", [*layouts.__path__, str(folder)])
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop(f"{layouts.__name__}.toy_names", None)


def test_every_module_of_the_folder_is_a_layout_with_help_and_an_example() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {path.stem for path in (ROOT / "fer_spark/sources/layouts").glob("*.py")} - {"__init__"} == {
        name.replace("-", "_") for name in SOURCES
    }
    assert set(EXAMPLES) == set(SOURCES)
    lines = dict(zip(SOURCES, SourceSettings.introduction().splitlines()[1:], strict=True))
    for name in SOURCES:
        assert isinstance(layout_of(name), Layout)
        assert 30 < len(lines[name]) <= 120, lines[name]
        assert f"`{name}`" in readme, f"README's table of sources lacks {name}"


def test_a_layout_names_flags_that_there_are_and_refuses_those_of_others() -> None:
    flags = {name: set(layout_of(name).flags) for name in SOURCES}
    of_some = set().union(*flags.values())
    assert of_some <= FIELDS.keys() - {"source", "input"}
    assert not [flag for flag in of_some if all(flag in own for own in flags.values())]  # those need no naming
    other = {"ferplus_mode": "soft", "label_from": "parent"}
    for name, own in flags.items():
        for field in of_some:
            value = other.get(field, True if isinstance(FIELDS[field].default, bool) else "x")
            settings = SourceSettings(source=name, input="x", **{field: value})  # type: ignore[arg-type]
            if field in own:
                assert layout_for(settings) is layout_of(name)
            else:
                with pytest.raises(SourceError, match=f"--{field.replace('_', '-')} goes with --source .*, not {name}"):
                    layout_for(settings)


@pytest.mark.parametrize(
    "name", [name if name in USUAL else pytest.param(name, marks=pytest.mark.job) for name in SOURCES]
)
def test_what_a_layout_declares_is_so(spark: SparkSession, tmp_path: Path, name: str) -> None:
    settings, layout = dataclasses.replace(EXAMPLES[name](tmp_path), source=name), layout_of(name)
    source = open_source(spark, settings)
    rows = source.raw().collect()
    assert alike(rows, in_chunks(source))
    assert Counter(row["label"] for row in rows) == LABELS
    assert {row["reject_reason"] for row in rows} == {None}
    assert source.detector == {(True, False): "source", (False, True): "none"}.get(
        (source.has_boxes, source.faces_are_cropped)
    )
    annotations = open_annotations(spark, settings)
    assert Counter(row["label"] for row in annotations.rows.collect()) == LABELS
    assert {"path", "label"} - annotations.has <= ({"path"} if source.faces_are_cropped else set())
    if layout.files_are_input:
        listed = {row["path"] for row in file_stats(spark, settings).collect()}
        assert listed == {row["source_path"] for row in rows}
    assert source.beside_table <= layout.is_beside_pictures


@pytest.mark.job
def test_a_layout_planted_in_the_folder_is_found_opened_and_built(
    spark: SparkSession, tmp_path: Path, toy: Path
) -> None:
    names = ("happy-1", "sad-1", "sad-2")
    lake = write(tmp_path / "lake", {f"{name}.jpg": jpeg(60 + i) for i, name in enumerate(names)})
    settings = SourceSettings(source="toy-names", input=str(lake))
    assert "toy-names" in members.names(layouts)
    assert Counter(row["label"] for row in check(open_source(spark, settings))) == LABELS
    assert Counter(row["label"] for row in open_annotations(spark, settings).rows.collect()) == LABELS
    shards = ShardSettings(output=str(tmp_path / "shards"))
    build = BuildSettings(settings, FaceSettings(detector="none", size=("8:gray",)), SplitSettings(), shards)
    manifest = run_build(spark, build, JobProgress(spark.sparkContext)).manifest
    assert (manifest.counts.input, manifest.counts.written_images) == (3, 3)


def test_a_planted_layout_is_in_the_help_and_among_the_choices(toy: Path) -> None:
    code = f"""
import fer_spark.sources.layouts as layouts
layouts.__path__.append({str(toy)!r})
from fer_spark.cli.commands import build_shards, explore, score
assert build_shards.main(["--source", "toy-nmes", "--input", "x", "--output", "y"]) == 2
for command in (build_shards, explore, score):
    try:
        command.main(["--help"])
    except SystemExit:
        pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "did you mean toy-names?" in done.stderr
    assert (
        len(re.findall(r"\n +toy-names +A toy: pictures whose names begin with their expression\.\n", done.stdout)) == 3
    )
    assert done.stdout.count(",toy-names") == 3


def test_no_module_asks_for_the_name_of_a_layout() -> None:
    found = decisions_in(ROOT, SOURCES, ambiguous=TAXONOMIES, but=(SAMPLE,))
    assert found == {}, "give Layout, or Source, a trait instead"


@pytest.mark.parametrize(
    "line",
    [
        "if settings.source == 'legend': pass",
        "beside = settings.source in ('affectnet', 'x')",
        "_OPENERS = {'legend': 1, 'folder': 2}",
        "FILES = ('images', 'folder')",
        "match settings.source:\n    case 'a' | 'tar': pass",
    ],
)
def test_a_planted_question_for_a_name_is_found(line: str) -> None:
    assert decisions_by_name(line, SOURCES)
    assert decisions_by_name("x = one['legend'] + call('tar', source='table')", SOURCES) == []
