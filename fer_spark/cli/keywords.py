"""Keywords of a Python call → what the flags of the same names would give."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any, get_type_hints

from fer_spark.cli.run import Command, Given


def given_of(command: Command, keywords: Mapping[str, Any]) -> Given:
    """The command's settings by their names, checked as the command checks them.

    Raises TypeError for a keyword that is no setting of it, or a value of another type; ValueError for one that cannot
    be, as the command refuses it.
    """
    fields = {field.name: field for group, _ in command.groups for field in dataclasses.fields(group)}
    kinds = {name: kind for group, _ in command.groups for name, kind in get_type_hints(group).items()}
    values = {name: field.default for name, field in fields.items()}
    for name, value in keywords.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; fer-spark {command.name} --help lists them"
            raise TypeError(f"{name}: no setting of {command.name}{hint}")
        values[name] = _typed(name, value, kinds[name])
    given = Given(argparse.Namespace(**values, words=[], master="", conf=[]), [])
    command.check_fields(given)
    command.check(given)
    return given


def _typed(name: str, value: Any, kind: Any) -> Any:
    """A path is a text, one text a tuple of one, an int a float; no other type is converted."""
    if isinstance(value, PathLike):
        value = fspath(value)
    if kind in (bool, int, str, float):
        if type(value) is kind or (kind is float and type(value) is int):
            return value
        raise TypeError(f"{name}: {value!r}, expected {kind.__name__}")
    items = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(item, str) for item in items):
        raise TypeError(f"{name}: {value!r}, expected texts")
    return items
