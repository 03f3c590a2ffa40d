"""One process of several runs the command it was given, and ends where that fails."""

from __future__ import annotations

import pickle

import pytest

from fer_spark.cli.commands.train import rank
from fer_spark.pipelines.train.rank import run_rank

given: list[list[str]] = []


def command(arguments: list[str]) -> int:
    given.append(arguments)
    return int(arguments[0])


def test_the_command_it_was_given_runs_and_its_code_is_returned() -> None:
    given.clear()
    assert run_rank(command, (0, 4), ["4", "--shards", "s"]) == 4
    assert given == [["4", "--shards", "s"]]


@pytest.mark.parametrize("code", [1, 2])
def test_the_process_ends_where_the_command_fails(code: int) -> None:
    with pytest.raises(SystemExit) as ended:
        run_rank(command, (0, 4), [str(code)])
    assert ended.value.code == code


def test_train_itself_travels_to_the_other_processes(capsys: pytest.CaptureFixture[str]) -> None:
    program = pickle.loads(pickle.dumps(rank))
    with pytest.raises(SystemExit) as ended:
        program(["--shards", "somewhere"])
    assert ended.value.code == 2
    assert "--output is missing" in capsys.readouterr().err
