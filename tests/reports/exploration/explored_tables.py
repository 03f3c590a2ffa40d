"""The parts of an exploration that are written down, not counted: columns, checks, pictures, advice."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

from fer_spark.exploration import Advice, Figures, Value, picture_name

LABELS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
ADVICE = (
    Advice(
        "The data have no test split: keep one apart before choosing anything.",
        "2 splits: train, val",
        "splits_sizes",
        "problem",
    ),
    Advice(
        "Rare classes gain from weighted sampling or a weighted loss.",
        "4.3 effective classes of 8",
        "categories",
        "note",
    ),
    Advice(
        "The training split leans towards happy and neutral: judge by recall of each class, not by accuracy.",
        "35.8 : 1",
        "categories_summary",
        "warning",
    ),
    Advice(
        "62 pictures of the validation split also stand in the training split: leave them out.",
        "62 pictures",
        "pictures_leaks",
        "problem",
    ),
)


def table(name: str, title: str, columns: str, rows: Iterable[tuple[Value, ...]], note: str = "") -> Figures:
    return Figures(name, name.split("_")[0], title, tuple(columns.split()), rows, note)


def sanity() -> list[Figures]:
    columns = [("path", "string"), ("label", "int"), ("valence", "double"), ("arousal", "double"), ("face_x", "int")]
    shown: list[tuple[Value, ...]] = []
    for split, total in (("train", 287651), ("val", 3999)):
        for name, kind in columns:
            wrong = name == "face_x" and split == "val"
            shown.append((split, name, "string" if wrong else kind, total, 0, 0, min(total, 2000), kind, not wrong))
    values: list[tuple[Value, ...]] = [
        ("train", "sentinel", "valence", 312, "a/0001.jpg · a/0002.jpg · b/0931.jpg"),
        ("train", "outside_unit_circle", "valence, arousal", 1204, "a/17.jpg · c/9.jpg"),
        ("train", "null", "valence", 0, ""),
        ("val", "unknown_code", "label", 0, ""),
        ("val", "missing_file", "path", 3, "d/a-very-long-name-of-a-file-that-goes-on-and-on-0123456789abcdef.jpg"),
    ]
    values += [
        (split, check, "valence", 0, "")
        for split in ("all", "train", "val")
        for check in ("nan", "outside_range", "text")
    ]
    return [
        table(
            "sanity_columns",
            "Columns and types",
            "split column type rows nulls nan distinct expected ok",
            shown,
            "distinct is approximate (HyperLogLog++, 5 %).",
        ),
        table(
            "sanity_values",
            "Values out of place",
            "split check column count examples",
            values,
            "Examples: up to three, of each check.",
        ),
    ]


def pictures() -> list[Figures]:
    shapes: list[tuple[Value, ...]] = [(350, 350, 1, "jpeg", 10876, 0.794), (350, 350, 3, "jpeg", 801, 0.0585)]
    shapes += [
        (180 + 7 * k, 200 + 5 * k, 3, "png" if k % 4 else "jpeg", 90 - 4 * k, (90 - 4 * k) / 13690) for k in range(18)
    ]
    measures = {
        "width": (350, 60),
        "height": (350, 70),
        "aspect_ratio": (1, 0.1),
        "brightness": (0.5, 0.12),
        "contrast": (0.21, 0.05),
    }
    rng = np.random.default_rng(3)
    drawn = {name: np.abs(rng.normal(*given, 5000)) for name, given in measures.items()}
    drawn |= {"bytes": np.exp(rng.normal(10, 0.8, 5000)), "sharpness": np.exp(rng.normal(6, 1.2, 5000))}
    histogram: list[tuple[Value, ...]] = []
    summary: list[tuple[Value, ...]] = []
    for name, values in drawn.items():
        edges = (
            np.geomspace(*np.quantile(values, [0, 1]), 31)
            if name in ("bytes", "sharpness")
            else np.linspace(values.min(), values.max(), 31)
        )
        counts = np.histogram(values, edges)[0]
        histogram += [(name, float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)]
        five = [float(q) for q in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])]
        summary.append(("all", name, 5000, *five[:3], float(values.mean()), *five[3:]))
    return [
        table(
            "pictures_shapes",
            "Shapes",
            "width height channels format count share",
            shapes,
            "The 20 most frequent; 214 others.",
        ),
        table("pictures_summary", "Measures", "split measure count min q25 median mean q75 max", summary),
        table("pictures_histogram", "How pictures differ", "measure low high count", histogram),
        table(
            "pictures_pixels",
            "Pixels",
            "split mean deviation pictures",
            (("train", 0.5077, 0.2550, 28709), ("val", 0.5051, 0.2561, 3589)),
            "Over all pixels, 0 black to 1 white.",
        ),
        table(
            "pictures_duplicates",
            "Duplicates",
            "kind groups pictures redundant",
            (("exact", 1202, 3055, 1853), ("near", 1534, 3900, 2366)),
        ),
        table(
            "pictures_leaks",
            "Leaks between splits",
            "kind split_a split_b pictures examples",
            (("exact", "train", "val", 62, "a/17.jpg = d/3.jpg · a/99.jpg = d/8.jpg"),),
        ),
        table("pictures_conflicts", "Conflicting labels among duplicates", "kind label_a label_b pairs examples", ()),
    ]


def faces() -> dict[str, bytes]:
    found = {}
    for k, label in enumerate(LABELS):
        rng = np.random.default_rng(k)
        ramp = np.clip(np.hypot(*np.mgrid[-24:24, -24:24]) * -6 + 210 + rng.normal(0, 9, (48, 48)), 0, 255)
        sheet = np.tile(ramp, (4, 8)).astype(np.uint8)
        for kind, pixels in (("mean", ramp.astype(np.uint8)), ("faces", sheet)):
            out = io.BytesIO()
            Image.fromarray(pixels).save(out, "PNG")
            found[picture_name(kind, label)] = out.getvalue()
    return found
