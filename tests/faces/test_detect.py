"""Which detector is chosen, where its model comes from, and what YuNet and Haar find."""

from __future__ import annotations

import hashlib
import http.server
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from fer_spark.faces import model_file
from fer_spark.faces.detect import DetectorSpec, load_detector, resolve_detector
from fer_spark.faces.detectors.haar import HaarDetector
from fer_spark.faces.detectors.yunet import Found, YunetDetector, _merged, _mirrored
from fer_spark.faces.errors import NoFaceFoundError
from fer_spark.faces.geometry import Detection, FaceBox, Picture, Pixels
from fer_spark.faces.model_file import ModelFileError, fetch_model, find_model
from fer_spark.faces.settings import FaceSettings

ASTRONAUT_FACE = FaceBox(175, 65, 100, 130)
"""The astronaut's face in scikit-image's 512x512 picture, measured by hand, px."""


@pytest.fixture(autouse=True)
def _no_models_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FER_SPARK_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}", folder
    httpd.shutdown()
    httpd.server_close()


def test_auto_follows_the_source_then_the_model_then_haar(caplog: pytest.LogCaptureFixture) -> None:
    assert resolve_detector(FaceSettings(), "source").name == "source"
    assert resolve_detector(FaceSettings(), "none").name == "none"
    with caplog.at_level(logging.WARNING):
        assert resolve_detector(FaceSettings()).name == "haar"
    assert "fetch-detector" in caplog.text
    assert resolve_detector(FaceSettings(detector="none"), "source").name == "none"


def test_a_model_that_is_named_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"--detector-model is .*nowhere"):
        resolve_detector(FaceSettings(detector="yunet", detector_model=str(tmp_path / "nowhere.onnx")))
    with pytest.raises(ModelFileError, match="FER_SPARK_MODELS"):
        resolve_detector(FaceSettings(detector="yunet"))
    monkeypatch.setenv("FER_SPARK_MODELS", str(tmp_path))
    with pytest.raises(ModelFileError, match=r"\$FER_SPARK_MODELS is"):
        find_model()


def test_where_a_model_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_model() is None
    cached = tmp_path / "cache" / "fer_spark" / model_file.MODEL_NAMES[1]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"1")
    assert find_model() == cached
    other = tmp_path / "models" / "face_detection_yunet.onnx"
    other.parent.mkdir()
    other.write_bytes(b"2")
    for place in (other, other.parent):
        monkeypatch.setenv("FER_SPARK_MODELS", str(place))
        assert find_model() == other
    assert find_model(str(cached)) == cached


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with caplog.at_level(logging.WARNING), pytest.raises(ModelFileError, match="no YuNet"):
        resolve_detector(FaceSettings(detector="yunet", detector_model=str(path)))
    assert "none of the released models" in caplog.text
    path.write_bytes(b"")
    with pytest.raises(ModelFileError, match="0 bytes"):
        resolve_detector(FaceSettings(detector="yunet", detector_model=str(path)))


def test_fetching_keeps_only_what_was_asked_for(server: tuple[str, Path]) -> None:
    url, folder = server
    (folder / "model.onnx").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(ModelFileError, match=r"expected .* or .*nothing was kept"):
        fetch_model(f"{url}/model.onnx")
    with pytest.raises(ModelFileError, match="404"):
        fetch_model(f"{url}/other.onnx")
    assert not list(model_file.cache_dir().glob("*"))
    path = fetch_model(f"{url}/model.onnx", sha256=digest)
    assert path.read_bytes() == b"weights"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert find_model() == path
    (folder / "model.onnx").unlink()
    assert fetch_model(f"{url}/model.onnx", sha256=digest) == path


def test_fetching_from_nowhere_says_so() -> None:
    with pytest.raises(ModelFileError, match=r"http://127.0.0.1:9/x: cannot be fetched .*--detector-model"):
        fetch_model("http://127.0.0.1:9/x", timeout_s=2)
    with pytest.raises(ModelFileError, match="cannot be fetched"):
        fetch_model("http://127.0.0.1:9/a b", timeout_s=2)


def test_a_cache_that_cannot_be_written_to_is_named(server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    url, folder = server
    (folder / "model.onnx").write_bytes(b"weights")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "model.onnx"))
    with pytest.raises(ModelFileError, match="cannot be written to"):
        fetch_model(f"{url}/model.onnx", sha256=hashlib.sha256(b"weights").hexdigest())


def test_an_unknown_detector_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected one of haar, none, source, yunet, got 'yunnet'"):
        load_detector(DetectorSpec("yunnet"))


def astronaut() -> Pixels:
    return np.asarray(data.astronaut(), np.uint8)


def largest(detector: HaarDetector | YunetDetector, pixels: Pixels, scale: float = 1.0) -> Detection:
    height, width = pixels.shape[:2]
    return detector.detect(Picture(pixels, round(width / scale), round(height / scale), scale), None)[0]


