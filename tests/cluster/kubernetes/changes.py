"""What requests to a Kubernetes API mean: selectors of labels, merges, and JSON patches."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

Object = dict[str, Any]


def labels(thing: Object) -> dict[str, str]:
    return dict(thing["metadata"].get("labels") or {})


def fits(labels: dict[str, str], selector: str) -> bool:
    """Whether labels fit every requirement of a selector."""
    for part in re.findall(r"[^,(]+(?:\([^)]*\))?", selector):
        part = part.strip(" ,")
        if found := re.fullmatch(r"(\S+) (in|notin) \((.*)\)", part):
            if (labels.get(found[1]) in re.split(r"[\s,]+", found[3].strip())) != (found[2] == "in"):
                return False
        elif found := re.fullmatch(r"([^!=]+)(==?|!=)(.*)", part):
            if (labels.get(found[1]) == found[3]) != (found[2] != "!="):
                return False
        elif part.startswith("!"):
            if part[1:] in labels:
                return False
        elif part and part not in labels:
            return False
    return True


def merged(thing: Object, changes: Object) -> Object:
    """As a JSON merge patch: null removes, objects are merged, all else is replaced."""
    result = dict(thing)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[name] = value
    return result


def patched(thing: Object, steps: list[Object]) -> Object:
    """As a JSON patch of the steps add, replace and remove. ValueError for another."""
    result = deepcopy(thing)
    for step in steps:
        *places, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:]]
        where: Any = result
        for place in places:
            where = where[int(place)] if isinstance(where, list) else where[place]
        if step["op"] == "remove":
            del where[int(last) if isinstance(where, list) else last]
        elif step["op"] not in ("add", "replace"):
            raise ValueError(f"a step of a JSON patch that is not known here: {step}")
        elif not isinstance(where, list):
            where[last] = step["value"]
        elif step["op"] == "add":
            where.insert(len(where) if last == "-" else int(last), step["value"])
        else:
            where[int(last)] = step["value"]
    return result
