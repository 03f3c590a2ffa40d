"""Python workers of a local session begin with the modules loaded that their parent loaded for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from fer_spark.spark.daemon import unless_nobody_listens
from tests.jvm import quick_jvm

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
PROGRAM = """
import json
import sys

from fer_spark.spark.session import get_session

spark = get_session("preload", sys.argv[1:], "local[2]", ["no_such_module", "this", "wave"])


def loaded(batches):
    import os
    import sys
    import pyarrow as pa

    found = [name for name in ("wave", "pandas", "fer_spark.spark.daemon", "torch") if name in sys.modules]
    parent = open(f"/proc/{os.getppid()}/cmdline").read().split(chr(0))
    for _ in batches:
        yield pa.RecordBatch.from_pylist([{"found": found, "parent": " ".join(parent)}])


rows = spark.range(0, 4, 1, 2).mapInArrow(loaded, "found array<string>, parent string").collect()
print(json.dumps([row.asDict() for row in rows]))
"""


@pytest.mark.job
def test_workers_begin_with_what_their_parent_loaded_and_without_what_it_could_not(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    words = [sys.executable, str(tmp_path / "program.py"), f"spark.driver.extraJavaOptions={quick_jvm()}"]
    done = subprocess.run(words, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=240)
    rows = json.loads(done.stdout.strip().splitlines()[-1])
    assert len(rows) == 2
    for row in rows:
        assert row["found"] == ["wave", "pandas"]
        assert "fer_spark.spark.daemon pyspark.worker" in row["parent"]


@pytest.mark.parametrize(
    ("error", "shown"), [(BrokenPipeError(), False), (ConnectionResetError(), False), (OSError(), True)]
)
def test_a_worker_whose_job_has_ended_shows_no_traceback_and_any_other_does(
    error: OSError, shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    print_exc = unless_nobody_listens(traceback.print_exc)
    try:
        raise error
    except OSError:
        print_exc()
    assert ("Traceback" in capsys.readouterr().err) is shown
