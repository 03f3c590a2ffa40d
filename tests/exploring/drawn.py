"""A folder of ten small pictures whose copies, leaks, contradictions and faults are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def noise(seed: int, height: int, width: int, channels: int = 1) -> Pixels:
    """Blotches, so that the picture has a look of its own."""
    rng = np.random.default_rng(seed)
    shape = (6, 6, channels) if channels > 1 else (6, 6)
    return cv2.resize(rng.integers(0, 256, shape, np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


ONE, OTHER, WIDE, TINY = noise(1, 64, 64), noise(2, 64, 64), noise(3, 40, 80, 3), noise(4, 16, 20)
FLAT: Pixels = np.full((64, 64), 90, np.uint8)
BRIGHTER: Pixels = np.where(OTHER < 250, OTHER + 3, OTHER).astype(np.uint8)
PICTURES: dict[str, tuple[Pixels, int]] = {
    "train/happy/one.png": (ONE, 1),
    "train/happy/again.png": (ONE, 9),  # the same pixels in other bytes
    "train/sad/again.png": (ONE, 5),  # under another label
    "train/sad/other.png": (OTHER, 1),
    "train/sad/flat.png": (FLAT, 1),
    "train/fear/wide.png": (WIDE, 1),
    "train/fear/tiny.png": (TINY, 1),
    "val/happy/leak.png": (ONE, 3),
    "val/sad/nearly.png": (BRIGHTER, 1),
}
"""Path below the folder → pixels (H, W) or (H, W, 3) BGR, PNG compression."""

TRAIN = [pixels for path, (pixels, _) in PICTURES.items() if path.startswith("train/")]


def draw(folder: Path) -> Path:
    """Write PICTURES, a cut-off picture and one without bytes."""
    for path, (pixels, compression) in PICTURES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        encoded = bytes(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, compression])[1])
        (folder / path).write_bytes(encoded)
    (folder / "val/sad/cut.png").write_bytes(encoded[: len(encoded) // 2])
    (folder / "train/sad/empty.png").write_bytes(b"")
    return folder
