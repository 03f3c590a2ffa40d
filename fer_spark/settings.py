"""Settings are frozen dataclasses: how a field says what is true of it, and the check that all of them share."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def flag(field_name: str) -> str:
    """`batch_size` → `--batch-size`."""
    return "--" + field_name.replace("_", "-")


@dataclass(frozen=True)
class Limits:
    """The numbers that a setting may be; `least` and `most` are among them, `above` and `below` are not."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def hold(self, value: float) -> bool:
        """Never for NaN and infinities."""
        return (
            (isinstance(value, int) or math.isfinite(value))
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """`1 or more`, `0 to 1`, `more than 0 and less than 1` …"""
        if self.least is not None and self.most is not None:
            return f"{_short(self.least)} to {_short(self.most)}"
        words = (
            ("{} or more", self.least),
            ("more than {}", self.above),
            ("at most {}", self.most),
            ("less than {}", self.below),
        )
        return " and ".join(text.format(_short(bound)) for text, bound in words if bound is not None)


def _short(number: float) -> str:
    return str(int(number) if number == int(number) else number)


def option(
    default: T,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Sequence[object] = (),
    path: bool = False,
    changes_result: bool = True,
    fixed: str = "",
    metavar: str = "",
    later: bool = False,
    earlier: object = None,
) -> T:
    """A field of a settings class, in place of `dataclasses.field`: its flag, help and check are made of this.

    least, most, above, below  the numbers it may be; see Limits. --help shows them
    choices                    the values it may have, or each of a tuple[str, ...]; the default may be none of them
    path                       names a place, or what lies there: a card keeps only its last part
    changes_result             False: what was begun with one value may be resumed with another
    fixed                      why no search of settings can vary it; one that does not change the result needs no words
    metavar                    what --help shows in place of a value
    later                      added after releases had noted their settings: not noted at its default, which is what
                               they did, so that what they began is resumed
    earlier                    the same, where they did what another value than today's default stands for: this one

    Raises TypeError for a number without limits and choices.
    """
    limits = Limits(least, most, above, below)
    if type(default) in (int, float) and not (choices or str(limits)):
        raise TypeError(f"option {help!r}: a number needs least, most, above or below, or choices")
    fixed = fixed or ("" if changes_result else "it does not change the result")
    about: dict[str, Any] = {"help": help, "path": path, "changes_result": changes_result, "fixed": fixed}
    about |= {"limits": limits} if str(limits) else {}
    about |= {"choices": tuple(choices)} if choices else {}
    about |= {"metavar": metavar} if metavar else {}
    about |= {"unnoted": default if earlier is None else earlier} if later or earlier is not None else {}
    return dataclasses.field(default=default, metadata=about)


def check(settings: DataclassInstance, choices: Mapping[str, Sequence[object]] | None = None) -> None:
    """Raise ValueError naming the first field whose value it may not have: `--epochs: 0, expected 1 or more`.

    choices: by the name of a field, in place of the field's own. Rules that join two fields are the class's own.
    """
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        limits, allowed = field.metadata.get("limits"), field.metadata.get("choices", ())
        allowed = (choices or {}).get(field.name, allowed)
        if limits is not None and not limits.hold(value):
            raise ValueError(f"{flag(field.name)}: {value}, expected {limits}")
        for word in value if isinstance(value, tuple) else (value,):
            if allowed and word not in allowed and value != field.default:
                raise ValueError(f"{flag(field.name)}: {word!r}, expected one of {_choices_text(word, allowed)}")


def require(settings: DataclassInstance, *names: str) -> None:
    """Raise ValueError naming the first of these settings that is empty."""
    for name in names:
        if not getattr(settings, name):
            raise ValueError(f"{flag(name)} is missing; --help shows an example")


def require_local(settings: DataclassInstance, *names: str) -> None:
    """Raise ValueError naming the first of these settings that is a URL: Python writes there, to a disk."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name in names and "://" in value:
            kind = "file" if field.metadata.get("metavar") == "FILE" else "directory"
            raise ValueError(f"{flag(field.name)}: {value}, expected a local {kind}; copy it from there")


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], when: str = "there", show: Callable[[Any], str] = repr
) -> list[str]:
    """A line for each entry that is another one now: `train.epochs: 4 there, 9 now`; `nothing` where it is missing."""
    old, new = _flat(before), _flat(now)
    words = [{key: show(value) for key, value in flat.items()} for flat in (old, new)]
    return [
        f"{key}: {words[0].get(key, 'nothing')} {when}, {words[1].get(key, 'nothing')} now"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _choices_text(word: object, allowed: Sequence[object]) -> str:
    """`focal, soft_f1; did you mean focal?`: what is allowed, and which of it the word comes near to."""
    known = [str(choice) for choice in allowed if choice != ""]
    near = difflib.get_close_matches(str(word), known, 1)
    return ", ".join(known) + (f"; did you mean {near[0]}?" if near else "")


def values(settings: DataclassInstance) -> dict[str, Any]:
    """Every setting by its name, as work notes them: without `later` ones that are as before there was a choice."""
    return {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if "unnoted" not in field.metadata or getattr(settings, field.name) != field.metadata["unnoted"]
    }


def later(settings: DataclassInstance | type[DataclassInstance]) -> frozenset[str]:
    """Names of the settings that are not noted where they are as before there was a choice."""
    return _named(settings, lambda about: "unnoted" in about)


def unchanging(settings: DataclassInstance | type[DataclassInstance]) -> frozenset[str]:
    """Names of the settings that do not change the result."""
    return _named(settings, lambda about: not about.get("changes_result", True))


def paths(settings: DataclassInstance | type[DataclassInstance]) -> frozenset[str]:
    """Names of the settings that are paths."""
    return _named(settings, lambda about: bool(about.get("path")))


def changing(settings: DataclassInstance) -> dict[str, Any]:
    """`values` that change the result: what must be equal for work to be resumed."""
    return {name: value for name, value in values(settings).items() if name not in unchanging(settings)}


def why_fixed(settings: DataclassInstance | type[DataclassInstance]) -> dict[str, str]:
    """The settings that no search can vary, each with the reason."""
    found = {field.name: str(field.metadata.get("fixed", "")) for field in dataclasses.fields(settings)}
    return {name: why for name, why in found.items() if why}


def without_folders(settings: DataclassInstance) -> dict[str, Any]:
    """`values`, paths cut to their last part: what may travel to others."""
    cut = paths(settings)
    return {name: _last_parts(value) if name in cut else value for name, value in values(settings).items()}


def last_part(path: str) -> str:
    """`/lake/shards/` → `shards`."""
    return path.rstrip("/").rpartition("/")[2] or path


def _last_parts(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    return last_part(value) if isinstance(value, str) else tuple(map(last_part, value))


def _named(
    settings: DataclassInstance | type[DataclassInstance], holds: Callable[[Mapping[str, Any]], bool]
) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(settings) if holds(field.metadata))
