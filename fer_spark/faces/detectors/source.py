"""The face is where the data set says: its own box beside each picture."""

from __future__ import annotations

from fer_spark.faces.detect import DetectorKind
from fer_spark.faces.errors import NoFaceFoundError
from fer_spark.faces.geometry import Detection, FaceBox, Picture


class AnnotatedBox:
    """The face is where the row says."""

    name, needs_colour, looks_at_px = "source", False, 0

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        if annotated is None:
            raise NoFaceFoundError("the row gives no face box; use --detector yunet or haar")
        if annotated.box.iou(FaceBox(0, 0, picture.width, picture.height)) <= 0:
            raise NoFaceFoundError(f"the row's face box is outside its picture: {annotated.box}")
        return [annotated]


DETECTOR = DetectorKind(lambda spec: AnnotatedBox())
