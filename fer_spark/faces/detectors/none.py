"""The picture is the face: no detector runs."""

from __future__ import annotations

from fer_spark.faces.detect import DetectorKind
from fer_spark.faces.geometry import Detection, FaceBox, Picture


class WholePicture:
    """The picture is the face."""

    name, needs_colour, looks_at_px = "none", False, 0

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        return [Detection(FaceBox(0, 0, picture.width, picture.height))]


DETECTOR = DetectorKind(lambda spec: WholePicture())
