"""A program is found where it runs, in files that only the job has brought there, and what it says comes back."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark import cloudpickle

from fer_spark.training.on_spark import ProcessError, RefusedError, _found_there, distribute

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


SPARK: Any = SimpleNamespace(sparkContext=SimpleNamespace(master="yarn"), conf={})
FAILED = "RuntimeError: Command failed with return code 1. The task output is included below: "


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("fer-spark train: lake: no manifest there\nSIGTERM\nfer-spark train: lake: none\n", "lake: no manifest there"),
        ("fer-spark train failed: a file is damaged\n", "one of the 2 processes on yarn failed"),
    ],
)
def test_what_a_process_says_of_wrong_usage_is_what_all_say(
    monkeypatch: pytest.MonkeyPatch, output: str, expected: str
) -> None:
    def run(self: object, *given: object) -> int:
        raise RuntimeError(FAILED + output)

    monkeypatch.setattr("pyspark.ml.torch.distributor.TorchDistributor.__init__", lambda *given, **more: None)
    monkeypatch.setattr("pyspark.ml.torch.distributor.TorchDistributor.run", run)
    with pytest.raises((RefusedError, ProcessError), match=f"^{expected}") as raised:
        distribute(SPARK, print, [], 2, False, "fer-spark train: ")  # type: ignore[arg-type]
    assert raised.type is (RefusedError if expected.startswith("lake") else ProcessError)
