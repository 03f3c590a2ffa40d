from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import pytest

from fer_spark.cli.flags import HelpFormatter, add_flags, parse, settings_from
from fer_spark.settings import option


@dataclass(frozen=True)
class Example:
    name: str = option("", "a name")
    count: int = option(3, "how many", least=1)
    share: float = option(0.5, "how much", least=0, below=1)
    strict: bool = option(False, "how strict")
    kind: str = option("a", "which", choices=("a", "b"))
    size: tuple[str, ...] = option(("48:gray",), "sizes")


def _parse(*argv: str) -> Example:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_flags(parser, Example, "example")
    return settings_from(parse(parser, list(argv), [Example]), Example)


def test_defaults_come_from_the_fields() -> None:
    assert _parse() == Example()


def test_help_shows_what_a_setting_may_be() -> None:
    parser = argparse.ArgumentParser(formatter_class=HelpFormatter)
    add_flags(parser, Example, "example")
    said = " ".join(parser.format_help().split())
    assert "--count N how many; 1 or more (default: 3)" in said
    assert "--share X how much; 0 or more and less than 1 (default: 0.5)" in said
    assert "--kind {a,b} which (default: a)" in said


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
