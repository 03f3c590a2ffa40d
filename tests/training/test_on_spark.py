"""A program is found where it runs, in files that only the job has brought there."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from pyspark import cloudpickle

from fer_spark.training.on_spark import _found_there

CALL = """
import sys
sys.path.append({site!r})  # alone: no file in it is run that would make more packages known
from pyspark import cloudpickle
print(cloudpickle.loads(sys.stdin.buffer.read())(["a", "b"]), "fer_spark" in sys.modules)
"""


def test_a_process_that_spark_did_not_start_finds_the_program_in_a_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "brought.zip", "w") as package:
        package.writestr("brought.py", "def program(arguments):\n    return len(arguments)\n")
    monkeypatch.syspath_prepend(tmp_path / "brought.zip")
    import brought  # type: ignore[import-not-found]

    code = CALL.format(site=sysconfig.get_paths()["purelib"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def called(program: object) -> str:
        done = subprocess.run(
            [sys.executable, "-S", "-c", code],
            input=cloudpickle.dumps(program),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            check=False,
        )
        return (done.stdout + done.stderr).decode()

    assert called(_found_there(brought.program, ["brought.zip", "missing.zip"])) == "2 False\n"
    assert "No module named 'brought'" in called(brought.program)  # which is sent by its name alone
