"""Workers that are started ahead of the job that needs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

END = """
import sys
from pathlib import Path
from fer_spark.spark.session import get_session
from fer_spark.spark.workers import start_workers
start_workers(get_session("brief", master="local[1]"), ["slow"])
while not Path(sys.argv[1]).exists():
    pass
"""
SLOW = """
import time
from pathlib import Path
Path({begun!r}).touch()
time.sleep(5)
"""


@pytest.mark.job
def test_a_job_that_ends_while_its_workers_start_says_nothing_of_them(tmp_path: Path) -> None:
    begun = str(tmp_path / "begun")
    (tmp_path / "slow.py").write_text(SLOW.format(begun=begun), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", END, begun]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=True)
    assert [line for line in done.stderr.splitlines() if "incubator" not in line] == []
