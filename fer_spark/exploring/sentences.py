"""For each check of the data that can fail: the sentence for the user, and how grave it is."""

from __future__ import annotations

from fer_spark.exploration import Level

OF_FEELINGS: dict[str, tuple[str, Level]] = {
    "sentinel": (
        "is −2 in some rows, which stands for `not annotated`: sources read it as missing, other programs may not.",
        "warning",
    ),
    "nan": ("is NaN in some rows; it is read as missing.", "warning"),
    "outside_range": (
        "is outside [−1, 1] in some rows: build-shards quarantines them as bad_annotation.",
        "problem",
    ),
    "outside_unit_circle": (
        "are outside the unit circle in some rows, where AffectNet's annotators could not point.",
        "note",
    ),
    "not_a_number": ("hold text in some rows: build-shards quarantines them as bad_annotation.", "problem"),
}
"""After the name of the column."""

OF_ROWS: dict[str, tuple[str, Level]] = {
    "unknown_code": (
        "Some labels stand for no expression known here: name the taxonomy with --labels, or mend them.",
        "problem",
    ),
    "unknown_split": (
        "Some splits are neither train, val nor test: build-shards quarantines those rows.",
        "problem",
    ),
    "label_spelling": (
        "Labels are spelled in several ways; they are read as one here, other programs may see more classes.",
        "note",
    ),
    "duplicated_name": (
        "Some pictures are named on several rows; build-shards keeps one row of each (--conflicts).",
        "warning",
    ),
    "conflicting_labels": (
        "Some pictures are named with different labels: decide with build-shards --conflicts.",
        "problem",
    ),
    "name_in_two_splits": ("Some pictures are named in two splits: what is tested was trained on.", "problem"),
}
"""Of annotation rows."""

OF_PICTURES: dict[str, tuple[str, Level]] = {
    "missing_file": ("Some annotations name pictures that are not there.", "problem"),
    "unreadable": ("Some pictures cannot be read: damaged, cut off, or none.", "problem"),
    "empty": ("Some pictures have no bytes.", "problem"),
    "unlisted": ("Some pictures are named by no annotation and will not be used.", "note"),
    "hidden_name": ("Some pictures have names that Spark passes over; rename them.", "warning"),
    "tiny_picture": ("Some pictures are tiny: the face holds too little to judge.", "warning"),
    "nearly_constant": ("Some pictures are nearly of one gray: look at them before training.", "warning"),
}
"""Of pictures."""
