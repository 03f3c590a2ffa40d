"""A search space in a TOML file, checked against the settings' own fields before anything is trained."""

from __future__ import annotations

import difflib
import math
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from fer_spark.pipelines.tune.space import GROUPS, Choices, Space, Span, apply, changed
from fer_spark.settings import check, why_fixed

if TYPE_CHECKING:
    from fer_spark.pipelines.train.run import AllSettings

_SPAN_KEYS = ("low", "high", "log", "step")


def read_space(path: Path, settings: AllSettings) -> Space:
    """The space that a file declares. ValueError naming the file and everything that is wrong in it.

    `name = [one, other]` is a choice, `name = {low = 0.01, high = 1.0, log = true}` or `{low, high, step}` a range.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"--space {path}: cannot be read as TOML ({error})") from error
    space: Space = {}
    wrong: list[str] = []
    for key, value in content.items():
        name = key.replace("-", "_")
        try:
            space[name] = _dimension(name, value, settings)
        except ValueError as error:
            wrong.append(f"{key}: {error}")
    if not content:
        wrong.append("it declares nothing; `fer-spark tune --show-space` prints an example")
    if wrong:
        raise ValueError(f"--space {path}: " + "; ".join(wrong))
    return space


def _dimension(name: str, value: Any, settings: AllSettings) -> Choices | Span:
    """What one line of the file declares. Raises ValueError saying what is wrong, without the name."""
    hints = {
        key: (group, kind)
        for group, settings_class in GROUPS.items()
        for key, kind in get_type_hints(settings_class).items()
    }
    if name not in hints:
        near = difflib.get_close_matches(name, hints, 1)
        raise ValueError("unknown setting" + (f"; did you mean {near[0]}?" if near else "; see fer-spark train --help"))
    if name in changed(settings):
        raise ValueError("given as a flag or in --config too: take it out of one of them")
    group, kind = hints[name]
    if why := why_fixed(GROUPS[group]).get(name):
        raise ValueError(f"cannot be searched: {why}")
    if isinstance(value, list):
        choices = _choices(value, kind)
        _check_values(choices.values, group, name, settings)
        return choices
    if not isinstance(value, dict):
        raise ValueError(f"{value!r}, expected a list of choices or a table {{low = …, high = …}}")
    span = _span(value, kind)
    _check_values((span.low, span.high), group, name, settings)
    return span


def _choices(value: list[Any], kind: Any) -> Choices:
    if not value:
        raise ValueError("an empty list of choices")
    values = tuple(_typed(item, kind) for item in value)
    if len(set(values)) < len(values):
        raise ValueError(f"{value!r} holds a choice twice")
    return Choices(values)


def _span(value: dict[str, Any], kind: Any) -> Span:
    if kind not in (int, float):
        raise ValueError("only numbers have a range; expected a list of choices")
    for key in value:
        if key not in _SPAN_KEYS:
            near = difflib.get_close_matches(key, _SPAN_KEYS, 1)
            raise ValueError(f"unknown key {key!r}" + (f"; did you mean {near[0]}?" if near else ""))
    if "low" not in value or "high" not in value:
        raise ValueError("a range needs low and high")
    low, high, log = _typed(value["low"], kind), _typed(value["high"], kind), value.get("log", False)
    step = _typed(value["step"], kind) if "step" in value else None
    if not isinstance(log, bool):
        raise ValueError(f"log is {log!r}, expected true or false")
    if low > high:
        raise ValueError(f"low {low} is above high {high}")
    if log and (step is not None or low <= 0):
        raise ValueError("log = true needs a low above 0 and goes with no step")
    if step is not None:
        steps = (high - low) / step if step > 0 else math.nan
        if not abs(steps - round(steps if math.isfinite(steps) else 0)) < 1e-6:
            raise ValueError(f"step {step} does not lead from low {low} to high {high} in whole steps")
    return Span(low, high, log, step)


def _typed(value: Any, kind: Any) -> Any:
    """The value as its field holds it. Raises ValueError for another type."""
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind in (bool, str, int) and type(value) is kind:
        return value
    if kind not in (bool, str, int, float) and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    expected = kind.__name__ if kind in (bool, str, int, float) else "a list of strings"
    raise ValueError(f"{value!r}, expected {expected}")


def _check_values(tried: tuple[Any, ...], group: str, name: str, settings: AllSettings) -> None:
    """Raise ValueError for a value that its field refuses; settings that hang together are left to the trials."""
    for value in tried:
        check(getattr(apply(settings, {name: value}), group))
