"""Which file a path of another machine means: the one that ends as it does. Plain Python: no Spark here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fer_spark.sources.places.spelled import ELSEWHERE, parts

Name = tuple[str, str]
"""A table's file, and the key of a picture that one of its rows names."""


@dataclass(frozen=True)
class Claim:
    """What a name stands for: the file of key `match`, or none and the `problem`.

    `depth`: parts of the ending that they have in common; `old`: what stands before it in the name.
    """

    name: Name
    match: str | None
    depth: int
    old: str
    problem: str | None

    @property
    def file(self) -> str:
        return self.name[0]


@dataclass
class _Files:
    """Of those with one ending: how many, and the first and last by name."""

    count: int
    first: str
    last: str

    def add(self, key: str) -> None:
        self.count, self.first, self.last = self.count + 1, min(self.first, key), max(self.last, key)


def last_part(key: str) -> str:
    """What a path and the files that it may mean have in common at least; empty where it has no parts."""
    folded = parts(key)[1]
    return folded[-1] if folded else ""


def longest_endings(names: Iterable[Name], files: Iterable[str]) -> list[Claim]:
    """A claim for each name whose last part some file has: to the one file with the longest ending, also by letter case
    and Unicode form where several have it. `files`: keys."""
    by_part: dict[str, tuple[list[Name], list[str]]] = defaultdict(lambda: ([], []))
    for name in names:
        by_part[last_part(name[1])][0].append(name)
    for key in files:
        part = last_part(key)
        if part in by_part:
            by_part[part][1].append(key)
    by_part.pop("", None)
    groups = (group for group in by_part.values() if group[0] and group[1])
    return [claim for of_part, near in groups for claim in _in_group(of_part, near)]


def _in_group(names: list[Name], near: list[str]) -> Iterator[Claim]:
    exact: dict[str, _Files] = {}
    folded: dict[str, _Files] = {}
    for key in near:
        for found, form in zip((exact, folded), parts(key), strict=True):
            for text in _endings(form):
                found.setdefault(text, _Files(0, key, key)).add(key)
    for name in names:
        spelled, plain = parts(name[1])
        depth, loose = _longest(folded, plain)
        assert loose is not None
        same_depth, same = _longest(exact, spelled)
        match, problem = loose.first, None
        if loose.count > 1 and same is not None and same_depth == depth and same.count == 1:
            match = same.first
        elif loose.count > 1:
            problem = (
                f"the path ends as those of {loose.count} pictures, such as '{loose.first}' and '{loose.last}'; write "
                "it out, or see --path-prefix"
            )
        yield Claim(name, None if problem else match, depth, "/".join(plain[: len(plain) - depth]), problem)


def _endings(form: list[str]) -> Iterator[str]:
    """Of one part, of two, and so on."""
    text = ""
    for part in reversed(form):
        text = f"{part}/{text}"
        yield text


def _longest(files: Mapping[str, _Files], form: list[str]) -> tuple[int, _Files | None]:
    """How many parts the longest ending has that some file has, and the files that have it."""
    depth, found = 0, None
    for text in _endings(form):
        if text not in files:
            break
        depth, found = depth + 1, files[text]
    return depth, found


def settled(claims: Iterable[Claim], present: Collection[Name], there: Mapping[str, int]) -> list[Claim]:
    """The claims that hold, or are a question. The others name what is not there.

    Names of one table's file are of one machine, so that two of them are never one picture: the longer ending has it.
    present: names that are files' own keys; there: how many such names each table's file has.
    """
    return _without_strays(list(_uncontested(claims, present)), there)


def _uncontested(claims: Iterable[Claim], present: Collection[Name]) -> Iterator[Claim]:
    rivals: dict[Name, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.match is None:
            yield claim
        elif (claim.file, claim.match) not in present:
            rivals[claim.file, claim.match].append(claim)
    for (_, match), same in rivals.items():
        depth = max(claim.depth for claim in same)
        deepest = [claim for claim in same if claim.depth == depth]
        words = f"{len(deepest)} rows name different pictures that could all be '{match}'; see --path-prefix"
        yield from (replace(claim, match=None, problem=words) if deepest[1:] else claim for claim in deepest)


def _without_strays(claims: list[Claim], there: Mapping[str, int]) -> list[Claim]:
    """Without names of folders below one that was found elsewhere as a whole: what is not there is missing."""
    names = Counter((claim.file, claim.old) for claim in claims)
    sure = Counter({(file, ""): count for file, count in there.items()})
    sure.update((claim.file, claim.old) for claim in claims if claim.problem is None)
    strays = {
        (file, old)
        for (file, old), count in names.items()
        if old and any(sure[file, above] >= count for above in _above(old) if (file, above) in sure)
    }
    return [claim for claim in claims if (claim.file, claim.old) not in strays]


def _above(old: str) -> Iterator[str]:
    """The folders above one, from the root of the pictures, or of where else they were."""
    steps = old.split("/")
    least = 2 if old.startswith(ELSEWHERE) else 0
    return ("/".join(steps[:count]) for count in range(least, len(steps)))
