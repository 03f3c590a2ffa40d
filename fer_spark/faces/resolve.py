"""Face settings and the detector chosen for them → the Preparation that a job works by and writes down; and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.settings import FaceSettings
from fer_spark.preparation.preparation import ANY, OWN_BOX, SAME, Preparation, margin_used

_ALIKE = {field.name for field in fields(FaceSettings)} & {field.name for field in fields(Preparation)}
"""Settings that are used as they are typed."""


def resolve(settings: FaceSettings, detector: DetectorSpec, source_detector: str | None = None) -> Preparation:
    """How faces are prepared by these settings with this detector; `source_detector` as in resolve_detector.

    Raises ValueError for sizes that cannot be.
    """
    of_the_data = detector.name == OWN_BOX or (settings.detector == "auto" and detector.name == source_detector)
    used = {name: getattr(settings, name) for name in _ALIKE}
    resolved = {
        "sizes": tuple(str(spec) for spec in settings.specs),
        "detector": detector.name,
        "detector_digest": detector.digest,
        "has_model": detector.kind.model is not None,
        "accepts": ANY if of_the_data else SAME,
        "margin": margin_used(detector.name, settings.margin),
    }
    return Preparation(**{**used, **resolved})


def settings_like(preparation: Preparation, **chosen: Any) -> FaceSettings:
    """Settings that prepare other pictures so, with these in place of its own."""
    kept = {name: getattr(preparation, name) for name in _ALIKE}
    return FaceSettings(**{**kept, "size": preparation.sizes, **chosen})
