"""The notebooks: they call the package and define nothing, show what a reader will see, and run from top to bottom."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")

FOLDER = Path(__file__).parent.parent / "notebooks"
BOOKS = sorted(FOLDER.glob("*.ipynb"))
SHORTER = {
    "02_explore_and_clean_legend": {'"collection", 600,': '"collection", 150,'},
    "03_fer2013_shards_training_imbalance": {
        'EPOCHS, SEEDS = "20", "0"': 'EPOCHS, SEEDS = "2", "0"',
        "write_fer2013_csv(CSV, 3000,": "write_fer2013_csv(CSV, 1000,",
    },
}
"""Parameters that a test may lower: six trainings of 20 epochs take five minutes and show nothing that 2 do not, nor do
more pictures."""
NOT_OURS = re.compile(r"/(home|root|Users|work|opt)/|/tmp/(?!fer)")


def _code(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def test_there_are_the_four() -> None:
    assert [book.name[:2] for book in BOOKS] == ["01", "02", "03", "04"]


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_it_defines_nothing_and_says_at_the_top_what_to_change(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert book.cells[0].cell_type == "markdown"
    assert "For your own data" in book.cells[0].source
    for cell in _code(book):
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        found = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, defined)]
        assert [node for node in found if not isinstance(node, ast.Lambda)] == [], cell.source


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_it_is_committed_with_the_outputs_of_one_clean_run(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    cells = _code(book)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert len([output for output in outputs if output.output_type in ("display_data", "execute_result")]) >= 4
    assert not NOT_OURS.search(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_what_it_imports_from_the_package_is_there(path: Path) -> None:
    code = ast.parse("\n".join(cell.source for cell in _code(nbformat.read(path, as_version=4))))
    imports = [node for node in ast.walk(code) if isinstance(node, ast.ImportFrom)]
    ours = [(str(node.module), one.name) for node in imports for one in node.names if "fer_spark" in str(node.module)]
    assert ours
    for module, name in ours:
        assert hasattr(importlib.import_module(module), name), f"{module}.{name}"


@pytest.mark.notebook
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    """Above a minute each: they build, train, score and explain."""
    from nbclient import NotebookClient

    shutil.copytree(FOLDER / "data", tmp_path / "data")
    book = nbformat.read(path, as_version=4)
    for typed, shorter in SHORTER.get(path.stem, {}).items():
        (cell,) = [cell for cell in _code(book) if typed in cell.source]
        cell.source = cell.source.replace(typed, shorter)
    client = NotebookClient(book, timeout=1500, resources={"metadata": {"path": str(tmp_path)}})
    done = client.execute()
    assert _shown(done) == _shown(nbformat.read(path, as_version=4))


def _shown(book: Any) -> list[bool]:
    """Which cells show something; what is said on the terminal beside it differs from machine to machine."""
    kinds = ("display_data", "execute_result")
    return [any(output.output_type in kinds for output in cell.outputs) for cell in _code(book)]
