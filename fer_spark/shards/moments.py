"""Mean and deviation of the pixels of the train split, from sums that add up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from fer_spark.rows import moments_column
from fer_spark.shards.manifest import ImageColumn, Manifest

if TYPE_CHECKING:
    from pyspark.sql import Column, Row


def moment_sums(channels: Mapping[str, int]) -> list[Column]:
    """Aggregates over faces, with the moments of their pixels; `moments_of` reads them."""
    return [
        F.coalesce(F.sum(F.col(moments_column(column))[i]), F.lit(0.0)).alias(f"{column}_{i}")
        for column, count in channels.items()
        for i in range(2 * count)
    ]


def moments_of(row: Row | None, faces: int, channels: Mapping[str, int]) -> dict[str, list[float]]:
    """Per image column: how many faces, then the sums, then the sums of squares of each channel, in 0-255 units.

    None for no row: zeros.
    """
    return {
        column: [faces, *(0.0 if row is None else row[f"{column}_{i}"] for i in range(2 * count))]
        for column, count in channels.items()
    }


def with_statistics(name: str, image: ImageColumn, moments: list[float], base: Manifest | None) -> ImageColumn:
    """The column with the mean and deviation that its moments give; with those of `base` where it is appended to."""
    faces, *sums = moments
    channels, size = len(sums) // 2, image.pixels.size_px
    first, second = [v / 255 for v in sums[:channels]], [v / 255**2 for v in sums[channels:]]
    if base is not None:  # mean and deviation of both parts together
        before, was = base.counts.per_split.get("train", 0), base.images[name]
        pixels = before * size * size
        first = [f + m * pixels for f, m in zip(first, was.mean, strict=True)]
        second = [s + (d * d + m * m) * pixels for s, m, d in zip(second, was.mean, was.std, strict=True)]
        faces += before
    all_pixels = max(faces * size * size, 1)
    mean = [value / all_pixels for value in first]
    std = [math.sqrt(max(value / all_pixels - m * m, 0.0)) for value, m in zip(second, mean, strict=True)]
    return replace(image, mean=[round(value, 8) for value in mean], std=[round(value, 8) for value in std])


def with_copies_counted(old: Manifest, moments: Mapping[str, list[float]], copies: int) -> dict[str, ImageColumn]:
    """Mean and deviation over the train split, originals and copies together."""
    rows, columns = old.counts.per_split["train"], {}
    for name, image in old.images.items():
        channels, per_face = len(image.mean), image.pixels.size_px**2
        all_pixels = (rows + copies) * per_face
        mean, std = [], []
        for i, (m, d) in enumerate(zip(image.mean, image.std, strict=True)):
            first = m * rows * per_face + moments[name][i] / 255
            second = (d * d + m * m) * rows * per_face + moments[name][channels + i] / 255**2
            mean.append(first / all_pixels)
            std.append(math.sqrt(max(second / all_pixels - mean[i] ** 2, 0.0)))
        columns[name] = replace(image, mean=[round(v, 8) for v in mean], std=[round(v, 8) for v in std])
    return columns
