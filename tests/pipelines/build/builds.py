"""Running build-shards in tests, in this process or as one that can be killed, and reading what it wrote."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark.cli.commands.build_shards import main
from tests.pipelines import processes


def build(output: Path | str, **flags: Any) -> int:
    """build-shards in this process, on the running session. A list repeats a flag; True and False are for switches."""
    return main(arguments(output, **flags))


def arguments(output: Path | str, **flags: Any) -> list[str]:
    words = ["--output", str(output)]
    for name, value in flags.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            for item in value if isinstance(value, list) else [value]:
                words += [f"--{flag}", str(item)]
    return words


def start(output: Path, conf: list[str], **flags: Any) -> subprocess.Popen[str]:
    """build-shards as a process group of its own (driver, JVM and Python workers), output captured."""
    return processes.start(["build-shards", *arguments(output, **flags)], conf)


def manifest(output: Path) -> dict[str, Any]:
    return dict(json.loads((output / "_manifest.json").read_text(encoding="utf-8")))


def shards(output: Path) -> pa.Table:
    """All rows that the manifest lists, by face_id, `split` from the manifest."""
    tables = []
    for file in manifest(output)["files"]:
        table = pq.read_table(output / file["path"], partitioning=None)
        tables.append(table.append_column("split", pa.array([file["split"]] * table.num_rows)))
    return pa.concat_tables(tables).sort_by("face_id")


def quarantine(output: Path) -> list[dict[str, Any]]:
    paths = manifest(output)["quarantine_files"]
    rows = [row for path in paths for row in pq.read_table(output / path, partitioning=None).to_pylist()]
    return sorted(rows, key=lambda row: (row["source_path"], row["source_row"] or 0))
