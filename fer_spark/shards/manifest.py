"""`_manifest.json`: what a set of shards holds and how it was built. Readers trust it alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fer_spark.artifacts import Storage
from fer_spark.pixels.stored import StoredPixels
from fer_spark.preparation.preparation import Preparation

NAME = "_manifest.json"
FORMAT_VERSION = 1


class ManifestError(Exception):
    """A manifest is missing, damaged, or of a version that this release cannot read."""


@dataclass(frozen=True)
class ShardFile:
    """One Parquet file: its path relative to the manifest, the split it belongs to, and the rows of each row group."""

    path: str
    split: str
    rows: int
    row_groups: list[int]
    bytes: int


@dataclass(frozen=True)
class ImageColumn:
    """How the pixels of one column are stored; `mean` and `std` per channel in [0, 1] over the train split."""

    pixels: StoredPixels
    mean: list[float]
    std: list[float]

    @classmethod
    def from_dict(cls, name: str, content: Mapping[str, Any]) -> ImageColumn:
        """Raises KeyError, TypeError or ValueError for what `to_dict` never gave."""
        return cls(StoredPixels.from_dict(name, content), content["mean"], content["std"])

    def to_dict(self) -> dict[str, Any]:
        return self.pixels.to_dict() | {"mean": self.mean, "std": self.std}


@dataclass(frozen=True)
class Counts:
    """Row conservation: input = written_images + the sum of `quarantined` + already_there."""

    input: int
    written_images: int
    written_faces: int
    already_there: int
    quarantined: dict[str, int]
    per_split: dict[str, int]
    per_label: dict[str, dict[str, int]]

    def check(self) -> None:
        """Raise ManifestError if the counts do not add up."""
        total = self.written_images + sum(self.quarantined.values()) + self.already_there
        if total != self.input:
            raise ManifestError(
                f"rows do not add up: {self.input:,} in, but {self.written_images:,} written + "
                f"{sum(self.quarantined.values()):,} quarantined + {self.already_there:,} already there = {total:,}"
            )
        if sum(self.per_split.values()) != self.written_faces:
            raise ManifestError(
                f"{self.written_faces:,} faces written, the splits hold {sum(self.per_split.values()):,}"
            )

    @property
    def bad_fraction(self) -> float:
        from fer_spark.rows import NOT_BAD

        bad = sum(count for reason, count in self.quarantined.items() if reason not in NOT_BAD)
        return bad / self.input if self.input else 0.0


@dataclass(frozen=True)
class Manifest:
    """The whole of it. `checksum` ignores order: the sum of a 64-bit hash of every row, read back from the files.

    `settings` are those of the job, and `preparation`: how the faces were prepared; in manifests of older releases
    `faces` and `detector` stand for it.
    """

    label_names: list[str]
    images: dict[str, ImageColumn]
    counts: Counts
    files: list[ShardFile]
    quarantine_files: list[str]
    checksum: str
    settings: dict[str, Any]
    sources: list[dict[str, Any]]
    duplicates: dict[str, Any]
    decodes_per_picture: float
    run: dict[str, Any]
    package_version: str
    format_version: int = FORMAT_VERSION
    notes: list[str] = field(default_factory=list)

    @property
    def paths(self) -> set[str]:
        """Of all files that count, the quarantine's too."""
        return {*(file.path for file in self.files), *self.quarantine_files}

    @property
    def preparation(self) -> Preparation:
        """How the faces were prepared. Raises ManifestError for settings that this release does not know."""
        try:
            return Preparation.described(self.settings)
        except ValueError as error:
            raise ManifestError(f"{NAME}: {error}; it was written by fer_spark {self.package_version}") from error

    @property
    def settings_of_today(self) -> dict[str, Any]:
        """The settings as this release writes them."""
        others = {name: value for name, value in self.settings.items() if name not in ("faces", "detector")}
        return {**others, "preparation": self.preparation.to_dict()}

    def to_json(self) -> str:
        content = asdict(self) | {"images": {name: image.to_dict() for name, image in self.images.items()}}
        return json.dumps(content, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> Manifest:
        """Raises ManifestError naming the file for anything that is not a manifest this release reads."""
        try:
            content = json.loads(text)
            if content["format_version"] != FORMAT_VERSION:
                raise ManifestError(
                    f"{where}: format version {content['format_version']}, this release reads {FORMAT_VERSION}; "
                    f"it was written by fer_spark {content.get('package_version', '?')}"
                )
            content["images"] = {
                name: ImageColumn.from_dict(name, column) for name, column in content["images"].items()
            }
            content["counts"] = Counts(**content["counts"])
            content["files"] = [ShardFile(**file) for file in content["files"]]
            manifest = cls(**content)
            _ = manifest.preparation  # what this release does not know is refused before any work
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ManifestError(f"{where}: not a fer_spark manifest, or damaged ({error!r})") from error
        return manifest


def read_manifest(storage: Storage) -> Manifest | None:
    """The manifest of a directory; None where there is none. Raises ManifestError for a damaged one."""
    text = storage.read_text(NAME)
    return None if text is None else Manifest.from_json(text, storage.uri(NAME))
