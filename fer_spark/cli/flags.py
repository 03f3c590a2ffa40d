"""Settings dataclasses → command-line flags → settings. A field's name, default, help and choices live on the field."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from fer_spark.settings import flag

S = TypeVar("S")
USAGE_ERROR = 2
_METAVARS = {str: "TEXT", int: "N", float: "X"}


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps a program's description as written, and adds each flag's default, where it has one, to its help."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if default in (None, "", (), False, argparse.SUPPRESS) or not action.help:
            return action.help
        shown = ", ".join(default) if isinstance(default, tuple) else default
        return f"{action.help} (default: {shown})".replace("%", "%%")


class _Repeated(argparse.Action):
    """A flag to repeat: what is given replaces the default instead of adding to it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        given = getattr(namespace, self.dest)
        setattr(namespace, self.dest, _Given([*given, values] if isinstance(given, _Given) else [values]))


class _Given(list[str]):
    """Values that came from the command line, not from a default."""


def add_flags(parser: argparse.ArgumentParser, settings_class: type, title: str) -> None:
    """One flag per field of a settings dataclass: bool gives --x/--no-x, tuple[str, ...] a flag to repeat.

    What the class's `introduction()` returns, if it has one, stands above them.
    """
    introduction = getattr(settings_class, "introduction", None)
    group = parser.add_argument_group(title, introduction and introduction())
    hints = get_type_hints(settings_class)
    for field in dataclasses.fields(settings_class):
        kind, about = hints[field.name], field.metadata
        text = "; ".join(str(about[key]) for key in ("help", "limits") if key in about)
        options: dict[str, Any] = {"dest": field.name, "default": field.default, "help": text}
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options |= {"type": kind} if kind in _METAVARS else {"action": _Repeated}
            named = about.get("metavar", _METAVARS.get(kind, "TEXT"))
            options["metavar"] = shown_choices(about["choices"]) if "choices" in about else named
        group.add_argument(flag(field.name), **options)


def shown_choices(choices: Sequence[object]) -> str:
    """As argparse shows them; it does not check them, `check` does, for a config file's values too."""
    return "{" + ",".join(map(str, choices)) + "}"


def add_spark_flags(parser: argparse.ArgumentParser, title: str = "spark") -> None:
    """--master and --conf, for a command that runs on Spark."""
    group = parser.add_argument_group(title)
    group.add_argument(
        "--master", default="", help="Spark master, e.g. local[8]; spark-submit's own is used where it gives one"
    )
    group.add_argument(
        "--conf", action="append", default=[], metavar="KEY=VALUE", help="a Spark setting; repeat for several"
    )


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None, settings: Sequence[type]) -> argparse.Namespace:
    """Parse flags; `--config FILE.toml` gives defaults under them. Wrong usage ends the program with exit code 2."""
    parser.add_argument(
        "--config", metavar="FILE.toml", default="", help="settings by field name; flags win over the file"
    )
    config_only = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    config_only.add_argument("--config", default="")
    found, _ = config_only.parse_known_args(argv)
    if found.config:
        try:
            parser.set_defaults(**read_config(Path(found.config), settings, parser))
        except (OSError, ValueError) as error:
            parser.error(str(error))
    names = [option for action in parser._actions for option in action.option_strings]
    plain = all(action.option_strings for action in parser._actions)
    parsed, unknown = parser.parse_known_args(argv) if plain else parser.parse_known_intermixed_args(argv)
    for word in unknown:
        near = difflib.get_close_matches(word.split("=")[0], names, 1)
        parser.error(f"unknown argument {word!r}" + (f"; did you mean {near[0]}?" if near else "; --help lists all"))
    return parsed


def read_config(path: Path, settings: Sequence[type], parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Defaults from a TOML file, whose tables are only for order. ValueError for an unknown key or a wrong type."""
    kinds = {name: kind for settings_class in settings for name, kind in get_type_hints(settings_class).items()}
    others = [a.dest for a in parser._actions if a.option_strings and a.dest not in ("help", "config")]
    kinds |= {name: str for name in others if name not in kinds}
    values: dict[str, Any] = {}
    with path.open("rb") as file:
        content = tomllib.load(file)
    pairs = [(k, v) for k, v in content.items() if not isinstance(v, dict)]
    pairs += [pair for table in content.values() if isinstance(table, dict) for pair in table.items()]
    for key, value in pairs:
        name = key.replace("-", "_")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, 1)
            raise ValueError(f"{path}: unknown setting {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        values[name] = _checked(path, key, value, kinds[name])
    return values


def _checked(path: Path, key: str, value: Any, kind: Any) -> Any:
    if kind in (bool, str, int):
        fits = type(value) is kind
    elif kind is float:
        fits = type(value) in (int, float)
    else:
        value = [value] if isinstance(value, str) else value
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not fits:
        expected = kind.__name__ if kind in (bool, str, int, float) else "list of strings"
        raise ValueError(f"{path}: {key} is {value!r}, expected {expected}")
    return value


def settings_from(parsed: argparse.Namespace, settings_class: type[S]) -> S:
    """The settings object that the parsed flags describe."""
    values = {}
    for field in dataclasses.fields(settings_class):  # type: ignore[arg-type]
        value = getattr(parsed, field.name)
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return settings_class(**values)
