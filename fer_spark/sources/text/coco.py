"""What COCO's JSON says: images, annotations with a box each, categories. Plain Python: no Spark here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from fer_spark.sources.marked import Face
from fer_spark.sources.settings import SourceError

_PARTS = ("images", "annotations", "categories")


def is_coco(head: str) -> bool:
    """Whether the beginning of a JSON file is that of COCO's detection lists."""
    return ('"images"' in head and '"file_name"' in head) or ('"image_id"' in head and '"category_id"' in head)


def coco_faces(text: str, name: str) -> list[Face] | None:
    """A face an annotation, then a row for each image without one; None for what lists no faces, as captions or the
    answers of a detector do. Raises SourceError for what is no JSON, or whose parts are no lists."""
    try:
        content = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise SourceError(f"{name}: no JSON ({error}), so its annotations cannot be read") from None
    if not isinstance(content, dict):
        return None
    parts = [content.get(part) or [] for part in _PARTS]
    if not all(isinstance(part, list) and all(isinstance(entry, dict) for entry in part) for part in parts):
        raise SourceError(f"{name}: expected COCO's lists of images, annotations and categories")
    return list(_faces(*parts)) if parts[2] else None


def _faces(images: list[Any], annotations: list[Any], categories: list[Any]) -> Iterator[Face]:
    files, classes = _by_id(images, "file_name"), _by_id(categories, "name")
    marked = set()
    for annotation in annotations:
        image, category = (_text(annotation.get(key)) for key in ("image_id", "category_id"))
        marked.add(image)
        names, labels = files[image], classes[category]
        box = annotation.get("bbox") or []
        problem = (
            _problem("image_id", image, names, "images")
            or _problem("category_id", category, labels, "categories")
            or ("" if isinstance(box, list) else "its bbox is no list of numbers")
        )
        name = next(iter(names)) if len(names) == 1 else ""
        label = next(iter(labels)) if len(labels) == 1 else ""
        yield Face(name, label, json.dumps(box) if box else "", "bad_annotation" if problem else "", problem)
    for image, names in files.items():
        if image not in marked:
            for name in sorted(names):
                yield Face(name, "", "", "not_a_face", "its list marks no face")


def _by_id(entries: list[Any], what: str) -> defaultdict[str, set[str]]:
    found = defaultdict[str, set[str]](set)
    for entry in entries:
        found[_text(entry.get("id"))].add(_text(entry.get(what)))
    return found


def _problem(key: str, value: str, found: set[str], what: str) -> str:
    if len(found) == 1:
        return ""
    return f"its {key} {value or 'is missing'} is that of {len(found) or 'none'} of the {what}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)
