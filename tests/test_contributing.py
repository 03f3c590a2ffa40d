"""CONTRIBUTING.md names paths, make targets and groups of tests that exist, and its map of changes is true."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

import pytest

from fer_spark.explaining.superpixels import KINDS
from fer_spark.networks.settings import NETWORKS
from fer_spark.scoring.outputs.catalog import FORMATS
from fer_spark.training.imbalance.settings import LOSSES
from tests.check import ROOT, mirrors
from tests.groups import LONG

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"`([^`\n]+)`", TEXT)


def test_every_path_is_there() -> None:
    paths = {
        word for quoted in QUOTED for word in quoted.split() if re.fullmatch(r"(fer_spark|tests|docker)/[\w/.]*", word)
    }
    assert len(paths) > 30
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_check_of_the_map_runs_tests() -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*")}
    files = re.findall(r"`make check (fer_spark/[\w/.]+)`", TEXT)
    assert len(files) >= 10
    assert [file for file in files if mirrors(file, there) is None] == []


@pytest.mark.parametrize(
    ("home", "names", "folders"),
    [
        ("scoring/outputs", FORMATS, ["scoring", "pipelines/score", "pipelines/report", "cli", "serving"]),
        ("explaining/superpixels.py", KINDS, ["explaining", "pipelines", "serving", "reports/scoring", "cli"]),
        ("networks/kinds", NETWORKS, [""]),
        ("training/imbalance", LOSSES, [""]),
    ],
    ids=["formats", "segments", "networks", "losses"],
)
def test_nothing_asks_for_one_of_these_by_its_name_but_its_home(
    home: str, names: Collection[str], folders: list[str]
) -> None:
    files = {path for folder in folders for path in (ROOT / "fer_spark" / folder).rglob("*.py")}
    others = sorted(path for path in files if not path.is_relative_to(ROOT / "fer_spark" / home))
    assert len(others) > 10
    found = {str(path.relative_to(ROOT)): compared(path.read_text(encoding="utf-8")) & set(names) for path in others}
    assert {path: words for path, words in found.items() if words} == {}


def test_a_name_that_is_asked_for_is_found() -> None:
    text = """
if form == "iceberg" or form not in ("delta", other):
    print("parquet")
match form:
    case "json":
        pass
"""
    assert compared(text) == {"iceberg", "delta", "json"}


def compared(text: str) -> set[str]:
    """Texts that a module compares something with: `== "…"`, `in ("…", …)`, `case "…"`."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        sides += [node.value] if isinstance(node, ast.MatchValue) else []
        inner = [part for side in sides for part in (side, *getattr(side, "elts", ()))]
        found |= {part.value for part in inner if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return found


def test_every_make_target_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"\bmake ([a-z-]+)", TEXT))
    assert named >= {"check", "test", "test-long"}
    assert named <= targets


def test_every_group_of_long_tests_is_explained_and_no_other() -> None:
    section = TEXT.split("## Tests")[1].split("## Glossary")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(LONG)


def test_every_stage_has_its_floor() -> None:
    folders = {path.name for path in (ROOT / "fer_spark").iterdir() if (path / "__init__.py").exists()}
    assert [name for name in sorted(folders) if f"`fer_spark/{name}/`" not in TEXT] == []
