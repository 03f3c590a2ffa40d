"""The house: floors, no circle of imports, folders that one can overlook, and heavy libraries where they belong."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.floors import FLOORS, MOST_MODULES, House, circle, full_folders, imports_in, shared_prefixes, wrong_arrows
from tests.words import vague_messages, vague_names

ROOT = Path(__file__).parent.parent
HOUSE = House(ROOT / "fer_spark")
TESTS = sorted((ROOT / "tests").rglob("*.py"))
COMMANDS = sorted(path.stem for path in (HOUSE.root / "cli" / "commands").glob("*.py") if path.stem != "__init__")


def planted(module: str, line: str) -> str:
    """The text of a module with one import more, of the kind that is for type checkers alone."""
    return f"{HOUSE.text(module)}\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {line}\n"


def test_no_arrow_leads_up_or_aside() -> None:
    assert wrong_arrows(HOUSE.graph) == []


def test_imports_make_no_circle() -> None:
    assert circle(HOUSE.graph) == []


@pytest.mark.parametrize(
    ("module", "line", "wrong"),
    [
        ("rows", "from fer_spark.faces.settings import FaceSettings", "an arrow up"),
        ("spark.progress", "from fer_spark.udf import register", "an arrow up"),
        ("faces.align", "from fer_spark.serving.match import LabelMatch", "an arrow up"),
        ("serving.match", "from fer_spark.pipelines.score import run", "an arrow up"),
        ("pipelines.score.run", "import fer_spark.cli.run", "an arrow up"),
        ("faces.align", "from fer_spark.shards import manifest", "a stage imports no other stage"),
        (
            "pipelines.tune.run",
            "from fer_spark.pipelines.train.open import Opened",
            "of another pipeline only its `run`",
        ),
    ],
)
def test_a_planted_wrong_arrow_is_found(module: str, line: str, wrong: str) -> None:
    module = f"fer_spark.{module}"
    [other] = HOUSE.modules_in(line)
    graph = {**HOUSE.graph, module: HOUSE.modules_in(planted(module, line))}
    assert wrong_arrows(graph) == [f"{module} imports {other}: {wrong}"]


def test_a_planted_circle_is_found_though_it_is_for_types_alone(tmp_path: Path) -> None:
    left_out = shutil.ignore_patterns("pretrained", "templates", "__pycache__")
    copy = shutil.copytree(HOUSE.root, tmp_path / "fer_spark", ignore=left_out)
    line = "from fer_spark.training.trainer import Trainer"
    (copy / "training" / "task.py").write_text(planted("fer_spark.training.task", line), encoding="utf-8")
    found = circle(House(copy).graph)
    assert {"fer_spark.training.task", "fer_spark.training.trainer"} <= set(found)


def test_folders_are_small_and_their_names_no_prefixes() -> None:
    for files in (HOUSE.files.values(), TESTS):
        assert full_folders(files) == []
        assert shared_prefixes(files) == []


def test_a_full_folder_and_a_shared_prefix_are_found() -> None:
    many = [Path("a") / f"m{i}.py" for i in range(MOST_MODULES + 1)]
    assert full_folders(many[:-1]) == []
    assert full_folders(many) == ["a: 26 modules"]
    names = ("read", "read_files", "test_read_pool", "readers", "tables")
    assert shared_prefixes([Path("b") / f"{name}.py" for name in names]) == ["b: 3 begin with read"]
    assert shared_prefixes([Path("b") / f"{name}.py" for name in names[1:]]) == []


def test_every_folder_of_the_package_is_on_a_floor_and_every_pipeline_has_its_run() -> None:
    contracts = {"metrics", "pixels", "preparation", "spark", "tables", "pretrained"}
    folders = {path.name for path in HOUSE.root.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == (set(FLOORS) - {"__main__", "api", "udf"}) | contracts
    pipelines = [path for path in (HOUSE.root / "pipelines").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert len(pipelines) == 10
    for path in pipelines:
        text = (path / "run.py").read_text(encoding="utf-8")
        assert "\ndef run(" in text, path
        assert "USAGE" in text, path
        assert "FAILURES" in text, path


@pytest.mark.parametrize("path", sorted((HOUSE.root / "faces").glob("*.py")), ids=lambda path: path.name)
def test_preparing_faces_is_free_of_spark_but_for_one_module(path: Path) -> None:
    uses_spark = any(name.split(".")[0] == "pyspark" for name in imports_in(path.read_text(encoding="utf-8"), False))
    assert uses_spark == (path.name == "on_spark.py")


def vague(find: Callable[[str], list[str]]) -> dict[str, list[str]]:
    """What `find` finds in each module, where it finds something."""
    found = {module: find(HOUSE.text(module)) for module in HOUSE.files}
    return {module: words for module, words in found.items() if words}


def test_names_are_the_fields_own_words() -> None:
    assert vague(vague_names) == {}


def test_messages_are_in_words_that_users_search_logs_for() -> None:
    assert vague(vague_messages) == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("told = 1", ["told"]),
        ("def _say(what, wanted): pass", ["_say", "wanted"]),
        ("class LeaseTaken: pass", ["LeaseTaken"]),
        ("names = [one for one in ()]", ["one"]),
        ("self.most_of_one = lambda asked: asked", ["asked", "most_of_one"]),
        ("import numpy as made", ["made"]),
        ("try: pass\nexcept OSError as gone: pass", ["gone"]),
        ("one_way, ones, mistaken, recalled = said(1), 2, 3, 4", []),
    ],
)
def test_a_planted_vague_name_is_found(line: str, found: list[str]) -> None:
    assert vague_names(line) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('log(f"going on at epoch {n}")', ["going on at epoch "]),
        ('raise ValueError("--device: a GPU is asked for")', ["--device: a GPU is asked for"]),
        ('say("taken over", "the file is gone")', ["taken over", "the file is gone"]),
        ('"what it was told, said once more"', []),
        ('found["asked"] = "a message, gonetoo"', []),
    ],
)
def test_a_planted_vague_message_is_found(line: str, found: list[str]) -> None:
    assert vague_messages(line) == found


def loaded(code: str, libraries: set[str]) -> str:
    """Which of the libraries a fresh interpreter has loaded after some code."""
    code = f"import sys\n{code}\nprint(sorted({libraries!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def test_an_executor_that_prepares_faces_loads_neither_torch_nor_petastorm() -> None:
    assert loaded("import fer_spark.faces.on_spark", {"torch", "petastorm", "pandas"}) == "[]"


def test_stored_pixels_are_described_without_spark_or_torch() -> None:
    code = "\n".join(f"import {name}" for name in HOUSE.files if name.startswith("fer_spark.pixels"))
    assert loaded(code, {"torch", "petastorm", "pyspark", "pandas"}) == "[]"


def test_a_bundle_answers_without_torchs_compiler() -> None:
    """It takes seconds to load, in the driver and in every worker, and scoring has no use for it."""
    code = """
