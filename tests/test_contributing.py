"""CONTRIBUTING.md names paths, make targets and groups of tests that exist."""

from __future__ import annotations

import re

from tests.check import ROOT
from tests.groups import LONG

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"`([^`\n]+)`", TEXT)


def test_every_path_is_there() -> None:
    paths = {
        word for quoted in QUOTED for word in quoted.split() if re.fullmatch(r"(fer_spark|tests|docker)/[\w/.]*", word)
    }
    assert len(paths) > 30
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


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
