"""Hadoop's globs for one file name, in Python: *, ?, [a-z], [^a], [!a], {a,b} and \\x."""

from __future__ import annotations

import re
from collections import Counter


def last_part(glob: str) -> str:
    return glob.rstrip("/").rsplit("/", 1)[-1]


def glob_pattern(glob: str, any_case: bool = False) -> re.Pattern[str]:
    """Matches names by `fullmatch`; an empty glob matches all."""
    flags = re.DOTALL | (re.IGNORECASE if any_case else 0)
    out, depth, in_class, signs = "", 0, False, iter(glob or "*")
    for sign in signs:
        if sign == "\\":
            out += re.escape(next(signs, "\\"))
        elif in_class:
            out += {"!": "^"}.get(sign, sign) if out.endswith("[") else sign
            in_class = sign != "]"
        elif sign == "[":
            out, in_class = out + sign, True
        elif sign == "{":
            out, depth = out + "(?:", depth + 1
        elif sign == "}" and depth:
            out, depth = out + ")", depth - 1
        elif sign == "," and depth:
            out += "|"
        else:
            out += {"*": ".*", "?": "."}.get(sign, re.escape(sign))
    return re.compile(out, flags)


class NameFilter:
    """Which names a glob matches, and how many it would match in another case."""

    def __init__(self, glob: str) -> None:
        self._glob = glob
        self._exact, self._any_case = glob_pattern(glob), glob_pattern(glob, any_case=True)
        self._missed: Counter[str] = Counter()

    def accepts(self, path: str) -> bool:
        if not self._glob:
            return True
        name = path.rsplit("/", 1)[-1]
        if self._exact.fullmatch(name):
            return True
        if self._any_case.fullmatch(name):
            self._missed[name[name.rfind(".") :] if "." in name else name] += 1
        return False

    def missed_line(self) -> list[str]:
        """One line for the user, or none."""
        total = sum(self._missed.values())
        if not total:
            return []
        spelled = ", ".join(f"{count:,} {ending}" for ending, count in self._missed.most_common(4))
        stem, dot, ending = self._glob.rpartition(".")
        remedy = ""
        if dot and ending.isalnum():
            others = sorted(other[1:] for other in self._missed if other[1:].lower() == ending.lower())
            remedy = f"; --glob '{stem}.{{{','.join([ending, *others])}}}' reads them too"
        return [
            f"--glob {self._glob!r} leaves out {total:,} files that differ from it in case alone: {spelled}{remedy}"
        ]
