"""Fingerprints of a picture: of its bytes, of its pixels, and of its look."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from fer_spark.faces.geometry import Pixels

_LOOK_PX = 32
_NOISE = 3.0
"""DCT coefficients of a 32x32 picture under this (the constant term reaches 8160) are rounding, not look."""


def image_id(content: bytes) -> str:
    """32 hex digits of SHA-256 over the picture's encoded bytes."""
    return hashlib.sha256(content).hexdigest()[:32]


def face_id(image: str, source_path: str, source_row: int | None, face_index: int) -> str:
    """32 hex digits of SHA-256 over `image|source_path|source_row|face_index`; a null row is empty."""
    row = "" if source_row is None else source_row
    return hashlib.sha256(f"{image}|{source_path}|{row}|{face_index}".encode()).hexdigest()[:32]


def pixel_hash(picture: Pixels) -> str:
    """32 hex digits over the decoded size and pixels. A colour picture whose channels agree hashes as the gray one."""
    if picture.ndim == 3 and _is_gray(picture):
        picture = picture[..., 0]
    digest = hashlib.sha256(repr(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()[:32]


def perceptual_hash(picture: Pixels) -> int:
    """64-bit DCT hash, signed: near-copies (re-encoded, resized) differ in few bits; a flat picture gives 0.

    The picture at 32x32 gray is transformed; the 64 lowest frequencies without the constant term say whether they lie
    above their median (C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010).
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
    shrinks = min(gray.shape) >= _LOOK_PX
    small = cv2.resize(gray, (_LOOK_PX, _LOOK_PX), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    frequencies = cv2.dct(small.astype(np.float32))
    low = frequencies[:8, :8].copy()
    low[0, 0] = frequencies[0, 8]
    low[np.abs(low) < _NOISE] = 0.0
    ordered = np.sort(low, axis=None)
    bits = np.packbits(low > (ordered[31] + ordered[32]) / 2)
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def hamming(first: int, second: int) -> int:
    """In how many of 64 bits two perceptual hashes differ."""
    return ((first ^ second) & 0xFFFFFFFFFFFFFFFF).bit_count()


def _is_gray(picture: Pixels) -> bool:
    probe = picture[:: max(1, picture.shape[0] // 8), :: max(1, picture.shape[1] // 8)]
    for part in (probe, picture):
        if not (np.array_equal(part[..., 0], part[..., 1]) and np.array_equal(part[..., 0], part[..., 2])):
            return False
    return True
