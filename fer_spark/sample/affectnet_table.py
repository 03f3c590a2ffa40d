"""An AffectNet annotation table made up to match the published counts, for those who have no access to the data set.

Every count of the 8-label release holds exactly: rows per category and split, and rows per 0.2 bin of valence and
arousal. Which category lies in which bin is not published; it is made plausible. No row is a real annotation.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import write_csv

COLUMNS = ("path", "cat_emot", "valence", "arousal", "split")
_STEPS = 2000
"""Values have four decimals: so many of them in a bin of 0.2."""

_SCALE = 10_000
_CENTRES = {
    "neutral": (0.0, 0.0),
    "happy": (0.65, 0.1),
    "sad": (-0.6, -0.25),
    "surprise": (0.15, 0.7),
    "fear": (-0.15, 0.75),
    "disgust": (-0.65, 0.45),
    "anger": (-0.5, 0.6),
    "contempt": (-0.55, 0.45),
}
"""Roughly where each category lies in (valence, arousal)."""

_WIDTH, _FLOOR, _ROUNDS = 0.35, 1e-4, 500


def affectnet_table(category_counts: str | Path, valence_arousal_bins: str | Path, seed: int = 0) -> pa.Table:
    """Rows (path, cat_emot, valence, arousal, split) in random order; the same arguments give the same rows.

    category_counts: CSV with code, category, affectnet8_train, affectnet8_val. valence_arousal_bins: CSV with
    arousal_low, valence_low, affectnet8_count and so on. Raises ValueError where the two do not add up to as many rows.
    """
    names, codes, per_split = _categories(Path(category_counts))
    lows, cells = _bins(Path(valence_arousal_bins))
    classes = per_split.sum(axis=1)
    if classes.sum() != cells.sum():
        raise ValueError(f"the categories have {classes.sum():,} rows, the bins {cells.sum():,}; they must agree")
    rng = np.random.default_rng([seed, 0xAFFEC7])
    joint = whole_numbers(_fitted(lows, cells, names, classes), cells, classes)
    cell_of = np.repeat(np.repeat(np.arange(len(cells)), len(names)), joint.reshape(-1))
    class_of = np.repeat(np.tile(np.arange(len(names)), len(cells)), joint.reshape(-1))
    valence, arousal = _values(lows[cell_of], rng)
    in_val = np.zeros(len(cell_of), bool)
    for index in range(len(names)):
        rows = np.flatnonzero(class_of == index)
        in_val[rng.permutation(rows)[: per_split[index, 1]]] = True
    order = rng.permutation(len(cell_of))
    in_val = in_val[order]
    number = np.where(in_val, np.cumsum(in_val), np.cumsum(~in_val)) - 1
    paths = [f"{'val' if val else 'train'}_set/images/{n}.jpg" for val, n in zip(in_val, number, strict=True)]
    return pa.table(
        {
            "path": paths,
            "cat_emot": codes[class_of][order],
            "valence": valence[order],
            "arousal": arousal[order],
            "split": np.where(in_val, "val", "train").astype(object),
        }
    )


def write_affectnet_table(
    directory: str | Path,
    category_counts: str | Path,
    valence_arousal_bins: str | Path,
    seed: int = 0,
    file_per_split: bool = False,
) -> list[Path]:
    """Write affectnet_table as `interim.csv`, or as `train.csv` and `val.csv` without a split column; returns them.

    Raises FileExistsError rather than replace a file.
    """
    table, directory = affectnet_table(category_counts, valence_arousal_bins, seed), Path(directory)
    parts = {"interim.csv": table}
    if file_per_split:
        of = {name: pc.equal(table["split"], name) for name in ("train", "val")}
        parts = {f"{name}.csv": table.filter(rows).drop_columns(["split"]) for name, rows in of.items()}
    directory.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        if (directory / name).exists():
            raise FileExistsError(f"{directory / name} is there already: name a new directory")
        write_csv(part, directory / name)
    return [directory / name for name in parts]


def whole_numbers(
    expected: npt.NDArray[np.float64], rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """A table of whole numbers near `expected` (R, K) with exactly these sums of rows and columns."""
    table = np.floor(expected).astype(np.int64)
    for column in np.flatnonzero(table.sum(axis=0) > columns):  # rounding of the fit itself, if any
        while table[:, column].sum() > columns[column]:
            table[table[:, column].argmax(), column] -= 1
    for row in np.flatnonzero(table.sum(axis=1) > rows):
        while table[row].sum() > rows[row]:
            table[row, table[row].argmax()] -= 1
    left: list[int] = (columns - table.sum(axis=0)).tolist()
    for i in range(len(rows)):
        for j in np.argsort(table[i] - expected[i], kind="stable").tolist():
            more = min(int(rows[i] - table[i].sum()), left[j])
            if more > 0 and table[i, j] < expected[i, j]:
                table[i, j] += 1
                left[j] -= 1
    for i in range(len(rows)):  # what no fraction requested
        for j in range(len(columns)):
            more = min(int(rows[i] - table[i].sum()), left[j])
            table[i, j] += more
            left[j] -= more
    return table


def _categories(path: Path) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    rows = _read(path, ("code", "category", "affectnet8_train", "affectnet8_val"))
    used = [row for row in rows if int(row["affectnet8_train"]) + int(row["affectnet8_val"])]
    names = [row["category"].strip().lower() for row in used]
    counts = [[int(row["affectnet8_train"]), int(row["affectnet8_val"])] for row in used]
    return names, np.array([int(row["code"]) for row in used]), np.array(counts)


def _bins(path: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(R, 2) lower edges of valence and arousal in 1/_SCALE, and rows per bin, of the bins that are not empty."""
    rows = _read(path, ("arousal_low", "valence_low", "affectnet8_count"))
    rows = [row for row in rows if int(row["affectnet8_count"])]
    lows = [[round(float(row[name]) * _SCALE) for name in ("valence_low", "arousal_low")] for row in rows]
    return np.array(lows), np.array([int(row["affectnet8_count"]) for row in rows])


def _read(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = [name for name in columns if not rows or name not in rows[0]]
    if missing:
        raise ValueError(
            f"{path}: no column {', '.join(missing)}; expected a table as AffectNet's counts are published"
        )
    return rows


def _fitted(
    lows: npt.NDArray[np.int64], cells: npt.NDArray[np.int64], names: list[str], classes: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """(R, K) expected rows: nearness to each category's centre, scaled to both sums in turn (iterative fitting)."""
    middle = (lows + _STEPS / 2) / _SCALE
    centres = np.array([_CENTRES.get(name, (0.0, 0.0)) for name in names])
    apart = ((middle[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    table: npt.NDArray[np.float64] = np.exp(-apart / (2 * _WIDTH**2)) + _FLOOR
    for _ in range(_ROUNDS):
        table *= (classes / table.sum(axis=0))[None, :]
        table *= (cells / table.sum(axis=1))[:, None]
    return table


def _values(
    lows: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Valence and arousal within each row's bin and the unit circle; one row in a hundred on its lower edges."""
    steps = rng.integers(0, _STEPS, lows.shape)
    edge = rng.random(len(lows)) < 0.01
    steps[edge] = 0
    corner = np.where(lows < 0, _STEPS - 1, 0)  # of the bin, the one nearest to the neutral point
    for _ in range(40):
        outside = ((lows + steps) ** 2).sum(axis=1) > _SCALE**2
        if not outside.any():
            break
        pulled = corner[outside] + np.fix((steps[outside] - corner[outside]) * 0.7).astype(np.int64)
        steps[outside] = pulled
    values = (lows + steps) / _SCALE
    return values[:, 0], values[:, 1]
