"""JPEGs that every viewer opens are read; those that lack a row are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fer_spark.faces.decode import decode
from fer_spark.faces.errors import UnreadablePictureError
from fer_spark.faces.header import inspect
from tests.poison import Array, encoded, gradient, jpeg

FILES = {
    "baseline": jpeg(120, 90, quality=80),
    "progressive": jpeg(120, 90, progressive=True),
    "subsampled": jpeg(121, 91, quality=80, subsampling=2),
    "gray": encoded(Image.fromarray(gradient(120, 90, 1)), "JPEG"),
    "cmyk": encoded(Image.fromarray(gradient(60, 40)).convert("CMYK"), "JPEG"),
    "restarts": jpeg(120, 90, restart_marker_blocks=3),
}


def read(content: bytes) -> Array:
    return decode(content, inspect(content, 80))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("behind", [b"", bytes(258)])
def test_an_end_marker_that_is_missing_costs_nothing(name: str, missing: int, behind: bytes) -> None:
    content = FILES[name]
    assert np.array_equal(read(content[:-missing] + (behind if missing == 2 else b"")), read(content))


@pytest.mark.parametrize("name", FILES)
def test_a_byte_of_the_last_row_that_is_missing_is_refused(name: str) -> None:
    for missing in range(3, 12):
        for behind in (b"", bytes(5000)):  # zeros: a download that reserved its space
            with pytest.raises(UnreadablePictureError, match="cut off"):
                inspect(FILES[name][:-missing] + behind, 80)


def test_a_progressive_file_without_its_last_scans_is_refused_though_each_scan_is_whole() -> None:
    content = FILES["progressive"]
    scans = [at for at in range(len(content)) if content[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 3
    for at in scans[1:]:
        with pytest.raises(UnreadablePictureError, match="cut off"):
            inspect(content[:at], 80)


def _segments(content: bytes) -> list[int]:
    """Where each segment before the scan begins."""
    places, at = [], 2
    while content[at + 1] != 0xDA:
        places.append(at)
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return [*places, at]


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(FILES)),
    junk=st.binary(min_size=1, max_size=40).map(lambda junk: junk.replace(b"\xff", b"\xff\x00")),
    place=st.integers(0, 99),
    reduction=st.sampled_from([1, 2, 4, 8]),
)
def test_bytes_between_the_segments_are_stepped_over(name: str, junk: bytes, place: int, reduction: int) -> None:
    content = FILES[name]
    places = _segments(content)
    at = places[place % len(places)]
    spoiled = content[:at] + junk + content[at:]
    if at == 2:  # the third byte tells a JPEG from other files
        return
    header = inspect(spoiled, 80)
    reduction = reduction if header.reducible else 1
    expected = decode(content, inspect(content, 80), reduction=reduction)
    assert np.array_equal(decode(spoiled, header, reduction=reduction), expected)


def test_fill_bytes_and_trailing_bytes_are_read() -> None:
    content = FILES["baseline"]
    at = _segments(content)[2]
    assert np.array_equal(read(content[:at] + b"\xff" * 7 + content[at:]), read(content))
    assert np.array_equal(read(content + bytes(258)), read(content))
