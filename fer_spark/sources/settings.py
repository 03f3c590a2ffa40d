"""What a user can choose about the input, its labels and its splits. Flags and help come from these fields."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from fer_spark import members
from fer_spark.settings import check, option
from fer_spark.sources import layouts

AUTO = "auto"
"""As --source, not a layout: each is asked whether it recognises the input."""
SOURCES = members.names(layouts)
"""The layouts of the input, by name: the values of --source."""


class SourceError(ValueError):
    """The input cannot be read as asked; the message says what was found and what to give instead."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean X?)`, or nothing when no known word is close."""
    hits = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {hits[0]}?)" if hits else ""


@dataclass(frozen=True)
class SourceSettings:
    """Flags that say what to read. An empty text means: not given."""

    source: str = option(
        AUTO,
        "layout of the input, see above; auto: the one that it looks like, printed with the reason",
        choices=(AUTO, *SOURCES),
    )
    input: str = option(
        "", "file, folder or glob, local or any URI that Spark reads; for annotated sources the table", path=True
    )
    images: str = option(
        "", "folder, glob or archive with the pictures, where they do not lie beside the annotation table", path=True
    )
    votes: str = option("", "FER+ votes, fer2013new.csv; needed by ferplus, optional for fer2013", path=True)
    ferplus_mode: str = option(
        "majority",
        "majority: over half of the votes; soft: the official vote distribution",
        choices=("majority", "soft"),
    )
    drop_nonface: bool = option(
        False, "with --votes: quarantine pictures that the FER+ votes call no face as not_a_face"
    )
    labels: str = option(
        "",
        "classes and their order: fer2013, affectnet8, affectnet7, ferplus8, rafdb; or a,b,c, which also says that "
        "the labels 0, 1, 2 are a, b, c",
    )
    codes: str = option("", "what number labels mean, e.g. 1=surprise,2=fear")
    unlabelled: bool = option(False, "build without labels, whatever columns the table has")
    glob: str = option("", "only files whose name matches, e.g. '*.jpg'")
    label_from: str = option(
        "none",
        "for images and archives: parent: the label is the name of the picture's folder; class: of the innermost "
        "folder that is called as an expression is, and folders called train, val, test are splits",
        choices=("none", "parent", "class"),
    )
    path_column: str = option("", "annotation column with the picture's path")
    path_prefix: str = option(
        "",
        "OLD=NEW, or OLD alone: what the table's paths begin with on another machine, and what stands there below the "
        "pictures' folder; without it a path means the one picture whose path ends so",
    )
    label_column: str = option("", "annotation column with the label")
    group_column: str = option("", "annotation column with the person or user, for splits")
    group_from: str = option(
        "",
        "regular expression that finds the person in a picture's path, for splits: its group called person, or its "
        "first, e.g. '^(?:.*/)?(s[0-9]+)_'",
    )
    split_column: str = option("", "annotation column with the split")
    bytes_column: str = option("", "table column with the picture: its bytes, e.g. image.bytes, or its values")
    box_columns: str = option(
        "",
        "table columns with a face's box in px: four, such as x,y,w,h, or one with four numbers; none: leave them out. "
        "Usual names are found",
    )
    box_format: str = option(
        "",
        "what the four numbers of a box are: left, top, width, height; left, top, right, bottom; or the centre's x and "
        "y, width, height",
        choices=("xywh", "xyxy", "cxcywh"),
    )
    read_files: str = option(
        "auto",
        "who opens picture files. workers: the Python workers, faster, on storage that they all see under the same "
        "path; spark: Spark; auto: workers for file: paths, except with --on-existing append",
        choices=("auto", "workers", "spark"),
    )
    conflicts: str = option(
        "quarantine",
        "one picture, several labels: quarantine all its rows, or keep the first row's or the majority's label",
        choices=("quarantine", "first", "majority"),
    )
    keep_no_expression: bool = option(
        False, "keep AffectNet's None and Uncertain faces, without a label, for valence and arousal"
    )

    @staticmethod
    def introduction() -> str:
        """What --help shows above these flags."""
        return members.introduction(layouts, "layouts of the input, by --source:")

    def described(self) -> dict[str, Any]:
        """As a job notes them: settings that older releases did not have are there only where they are given, so that
        what these releases began is the same job."""
        return {name: value for name, value in asdict(self).items() if value or name not in _LATER}


_LATER = ("codes", "unlabelled", "path_prefix", "group_from", "box_columns", "box_format")


@dataclass(frozen=True)
class FileReading:
    """How picture files come to whoever decodes them: files above `max_bytes` are listed, not read.

    `by_path` hands over a file's path instead of its bytes where it lies on a file system (`file:`), for the Python
    worker to open: bytes that go through the JVM cost more than decoding a large photograph at an eighth of its size.
    `labels_needed`: False where pictures are read for what they show, so that labels that mean nothing do no harm.
    """

    max_bytes: int = 256 << 20
    by_path: bool = False
    labels_needed: bool = True


SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitSettings:
    """Flags that say how faces are divided into train, val and test."""

    split: str = option(
        "auto",
        "auto: the source's own splits, a stable hash where it states none; official: fail if it states none; "
        "hash: ignore them; none: all train",
        choices=("auto", "official", "hash", "none"),
    )
    ratios: str = option("0.8,0.1,0.1", "train,val,test shares where splits are drawn")
    seed: int = option(0, "another seed draws other splits", least=-(2**63), most=2**63 - 1)
    val_from: str = option(
        AUTO,
        "auto: draw val from train where the source states train and no val; train: draw it in any case, a val that "
        "the source states becomes test; none: as the source states it. Persons and copies are kept together",
        choices=(AUTO, "train", "none"),
    )
    val_fraction: float = option(0.1, "share of train that is drawn as val", least=0, below=1)
    group_by: str = option(
        "auto",
        "what stays in one split: group: the source's person or user, content: equal pixels, auto: group if usable",
        choices=("auto", "group", "content"),
    )
    stratify: bool = option(False, "draw the shares within each label")
    max_per_class: int = option(0, "keep at most this many pictures per label and split; 0: all", least=0)
    max_per_class_in: str = option("train", "where --max-per-class applies", choices=("train", "all"))

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        _ = self.fractions
        if self.val_from == "train" and self.split in ("hash", "none"):
            raise SourceError(f"--val-from draws from the source's splits; --split {self.split} ignores them")

    @property
    def fractions(self) -> tuple[float, float, float]:
        """The three ratios, scaled to sum 1. Raises SourceError."""
        try:
            train, val, test = (float(part) for part in self.ratios.split(","))
        except ValueError:
            raise SourceError(f"--ratios: {self.ratios!r}, expected train,val,test, e.g. 0.8,0.1,0.1") from None
        total = train + val + test
        if not (min(train, val, test) >= 0 and math.isfinite(total) and total > 0):
            raise SourceError(f"--ratios: {self.ratios!r}, expected shares of 0 or more, not all 0")
        return train / total, val / total, test / total
