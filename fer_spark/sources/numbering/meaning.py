"""What numbers mean, by whom it is stated; and what of several statements holds."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fer_spark.labels import NO_EXPRESSION
from fer_spark.sources.settings import SourceError

CODES_FLAG, LABELS_FLAG = "--codes", "--labels"


@dataclass(frozen=True)
class Numbering:
    """`names` by number, and the place that states it: a flag, a file beside the data, a format."""

    names: Mapping[int, str]
    origin: str

    def __str__(self) -> str:
        return f"{shown(self.names)} from {self.origin}"

    def to_dict(self) -> dict[str, Any]:
        """As a manifest keeps it, in words too."""
        names = {str(code): name for code, name in sorted(self.names.items())}
        return {"names": names, "origin": self.origin, "in_words": str(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Numbering:
        return cls({int(code): str(name) for code, name in content["names"].items()}, str(content["origin"]))

    @property
    def classes(self) -> tuple[str, ...]:
        """The expressions that it names, each once, in the order of the numbers."""
        named = (self.names[code] for code in sorted(self.names))
        return tuple(dict.fromkeys(name for name in named if name not in NO_EXPRESSION))

    def of(self, names: Collection[str]) -> Numbering:
        """Of its numbers those that stand for one of these names."""
        return Numbering({code: name for code, name in self.names.items() if name in names}, self.origin)

    @property
    def only_numbers(self) -> bool:
        """Whether its names are numbers again, so that it gives no meaning."""
        return all(name.isdecimal() for name in self.names.values())

    def differences(self, other: Numbering) -> list[int]:
        """The numbers that both name, and name differently."""
        both = sorted(self.names.keys() & other.names.keys())
        return [code for code in both if self.names[code] != other.names[code]]


def shown(names: Mapping[int, str]) -> str:
    """`0 = angry, 1 = disgust`, in the order of the numbers."""
    return ", ".join(f"{code} = {names[code]}" for code in sorted(names))


def agreed(statements: Sequence[Numbering], remedy: str) -> Numbering:
    """All statements as one. Raises SourceError that shows two which contradict each other, and the remedy."""
    for first, second in itertools.combinations(statements, 2):
        differ = first.differences(second)
        if differ:
            raise SourceError(
                f"two places contradict each other on what the numbers mean: {_of(first, differ)}, but "
                f"{_of(second, differ)}; {remedy}"
            )
    names = {code: name for statement in statements for code, name in statement.names.items()}
    return Numbering(names, " and ".join(dict.fromkeys(statement.origin for statement in statements)))


def _of(numbering: Numbering, codes: Sequence[int]) -> str:
    return str(Numbering({code: numbering.names[code] for code in codes}, numbering.origin))
