"""`fer-spark doctor`: every subject with its state, and the exit code that says whether jobs can run."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from fer_spark.cli import doctor
from fer_spark.cli.commands.doctor import main
from fer_spark.cli.doctor import EXTRAS, FINE, LESS, MISSING, NEEDED, examine, ready
from fer_spark.machine import MachineError
from tests.check import ROOT
from tests.spark.test_java import OPENJDK, fake_java


def test_every_finding_that_is_not_fine_says_what_mends_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    for finding in examine():
        assert finding.state in (FINE, LESS, MISSING)
        assert (finding.state == FINE) == (finding.mend == ""), finding
        assert re.search(rf"^{finding.state} +{re.escape(finding.name)} ", said, re.MULTILINE), finding
        assert finding.mend in said
    assert said.splitlines()[-1] == "Jobs can run here."


def test_an_old_java_is_missing_and_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, OPENJDK.format("11.0.20"))))
    assert main(["--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["ready"] is False
    java = next(one for one in told["findings"] if one["name"] == "Java")
    assert java["state"] == "missing"
    assert java["found"].startswith("11.0.20 at ")
    assert java["mend"]
    assert main([]) == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith("No job can run here yet. First: ")


def refused() -> None:
    raise MachineError("this is Windows")


def test_what_else_a_machine_may_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path / "gone"))
    monkeypatch.setenv("FER_SPARK_MODELS", str(tmp_path / "gone"))
    monkeypatch.setattr(doctor, "_memory_bytes", lambda: 2 << 30)
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setattr(doctor, "check_system", refused)
    states = {finding.name: finding for finding in examine()}
    assert not ready(list(states.values()))
    missing = {name for name, finding in states.items() if finding.state == MISSING}
    assert missing == {"system", "Java", "temporary files", "opencv-python-headless"}
    assert states["opencv-python-headless"].mend == "pip install opencv-python-headless"
    assert states["memory"].state == states["YuNet"].state == LESS
    assert "fetch-detector" in states["YuNet"].mend
    assert shlex.split(states["memory"].mend)[0] == "--conf"


def test_packages_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    assert set(EXTRAS) <= extras
    names = {re.split(r"[<>=\[]", line)[0] for line in project["dependencies"]}
    assert names == {*NEEDED.values(), "opencv-python-headless", "rich"}
