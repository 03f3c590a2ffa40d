"""A picture on its side: the turn that shows its face is found, and box, eyes and crop are those of the picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.errors import NoFaceFoundError
from fer_spark.faces.geometry import Detection, FaceBox, Landmarks, Picture, Pixels
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.search.turned import detect_at_any_turn
from fer_spark.faces.settings import FaceSettings
from tests.faces.rows import raw

QUARTERS = {0: None, 90: cv2.ROTATE_90_CLOCKWISE, -90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180}
"""By how much the face is turned in the picture: how such a picture is made of an upright one."""


class BrightEye:
    """Finds a face where its left eye, a bright spot, lies in the upper left quarter; less surely elsewhere."""

    name, needs_colour, looks_at_px = "yunet", True, 640

    def __init__(self, elsewhere: float = 0.0) -> None:
        self.elsewhere, self.looks = elsewhere, 0

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        self.looks += 1
        height, width = picture.pixels.shape[:2]
        y, x = np.unravel_index(picture.pixels[..., 0].argmax(), (height, width))
        score = 0.95 if x < width / 2 and y < height / 2 else self.elsewhere
        if not score:
            raise NoFaceFoundError("nothing")
        box = FaceBox(0.2 * picture.width, 0.1 * picture.height, 0.5 * picture.width, 0.6 * picture.height)
        eyes = Landmarks(((float(x) + 0.5, float(y) + 0.5), (0.6 * picture.width, float(y) + 0.5)))
        return [Detection(box, eyes, score)]


def upright() -> Pixels:
    """200 px wide, 240 px high, with the bright spot at (60, 80)."""
    picture = np.full((240, 200, 3), 40, np.uint8)
    picture[:120] = 80
    picture[80, 60] = 255
    return picture


def turned(picture: Pixels, turn: int) -> Pixels:
    code = QUARTERS[turn]
    return picture if code is None else np.ascontiguousarray(cv2.rotate(picture, code), np.uint8)


@pytest.mark.parametrize("turn", QUARTERS)
def test_the_turn_is_found_and_points_are_those_of_the_picture(turn: int) -> None:
    picture, detector = turned(upright(), turn), BrightEye()
    (face,) = detect_at_any_turn(lambda shown: detector.detect(shown, None), Picture.whole(picture))
    assert (face.turn_deg, detector.looks) == (turn, 1 if turn == 0 else 4)
    y, x = np.unravel_index(picture[..., 0].argmax(), picture.shape[:2])
    assert face.landmarks is not None
    assert face.landmarks.points[0] == (x + 0.5, y + 0.5)
    boxes = {0: (40, 24, 100, 144), 90: (72, 40, 144, 100), 180: (60, 72, 100, 144), -90: (24, 60, 144, 100)}
    assert (face.box.left, face.box.top, face.box.width, face.box.height) == pytest.approx(boxes[turn])


def test_a_good_upright_face_costs_one_look_and_a_poor_one_must_be_beaten() -> None:
    detector = BrightEye(elsewhere=0.92)
    picture = Picture.whole(turned(upright(), 90))
    (face,) = detect_at_any_turn(lambda shown: detector.detect(shown, None), picture)
    assert (face.turn_deg, face.score, detector.looks) == (0, 0.92, 1)
    poor = BrightEye(elsewhere=0.8)
    (face,) = detect_at_any_turn(lambda shown: poor.detect(shown, None), picture)
    assert (face.turn_deg, face.score) == (90, 0.95)
    with pytest.raises(NoFaceFoundError, match="nothing; nor at another turn"):
        detect_at_any_turn(_nothing, picture)


def _nothing(picture: Picture) -> list[Detection]:
    raise NoFaceFoundError("nothing")


@pytest.mark.parametrize("align", ["eyes", "none"])
@pytest.mark.parametrize("turn", QUARTERS)
def test_the_row_says_the_turn_and_its_face_is_upright(turn: int, align: str) -> None:
    def prepared(shown: Pixels, try_turned: bool) -> tuple[float, np.ndarray]:
        settings = FaceSettings(size=("40:gray",), align=align, try_turned=try_turned)
        content = cv2.imencode(".png", shown)[1].tobytes()
        (row,) = FacePreparer(settings, BrightEye()).prepare(raw(content))
        return row["angle_deg"], np.frombuffer(row["image_40_gray"], np.uint8).reshape(40, 40).astype(int)

    angle, face = prepared(turned(upright(), turn), True)
    assert abs(angle) == abs(turn)
    assert angle == turn or turn == 180
    assert np.abs(face - prepared(upright(), False)[1]).mean() < 3


@pytest.mark.data
@pytest.mark.parametrize("turn", QUARTERS)
def test_a_portrait_is_found_at_every_turn(turn: int, yunet_model: Path) -> None:
    portrait = turned(np.asarray(data.astronaut(), np.uint8)[0:256, 130:330], turn)
    content = cv2.imencode(".png", portrait[..., ::-1])[1].tobytes()
    spec = DetectorSpec("yunet", model=yunet_model.read_bytes())
    (found,) = FacePreparer(FaceSettings(try_turned=True), spec).prepare(raw(content))
    assert (found["reason"], found["detail"]) == (None, None)
    assert abs((found["angle_deg"] - turn + 180) % 360 - 180) < 15
