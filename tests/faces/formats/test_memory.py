"""A picture needs at most 8 bytes a pixel beyond its decoded size; formats that need more have a lower pixel limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_spark.faces.formats import sizes
from tests.poison import encoded

WIDTH, HEIGHT = 2400, 1600
ROOT = Path(__file__).parents[3]
BEYOND, SPARE = 8, 6 << 20
CODE = """
import ctypes, json, sys
from fer_spark.faces.decode import decode
from fer_spark.faces.header import inspect

def kib(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1])

found = {}
for path in sys.argv[1:]:
    content = open(path, "rb").read()
    ctypes.CDLL(None).malloc_trim(0)
    open("/proc/self/clear_refs", "w").write("5")
    before = kib("VmRSS")
    pixels = decode(content, inspect(content, 80))
    found[path] = (kib("VmHWM") - before) * 1024
    del pixels
print(json.dumps(found))
"""


def _files() -> dict[str, tuple[int, bytes]]:
    """Name → (bytes a pixel of its decoded values, file)."""
    ramp = np.linspace(0, 255, WIDTH).astype(np.uint8)
    gray = np.broadcast_to(ramp, (HEIGHT, WIDTH)).copy()
    colour = np.dstack([gray, gray[:, ::-1], gray])
    four = np.dstack([colour, gray])
    image, clear = Image.fromarray(colour), Image.fromarray(four)
    deep = cv2.imencode(".png", four.astype(np.uint16) * 257)[1].tobytes()
    floats = cv2.imencode(".tiff", gray.astype(np.float32))[1].tobytes()
    png = {"compress_level": 1}
    return {
        "jpeg": (3, encoded(image, "JPEG")),
        "progressive": (3, encoded(image, "JPEG", progressive=True, subsampling=0)),
        "cmyk": (4, encoded(image.convert("CMYK"), "JPEG")),
        "png": (3, encoded(image, "PNG", **png)),
        "png with alpha": (4, encoded(clear, "PNG", **png)),
        "gray png with alpha": (2, encoded(clear.convert("LA"), "PNG", **png)),
        "png of a palette": (1, encoded(image.quantize(16), "PNG", transparency=3, **png)),
        "png of 16 bits with alpha": (8, deep),
        "webp": (3, encoded(image, "WEBP", method=0)),
        "webp with alpha": (4, encoded(clear, "WEBP", method=0)),
        "gif": (1, encoded(image.quantize(16), "GIF")),
        "tiff with alpha": (4, encoded(clear, "TIFF", compression="tiff_lzw")),
        "tiff of floats": (4, floats),
        "bmp": (3, encoded(image, "BMP")),
        "ppm": (3, encoded(image, "PPM")),
        "tga": (4, encoded(clear, "TGA", compression="tga_rle")),
        "avif": (3, encoded(image, "AVIF", speed=10)),
        "jpeg2000": (3, encoded(image, "JPEG2000")),
    }


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read from Linux' /proc")
def test_a_picture_needs_little_beyond_its_decoded_size(tmp_path: Path) -> None:
    files, paths = _files(), {}
    for name, (_, content) in files.items():
        paths[name] = tmp_path / name
        paths[name].write_bytes(content)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, "-c", CODE, *map(str, [paths["jpeg"], *paths.values()])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    peaks = json.loads(done.stdout)
    used = {name: peaks[str(path)] / (WIDTH * HEIGHT) for name, path in paths.items()}
    spare = SPARE / (WIDTH * HEIGHT)
    most = {name: sizes.NEEDS.get(name, files[name][0] + BEYOND) + spare for name in files}
    print({name: round(share, 1) for name, share in used.items()})
    assert {name: round(used[name], 1) for name in files if used[name] > most[name]} == {}
    for name, needs in sizes.NEEDS.items():
        assert sizes.most_megapixels(name, 80) * needs <= sizes.most_megapixels("png", 80) * 11
