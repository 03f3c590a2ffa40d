"""One RAW_IMAGE row in; its prepared faces, or the reason why there are none, out. Knows nothing of Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_spark.faces.annotation import annotated_face
from fer_spark.faces.cut_out import cut_out
from fer_spark.faces.detect import Detector, DetectorSpec, load_detector
from fer_spark.faces.errors import (
    EmptyPictureError,
    MissingPictureError,
    NoFaceFoundError,
    PictureTooSmallError,
    RejectedPictureError,
)
from fer_spark.faces.geometry import CropSquare, Detection, eye_angle_deg
from fer_spark.faces.hashes import face_id
from fer_spark.faces.opened import OpenedPicture
from fer_spark.faces.quality import doubt
from fer_spark.faces.search.turned import detect_at_any_turn
from fer_spark.faces.settings import FaceSettings
from fer_spark.preparation.preparation import NO_DETECTOR, OWN_BOX, margin_used
from fer_spark.rows import RAW_IMAGE, prepared_table

Row = dict[str, Any]

_EXPECTED_FACE = 4
"""A photograph is decoded so that a face of a quarter of its shorter side has the pixels of the largest size; a
smaller one costs a second decode. Halving the size saves two fifths of the time, halving it again hardly anything:
the entropy code has to be read whole."""

_DETECTED = ("box_left", "box_top", "box_width", "box_height", "landmarks")


class FacePreparer:
    """Prepares faces by one set of settings with one loaded detector.

    Keeps the last picture, so that consecutive rows that name one picture decode it once; a row is the same with and
    without that, `decodes` included.
    """

    def __init__(self, settings: FaceSettings, detector: Detector | DetectorSpec) -> None:
        """Raises ValueError for settings that cannot be."""
        self.settings = settings
        self.detector = load_detector(detector) if isinstance(detector, DetectorSpec) else detector
        self.specs = settings.specs
        self.table = prepared_table([spec.column for spec in self.specs])
        self._largest_px = max(spec.size_px for spec in self.specs)
        self._gray = not self.detector.needs_colour and all(spec.mode == "gray" for spec in self.specs)
        self._margin = margin_used(self.detector.name, settings.margin)
        self._blank: Row = dict.fromkeys(self.table.names)
        self._kept = [name for name in RAW_IMAGE.names if name in self._blank and name not in _DETECTED]
        self._last: OpenedPicture | None = None
        self._last_file: tuple[bytes, bytes] | None = None
        self._past_decodes = 0

    @property
    def total_decodes(self) -> int:
        """How often any picture was decoded by this preparer."""
        return self._past_decodes + (self._last.decodes if self._last else 0)

    def prepare(self, row: Mapping[str, Any]) -> list[Row]:
        """Rows of `prepared_table`: one per face kept, largest first, or one that says why there is none.

        The `detail` of a face in doubt says why it is. `row` holds RAW_IMAGE's columns. A picture that cannot be used
        never raises; a bug does.
        """
        base = self._blank | {name: row[name] for name in self._kept}
        if row["reject_reason"] is not None:
            return [self._rejected(base, row, row["reject_reason"], row["reject_detail"])]
        try:
            if row["encoding"] == "path":
                path, row = row["content"], {**row, "content": None, "encoding": "file"}
                row["content"] = self._read(path)
            return self._faces(row, base)
        except RejectedPictureError as rejected:
            return [self._rejected(base, row, rejected.reason, rejected.detail)]

    def _rejected(self, base: Row, row: Mapping[str, Any], reason: str, detail: str | None) -> Row:
        content = row["content"]
        opened = self._open(content, row["encoding"]) if content else None
        base["image_id"] = opened.image_id if opened else None
        base["content_bytes"] = None if content is None else len(content)
        base["decodes"] = 0
        if opened is not None and reason == "no_face":  # every other reason is known before the decoder is done
            base["decodes"] = len({self._first_reduction(opened, None), *opened.searched})
        return base | {"reason": reason, "detail": detail}

    def _read(self, path: bytes) -> bytes:
        """A file's bytes, kept for the next row in case it names the same. Raises MissingPictureError."""
        if self._last_file is None or self._last_file[0] != path:
            try:
                with open(path, "rb") as file:
                    self._last_file = (path, file.read())
            except OSError as error:
                raise MissingPictureError(f"listed, but cannot be opened: {error.strerror}") from error
        return self._last_file[1]

    def _open(self, content: bytes, encoding: str) -> OpenedPicture:
        """The picture, kept from the row before when its bytes are the same."""
        last = self._last
        if last is None or last.encoding != encoding or last.content != content:
            self._past_decodes = self.total_decodes
            self._last = last = OpenedPicture(content, encoding, self.settings, self._gray)
        return last

    def _faces(self, row: Mapping[str, Any], base: Row) -> list[Row]:
        if not row["content"]:
            raise EmptyPictureError(
                "the file has no bytes" if row["encoding"] == "file" else "the pixel column is empty"
            )
        opened = self._open(row["content"], row["encoding"])
        annotated = annotated_face(row) if self.detector.name == OWN_BOX else None
        if annotated is not None and row["box_is_share"]:
            annotated = annotated.scaled(opened.header.width, opened.header.height)
        first = self._first_reduction(opened, annotated)
        faces = self._kept_faces(self._detect(opened, first, annotated))
        squares = [CropSquare.around(face.box, self._margin, self._angle_deg(face)) for face in faces]
        finest = min(first, *(opened.reduction_for(square.side, self._largest_px) for square in squares))
        view = opened.view(finest)
        common = base | self._picture_columns(opened, first) | {"face_count": len(faces)}
        rows = []
        for index, (face, square) in enumerate(zip(faces, squares, strict=True)):
            columns = cut_out(view, square.scaled(1 / finest), self.specs, self.settings)
            identity = {
                "face_id": face_id(opened.image_id, row["source_path"], row["source_row"], index),
                "face_index": index,
                "decodes": len({first, finest, *opened.searched}) if index == 0 else 0,
                "angle_deg": square.angle_deg,
                "detail": doubt(face, square.angle_deg),
            }
            rows.append(common | identity | _face_columns(face) | columns)
        return rows

    def _first_reduction(self, opened: OpenedPicture, annotated: Detection | None) -> int:
        """How coarsely the picture can be decoded so that the detector sees enough, and most likely the crops too."""
        header = opened.header
        longer, shorter = max(header.width, header.height), min(header.width, header.height)
        if annotated is not None:
            return opened.reduction_for(annotated.box.longer_side * (1 + 2 * self._margin), self._largest_px)
        if self.detector.looks_at_px == 0:
            return opened.reduction_for(longer, self._largest_px)
        for_detector = opened.reduction_for(longer, self.detector.looks_at_px)
        return min(for_detector, opened.reduction_for(shorter / _EXPECTED_FACE, self._largest_px))

    def _detect(self, opened: OpenedPicture, reduction: int, annotated: Detection | None) -> list[Detection]:
        """Faces in px of the upright full-size picture, largest first."""
        if annotated is None and opened.found is not None:
            return opened.found
        picture = opened.overview(reduction)
        if self.settings.try_turned and self.detector.looks_at_px:
            faces = detect_at_any_turn(lambda turned: self.detector.detect(turned, annotated), picture)
        else:
            faces = self.detector.detect(picture, annotated)
        opened.found = faces if annotated is None else None
        return faces

    def _kept_faces(self, faces: list[Detection]) -> list[Detection]:
        """The large enough faces: all, or the largest. Raises NoFaceFoundError or PictureTooSmallError."""
        least = self.settings.min_face_px
        large = [face for face in faces if self.detector.name == NO_DETECTOR or face.box.shorter_side >= least]
        if not large:
            sides = f"the largest of {len(faces)} has {faces[0].box.shorter_side:.0f} px, limit {least} (--min-face-px)"
            raise (
                PictureTooSmallError(f"annotated face: {sides}")
                if self.detector.name == OWN_BOX
                else NoFaceFoundError(sides)
            )
        return large if self.settings.faces == "all" else large[:1]

    def _angle_deg(self, face: Detection) -> float:
        """How far a face is turned to be upright: by its eyes, else by the turn at which it was found."""
        return (eye_angle_deg(face) if self.settings.align == "eyes" else 0.0) or float(face.turn_deg)

    def _picture_columns(self, opened: OpenedPicture, reduction: int) -> Row:
        pixel_hash, perceptual_hash = opened.hashes(reduction)
        return {
            "image_id": opened.image_id,
            "detector": self.detector.name,
            "image_width": opened.header.width,
            "image_height": opened.header.height,
            "image_channels": opened.header.channels,
            "image_format": opened.header.format,
            "content_bytes": len(opened.content),
            "pixel_hash": pixel_hash,
            "perceptual_hash": perceptual_hash,
        }


def _face_columns(face: Detection) -> Row:
    return {
        "box_left": face.box.left,
        "box_top": face.box.top,
        "box_width": face.box.width,
        "box_height": face.box.height,
        "landmarks": None if face.landmarks is None else face.landmarks.flat,
        "detector_score": face.score,
        "face_px": face.box.geometric_side,
    }
