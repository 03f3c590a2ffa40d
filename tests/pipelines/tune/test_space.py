"""Files that say what `fer-spark tune` searches: what they mean, and every way in which they can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fer_spark.cli.commands.tune import main
from fer_spark.pipelines.tune.space import Choices, Span, apply, default_space
from fer_spark.pipelines.tune.space_file import read_space
from tests.pipelines.tune.spaces import settings, space_file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rat = [0.1]", "did you mean learning_rate"),
        ("learning_rate = [0.1, 'high']", "'high', expected float"),
        ("epochs = [1.5]", "1.5, expected int"),
        ("epochs = [true]", "True, expected int"),
        ("sampler = ['natural', 'balancd']", "did you mean balanced"),
        ("sampler = {low = 1, high = 2}", "only numbers have a range"),
        ("learning_rate = {low = 0.1}", "needs low and high"),
        ("learning_rate = {low = 0.1, hihg = 1.0}", "did you mean high"),
        ("learning_rate = {low = 1.0, high = 0.1}", "low 1.0 is above high 0.1"),
        ("learning_rate = {low = 0.0, high = 0.1, log = true}", "low above 0"),
        ("dropout = {low = 0.0, high = 0.5, step = 0.3}", "whole steps"),
        ("dropout = {low = 0.0, high = 0.5, step = 0.0}", "whole steps"),
        ("dropout = {low = 0.0, high = 0.5, log = 1}", "expected true or false"),
        ("dropout = {low = 0.0, high = 1.5}", "1.5, expected less than 1"),
        ("label_smoothing = [0.0, 2.0]", "expected 0 to 1"),
        ("label_smoothing = 0.1", "expected a list of choices"),
        ("augment = [true, true]", "twice"),
        ("sampler = []", "empty list"),
        ("distill = ['a']", "expected a list of strings"),
        ("select_on = ['accuracy', 'loss']", "cannot be searched"),
        ("weight_decay = [0.0, 0.1]", "given as a flag"),
        ("", "declares nothing"),
    ],
)
def test_a_space_that_cannot_be_is_told_with_its_file_and_name(text: str, said: str, tmp_path: Path) -> None:
    decided = apply(settings(), {"weight_decay": 0.01})
    with pytest.raises(ValueError, match=r"space\.toml: ") as caught:
        read_space(space_file(tmp_path, text), decided)
    assert said in str(caught.value)
    assert text.split(" =")[0] in str(caught.value)


@pytest.mark.parametrize("text", ["learning_rate = ", None])
def test_a_space_that_is_no_toml_or_not_there_is_told_with_its_file(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "none.toml" if text is None else space_file(tmp_path, text)
    with pytest.raises(ValueError, match=rf"{path.name}: cannot be read as TOML"):
        read_space(path, settings())


def test_all_that_is_wrong_in_a_space_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"sampler: .*; epochs: "):
        read_space(space_file(tmp_path, "sampler = []\nepochs = ['x']\n"), settings())


def test_a_space_takes_the_types_of_its_fields(tmp_path: Path) -> None:
    text = "learning-rate = [1, 0.5]\nepochs = {low = 1, high = 9, step = 2}\ndistill = [[], ['a', 'b']]\n"
    assert read_space(space_file(tmp_path, text), settings()) == {
        "learning_rate": Choices((1.0, 0.5)),
        "epochs": Span(1, 9, step=2),
        "distill": Choices(((), ("a", "b"))),
    }


def test_the_space_shown_is_one_that_is_read_and_leaves_out_what_is_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--show-space", "--sampler", "sqrt", "--optimizer", "adamw"]) == 0
    space = read_space(space_file(tmp_path, capsys.readouterr().out), settings())
    decided = apply(settings(), {"sampler": "sqrt", "optimizer": "adamw"})
    assert space == default_space(decided)
    assert "sampler" not in space
    assert space["learning_rate"] == Span(1e-4, 5e-3, log=True)
