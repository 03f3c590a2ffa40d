"""Folders of modules that are alike: a module's file is a name that users give, its first line the help on it.

Both are read from the files: nothing is imported before it is used.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from functools import cache
from importlib.abc import InspectLoader
from types import ModuleType
from typing import cast


def names(folder: ModuleType, between: str = "-") -> tuple[str, ...]:
    """The members' names, sorted. That of a module `hugging_face` is `hugging-face`, with `between` for its dash."""
    return tuple(sorted(found.name.replace("_", between) for found in pkgutil.iter_modules(folder.__path__)))


def member(folder: ModuleType, name: str) -> ModuleType:
    """Import the module of one name."""
    return importlib.import_module(_dotted(folder, name))


def introduction(folder: ModuleType, title: str, between: str = "-") -> str:
    """The title, and a line for each member with what it is, for --help."""
    known = names(folder, between)
    width = max(map(len, known), default=0)
    return "\n".join([title, *(f"  {name:<{width}}  {_first_line(_dotted(folder, name))}" for name in known)])


def _dotted(folder: ModuleType, name: str) -> str:
    return f"{folder.__name__}.{name.replace('-', '_')}"


@cache
def _first_line(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    loader = cast("InspectLoader", spec.loader)  # a zip archive's too, though Python does not declare it
    docstring = ast.get_docstring(ast.parse(loader.get_source(module) or "")) or ""
    return docstring.partition("\n")[0]
