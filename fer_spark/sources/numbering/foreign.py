"""Numbers as labels in data of no known format: what they mean is stated with the data or by the user, or is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from fer_spark.labels import CODES, TAXONOMIES, code_names, taxonomy
from fer_spark.sources.numbering.meaning import CODES_FLAG, LABELS_FLAG, Numbering, agreed, shown
from fer_spark.sources.numbering.seen import Seen
from fer_spark.sources.settings import SourceError, SourceSettings

_SOME = 0.01
"""Single wrong labels are rejected row by row; where more numbers than that have no name, the names are not theirs."""

_REMEDY = "correct the one that is wrong, or leave the flag away"
_ALPHABETICAL = "in alphabetical order, as tools number folders"


def given_codes(settings: SourceSettings) -> Numbering | None:
    """What --codes states. Raises SourceError."""
    if not settings.codes:
        return None
    try:
        return Numbering(code_names(settings.codes), CODES_FLAG)
    except ValueError as error:
        raise SourceError(f"--{error}") from None


def listed(settings: SourceSettings) -> Numbering | None:
    """What --labels a,b,c states: the codes 0, 1, 2. The name of a taxonomy states none. Raises SourceError."""
    if not settings.labels or settings.labels in TAXONOMIES:
        return None
    try:
        return Numbering(dict(enumerate(taxonomy(settings.labels).names)), f"{LABELS_FLAG} {settings.labels}")
    except ValueError as error:
        raise SourceError(f"--{error}") from None


def numbering_of(settings: SourceSettings, seen: Seen, stored: Sequence[Numbering], place: str) -> Numbering | None:
    """What the numbers among the labels mean; None where nothing says so, and other labels are names.

    stored: what the data themselves state. Raises SourceError where two statements contradict each other, where the
    names cannot be those of the numbers that are there, and where all labels are numbers that nothing gives a meaning.
    """
    codes, names = given_codes(settings), listed(settings)
    stored = [statement for statement in stored if _are_names(statement, codes, seen)]
    if settings.labels in TAXONOMIES and codes is None and stored:
        agreed([*stored, _taxonomy_numbers(settings.labels, stored)], f"leave {LABELS_FLAG} away to use the data's own")
    statements = [statement for statement in (*stored, names, codes) if statement is not None]
    if statements:
        meaning = agreed(statements, _REMEDY)
        if codes is None:
            _check_cover(meaning, seen)
        return meaning
    if seen.names_expressions:
        return None
    raise SourceError(_question(settings, seen, place))


def _taxonomy_numbers(name: str, stored: Sequence[Numbering]) -> Numbering:
    """The numbers of the data set that a taxonomy is named after, where the data name theirs too."""
    own = {code for statement in stored for code in statement.names}
    known = {code: word for code, word in CODES[name].items() if code in own}
    return Numbering(known, f"{LABELS_FLAG} {name}")


def _are_names(stored: Numbering, codes: Numbering | None, seen: Seen) -> bool:
    """False for names that are the numbers themselves. Raises SourceError for names that are other numbers, unless
    --codes cannot mean these."""
    if not stored.only_numbers:
        return True
    numbers = [int(name) for name in stored.names.values()]
    if numbers == list(stored.names):
        return False
    own: Set[int] = codes.names.keys() if codes is not None else frozenset()
    if seen.numbers.keys() <= own <= stored.names.keys() and not own <= set(numbers):
        return False
    raise SourceError(
        f"the names in {stored.origin} are numbers again ({shown(stored.names)}), so a number could mean either: "
        f"{CODES_FLAG} is about the column's own numbers, {_list(sorted(seen.numbers))}; name each of these"
    )


def _check_cover(meaning: Numbering, seen: Seen) -> None:
    """Names for 0 to K-1 are not those of numbers from 1 to K, nor of others."""
    nameless = seen.without(meaning.names)
    shifted = 0 not in seen.numbers and len(meaning.names) in nameless
    if nameless and (shifted or seen.share(nameless) > _SOME):
        raise SourceError(
            f"the labels are the numbers {_list(sorted(seen.numbers))}, but {meaning.origin} names "
            f"{shown(meaning.names)} and not {_list(nameless)}: say with {CODES_FLAG} what each number means, "
            f"such as {CODES_FLAG} {_example(seen)}"
        )


def _question(settings: SourceSettings, seen: Seen, place: str) -> str:
    named = (
        f" ({LABELS_FLAG} {settings.labels} names the classes; it does not say that these are its numbers)"
        if settings.labels
        else ""
    )
    known = "".join(f"\n  {name}: {_pairs(names)}" for name, names in _candidates(seen).items())
    return (
        f"{place}: the labels are the numbers {_list(sorted(seen.numbers))}, and nothing says what they mean{named}. "
        f"Say it with {CODES_FLAG}, such as {CODES_FLAG} {_example(seen)}, or with {LABELS_FLAG} a,b,c for 0, 1, 2"
        + (f"\nData sets number differently:{known}" if known else "")
    )


def _candidates(seen: Seen) -> dict[str, Mapping[int, str]]:
    """Numberings in use that begin where these numbers begin and name all of them."""
    first = min(seen.numbers)
    seven = sorted(TAXONOMIES["fer2013"].names)
    known: dict[str, Mapping[int, str]] = {
        "FER-2013": dict(enumerate(TAXONOMIES["fer2013"].names)),
        _ALPHABETICAL: dict(enumerate(seven, first if first in (0, 1) else 0)),
        "AffectNet": dict(enumerate(TAXONOMIES["affectnet8"].names)),
        "RAF-DB": CODES["rafdb"],
    }
    return {name: names for name, names in known.items() if min(names) == first and seen.numbers.keys() <= names.keys()}


def _example(seen: Seen) -> str:
    first, *more = sorted(seen.numbers)
    return ",".join([f"{first}=…", *(f"{code}=…" for code in more[:1]), *(["…"] if more[1:] else [])])


def _pairs(names: Mapping[int, str]) -> str:
    return ",".join(f"{code}={names[code]}" for code in sorted(names))


def _list(numbers: Sequence[int]) -> str:
    few = ", ".join(map(str, numbers[:12]))
    return f"{few}, … {numbers[-1]}" if len(numbers) > 12 else few
