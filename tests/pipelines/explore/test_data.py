"""`fer-spark explore` on data whose figures are published, where $FER_SPARK_DATA has them."""

from __future__ import annotations

import csv
import io
import tarfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from fer_spark.cli.commands.explore import main
from fer_spark.exploration import Exploration
from fer_spark.labels import canonical
from fer_spark.sample.affectnet_table import write_affectnet_table
from tests.exploring.frames import collected

pytestmark = [pytest.mark.data, pytest.mark.timeout(900)]


def _explored(output: Path, *words: Any) -> tuple[Exploration, int]:
    """The exploration, and the rows of the largest table that reached the driver."""
    with collected() as sizes:
        assert main([str(word) for word in ("--output", output, *words)]) == 0
    return Exploration.from_json((output / "exploration.json").read_text(encoding="utf-8")), max(sizes)


def _rows(found: Exploration, name: str, **values: Any) -> list[dict[str, Any]]:
    table = found.table(name)
    assert table is not None, name
    return [dict(row) for row in table.where(**values)]


@pytest.mark.job
def test_affectnet_matches_its_published_counts_cell_for_cell(
    spark: SparkSession, data_dir: Path, tmp_path: Path
) -> None:
    counts, bins = (data_dir / f"affectnet_{name}.csv" for name in ("category_counts", "valence_arousal_bins"))
    write_affectnet_table(tmp_path / "interim", counts, bins)
    found, largest = _explored(
        tmp_path / "look", "--source", "affectnet", "--input", tmp_path / "interim", "--pictures", "none",
        "--reference-counts", counts, "--reference-bins", bins,
    )  # fmt: skip
    assert largest < 5_000
    assert [tuple(row.values()) for row in _rows(found, "splits_sizes")] == [
        ("train", 287_651, pytest.approx(0.9863, abs=5e-5)),
        ("val", 3_999, pytest.approx(0.0137, abs=5e-5)),
    ]
    with counts.open(newline="") as file:
        published = {row["category"]: row for row in csv.DictReader(file)}
    rows = {row["label"]: row for row in _rows(found, "categories_reference")}
    for category, row in published.items():
        label = {"Non-Face": "no_face"}.get(category) or canonical(category) or category.lower()
        count = int(row["affectnet8_train"]) + int(row["affectnet8_val"])
        paper = int(row["paper_total"])
        assert rows[label]["count"] == count
        assert rows[label]["difference"] == count - paper
        assert rows[label]["share_lost"] == pytest.approx((paper - count) / paper, abs=1e-6)
    assert (rows["contempt"]["count"], rows["contempt"]["difference"]) == (4_249, -886)
    (contempt,) = _rows(found, "categories", split="val", label="contempt")
    assert contempt["count"] == 499  # the one of eight classes that has not 500
    with bins.open(newline="") as file:
        cells = list(csv.DictReader(file))
    reference = _rows(found, "feelings_reference")
    assert len(reference) == len(cells) == 100
    for row, cell in zip(reference, cells, strict=True):  # the same order as in print
        assert [row["arousal_low"], row["arousal_high"]] == [float(cell["arousal_low"]), float(cell["arousal_high"])]
        assert [row["valence_low"], row["valence_high"]] == [float(cell["valence_low"]), float(cell["valence_high"])]
        ours, paper = int(cell["affectnet8_count"]), int(cell["paper_count"])
        assert (row["count"], row["reference"], row["difference"]) == (ours, paper, ours - paper)
    bias = [one for one in found.advice if one.table == "categories_summary"]
    assert [one.figure for one in bias] == ["35.8 : 1"]  # 134,415 : 3,750
    assert "biased towards happy and neutral" in bias[0].text
    assert any("no test split" in one.text for one in found.advice)


