"""DuckDB's own program and its extensions, which `make jars` has fetched; tests that need them skip without."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from fer_spark.machine import cache_dir
from tests.servers import MISSING

_FOLDER = cache_dir() / "servers"
_PROGRAM = _FOLDER / "duckdb_cli" / "duckdb"
_EXTENSIONS = {"delta": ("delta",), "iceberg": ("avro", "iceberg")}
"""By the table's format, in the order in which they load: Iceberg's lists of files are Avro."""


def duckdb_rows(form: str, place: str) -> Any:
    """A table's rows as an Arrow table. `place`: its folder for Delta, its newest metadata file for Iceberg."""
    paths = [found for name in _EXTENSIONS[form] for found in _FOLDER.glob(_extension(name))]
    if not _PROGRAM.exists() or len(paths) < len(_EXTENSIONS[form]):
        pytest.skip(MISSING)
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.parquet"
        words = ["SET autoinstall_known_extensions = false", *(f"LOAD '{path}'" for path in paths)]
        words.append(f"COPY (SELECT * FROM {form}_scan('{place}')) TO '{rows}'")
        line = [str(_PROGRAM), "-no-init", "-bail", "-c", "; ".join(words)]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return pq.read_table(rows)


def _extension(name: str) -> str:
    return f"duckdb_extension_{name}/extensions/*/{name}.duckdb_extension"
