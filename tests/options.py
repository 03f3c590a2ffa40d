"""Every option of every command, found by walking them, and what no option of its kind may be."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import tomli_w

from fer_spark.cli import COMMANDS
from fer_spark.settings import Limits, flag

PLACES = {"URI", "URL", "DIR", "FILE", "BUNDLE", "STORE"}
"""Words that --help shows in place of a path."""


def settings_classes() -> list[type]:
    """Of all commands, each once."""
    groups = [group for module, _ in COMMANDS.values() for group in importlib.import_module(module).COMMAND.groups]
    return list(dict.fromkeys(settings_class for settings_class, _ in groups))


def forgotten(settings_class: type) -> list[str]:
    """Fields that do not say what is true of them."""
    kinds, found = get_type_hints(settings_class), []
    for field in dataclasses.fields(settings_class):
        about = field.metadata
        if not about.get("help") or "changes_result" not in about:
            found.append(f"{field.name}: not declared by option()")
        if kinds[field.name] in (int, float) and not ("limits" in about or "choices" in about):
            found.append(f"{field.name}: a number without limits")
        if PLACES & set(about.get("metavar", "").replace(".", "|").split("|")) and not about.get("path"):
            found.append(f"{field.name}: a place that is no path")
    return found


def wrong_values(field: dataclasses.Field[Any], kind: Any, choices: Sequence[object] = ()) -> Iterator[tuple[Any, str]]:
    """Values that a field must refuse, each with what is expected instead. choices: in place of the field's own."""
    limits: Limits | None = field.metadata.get("limits")
    if limits is not None:
        beyond = ((limits.least, -1), (limits.most, 1), (limits.above, 0), (limits.below, 0))
        yield from ((kind(bound) + step, str(limits)) for bound, step in beyond if bound is not None)
        if kind is float:
            yield from ((value, str(limits)) for value in (math.nan, math.inf, -math.inf))
    allowed = choices or field.metadata.get("choices", ())
    if allowed:
        wrong: Any = {int: 99, str: "no-such-word"}.get(kind, ("no-such-word",))
        yield wrong, f"one of {', '.join(str(choice) for choice in allowed if choice != '')}"


def refusal(name: str, value: Any, expected: str) -> str:
    """The one form that all have."""
    return f"{flag(name)}: {(value[0] if isinstance(value, tuple) else value)!r}, expected {expected}"


def run_with_wrong_values(config: Path) -> int:
    """Give every command each wrong value of each flag, on the command line and in `config`; returns how often.

    AssertionError where the exit code is not 2, or anything but the refusal is said.
    """
    count = 0
    for module in (importlib.import_module(name) for name, _ in COMMANDS.values()):
        for settings_class, _ in module.COMMAND.groups:
            kinds = get_type_hints(settings_class)
            for field in dataclasses.fields(settings_class):
                allowed = dict(module.COMMAND.choices).get(field.name, ())
                for value, expected in wrong_values(field, kinds[field.name], allowed):
                    word = value[0] if isinstance(value, tuple) else value
                    config.write_text(tomli_w.dumps({field.name: word}))
                    for words in ([f"{flag(field.name)}={word}"], ["--config", str(config)]):
                        said = io.StringIO()
                        with contextlib.redirect_stderr(said):
                            code = module.main(words)
                        told = f"fer-spark {module.COMMAND.name}: {refusal(field.name, value, expected)}\n"
                        assert (code, said.getvalue()) == (2, told)
                        count += 1
    return count
