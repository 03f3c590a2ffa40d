"""What releases before `Preparation` wrote: face settings as the user typed them. Frozen: such files exist."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

DEFAULTS: dict[str, Any] = {
    "size": ["48:gray"],
    "detector": "auto",
    "detector_model": "",
    "detector_score": 0.6,
    "faces": "largest",
    "min_face_px": 16,
    "margin": 0.1,
    "align": "eyes",
    "denoise": "none",
    "photometric": "none",
    "store": "uint8",
    "max_megapixels": 80.0,
    "max_file_mb": 256.0,
}
"""Every face setting of those releases, with its default."""

WITH_MODEL = ("yunet",)
"""The detectors of those releases that are a model file."""

_CODECS = {"gray": "raw", "rgb": "jpeg95"}


def is_older(content: Mapping[str, Any]) -> bool:
    """Whether a file's preparation is settings as they were typed; nothing at all is that too."""
    return "sizes" not in content


def resolved_sizes(content: Mapping[str, Any]) -> list[str]:
    """`48:gray` → `48:gray:raw` by the defaults that those releases had."""
    raw = content.get("store", DEFAULTS["store"]) == "float32"
    return [_resolved(text.strip(), raw) for text in content.get("size", DEFAULTS["size"])]


def _resolved(text: str, raw: bool) -> str:
    size, mode, *codec = text.split(":")
    stored = "raw" if raw else codec[0] if codec else _CODECS.get(mode, mode)
    return f"{size}:{mode}:{'jpeg95' if stored == 'jpeg' else stored}"


def as_written(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Face settings of today as those releases would have written them; where the model's file lies is left out."""
    written = {name: settings.get(name, value) for name, value in DEFAULTS.items()}
    return {**written, "size": list(written["size"]), "detector_model": ""}


def described(settings: Mapping[str, Any], detector: str, detector_digest: str) -> dict[str, Any]:
    """What a job description of those releases says of preparation."""
    return {"faces": as_written(settings), "detector": {"name": detector, "digest": detector_digest}}


def scored_digest(settings: Mapping[str, Any], detector_digest: str) -> str:
    """The preparation digest in ledgers and scores that were written with a bundle of those releases."""
    return digest_of({"faces": as_written(settings), "detector": detector_digest})


def digest_of(content: Any) -> str:
    """SHA-256 of plain content as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
