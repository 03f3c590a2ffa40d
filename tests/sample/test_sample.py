"""Drawn faces: the same for the same seed, findable, labelled in words that the pixels bear out, and not trivial."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_spark.sample import (
    BROKEN_KINDS,
    EXPRESSIONS,
    FER2013_DRAWING,
    PICTURES_PER_PERSON,
    Drawing,
    DrawnPicture,
    TruthRow,
    WriteSettings,
    draw_face,
    encode,
    label_at,
    person_at,
    split_at,
    write_fer2013_csv,
    write_folder,
)
from fer_spark.sample.__main__ import main

SMALL = WriteSettings(drawing=Drawing(size_px=64))


def bytes_of(picture: DrawnPicture) -> bytes:
    return hashlib.sha256(picture.image.tobytes() + repr((picture.faces, picture.valence)).encode()).digest()


def digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def pictures() -> list[DrawnPicture]:
    return [draw_face(21, index) for index in range(140)]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[TruthRow]]:
    directory = tmp_path_factory.mktemp("sample") / "broken"
    return directory, write_folder(directory, 90, 4, "flat", broken_fraction=1.0, settings=SMALL)


def test_expressions_are_in_the_order_of_the_fer2013_codes() -> None:
    assert EXPRESSIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def test_a_picture_depends_on_seed_and_index_alone() -> None:
    forward = [bytes_of(draw_face(3, index)) for index in range(12)]
    backward = [bytes_of(draw_face(3, index)) for index in reversed(range(12))]
    assert forward == backward[::-1]
    assert len(set(forward)) == 12
    assert not set(forward) & {bytes_of(draw_face(4, index)) for index in range(12)}


def test_workers_do_not_change_a_byte(tmp_path: Path) -> None:
    rows = {
        workers: write_folder(
            tmp_path / f"by{workers}", 230, 5, "legend", 0.1, True, WriteSettings(SMALL.drawing, workers=workers)
        )
        for workers in (1, 2)
    }
    assert rows[1] == rows[2]
    assert len(digests(tmp_path / "by1")) == 230 + 3
    assert digests(tmp_path / "by1") == digests(tmp_path / "by2")
    assert (tmp_path / "by1_truth.csv").read_bytes() == (tmp_path / "by2_truth.csv").read_bytes()


def test_a_larger_set_begins_with_the_smaller_one(tmp_path: Path) -> None:
    few = write_folder(tmp_path / "few", 10, 5, settings=SMALL)
    many = write_folder(tmp_path / "many", 25, 5, settings=SMALL)
    assert many[:10] == few
    assert digests(tmp_path / "few").items() <= digests(tmp_path / "many").items()


def test_labels_are_balanced_and_not_in_a_fixed_order(pictures: list[DrawnPicture]) -> None:
    assert Counter(picture.label for picture in pictures) == dict.fromkeys(EXPRESSIONS, 20)
    assert [picture.label for picture in pictures] == [label_at(21, index) for index in range(140)]
    assert len({tuple(label_at(21, 7 * block + i) for i in range(7)) for block in range(20)}) > 15
    assert draw_face(21, 5, label="fear").label == "fear"


def test_a_person_has_several_pictures_with_different_expressions(pictures: list[DrawnPicture]) -> None:
    groups = {
        person: list(group)
        for person, group in itertools.groupby(sorted(pictures[:120], key=lambda p: p.person_id), lambda p: p.person_id)
    }
    assert {len(group) for group in groups.values()} == {PICTURES_PER_PERSON}
    assert np.mean([len({picture.label for picture in group}) for group in groups.values()]) > 3


def test_splits_share_no_person_and_have_the_asked_shares() -> None:
    people: dict[str, set[int]] = {"train": set(), "val": set(), "test": set()}
    counts: Counter[str] = Counter()
    for index in range(6000):
        people[split_at(index)].add(person_at(index))
        counts[split_at(index)] += 1
    assert not people["train"] & people["val"] | people["train"] & people["test"] | people["val"] & people["test"]
    assert [counts[part] / 6000 for part in ("train", "val", "test")] == pytest.approx([0.8, 0.1, 0.1], abs=0.01)


def test_sizes_and_colours_are_mixed(pictures: list[DrawnPicture]) -> None:
    sizes = Counter(picture.image.shape[:2] for picture in pictures)
    assert 8 <= sizes.pop((48, 48)) <= 36
    assert max(sizes.values()) <= 2
    assert min(min(size) for size in sizes) >= 96
    assert max(max(size) for size in sizes) > 350
    assert 0.2 < np.mean([picture.gray for picture in pictures]) < 0.6
    for picture in pictures:
        assert picture.image.dtype == np.uint8
        assert picture.gray == bool((picture.image == picture.image[:, :, :1]).all())
    shares = [picture.box.height / min(picture.image.shape[:2]) for picture in pictures]
    assert min(shares) < 0.45
    assert max(shares) > 0.85


def test_boxes_and_eyes_lie_inside_and_agree_with_the_tilt(pictures: list[DrawnPicture]) -> None:
    for picture in pictures:
        height, width = picture.image.shape[:2]
        for face in picture.faces:
            box, ((x0, y0), (x1, y1)) = face.box, face.eyes
            assert 0 <= box.left < box.left + box.width <= width
            assert 0 <= box.top < box.top + box.height <= height
            assert box.left < x0 < x1 < box.left + box.width
            assert box.top + 0.15 * box.height < min(y0, y1) <= max(y0, y1) < box.top + 0.65 * box.height
            assert np.rad2deg(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(face.tilt_deg, abs=0.01)
            assert 0.35 < np.hypot(x1 - x0, y1 - y0) / box.width < 0.6
    tilts = [picture.faces[0].tilt_deg for picture in pictures]
    assert -25 <= min(tilts) < -12
    assert 12 < max(tilts) <= 25


def test_eye_centres_are_darker_than_the_cheeks_below(pictures: list[DrawnPicture]) -> None:
    darker = []
    for picture in pictures:
        (x0, y0), (x1, y1) = picture.eyes
        if min(picture.image.shape[:2]) < 96:
            continue
        gray = picture.image.mean(axis=2)
        down = np.array([-(y1 - y0), x1 - x0]) * 0.45
        reach = max(1, round(0.06 * float(np.hypot(x1 - x0, y1 - y0))))
        for x, y in ((x0, y0), (x1, y1)):
            eye, cheek = (
                gray[int(at_y) - reach : int(at_y) + reach + 1, int(at_x) - reach : int(at_x) + reach + 1].mean()
                for at_x, at_y in ((x, y), (x + down[0], y + down[1]))
            )
            darker.append(eye < cheek - 5)
    assert len(darker) > 150
    assert np.mean(darker) > 0.95


def test_skin_ranges_from_dark_to_light(pictures: list[DrawnPicture]) -> None:
    cheeks = []
    for picture in pictures:
        (x0, y0), (x1, y1) = picture.eyes
        below = (x0 - (y1 - y0) * 0.45, y0 + (x1 - x0) * 0.45)
        cheeks.append(picture.image[int(below[1]), int(below[0])].mean())
    assert np.quantile(cheeks, 0.1) < 100
    assert np.quantile(cheeks, 0.9) > 170


def test_a_second_face_is_smaller_and_belongs_to_somebody_else() -> None:
    for index in range(30):
        picture = draw_face(8, index, Drawing(two_faces_fraction=1.0))
        first, second = picture.faces
        assert first.box.height > second.box.height
        assert first.box.left + first.box.width <= second.box.left
        assert first.person_id != second.person_id
    counts = Counter(len(draw_face(8, index, Drawing(size_px=40)).faces) for index in range(300))
    assert 4 <= counts[2] <= 32


def test_ratings_are_sometimes_there_and_agree_with_the_expression() -> None:
    pictures = [draw_face(2, index, FER2013_DRAWING) for index in range(350)]
    rated = [picture for picture in pictures if picture.valence is not None and picture.arousal is not None]
    assert 130 < len(rated) < 220
    means = {
        label: np.mean([(p.valence, p.arousal) for p in rated if p.label == label], axis=0) for label in EXPRESSIONS
    }
    assert means["happy"][0] > 0.3 > -0.3 > max(means["sad"][0], means["angry"][0])
    assert means["surprise"][1] > 0.3 > -0.1 > means["sad"][1]
    assert np.abs(means["neutral"]).max() < 0.2
    assert all(-1 <= value <= 1 for picture in rated for value in (picture.valence, picture.arousal) if value)


def test_the_stock_haar_cascade_finds_the_faces() -> None:
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    found: dict[str, list[bool]] = {label: [] for label in EXPRESSIONS}
    for index in range(140):
        picture = draw_face(13, index, Drawing(size_px=128, max_tilt_deg=10.0, two_faces_fraction=0.0))
        box = picture.box
        middle = np.array([box.left + box.width / 2, box.top + box.height / 2])
        boxes = cascade.detectMultiScale(cv2.cvtColor(picture.image, cv2.COLOR_RGB2GRAY), 1.1, 5)
        near = [np.abs((x + w / 2, y + h / 2) - middle).max() < 0.25 * box.width for x, y, w, h in boxes]
        found[picture.label].append(any(near))
    assert np.mean(list(itertools.chain.from_iterable(found.values()))) >= 0.93
    assert min(np.mean(hits) for hits in found.values()) >= 0.8


def standard_pixels(seed: int, indices: range) -> tuple[np.ndarray, np.ndarray]:
    drawn = [draw_face(seed, index, FER2013_DRAWING) for index in indices]
    pixels = np.array([picture.image[:, :, 0].ravel() for picture in drawn], np.float32)
    pixels = (pixels - pixels.mean(axis=1, keepdims=True)) / pixels.std(axis=1, keepdims=True)
    return pixels, np.array([EXPRESSIONS.index(picture.label) for picture in drawn])


def test_expressions_can_be_learnt_but_not_by_comparing_pixels() -> None:
    pixels, codes = standard_pixels(5, range(1400))
    unseen, answers = standard_pixels(5, range(90_000, 90_420))  # other people
    centroids = np.stack([pixels[codes == code].mean(axis=0) for code in range(7)])

    def nearest(references: np.ndarray) -> np.ndarray:
        return np.asarray(((references**2).sum(axis=1) - 2 * unseen @ references.T).argmin(axis=1))

    by_centroid = np.mean(nearest(centroids) == answers)
    by_neighbour = np.mean(codes[nearest(pixels)] == answers)
    ridge = np.linalg.solve(pixels @ pixels.T + 3000 * np.eye(len(pixels)), np.eye(7)[codes] - 1 / 7)
    by_line = np.mean((unseen @ (pixels.T @ ridge)).argmax(axis=1) == answers)
    chance = 1 / 7
    assert 1.3 * chance < by_centroid < 0.35
    assert 1.1 * chance < by_neighbour < 0.33
    assert 2.2 * chance < by_line < 0.7


def test_layouts(tmp_path: Path) -> None:
    write_folder(tmp_path / "folder", 70, 6, settings=SMALL)
    write_folder(tmp_path / "legend", 70, 6, "legend", settings=SMALL)
    write_folder(tmp_path / "flat", 70, 6, "flat", split=True, settings=SMALL)
    by_class = Counter(path.parent.name for path in (tmp_path / "folder").rglob("*.*"))
    assert by_class == dict.fromkeys(EXPRESSIONS, 10)
    legend = read_csv(tmp_path / "legend" / "legend.csv")
    assert list(legend[0]) == ["user.id", "image", "emotion"]
    names = {path.name: path.parent.name for path in (tmp_path / "folder").rglob("*.*")}
    same = {"anger": "angry", "happiness": "happy", "sadness": "sad"}
    for row in legend:
        spelled = row["emotion"].lower()
        assert names[row["image"]] == same.get(spelled, spelled)
        assert (tmp_path / "legend" / "images" / row["image"]).is_file()
    assert len({row["emotion"] for row in legend}) > 12
    parts = Counter(path.parent.name for path in (tmp_path / "flat").rglob("*.*"))
    assert set(parts) == {"train", "val", "test"}
    assert parts.total() == 70
    flat = {path.name: path.read_bytes() for path in (tmp_path / "flat").rglob("*.*")}
    assert flat == {path.name: path.read_bytes() for path in (tmp_path / "folder").rglob("*.*")}


def test_the_truth_table_describes_the_files(tmp_path: Path) -> None:
    rows = write_folder(tmp_path / "faces", 40, 7)
    saved = read_csv(tmp_path / "faces_truth.csv")
    assert [row["path"] for row in saved] == [row.path for row in rows]
    assert not list((tmp_path / "faces").rglob("*.csv"))
    for row, line in zip(rows, saved, strict=True):
        with Image.open(tmp_path / "faces" / row.path) as picture:
            assert (picture.width, picture.height) == (int(line["image_width"]), int(line["image_height"]))
            assert (picture.mode == "L") == (line["gray"] == "True")
            assert picture.format == {".jpg": "JPEG", ".png": "PNG"}[Path(row.path).suffix]
        assert row.left is not None
        assert row.path.split("/")[0] == line["label"]
        assert float(line["left"]) < float(line["eye0_x"]) < float(line["eye1_x"])
    assert {Path(row.path).suffix for row in rows} == {".jpg", ".png"}


@pytest.mark.parametrize(("gray", "mode"), [(False, "RGB"), (True, "L")])
def test_png_keeps_every_pixel(gray: bool, mode: str) -> None:
    picture = draw_face(1, 3, Drawing(gray=gray))
    with Image.open(io.BytesIO(encode(picture, ".png"))) as decoded:
        assert decoded.mode == mode
        np.testing.assert_array_equal(np.asarray(decoded.convert("RGB")), picture.image)


def test_broken_files_are_broken_as_the_truth_says(broken: tuple[Path, list[TruthRow]]) -> None:
    directory, rows = broken
    assert {row.broken for row in rows} == set(BROKEN_KINDS)
    for row in rows:
        content = (directory / row.path).read_bytes()
        assert row.left is None
        assert row.faces == 0
        if row.broken == "empty":
            assert content == b""
        elif row.broken == "text":
            assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) is None
        elif row.broken == "truncated":
            with pytest.raises(OSError, match=r"(?i)truncated|cannot"), Image.open(io.BytesIO(content)) as image:
                image.load()
        elif row.broken == "bomb":
            assert len(content) < 100_000
            with pytest.raises(Image.DecompressionBombError):
                Image.open(io.BytesIO(content))
        else:
            image_array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            assert min(image_array.shape[:2]) >= 96


def test_a_bomb_is_a_valid_picture(broken: tuple[Path, list[TruthRow]], monkeypatch: pytest.MonkeyPatch) -> None:
    directory, rows = broken
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    path = next(directory / row.path for row in rows if row.broken == "bomb")
    with Image.open(path) as image:
        assert image.width * image.height == 400_000_000
        image.load()


def test_faceless_pictures_show_no_face(broken: tuple[Path, list[TruthRow]]) -> None:
    directory, rows = broken
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    faceless = [directory / row.path for row in rows if row.broken in ("noise", "landscape")]
    assert len(faceless) > 15
    found = [
        len(cascade.detectMultiScale(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), 1.1, 5)) > 0 for path in faceless
    ]
    assert np.mean(found) < 0.1


def test_the_asked_share_is_broken(tmp_path: Path) -> None:
    rows = write_folder(tmp_path / "some", 150, 9, broken_fraction=0.2, settings=SMALL)
    assert 18 <= sum(bool(row.broken) for row in rows) <= 42
    whole = write_folder(tmp_path / "none", 150, 9, settings=SMALL)
    for row, good in zip(rows, whole, strict=True):
        assert row.broken or row == good


def test_the_fer2013_table(tmp_path: Path) -> None:
    write_fer2013_csv(tmp_path / "fer2013.csv", 350, 11, (0.7, 0.2, 0.1))
    rows = read_csv(tmp_path / "fer2013.csv")
    assert list(rows[0]) == ["emotion", "pixels", "Usage"]
    assert Counter(row["emotion"] for row in rows) == dict.fromkeys("0123456", 50)
    usages = Counter(row["Usage"] for row in rows)
    assert [usages[usage] / 350 for usage in ("Training", "PublicTest", "PrivateTest")] == pytest.approx(
        [0.7, 0.2, 0.1], abs=0.06
    )
    for index in (0, 123, 349):
        pixels = np.array(rows[index]["pixels"].split(" "), dtype=int).reshape(48, 48)
        picture = draw_face(11, index, FER2013_DRAWING)
        np.testing.assert_array_equal(pixels, picture.image[:, :, 0])
        assert EXPRESSIONS[int(rows[index]["emotion"])] == picture.label


def test_wrong_arguments_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"label: expected one of angry.*got 'joy'"):
        draw_face(0, 0, label="joy")
    with pytest.raises(ValueError, match="size_px: expected 32 to 1000, got 2000"):
        draw_face(0, 0, Drawing(size_px=2000))
    with pytest.raises(ValueError, match="layout: expected one of folder, legend, flat"):
        write_folder(tmp_path / "a", 1, 0, "tree")
    with pytest.raises(ValueError, match=r"broken_fraction: expected 0 to 1, got 5"):
        write_folder(tmp_path / "a", 1, 0, broken_fraction=5)
    with pytest.raises(ValueError, match="count: expected 0 or more, got -1"):
        write_folder(tmp_path / "a", -1, 0)
    assert not (tmp_path / "a").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="not empty"):
        write_folder(tmp_path / "full", 1, 0)


def test_the_command_writes_what_the_flags_ask_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--output", str(tmp_path / "new" / "faces"), "--count", "30", "--seed", "6", "--size", "64"]
    assert main([*flags, "--layout", "legend", "--broken", "0.3"]) == 0
    summary = capsys.readouterr().out
    assert "30 files of 5 people" in summary
    assert summary.count("\n") == 1
    assert len(read_csv(tmp_path / "new" / "faces" / "legend.csv")) == 30
    assert main([*flags, "--quiet"]) == 2
    assert "not empty" in capsys.readouterr().err
    assert main(["--output", str(tmp_path / "f.csv"), "--layout", "fer2013", "--count", "20", "--quiet"]) == 0
    assert len(read_csv(tmp_path / "f.csv")) == 20
    assert main(["--output", str(tmp_path / "g.csv"), "--layout", "fer2013", "--split"]) == 2
