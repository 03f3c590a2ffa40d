"""The frame of all commands: which exit code and which words each end has."""

from __future__ import annotations

import errno
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from pyspark.sql import SparkSession

from fer_spark.cli import COMMANDS
from fer_spark.cli import main as cli
from fer_spark.cli.run import OK, STOPPED, TOO_MANY_BAD, Command, CommandError, Given, run_command
from fer_spark.machine import MachineError
from fer_spark.settings import option
from tests.spark.test_java import OPENJDK, fake_java

PIPELINE = "a_pipeline_of_this_test"


class DamagedError(Exception):
    pass


@dataclass(frozen=True)
class Settings:
    count: int = option(1, "how many", least=1)
    kind: str = option("", "which", choices=("oil",))


def run(
    pipeline: Callable[[Given], int],
    *words: str,
    check: Callable[[Given], int | None] = lambda given: None,
    module: str = PIPELINE,
    needs: str = "",
    failed: str = " failed",
) -> int:
    command = Command(
        *("paint", "Paints.", ((Settings, "paint"),), check, pipeline, module),
        needs=needs,
        failed=failed,
        spark="spark",
        choices=(("kind", ("oil", "ink")),),
    )
    return run_command(command, words)


@pytest.fixture(autouse=True)
def _pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(
        USAGE=(ValueError,), FAILURES=(DamagedError, LookupError), JVM_FAILURES=(OSError, KeyError)
    )
    monkeypatch.setitem(sys.modules, PIPELINE, module)  # type: ignore[arg-type]


def raising(error: Exception) -> Callable[[Given], int]:
    def end(given: Given) -> int:
        raise error

    return end


@pytest.mark.parametrize("code", [OK, TOO_MANY_BAD, STOPPED])
def test_the_call_gets_what_was_given_and_says_how_it_ended(code: int) -> None:
    met: list[object] = []

    def paint(given: Given) -> int:
        met.extend([given.of(Settings), given.master, given.conf, given.arguments])
        return code

    words = ["--count", "3", "--kind", "ink", "--master", "local[2]", "--conf", "a=b"]
    assert run(paint, *words) == code
    assert met == [Settings(3, "ink"), "local[2]", ["a=b"], words]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ValueError("--count: [0]"), 2, "fer-spark paint: --count: [0]\n"),
        (DamagedError("two\nlines"), 1, "fer-spark paint failed: two\nlines\n"),
        (OSError("disk\n\tat java.io"), 1, "fer-spark paint failed: disk\n"),
        (KeyError("first of both lists"), 1, "fer-spark paint failed: 'first of both lists'\n"),
        (CommandError("no"), 1, "fer-spark paint failed: no\n"),
    ],
)
def test_what_the_call_raises_has_a_code_and_words(
    error: Exception, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error)) == code
    assert capsys.readouterr().err == told
    assert run(raising(error), failed="") == code
    assert capsys.readouterr().err == told.replace(" failed", "")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "the disk is full: "),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "/x/y: Permission denied for user "),
        (DamagedError("Job aborted\nCaused by: java.io.IOException: No space left on device\n"), "the disk is full: "),
        (LookupError("java.io.IOException: Mkdirs failed to create file:/x"), "no access for user "),
        (MachineError("Spark needs Java 17"), "Spark needs Java 17\n"),
    ],
)
def test_what_the_machine_lacks_is_one_line_and_2(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error)) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"fer-spark paint: {said}")
    assert told.count("\n") == 1
    assert run(raising(ValueError("--salt @/x: Permission denied"))) == 2
    assert capsys.readouterr().err == "fer-spark paint: --salt @/x: Permission denied\n"


def test_windows_is_refused_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert run(raising(AssertionError()), module="not_there_at_all") == 2
    assert capsys.readouterr().err.startswith("fer-spark paint: this is Windows; ")


LINES = {
    "augment-shards": ["--shards", "s", "--output", "out", "--to", "max"],
    "build-shards": ["--source", "folder", "--input", "in", "--output", "out"],
    "explain": ["--bundle", "fer2013", "--shards", "s", "--output", "out"],
    "explore": ["--source", "folder", "--input", "in", "--output", "out"],
    "report": ["--scores", "s", "--output", "out/page.html"],
    "score": ["pictures", "--output", "out"],
}
"""Right usage of every command that begins with a Spark session."""

START = """
import sys
from fer_spark.cli import main
for name, words in {lines!r}.items():
    print(name, main([name, *words]), sorted({{"pyspark", "torch", "cv2"}} & set(sys.modules)))
"""


WITHOUT_ROOTS_RIGHTS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override"]


