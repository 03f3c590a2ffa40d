"""The Airflow DAG: what it submits exists, and Airflow itself can read it where it is installed."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docker.commands import DOCKER, ROOT, parsed

FILE = DOCKER / "airflow" / "score_faces_dag.py"


def calls(name: str) -> list[ast.Call]:
    """Calls of `name` in the file."""
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node for node in found if isinstance(node.func, ast.Name) and node.func.id == name]


def keywords(call: ast.Call) -> dict[str | None, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords}


def parameters() -> dict[str, str]:
    """Each of the DAG's params, and its default."""
    (dag,) = calls("DAG")
    given = keywords(dag)["params"]
    assert isinstance(given, ast.Dict)
    found = {}
    for key, value in zip(given.keys, given.values, strict=True):
        assert isinstance(key, ast.Constant)
        assert isinstance(value, ast.Call)
        found[str(key.value)] = str(ast.literal_eval(value.args[0]))
    return found


def rendered(call: ast.Call) -> list[str]:
    """The job's name and its arguments, with the params' defaults where Airflow puts them."""
    given = keywords(call)
    application = given["application"]
    assert isinstance(application, ast.JoinedStr)
    job = ast.literal_eval(application.values[-1])
    assert (ROOT / str(job).lstrip("/")).is_file()
    words = [str(word) for word in ast.literal_eval(given["application_args"])]
    filled = [re.sub(r"\{\{ params\.(\w+) \}\}", lambda match: parameters()[match[1]], word) for word in words]
    assert not any("{{" in word for word in filled)
    return [Path(str(job)).stem, *filled]


def test_what_it_submits_is_what_the_jobs_take() -> None:
    score, report = (rendered(call) for call in calls("FerSparkOperator"))
    assert (score[0], report[0]) == ("score", "report")
    assert parsed(score).incremental
    assert parsed(report).overwrite
    assert parsed(report).scores == parsed(score).output


def test_every_param_is_used_and_runs_neither_overlap_nor_catch_up() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert set(re.findall(r"params\.(\w+)", text)) == set(parameters())
    (dag,) = calls("DAG")
    given = keywords(dag)
    assert ast.literal_eval(given["catchup"]) is False
    assert ast.literal_eval(given["max_active_runs"]) == 1
    defaults = given["default_args"]
    assert isinstance(defaults, ast.Dict)
    assert "retries" in [ast.literal_eval(key) for key in defaults.keys if key is not None]


def _imported() -> Any:
    pytest.importorskip("airflow", reason="apache-airflow is not installed: the DAG is read as text alone")
    pytest.importorskip("airflow.providers.apache.spark", reason="the provider for Spark is not installed")
    spec = importlib.util.spec_from_file_location("score_faces_dag", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_airflow_reads_the_dag() -> None:
    dag = _imported().dag
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {"score": {"report"}, "report": set()}
    assert all(task.retries == 2 for task in dag.tasks)
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


@pytest.mark.parametrize(("code", "final"), [(1, False), (2, True), (3, True), (13, False)])
def test_only_what_another_try_could_mend_is_tried_again(
    code: int, final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = _imported()

    def fail(*_: object) -> None:
        raise module.AirflowException(f"Cannot execute: ['spark-submit']. Error code is: {code}.")

    monkeypatch.setattr(module.SparkSubmitOperator, "execute", fail)
    with pytest.raises(module.AirflowException) as raised:
        module.dag.get_task("score").execute({})
    assert isinstance(raised.value, module.AirflowFailException) == final
