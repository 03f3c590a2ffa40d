"""Names and messages in the field's own words: which of a module hold a word that a reader would not search for."""

from __future__ import annotations

import ast
import re

VAGUE = frozenset(
    [
        "told",
        "said",
        "say",
        "says",
        "made",
        "asked",
        "asks",
        "gone",
        "going",
        "wanted",
        "wants",
        "called",
        "taken",
        "lies",
        "anew",
    ]
)
"""Say requested, reported, found, expected, built, resumed … instead."""

_VAGUE_TEXT = re.compile(
    r"\b(told|said|asked|anew|gone|go(es|ing)? on|t(aken|ook|akes) over|speaks? of|nobody|without a word)\b"
)


def vague_names(text: str) -> list[str]:
    """Functions, classes, parameters and stored names of a module that hold a VAGUE word, or stand for `one` thing."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias) and node.asname:
            found.add(node.asname)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return sorted(filter(_is_vague, found))


def _is_vague(name: str) -> bool:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_")
    return bool(VAGUE.intersection(words)) or words[-1] == "one"


def vague_messages(text: str) -> list[str]:
    """Texts of several words in a module, docstrings apart, that hold a word which users would not search logs for."""
    tree = ast.parse(text)
    explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explained
    }
    return sorted(part for part in texts if " " in part and _VAGUE_TEXT.search(part))
