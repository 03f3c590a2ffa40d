"""Where a module decides by names where a trait should answer: comparisons, `case`s, tables and lists of names."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path


def decisions_in(
    root: Path, known: Collection[str], ambiguous: Collection[str] = (), but: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """decisions_by_name of every module of the package that has any, by its path; `but`: paths that are left out."""
    paths = sorted((root / "fer_spark").rglob("*.py"))
    texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    found = {
        place: decisions_by_name(text, known, ambiguous) for place, text in texts.items() if not place.startswith(but)
    }
    return {place: decisions for place, decisions in found.items() if decisions}


def decisions_by_name(text: str, known: Collection[str], ambiguous: Collection[str] = ()) -> list[str]:
    """Expressions of a module that compare something with one of the known names, or list two or more of them.

    `ambiguous`: names of something else as well; they do not count in lists and tables.
    """
    names = frozenset(known)
    return sorted({ast.unparse(node) for node in _decisions(ast.parse(text), names, names - frozenset(ambiguous))})


def _decisions(tree: ast.Module, known: frozenset[str], listed: frozenset[str]) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            words = [word for operand in (node.left, *node.comparators) for word in _words(operand)]
            if known & set(words):
                yield node
        elif isinstance(node, ast.MatchValue | ast.MatchOr):
            if known & {word.value for word in ast.walk(node) if isinstance(word, ast.Constant)}:
                yield node
        elif isinstance(node, ast.Dict | ast.Tuple | ast.List | ast.Set) and len(listed & set(_words(node))) > 1:
            yield node


def _words(node: ast.AST) -> list[object]:
    """A constant's value, those in a list of constants, or the keys of a dictionary."""
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.Dict):
        return [key.value for key in node.keys if isinstance(key, ast.Constant)]
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return [item.value for item in node.elts if isinstance(item, ast.Constant)]
    return []
