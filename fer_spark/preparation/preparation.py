"""`Preparation`: how faces were prepared, every default resolved. How two of them differ is worded here alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum
from typing import Any, Self

from fer_spark.preparation.older import DEFAULTS, WITH_MODEL, digest_of, is_older, resolved_sizes

NO_DETECTOR, OWN_BOX, UNKNOWN = "none", "source", "unknown"
"""The picture is the face; the row says where the face is; an older file does not tell. Any other detector looks."""

SAME, ANY = "same", "any"


class Reuse(IntEnum):
    """What is to be used again. Each asks for all that the one before it does, and more."""

    PIXELS = 1
    """A model, on the faces of other pictures."""
    SHARDS = 2
    """Shards, to which faces are appended."""
    ROWS = 3
    """Rows of an unfinished job."""


def margin_used(detector: str, margin_frac: float) -> float:
    """The margin around a face: none where the picture is the face."""
    return 0.0 if detector == NO_DETECTOR else margin_frac


def _field(matters_to: Reuse | None, before: Any) -> Any:
    """`matters_to`: from which reuse on it has to be equal; None: never. `before`: what it was in all releases that did
    not write it. That never changes: digests of what exists depend on it."""
    return field(metadata={"matters_to": matters_to, "before": before})


@dataclass(frozen=True)
class Preparation:
    """Made once when a job starts, by fer_spark.faces.resolve.

    sizes            SIZE:MODE:CODEC each, e.g. `48:gray:raw`, `256:rgb:jpeg95`
    detector         that was used: one of fer_spark/faces/detectors/, as yunet, source (the row's own box) or none (the
                     picture is the face); or unknown: older cards say `auto`
    detector_digest  of everything that changes what it finds; empty where an older file does not tell
    has_model        whether the detector is a model file with a score, so that two of one name may differ; None where
                     the detector is not known
    accepts          `same`: other pictures' faces are to be found by the same detector; `any`: by any, as the data set
                     itself gave these faces, as boxes or as pictures that are faces, and nobody can say what found them
    try_turned       whether pictures in which upright shows no good face were looked at in their other turns
    margin           as used, a fraction of the face box's side
    max_megapixels, max_file_mb    larger pictures and files are refused
    """

    sizes: tuple[str, ...] = _field(Reuse.SHARDS, ("48:gray:raw",))
    detector: str = _field(Reuse.PIXELS, UNKNOWN)
    detector_digest: str = _field(Reuse.PIXELS, "")
    has_model: bool | None = _field(None, None)
    accepts: str = _field(None, SAME)
    detector_score: float = _field(Reuse.PIXELS, DEFAULTS["detector_score"])
    faces: str = _field(Reuse.SHARDS, DEFAULTS["faces"])
    min_face_px: int = _field(Reuse.PIXELS, DEFAULTS["min_face_px"])
    margin: float = _field(Reuse.PIXELS, DEFAULTS["margin"])
    try_turned: bool = _field(Reuse.SHARDS, False)
    align: str = _field(Reuse.PIXELS, DEFAULTS["align"])
    denoise: str = _field(Reuse.PIXELS, DEFAULTS["denoise"])
    photometric: str = _field(Reuse.PIXELS, DEFAULTS["photometric"])
    store: str = _field(Reuse.PIXELS, DEFAULTS["store"])
    max_megapixels: float = _field(Reuse.ROWS, DEFAULTS["max_megapixels"])
    max_file_mb: float = _field(Reuse.ROWS, DEFAULTS["max_file_mb"])

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "sizes": list(self.sizes)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """A field that the file does not have takes the value that older releases used.

        Reads face settings of older releases too. Raises ValueError for a field that this release does not know.
        """
        return cls._filled(_of_older(content, {}) if is_older(content) else content)

    @classmethod
    def described(cls, content: Mapping[str, Any]) -> Self:
        """Of a manifest's settings or a job description: under `preparation`, in older ones under `faces` and
        `detector`. Raises ValueError as from_dict does."""
        if "preparation" in content:
            return cls.from_dict(content["preparation"])
        return cls._filled(_of_older(content.get("faces", {}), content.get("detector", {})))

    @classmethod
    def _filled(cls, given: Mapping[str, Any]) -> Self:
        known = {item.name: item.metadata["before"] for item in fields(cls)}
        unknown = sorted(given.keys() - known.keys())
        if unknown:
            raise ValueError(f"preparation has unknown settings {unknown}: update fer_spark")
        values = {**known, **given}
        if values["has_model"] is None and values["detector"] != UNKNOWN:
            values["has_model"] = values["detector"] in WITH_MODEL
        return cls(**{**values, "sizes": tuple(values["sizes"])})

    @property
    def digest(self) -> str:
        """SHA-256 over what the prepared rows depend on.

        A field with the value that older releases used is left out: one field more leaves the digests of what exists.
        """
        decides = [item for item in fields(self) if item.metadata["matters_to"] is not None]
        values = {item.name: getattr(self, item.name) for item in decides}
        return digest_of(
            {item.name: values[item.name] for item in decides if values[item.name] != item.metadata["before"]}
        )

    @property
    def accepts_any_detector(self) -> bool:
        return self.accepts == ANY

    @property
    def searches(self) -> bool:
        """Whether a detector searched for faces."""
        return self.detector not in (NO_DETECTOR, OWN_BOX, UNKNOWN)

    @property
    def is_by_model(self) -> bool:
        """Whether its faces were found by a model file."""
        return bool(self.has_model)

    def codec(self, size_px: int, mode: str) -> str:
        """Of the faces of one size: raw, png or jpeg with its quality; empty where there is no such size."""
        found = [size.split(":")[2] for size in self.sizes if size.startswith(f"{size_px}:{mode}:")]
        return found[0] if found else ""

    def differences(
        self, other: Preparation, reuse: Reuse, own: str, others: str, dashes: str = "", size: tuple[int, str] = (0, "")
    ) -> list[str]:
        """A line for each field in which `other` is not as this, as far as the reuse needs it.

        `own` and `others` say whose values these are: `margin: 0.1 in the shards, 0.2 for the bundle`. `dashes` before
        a name make it a flag. `size`: the faces whose codec has to be the same as well.
        """
        found = [
            (_NAMES.get(name, name), getattr(other, name), getattr(self, name))
            for name in self._needed(reuse)
            if getattr(self, name) != getattr(other, name) and (reuse is Reuse.ROWS or _bears(name, self, other, reuse))
        ]
        codecs = other.codec(*size), self.codec(*size)
        if all(codecs) and codecs[0] != codecs[1] and self.store == other.store:
            found.append(("codec", *codecs))
        return [
            f"{dashes + name.replace('_', '-') if dashes else name}: {_text(a, name)} {others}, {_text(b, name)} {own}"
            for name, a, b in sorted(found, key=lambda line: line[0])
        ]

    def _needed(self, reuse: Reuse) -> list[str]:
        levels = {item.name: item.metadata["matters_to"] for item in fields(self)}
        return [name for name, level in levels.items() if level is not None and level <= reuse]


_NAMES = {"sizes": "size", "detector_digest": "detector_model"}
"""Fields that users know by another name."""


def _bears(name: str, own: Preparation, other: Preparation, reuse: Reuse) -> bool:
    """Whether a field that is not equal makes faces unlike: a margin does not where the picture is the face."""
    detectors = {own.detector, other.detector}
    if name == "detector":  # to shards, faces that the data set gave are added, and added to, as they are
        given = own.accepts_any_detector or (reuse is Reuse.SHARDS and other.accepts_any_detector)
        return not given and UNKNOWN not in detectors
    if name == "detector_digest":
        if reuse is Reuse.PIXELS and own.accepts_any_detector:
            return False
        same_search = (own.detector_score, own.faces) == (other.detector_score, other.faces)
        same_kind = len(detectors) == 1 and own.is_by_model and other.is_by_model
        return same_kind and same_search and bool(own.detector_digest and other.detector_digest)
    if name == "detector_score":
        return len(detectors - {UNKNOWN}) <= 1 and all(
            preparation.is_by_model or preparation.detector == UNKNOWN for preparation in (own, other)
        )
    return name not in ("margin", "min_face_px") or NO_DETECTOR not in detectors


def _of_older(content: Mapping[str, Any], used: Mapping[str, Any]) -> dict[str, Any]:
    """Face settings of an older release as fields. `used`: name and digest of the detector, where the file tells."""
    given = {name: value for name, value in content.items() if name not in ("size", "detector_model")}
    chosen = content.get("detector", DEFAULTS["detector"])
    detector = used.get("name", UNKNOWN if chosen == "auto" else chosen)
    of_the_data = detector in (UNKNOWN, OWN_BOX) or (chosen == "auto" and detector == NO_DETECTOR)
    given |= {"sizes": resolved_sizes(content), "detector": detector, "detector_digest": used.get("digest", "")}
    given["accepts"] = ANY if of_the_data else SAME
    if used:  # a card's margin is also for faces that will be looked for
        given["margin"] = margin_used(detector, given.get("margin", DEFAULTS["margin"]))
    return given


def _text(value: Any, name: str) -> str:
    if name == "detector_model":
        return str(value)[:12] or "unknown"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
