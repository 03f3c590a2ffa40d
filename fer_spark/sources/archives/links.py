"""Links in an archive: which member each stands for once it is unpacked."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fer_spark.sources.files.names import is_picture_name

_MOST_STEPS = 40
"""A longer chain of links goes in a circle, as Linux has it."""


@dataclass
class Links:
    """Hard links, which are files, and symbolic ones that are called as pictures are: others may be folders."""

    _named: dict[str, str] = field(default_factory=dict)
    _paths: list[tuple[str, str]] = field(default_factory=list)

    def add(self, path: str, name: str, target: str, hard: bool) -> None:
        """A link called `name` in the archive, and `path` in rows.

        A hard link names its target from the archive's root, a symbolic one from its own folder.
        """
        whole = posixpath.normpath(target if hard else posixpath.join(posixpath.dirname(name), target))
        self._named[posixpath.normpath(name)] = whole
        if hard or is_picture_name(name):
            self._paths.append((path, whole))

    def by_target(self) -> dict[str, list[str]]:
        """The links' paths by the member that they stand for, through links to links."""
        found: dict[str, list[str]] = {}
        for path, target in self._paths:
            for _ in range(_MOST_STEPS):
                target = self._named.get(target, target)
            found.setdefault(target, []).append(path)
        return found


def why_missing(targets: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Each path with what to say of it."""
    for target, paths in targets.items():
        shown = target.encode("utf-8", "backslashreplace").decode()
        for path in paths:
            yield path, f"a link to '{shown}', which is no member: pack the pictures themselves (tar --dereference)"
