"""The frame of all commands: which exit code and which words each end has."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from fer_spark.cli import COMMANDS
from fer_spark.cli.run import OK, STOPPED, TOO_MANY_BAD, Command, CommandError, Given, run_command
from fer_spark.settings import option

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
