"""When the faces of a build-shards job were prepared, by Spark's event log."""

from __future__ import annotations

import json
from pathlib import Path

NAME = "preparing faces"
"""How descriptions of the jobs begin, as `prepare_chunks` of fer_spark/pipelines/build/run.py gives them."""


def logged(folder: Path) -> list[str]:
    """The words by which a job leaves its events in a folder, uncompressed, in one file."""
    settings = ("enabled=true", f"dir={folder.as_uri()}", "compress=false", "rolling.enabled=false")
    return [word for setting in settings for word in ("--conf", f"spark.eventLog.{setting}")]


def prepared(folder: Path) -> list[tuple[float, float]]:
    """Begin and end of every Spark job that prepared faces, s since 1970, of the one event log in a folder.

    Raises ValueError where the folder holds another number of logs, or the log no such job.
    """
    logs = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    if len(logs) != 1:
        raise ValueError(f"{folder}: expected one event log, found {len(logs)}")
    began: dict[int, int] = {}
    spans = []
    with logs[0].open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event["Event"] == "SparkListenerJobStart":
                named = event.get("Properties", {}).get("spark.job.description") or ""
                if named.startswith(NAME):
                    began[event["Job ID"]] = event["Submission Time"]
            elif event["Event"] == "SparkListenerJobEnd" and event["Job ID"] in began:
                spans.append((began[event["Job ID"]] / 1000, event["Completion Time"] / 1000))
    if not spans:
        raise ValueError(f"{logs[0]}: no job is named {NAME!r}")
    return spans
