from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fer_spark.cli.flags import add_flags, parse, settings_from


@dataclass(frozen=True)
class Example:
    name: str = field(default="", metadata={"help": "a name"})
    count: int = field(default=3, metadata={"help": "how many"})
    share: float = field(default=0.5, metadata={"help": "how much"})
    strict: bool = field(default=False, metadata={"help": "how strict"})
    kind: str = field(default="a", metadata={"help": "which", "choices": ("a", "b")})
    size: tuple[str, ...] = field(default=("48:gray",), metadata={"help": "sizes"})


def _parse(*argv: str) -> Example:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_flags(parser, Example, "example")
    return settings_from(parse(parser, list(argv), [Example]), Example)


def test_defaults_come_from_the_fields() -> None:
    assert _parse() == Example()


def test_a_repeated_flag_replaces_the_default() -> None:
    assert _parse("--size", "64:gray", "--size", "256:rgb").size == ("64:gray", "256:rgb")
    assert _parse("--strict", "--count", "7", "--share", "1").strict
    assert _parse("--no-strict", "--kind", "b") == Example(kind="b")


def test_flags_win_over_the_config_file_and_it_over_defaults(tmp_path: Path) -> None:
    config = tmp_path / "job.toml"
    config.write_text('name = "x"\n[other]\ncount = 9\nshare = 1\nsize = ["96:rgb", "48:gray"]\n')
    found = _parse("--config", str(config), "--count", "11", "--size", "32:gray")
    assert found == Example(name="x", count=11, share=1, size=("32:gray",))
    assert _parse("--config", str(config)).size == ("96:rgb", "48:gray")


@pytest.mark.parametrize(
    ("argv", "config", "message"),
    [
        (["--sizes", "1"], "", "did you mean --size?"),
        (["--count", "many"], "", "invalid int value"),
        (["--kind", "c"], "", "invalid choice"),
        ([], "cuont = 1", "did you mean 'count'?"),
        ([], 'count = "1"', "count is '1', expected int"),
        ([], "strict = 1", "strict is 1, expected bool"),
        ([], "size = [1]", "expected list of strings"),
        ([], "= 1", "Invalid"),
        (["--config", "not-there.toml"], "", "not-there.toml"),
    ],
)
def test_wrong_usage_ends_with_code_2_and_says_what(
    argv: list[str], config: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if config:
        (tmp_path / "c.toml").write_text(config)
        argv = ["--config", str(tmp_path / "c.toml")]
    with pytest.raises(SystemExit) as caught:
        _parse(*argv)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