def told_by_every_command(
    folder: Path, lines: dict[str, list[str]], as_anyone: bool = False, **environment: str
) -> list[str]:
    """Standard error of each command in a new process, which must end with 2 before Spark or torch is loaded.

    as_anyone: whoever runs the tests, the process may write only where its user is let.
    """
    (folder / "pictures").mkdir()
    started = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ} | environment
    words = [sys.executable, "-c", START.format(lines=lines)]
    if as_anyone and os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and there is no setpriv to take that away")
        words = [*WITHOUT_ROOTS_RIGHTS, *words]
    done = subprocess.run(words, cwd=folder, env=started, capture_output=True, text=True, check=True, timeout=400)
    assert done.stdout.splitlines() == [f"{name} 2 []" for name in lines]
    return done.stderr.splitlines()


def test_an_old_java_and_none_are_one_line_in_every_command(tmp_path: Path) -> None:
    commands = {importlib.import_module(COMMANDS[name][0]).COMMAND for name in COMMANDS}
    assert {command.name for command in commands if command.session} == set(LINES)
    old = fake_java(tmp_path / "java", OPENJDK.format("11.0.20"))
    told = told_by_every_command(tmp_path, LINES, JAVA_HOME=str(old))
    head = "Spark needs Java 17 or newer, found 11.0.20 at"
    assert [line[: len(f"fer-spark {n}: {head}")] for n, line in zip(LINES, told, strict=True)] == [
        f"fer-spark {name}: {head}" for name in LINES
    ]
    (tmp_path / "bare").mkdir()
    lines = {"score": LINES["score"]}
    [line] = told_by_every_command(tmp_path / "bare", lines, PATH="/nowhere", JAVA_HOME="")
    assert line.startswith("fer-spark score: Spark needs Java 17 or newer, found none: ")


def test_a_folder_that_may_not_be_written_is_one_line_in_every_command(tmp_path: Path) -> None:
    lines = {name: [re.sub("^out", "locked/out", word) for word in words] for name, words in LINES.items()}
    (tmp_path / "locked").mkdir(mode=0o555)
    told = told_by_every_command(tmp_path, lines, as_anyone=True)
    assert all("may not write to" in line and "give another --output" in line for line in told), told


@pytest.mark.job
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_disk_that_fills_up_is_one_line(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = tmp_path / "tiny"
    tiny.mkdir()
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 255, (400, 400, 3)).astype(np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tiny], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        words = [
            "--source",
            "images",
            "--input",
            str(tmp_path / "*.png"),
            "--detector",
            "none",
            "--size",
            "256:rgb:raw",
        ]
        assert cli(["build-shards", *words, "--output", str(tiny / "out")]) == 2
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.startswith("fer-spark build-shards: the disk is full: ")
        assert f"free for --output {tiny}/out" in told
    finally:
        subprocess.run(["umount", tiny], check=True)


def test_a_bug_is_no_failure() -> None:
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))
    with pytest.raises(ImportError):
        run(raising(ImportError()))


def test_settings_are_checked_before_the_pipeline_is_imported(capsys: pytest.CaptureFixture[str]) -> None:
    never = raising(AssertionError())
    assert run(never, check=raising(ValueError("--count: 0")), module="not_there_at_all") == 2
    assert capsys.readouterr().err == "fer-spark paint: --count: 0\n"
    assert run(never, check=lambda given: OK, module="not_there_at_all") == OK


def test_a_package_that_is_missing_is_named_where_the_command_knows_how_to_get_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    never = raising(AssertionError())
    assert run(never, module="not_there_at_all", needs="; pip install it") == 2
    assert capsys.readouterr().err == "fer-spark paint: No module named 'not_there_at_all'; pip install it\n"
    with pytest.raises(ModuleNotFoundError):
        run(never, module="not_there_at_all")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("count", 0, "--count: 0, expected 1 or more"), ("kind", "ik", "--kind: 'ik', expected one of oil, ink; did you")],
)
def test_a_flag_and_a_line_of_a_file_are_refused_alike_before_the_commands_own_check(
    name: str, value: object, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    never = raising(AssertionError())
    config = tmp_path / "paint.toml"
    config.write_text(f"{name} = {value!r}\n")
    for words in ([f"--{name}", str(value)], ["--config", str(config)]):
        assert run(never, *words, check=never, module="not_there_at_all") == 2
        assert capsys.readouterr().err.startswith(f"fer-spark paint: {told}")


@pytest.mark.parametrize("words", [["--cuont", "1"], ["--coun", "1"]])
def test_wrong_flags_end_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(raising(AssertionError()), *words)
    assert end.value.code == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_found_under_its_own_name(name: str) -> None:
    module = importlib.import_module(COMMANDS[name][0])
    assert module.COMMAND.name == name
    if module.COMMAND.pipeline:
        pipeline = importlib.import_module(module.COMMAND.pipeline)
        for error in (*pipeline.USAGE, *pipeline.FAILURES, *getattr(pipeline, "JVM_FAILURES", ())):
            assert issubclass(error, Exception)
