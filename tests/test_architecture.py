"""The dependency rule: stages never import each other, and heavy libraries stay where they belong."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fer_spark"
STAGES = (
    "sources",
    "faces",
    "shards",
    "networks",
    "training",
    "scoring",
    "explaining",
    "exploring",
    "reports",
    "sample",
)
JOINERS = ("cli", "pipelines", "serving", "__main__", "udf")


def _imports(path: Path) -> set[str]:
    """Dotted names imported anywhere in a file, also inside functions; not those for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _stage(dotted: str) -> str | None:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "fer_spark" and parts[1] in STAGES else None


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_stage_imports_no_other_stage_and_never_a_command(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in JOINERS:
        return
    for name in _imports(path):
        assert _stage(name) in (None, own), f"{path} imports {name}"
        assert not name.startswith(("fer_spark.cli.commands", "fer_spark.cli")), f"{path} imports {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "faces").glob("*.py")), ids=lambda path: path.name)
def test_preparing_faces_is_free_of_spark_but_for_one_module(path: Path) -> None:
    uses_spark = any(name.split(".")[0] == "pyspark" for name in _imports(path))
    assert uses_spark == (path.name == "on_spark.py")


def test_an_executor_that_prepares_faces_loads_neither_torch_nor_petastorm() -> None:
    code = "import sys, fer_spark.faces.on_spark; print(sorted({'torch', 'petastorm', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_in_the_package_unpickles() -> None:
    for path in MODULES:
        names = {name.split(".")[0] for name in _imports(path)}
        assert not names & {"pickle", "dill", "cloudpickle", "joblib", "shelve"}, path