@pytest.mark.job
def test_fer2013_copies_and_leaks_are_those_of_a_plain_count(
    spark: SparkSession, data_dir: Path, tmp_path: Path
) -> None:
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with pa.input_stream(str(data_dir / "fer2013.csv.zst"), compression="zstd") as stream:
        for row in csv.DictReader(io.TextIOWrapper(stream, encoding="ascii")):
            groups[row["pixels"]].append((row["Usage"], row["emotion"]))
    several = [group for group in groups.values() if len(group) > 1]
    found, largest = _explored(
        tmp_path / "look", "--source", "fer2013", "--input", data_dir / "fer2013.csv.zst", "--sheet-faces", "4"
    )
    assert largest < 20_000
    exact = _rows(found, "pictures_duplicates", kind="exact")[0]
    assert (exact["groups"], exact["pictures"]) == (len(several), sum(map(len, several)))
    assert exact["redundant"] == 1_533  # of 32,298; the literature counts 1,853 in all 35,887
    across = sum(sum(u == "Training" for u, _ in group) for group in several if len({u for u, _ in group}) > 1)
    assert _rows(found, "pictures_leaks", kind="exact")[0]["pictures"] == across == 352
    pairs = sum(
        n * m
        for group in several
        for (a, n) in Counter(e for _, e in group).items()
        for (b, m) in Counter(e for _, e in group).items()
        if a < b
    )
    assert sum(row["pairs"] for row in _rows(found, "pictures_conflicts", kind="exact")) == pairs == 120
    (train,) = _rows(found, "pictures_pixels", split="train")
    assert (train["mean"], train["deviation"]) == pytest.approx((0.508, 0.255), abs=5e-4)
    counts = {row["label"]: row["count"] for row in _rows(found, "categories", split="train")}
    assert list(counts.values()) == [3995, 436, 4097, 7215, 4830, 3171, 4965]
    assert len(found.table("pictures_shapes").rows) == 1  # type: ignore[union-attr]


@pytest.mark.job
def test_the_messy_legend_is_seen_through(spark: SparkSession, data_dir: Path, tmp_path: Path) -> None:
    with tarfile.open(data_dir / "facial_expressions.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    legend, folder = next(tmp_path.rglob("legend.csv")), next(p for p in tmp_path.rglob("images") if p.is_dir())
    shapes: Counter[tuple[int, int, int]] = Counter()
    for path in folder.iterdir():
        with Image.open(path) as picture:
            shapes[(*picture.size, 1 if picture.mode == "L" else 3)] += 1
    with legend.open(newline="", encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    found, largest = _explored(tmp_path / "look", "--source", "legend", "--input", legend, "--images", folder)
    assert largest < 20_000
    top = _rows(found, "pictures_shapes")[0]
    assert (top["width"], top["height"], top["channels"], top["format"]) == (350, 350, 1, "jpeg")
    assert top["count"] == shapes[350, 350, 1]
    assert top["share"] > 0.5
    note = found.table("pictures_shapes").note  # type: ignore[union-attr]
    assert f"of {len(shapes)} combinations" in note
    values = {row["check"]: row["count"] for row in _rows(found, "sanity_values", split="all") if row["count"]}
    assert values["duplicated_name"] == len(listed) - len({row["image"] for row in listed}) == 3
    # happy 200, neutral 151, sad 100, angry 17, disgust 11, surprise 9 and fear 6 rows are in the rarer case
    assert values["label_spelling"] == 494
    assert values["other_size"] == sum(n for (w, h, _), n in shapes.items() if (w, h) != (350, 350))
    counts = {row["label"]: row["count"] for row in _rows(found, "categories", split="all")}
    by_hand = Counter(canonical(row["emotion"]) for row in listed)
    assert {label: count for label, count in counts.items() if count} == by_hand
    (summary,) = _rows(found, "categories_summary", split="all")
    assert (summary["largest"], summary["smallest"]) == ("happy", "contempt")
    assert summary["imbalance_ratio"] == pytest.approx(1500 / 7, abs=1e-3)
    said = " ".join(one.text for one in found.advice)
    assert all(part in said for part in ("mixed sizes", "spelled in several ways", "biased towards", "no splits"))
