"""RAW_IMAGE rows for tests, and a detector whose answers are known."""

from __future__ import annotations

from typing import Any

from fer_spark.faces.errors import NoFaceFoundError
from fer_spark.faces.geometry import Detection, Picture
from fer_spark.rows import RAW_IMAGE


def raw(content: bytes | None, path: str = "a.jpg", **columns: Any) -> dict[str, Any]:
    """A RAW_IMAGE row; everything not named is null."""
    return dict.fromkeys(RAW_IMAGE.names) | {"source_path": path, "content": content, "encoding": "file"} | columns


class FixedDetector:
    """Finds the same faces in every picture, and remembers what it was shown."""

    name, needs_colour, looks_at_px = "yunet", True, 640

    def __init__(self, *faces: Detection, finest: float = 0.0) -> None:
        """finest: the scale at which it looks for small faces; 0: it does not."""
        self.faces, self.finest = list(faces), finest
        self.shown: list[Picture] = []

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        self.shown.append(picture)
        if self.finest and picture.finer is not None:
            self.shown.append(picture.finer(self.finest))
        if not self.faces:
            raise NoFaceFoundError("none")
        return self.faces
