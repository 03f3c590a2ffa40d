"""What is encoded decodes to the same, row by row and by the column; what is no such face is named, never half read."""

from __future__ import annotations

import cv2
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from fer_spark.pixels.codecs import to_png, to_uint8
from fer_spark.pixels.moments import moments
from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels, UnreadablePixelsError
from tests.explaining.scorers import noise

STORED = [("raw", "uint8"), ("raw", "float32"), ("png", "uint8"), ("jpeg1", "uint8"), ("jpeg95", "uint8")]


@st.composite
def pixels(draw: st.DrawFn) -> StoredPixels:
    """Any size, mode, codec and dtype."""
    codec, dtype = draw(st.sampled_from(STORED))
    face = FaceShape(draw(st.integers(1, 40)), draw(st.sampled_from(["gray", "rgb"])))
    return StoredPixels("a", face, codec, dtype)


def faces(pixels: StoredPixels, count: int, seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, *pixels.shape)).astype(np.uint8))


def smooth(shape: FaceShape) -> np.ndarray:
    """A ramp, and other values in each channel: what JPEG keeps, and swapped channels or axes do not."""
    down, right = np.mgrid[: shape.size_px, : shape.size_px]
    gray = (60 + 2 * down + right).astype(np.uint8)
    return gray if shape.mode == "gray" else np.stack([gray, gray // 2 + 20, 255 - gray], axis=2)


@given(pixels(), st.integers(0, 2**32))
def test_a_face_comes_out_as_it_went_in(pixels: StoredPixels, seed: int) -> None:
    if pixels.codec_kind == "jpeg":
        face, within = smooth(pixels.face), 12 if pixels.codec == "jpeg95" else 128
    else:
        [face], within = faces(pixels, 1, seed), 0
    found = pixels.decode(pixels.encode(face))
    assert (found.shape, found.dtype) == (face.shape, pixels.numpy_dtype)
    assert np.abs(to_uint8(found).astype(int) - face).max() <= within
    if pixels.dtype == "float32":
        assert 0 <= found.min() <= found.max() <= 1


@settings(deadline=None)
@given(pixels(), st.integers(0, 2**32), st.data())
def test_a_column_decodes_as_its_rows_do(pixels: StoredPixels, seed: int, data: st.DataObject) -> None:
    """Whatever lies between the faces: nulls, nothing, bytes too few or too many; in slices and chunks."""
    good = [pixels.encode(face) for face in faces(pixels, 3, seed)]
    other = st.one_of(st.none(), st.just(b""), st.just(good[0][:-1]), st.just(good[0] * 2), st.binary(max_size=60))
    cells = data.draw(st.lists(st.one_of(st.sampled_from(good), other), max_size=9))
    start, cut = data.draw(st.integers(0, len(cells))), data.draw(st.integers(0, len(cells)))
    kind = data.draw(st.sampled_from([pa.binary(), pa.large_binary()]))
    chunks = pa.chunked_array([pa.array(cells[:cut], kind), pa.array(cells[cut:], kind)])
    for column, rows in ((pa.array(cells, kind).slice(start), cells[start:]), (chunks, cells)):
        found, known = pixels.decode_column(column)
        alone = []
        for cell, is_face in zip(rows, known.tolist(), strict=True):
            if is_face:
                alone.append(pixels.decode(cell))
            else:
                with pytest.raises(UnreadablePixelsError, match=r"^a (is|holds) "):
                    pixels.decode(cell)
        assert found.shape == (len(alone), *pixels.shape)
        assert found.dtype == pixels.numpy_dtype
        assert all((one == row).all() for one, row in zip(found, alone, strict=True))


@settings(deadline=None)
@given(pixels(), st.integers(0, 2**32), st.data())
def test_damaged_bytes_give_a_face_of_the_right_shape_or_the_named_error(
    pixels: StoredPixels, seed: int, data: st.DataObject
) -> None:
    """Bytes flipped, cut out or added anywhere; nothing but UnreadablePixelsError leaves decode, nothing the column."""
    content = bytearray(pixels.encode(faces(pixels, 1, seed)[0]))
    whole = len(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    try:
        found = pixels.decode(bytes(content))
        assert (found.shape, found.dtype) == (pixels.shape, pixels.numpy_dtype)
        is_face = True
    except UnreadablePixelsError:
        is_face = False
    if pixels.codec == "raw":
        assert is_face == (len(content) == whole)
    assert pixels.decode_column(pa.array([bytes(content)]))[1].tolist() == [is_face]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_whole_raw_columns_are_read_where_arrow_holds_them(kind: pa.DataType, dtype: str) -> None:
    stored = StoredPixels("a", FaceShape(5, "rgb"), dtype=dtype)
    every = faces(stored, 7, 3)
    column = pa.array([stored.encode(face) for face in every], kind).slice(2, 4)
    for given_column in (column, pa.chunked_array([column])):
        found, known = stored.decode_column(given_column)
        assert known.all()
        assert (to_uint8(found) == every[2:6]).all()
        assert found.ctypes.data == column.buffers()[2].address + 2 * stored.raw_bytes
        assert not found.flags.writeable


def test_a_null_that_hides_bytes_is_no_face() -> None:
    """Arrow may keep bytes under a null."""
    offsets, bytes_ = pa.py_buffer(np.array([0, 4, 8], np.int32)), pa.py_buffer(bytes(range(8)))
    column = pa.Array.from_buffers(pa.binary(), 2, [pa.py_buffer(b"\x02"), offsets, bytes_])
    found, known = StoredPixels("a", FaceShape(2, "gray")).decode_column(column)
    assert (known.tolist(), found.tolist()) == ([False, True], [[[4, 5], [6, 7]]])


def test_columns_without_a_face() -> None:
    for codec in ("raw", "png"):
        stored = StoredPixels("a", FaceShape(6, "rgb"), codec)
        for column in (pa.array([], pa.binary()), pa.nulls(2), pa.chunked_array([], pa.binary())):
            found, known = stored.decode_column(column)
            assert (found.shape, found.dtype, known.tolist()) == ((0, 6, 6, 3), np.uint8, [False] * len(column))


@pytest.mark.parametrize(
    ("text", "store", "column", "codec"),
    [
        ("48:gray", "uint8", "image_48_gray", "raw"),
        (" 256:rgb ", "uint8", "image_256_rgb", "jpeg95"),
        ("256:rgb:jpeg", "uint8", "image_256_rgb", "jpeg95"),
        ("64:gray:jpeg80", "uint8", "image_64_gray", "jpeg80"),
        ("64:rgb:png", "uint8", "image_64_rgb", "png"),
        ("256:rgb", "float32", "image_256_rgb", "raw"),
    ],
)
def test_sizes_as_they_are_typed(text: str, store: str, column: str, codec: str) -> None:
    found = StoredPixels.parse(text, store)
    assert (found.column, found.codec, found.dtype) == (column, codec, store)
    assert StoredPixels.parse(str(found), store) == found, "what is written is read the same"


@pytest.mark.parametrize(
    ("text", "store", "message"),
    [
        ("48", "uint8", "expected SIZE:MODE"),
        ("7:gray", "uint8", "SIZE 8-4096"),
        ("48:bgr", "uint8", r"MODE gray\|rgb"),
        ("48:rgb:webp", "uint8", "CODEC raw"),
        ("48:rgb:png9", "uint8", "a quality 1-100 goes with jpeg alone"),
        ("48:rgb:jpeg0", "uint8", "a quality 1-100 goes with jpeg alone"),
        ("48:rgb:png", "float32", "float32 is stored raw; leave the codec out or use --store uint8"),
    ],
)
def test_sizes_that_cannot_be_say_so(text: str, store: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"size '{text}': .*{message}"):
        StoredPixels.parse(text, store)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"codec": "jpeg"}, "codec 'jpeg': spelled jpeg95"),
        ({"codec": "webp"}, "codec 'webp': expected raw"),
        ({"dtype": "float16"}, "dtype 'float16': expected uint8 or float32"),
        ({"codec": "png", "dtype": "float32"}, "float32 is stored raw"),
    ],
)
def test_descriptions_that_cannot_be(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StoredPixels("a", FaceShape(6, "gray"), **given)
    with pytest.raises(ValueError, match="expected mode gray or rgb"):
        FaceShape(6, "RGB")
    with pytest.raises(ValueError, match="size_px 1 or more"):
        FaceShape(0, "rgb")


def test_only_a_face_of_the_shape_and_type_is_encoded() -> None:
    stored = StoredPixels("a", FaceShape(6, "rgb"), "png")
    with pytest.raises(ValueError, match=r"a: expected a face of shape \(6, 6, 3\), got \(6, 6\)"):
        stored.encode(noise((6, 6)))
    with pytest.raises(ValueError, match=r"got .* float64, expected uint8"):
        stored.encode(noise((6, 6, 3)) / 255)  # type: ignore[arg-type]


def test_moments_by_hand() -> None:
    face = np.array([[[1, 10, 100], [2, 20, 200]], [[3, 30, 0], [4, 40, 255]]], np.uint8)
    assert moments(face) == [10, 100, 555, 30, 3000, 100**2 + 200**2 + 255**2]
    assert moments(np.ascontiguousarray(face[..., 2])) == [555, 100**2 + 200**2 + 255**2]
    assert moments(np.full((4096, 4096), 255, np.uint8)) == [255 * 2**24, 255**2 * 2**24], "exact at the largest size"


def test_a_picture_to_look_at_has_the_colours_of_the_face() -> None:
    face = smooth(FaceShape(9, "rgb"))
    for shown in (face, face / np.float32(255)):
        read = cv2.imdecode(np.frombuffer(to_png(shown), np.uint8), cv2.IMREAD_COLOR)
        assert (read[..., ::-1] == face).all()


def test_raw_pixels_come_out_as_they_went_in() -> None:
    face = noise((6, 6))
    assert (StoredPixels("a", FaceShape(6, "gray")).decode(face.tobytes()) == face).all()
    floats = (face / np.float32(255)).astype("<f4")
    found = StoredPixels("a", FaceShape(6, "gray"), dtype="float32").decode(floats.tobytes())
    assert found.dtype == np.float32
    assert (found == floats).all()


def test_picture_files_come_out_in_rgb_order() -> None:
    face = np.zeros((8, 8, 3), np.uint8)
    face[..., 0] = 200  # red
    content = cv2.imencode(".png", face[..., ::-1])[1].tobytes()
    assert (StoredPixels("a", FaceShape(8, "rgb"), "png").decode(content) == face).all()
    gray = cv2.imencode(".png", noise((8, 8)))[1].tobytes()
    assert (StoredPixels("a", FaceShape(8, "gray"), "png").decode(gray) == noise((8, 8))).all()


@pytest.mark.parametrize(
    ("pixels", "content", "message"),
    [
        (StoredPixels("a", FaceShape(6, "gray")), None, "a is null"),
        (StoredPixels("a", FaceShape(6, "gray")), b"12345", "5 bytes, expected 36"),
        (StoredPixels("a", FaceShape(6, "gray"), dtype="float32"), b"1" * 36, "expected 144"),
        (StoredPixels("a", FaceShape(6, "gray"), "png"), b"", "no picture"),
        (StoredPixels("a", FaceShape(6, "gray"), "png"), b"junk", "no picture"),
        (
            StoredPixels("a", FaceShape(6, "gray"), "png"),
            cv2.imencode(".png", noise((8, 8)))[1].tobytes(),
            r"a picture of \(8, 8\)",
        ),
    ],
)
def test_what_is_no_such_face_is_said(pixels: StoredPixels, content: bytes | None, message: str) -> None:
    with pytest.raises(UnreadablePixelsError, match=message):
        pixels.decode(content)


def test_encodings_hold_the_same_pixels() -> None:
    face = np.asarray(cv2.resize(data.astronaut()[10:200, 130:320], (56, 56)), np.uint8)
    gray = np.ascontiguousarray(face[..., 1])
    assert StoredPixels.parse("56:rgb:raw").encode(face) == face.tobytes()
    floats = np.frombuffer(StoredPixels.parse("56:gray", "float32").encode(gray), "<f4").reshape(56, 56)
    assert np.allclose(floats * 255, gray, atol=1e-4)
    assert floats.max() <= 1
    stored = cv2.imdecode(np.frombuffer(StoredPixels.parse("56:rgb:png").encode(face), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(stored[..., ::-1], face)
    stored = cv2.imdecode(np.frombuffer(StoredPixels.parse("56:rgb:jpeg98").encode(face), np.uint8), cv2.IMREAD_COLOR)
    luminance = [cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(int) for rgb in (stored[..., ::-1], face)]
    assert np.abs(luminance[0] - luminance[1]).mean() < 2
    with pytest.raises(ValueError, match="expected a face of shape"):
        StoredPixels.parse("56:rgb").encode(gray)
