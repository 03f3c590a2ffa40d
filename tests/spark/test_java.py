"""Which Java is found, whether it serves, and the next step where it does not: told by scripts that answer as Java."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from fer_spark.machine import MachineError
from fer_spark.spark import java
from fer_spark.spark.java import check_java, find_java

OPENJDK = 'openjdk version "{0}" 2023-07-18\nOpenJDK Runtime Environment (build {0}+8)\n'


def fake_java(home: Path, answer: str, code: int = 0, stream: int = 2) -> Path:
    """A script at `home`/bin/java that answers any flag."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(answer)} >&{stream}\nexit {code}\n")
    program.chmod(0o755)
    return home


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No Java in the environment, and none where systems install it."""
    for name in ("JAVA_HOME", "SPARK_HOME", "SPARK_CONF_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(java, "_ELSEWHERE", ())
    monkeypatch.setattr(sys, "platform", "linux")
    return monkeypatch


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (OPENJDK.format("11.0.20"), 11),
        (OPENJDK.format("17"), 17),
        (OPENJDK.format("21-ea"), 21),
        ('java version "1.8.0_202"\nJava(TM) SE Runtime Environment', 8),
        ("openjdk 25.0.1 2025-10-21", 25),
        ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\n" + OPENJDK.format("17.0.9"), 17),
    ],
)
def test_a_version_is_read_in_every_form(bare: pytest.MonkeyPatch, tmp_path: Path, answer: str, version: int) -> None:
    for stream in (1, 2):
        home = fake_java(tmp_path / str(stream), answer, stream=stream)
        bare.setenv("JAVA_HOME", str(home))
        found = find_java()
        assert found is not None
        assert (found.version, found.program, found.serves) == (version, home / "bin" / "java", version >= 17)


def test_the_file_beside_it_says_the_version_without_a_process(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = fake_java(tmp_path, OPENJDK.format("8"))
    (home / "release").write_text('IMPLEMENTOR="X"\nJAVA_VERSION="21.0.2"\n')
    bare.setenv("PATH", str(home / "bin"))
    found = find_java()
    assert found is not None
    assert (found.version, found.release) == (21, "21.0.2")


@pytest.mark.parametrize("answer", ["", "The operation couldn't be completed. Unable to locate a Java Runtime."])
def test_a_program_that_does_not_run_is_no_java(bare: pytest.MonkeyPatch, tmp_path: Path, answer: str) -> None:
    bare.setenv("PATH", str(fake_java(tmp_path, answer, code=1) / "bin"))
    assert find_java() is None


def test_no_java_and_an_old_one_are_one_line_with_the_next_step(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"needs Java 17 or newer, found none: .*PATH has no java: apt install"):
        check_java()
    bare.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(MachineError, match=rf"found none: JAVA_HOME is {tmp_path}/gone: apt install"):
        check_java()
    bare.setenv("JAVA_HOME", str(fake_java(tmp_path / "old", OPENJDK.format("11.0.20"))))
    with pytest.raises(MachineError, match=rf"found 11.0.20 at {tmp_path}/old/bin/java: apt install") as refused:
        check_java()
    assert "\n" not in str(refused.value)
    bare.setattr(sys, "platform", "darwin")
    with pytest.raises(MachineError, match="brew install openjdk@17"):
        check_java()
    fake_java(tmp_path / "jvm" / "newer", OPENJDK.format("21.0.1"))
    bare.setattr(java, "_ELSEWHERE", ((str(tmp_path / "jvm"), "*/bin/java"),))
    with pytest.raises(MachineError, match=rf"export JAVA_HOME={tmp_path}/jvm/newer$"):
        check_java()


def test_a_java_of_unknown_version_and_one_that_sparks_own_file_may_choose_are_tried(
    bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare.setenv("JAVA_HOME", str(fake_java(tmp_path / "odd", "hello")))
    check_java()
    bare.delenv("JAVA_HOME")
    (tmp_path / "spark-env.sh").touch()
    bare.setenv("SPARK_CONF_DIR", str(tmp_path))
    check_java()