import numpy as np
from fer_spark.networks.bundle import load_bundle
load_bundle("fer2013").predict_proba(np.zeros((1, 48, 48), np.uint8))
"""
    assert loaded(code, {"torch._dynamo", "sympy", "torchvision"}) == "[]"


def test_wrong_usage_of_any_command_is_told_without_loading_spark_or_torch() -> None:
    """Nor is --help."""
    code = f"""
import importlib
for name in {COMMANDS}:
    main = importlib.import_module(f"fer_spark.cli.commands.{{name}}").main
    for words, code in ((["--help"], 0), (["--no-such-flag"], 2), ([], 2)):
        if words or name not in ("doctor", "fetch_detector"):  # which need no flag
            try:
                assert main(words) == code, (name, words)
            except SystemExit as end:
                assert end.code == code, (name, words)
"""
    heavy = {"torch", "petastorm", "pyspark", "pandas", "optuna", "altair", "deltalake", "pyiceberg"}
    assert loaded(code, heavy) == "[]"


def test_nothing_in_the_package_unpickles() -> None:
    for module in HOUSE.files:
        names = {name.split(".")[0] for name in imports_in(HOUSE.text(module), False)}
        assert not names & {"pickle", "dill", "cloudpickle", "joblib", "shelve"}, module


def test_rows_are_persisted_in_one_place() -> None:
    """Spark gives what is persisted to any later plan that reads the same paths, though the files have changed."""
    persisting = re.compile(r"\.(persist|cache)\(")
    assert [module for module in HOUSE.graph if persisting.search(HOUSE.text(module))] == ["fer_spark.spark.held"]
