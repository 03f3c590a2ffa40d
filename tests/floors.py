"""The house as its imports draw it: which module imports which, on which floor each lives, and what is not allowed."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "fer_spark"
STAGES = (
    *("sources", "faces", "shards", "networks", "training"),
    *("scoring", "explaining", "exploring", "reports", "sample"),
)
FLOORS = {"cli": 5, "api": 5, "__main__": 5, "udf": 5, "pipelines": 4, "serving": 3, **dict.fromkeys(STAGES, 2)}
"""By the first part of a module's name; everything else is a contract, on floor 1."""

MOST_MODULES = 25
SHARED_BY = 3
"""So many modules of one folder whose names begin with one word ask for a folder of that name."""

Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Home:
    """Where a module lives. `part`: the stage, the pipeline, or the name of the floor."""

    floor: int
    part: str

    @classmethod
    def of(cls, module: str) -> Home:
        first, *more = [*module.split(".")[1:], ""]
        floor = FLOORS.get(first, 1)
        if floor == FLOORS["pipelines"]:
            return cls(floor, more[0])
        return cls(floor, first if first in STAGES else str(floor))


@dataclass(frozen=True)
class House:
    """The modules below `root`, a folder that is the package."""

    root: Path

    @cached_property
    def files(self) -> dict[str, Path]:
        """Dotted name → file."""
        found = {}
        for path in sorted(self.root.rglob("*.py")):
            words = [PACKAGE, *path.relative_to(self.root).with_suffix("").parts]
            found[".".join(words).removesuffix(".__init__")] = path
        return found

    def text(self, module: str) -> str:
        return self.files[module].read_text(encoding="utf-8")

    @cached_property
    def graph(self) -> Graph:
        """Module → modules of the package that it imports, for type checkers too."""
        return {name: self.modules_in(self.text(name)) - {name} for name in self.files}

    def modules_in(self, text: str) -> frozenset[str]:
        """Modules of the package that a module of this text imports."""
        return frozenset(filter(None, map(self._module, imports_in(text))))

    def _module(self, dotted: str) -> str | None:
        """The module that an imported name is, or is in; None outside the package."""
        if dotted in self.files:
            return dotted
        above = dotted.rpartition(".")[0]
        return above if above in self.files else None


def imports_in(text: str, for_types_too: bool = True) -> set[str]:
    """Dotted names that a module imports anywhere, in functions too; those for type checkers alone if asked for."""
    tree = ast.parse(text)
    blocks = [] if for_types_too else [node for node in ast.walk(tree) if _is_for_types(node)]
    left_out = {id(inner) for block in blocks for inner in ast.walk(block)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import of {node.module}"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def circle(graph: Graph) -> list[str]:
    """The modules of one circle of imports, the first one again at the end; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def wrong_arrows(graph: Graph) -> list[str]:
    """Imports that the floors do not allow, in words."""
    return [
        f"{module} imports {other}: {wrong}"
        for module, others in sorted(graph.items())
        for other in sorted(others)
        if (wrong := _wrong(module, other))
    ]


def _wrong(module: str, other: str) -> str:
    here, there = Home.of(module), Home.of(other)
    if there.floor > here.floor:
        return "an arrow up"
    if here.floor != there.floor or here.part == there.part:
        return ""
    if here.floor == FLOORS["pipelines"]:
        return "" if other.split(".")[3:] == ["run"] else "of another pipeline only its `run`"
    return "a stage imports no other stage"


def full_folders(files: Iterable[Path]) -> list[str]:
    """Folders of more than MOST_MODULES modules."""
    counts = Counter(path.parent for path in files if path.name != "__init__.py")
    return [f"{folder}: {count} modules" for folder, count in sorted(counts.items()) if count > MOST_MODULES]


def shared_prefixes(files: Iterable[Path]) -> list[str]:
    """Words with which the names of SHARED_BY or more modules of a folder begin; `test_` in front does not count."""
    names = [(path.parent, path.stem.removeprefix("test_")) for path in files if not path.stem.startswith("__")]
    counts = Counter((folder, name.split("_")[0]) for folder, name in names)
    shared = [(folder, word, count) for (folder, word), count in sorted(counts.items()) if count >= SHARED_BY]
    return [f"{folder}: {count} begin with {word}" for folder, word, count in shared]
