"""Where YuNet's model file is searched for, how it is checked, and how it is fetched.

The model (230 kB, MIT licence) is https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.request
from pathlib import Path

from fer_spark.artifacts import replace_file
from fer_spark.machine import cache_dir

MODEL_URL = (
    "https://github.com/opencv/opencv_zoo/raw/26cc381e4d2594bb9f47a26eb8fd96c94a13660d"
    "/models/face_detection_yunet/face_detection_yunet_2026may.onnx"
)
MODEL_NAMES = ("face_detection_yunet_2026may.onnx", "face_detection_yunet_2023mar.onnx", "face_detection_yunet.onnx")
KNOWN_SHA256 = {
    "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0": "2026may",
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4": "2023mar",
}
"""Digest of a released model: its name."""

_MOST_BYTES = 64 * 2**20
_log = logging.getLogger(__name__)


class ModelFileError(Exception):
    """The detector's model file is missing, cannot be fetched, or is not what it should be."""


def find_model(path: str = "") -> Path | None:
    """The model file at `path`, else in $FER_SPARK_MODELS (a file or a folder), else in the user's cache, else None.

    Raises ModelFileError when `path` or $FER_SPARK_MODELS is set and names nothing.
    """
    if path:
        return _named(Path(path), "--detector-model")
    models = os.environ.get("FER_SPARK_MODELS", "")
    if models:
        return _named(Path(models), "$FER_SPARK_MODELS")
    return _first_in(cache_dir())


def _named(place: Path, origin: str) -> Path:
    found = _first_in(place) if place.is_dir() else place if place.is_file() else None
    if found is None:
        names = ", ".join(MODEL_NAMES)
        raise ModelFileError(f"{origin} is {place}: expected a YuNet .onnx file, or a folder with one of {names}")
    return found


def _first_in(folder: Path) -> Path | None:
    return next((folder / name for name in MODEL_NAMES if (folder / name).is_file()), None)


def read_model(path: Path) -> bytes:
    """Read a model file. One that is no released model is used with a warning; an empty or huge one is refused."""
    size = path.stat().st_size
    if not 0 < size <= _MOST_BYTES:
        raise ModelFileError(f"{path}: {size} bytes, expected a YuNet .onnx file of about 230 kB")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest not in KNOWN_SHA256:
        _log.warning("%s (sha256 %s) is none of the released models %s", path, digest, ", ".join(KNOWN_SHA256.values()))
    return content


def model_digest(path: Path) -> str:
    """SHA-256 of a model file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch_model(
    url: str | None = None, sha256: str | None = None, folder: Path | None = None, timeout_s: float = 60
) -> Path:
    """Download the model into the user's cache and return its path; does nothing when it is there already.

    `sha256` is what the file must have; without it, one of the released models. The file appears under its name only
    when complete and checked. Raises ModelFileError that names the address and what went wrong.
    """
    url, folder = url or MODEL_URL, folder or cache_dir()
    accepted = {sha256} if sha256 else set(KNOWN_SHA256)
    target = folder / MODEL_NAMES[0]
    if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() in accepted:
        return target
    content = _download(url, timeout_s)
    digest = hashlib.sha256(content).hexdigest()
    if digest not in accepted:
        expected = " or ".join(sorted(accepted))
        raise ModelFileError(
            f"{url}: got {len(content)} bytes with sha256 {digest}, expected {expected}; nothing was kept"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(target, content)
    except OSError as error:
        raise ModelFileError(
            f"{folder}: cannot be written to ({error}); let $XDG_CACHE_HOME name a folder that can"
        ) from error
    return target


def _download(url: str, timeout_s: float) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:
            content: bytes = response.read(_MOST_BYTES + 1)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise ModelFileError(
            f"{url}: cannot be fetched ({error}); fetch it elsewhere and name it with --detector-model"
        ) from error
    if len(content) > _MOST_BYTES:
        raise ModelFileError(f"{url}: more than {_MOST_BYTES} bytes, expected about 230 kB")
    return content