def test_haar_finds_the_astronaut_in_full_size_px() -> None:
    detector = HaarDetector()
    assert largest(detector, astronaut()).box.iou(ASTRONAUT_FACE) > 0.5
    half = np.ascontiguousarray(cv2.resize(astronaut(), (256, 256), interpolation=cv2.INTER_AREA), np.uint8)
    assert largest(detector, half, 0.5).box.iou(ASTRONAUT_FACE) > 0.5
    with pytest.raises(NoFaceFoundError):
        largest(detector, np.full((200, 300), 128, np.uint8))


def candidates() -> Found:
    one = [10, 20, 40, 50, 20, 35, 40, 34, 30, 45, 22, 58, 38, 59]
    return np.array(
        [
            [*one, 0.9],
            [*(value + 2 for value in one), 0.3],
            [200, 20, 30, 30, *[210] * 10, 0.7],
            [90, 90, 9, 9, *[95] * 10, 0.5],
        ]
    )


def test_candidates_of_a_face_are_averaged_by_score() -> None:
    faces = _merged(candidates(), 0.6)
    assert [face[14] for face in faces] == [0.9, 0.7]
    assert faces[0][0] == pytest.approx((10 * 0.9 + 12 * 0.3) / 1.2)
    assert faces[1][0] == 200


def test_mirroring_a_face_twice_gives_it_back() -> None:
    once = _mirrored(candidates(), 96)
    assert once[0, :8].tolist() == [46, 20, 40, 50, 56, 34, 76, 35]  # 96 - 10 - 40; the eyes change places
    assert np.array_equal(_mirrored(once, 96), candidates())


@pytest.fixture(scope="module")
def model(yunet_model: Path) -> bytes:
    return yunet_model.read_bytes()


@pytest.mark.data
def test_yunet_finds_faces_of_every_size(model: bytes) -> None:
    detector = YunetDetector(model, 0.6, every_face=False)
    picture = astronaut()
    assert largest(detector, picture).box.iou(ASTRONAUT_FACE) > 0.6
    frame_filling = np.ascontiguousarray(picture[70:195, 170:285])
    assert largest(detector, frame_filling).box.shorter_side > 80
    far = np.full((2000, 2600, 3), 90, np.uint8)
    far[900:1412, 1500:2012] = picture
    found = largest(detector, far).box
    assert found.iou(FaceBox(1500 + 175, 900 + 65, 100, 130)) > 0.6
    reduced = cv2.resize(far, (650, 500), interpolation=cv2.INTER_AREA).astype(np.uint8)
    assert largest(detector, reduced, 0.25).box.iou(found) > 0.7
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.uint8)
    assert largest(detector, gray).box.iou(ASTRONAUT_FACE) > 0.6


@pytest.mark.data
def test_yunet_sees_rgb(model: bytes) -> None:
    """Offered as BGR by mistake, the face scores less."""
    detector = YunetDetector(model, 0.3, every_face=False)
    scores = [largest(detector, np.ascontiguousarray(astronaut()[..., ::step])).score or 0 for step in (1, -1)]
    assert scores[0] > scores[1]


@pytest.mark.data
def test_every_face_includes_a_small_one_beside_a_big_one(model: bytes) -> None:
    picture = np.full((900, 1400, 3), 90, np.uint8)
    picture[0:900, 0:900] = cv2.resize(astronaut()[0:300, 75:375], (900, 900), interpolation=cv2.INTER_CUBIC)
    picture[500:756, 1100:1356] = cv2.resize(astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    faces = YunetDetector(model, 0.6, every_face=True).detect(Picture.whole(picture), None)
    assert len(faces) == 2
    assert faces[0].box.iou(FaceBox(300, 195, 300, 390)) > 0.6
    assert faces[1].box.iou(FaceBox(1100 + 87, 500 + 32, 50, 65)) > 0.5
    (alone,) = YunetDetector(model, 0.6, every_face=False).detect(Picture.whole(picture), None)
    assert alone.box.iou(faces[0].box) > 0.9


@pytest.mark.data
def test_a_mirrored_picture_has_mirrored_eyes(model: bytes) -> None:
    detector = YunetDetector(model, 0.6, every_face=False)
    picture = astronaut()
    face, mirrored = largest(detector, picture), largest(detector, np.ascontiguousarray(picture[:, ::-1]))
    assert face.landmarks is not None
    assert mirrored.landmarks is not None
    eyes, others = face.landmarks.eyes, mirrored.landmarks.eyes
    assert eyes is not None
    assert others is not None
    distance = eyes[1][0] - eyes[0][0]
    assert 512 - others[1][0] == pytest.approx(eyes[0][0], abs=0.1 * distance)
    assert others[1][1] == pytest.approx(eyes[0][1], abs=0.1 * distance)


@pytest.mark.data
def test_yunet_says_so_when_there_is_no_face(model: bytes) -> None:
    with pytest.raises(NoFaceFoundError, match="looked at 96, 320 px"):
        largest(YunetDetector(model, 0.6, every_face=False), np.full((300, 200, 3), 128, np.uint8))


@pytest.mark.data
def test_auto_takes_yunet_where_its_model_is(yunet_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_SPARK_MODELS", str(yunet_model.parent))
    spec = resolve_detector(FaceSettings())
    assert (spec.name, len(spec.model)) == ("yunet", yunet_model.stat().st_size)
    assert hashlib.sha256(spec.model).hexdigest() in model_file.KNOWN_SHA256
