"""What tests of `fer-spark evaluate` share: ten pictures, and a network that judges by brightness."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from fer_spark.cli.commands.evaluate import main
from fer_spark.networks.build import build_network, network_arguments
from fer_spark.networks.bundle import Card, save_bundle
from fer_spark.networks.settings import NetworkSettings
from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import FACE
from fer_spark.shards.manifest import NAME, Counts, ImageColumn, Manifest, ShardFile

SIDE = 8
COLUMN = f"image_{SIDE}_gray"
DARK, MIDDLE, BRIGHT = 51, 128, 204
CENTRES = {"angry": 0.2, "happy": 0.5, "sad": 0.8, "contempt": 0.95, "anger": 0.2}
SHARPNESS = 40.0
FACES = {"size": ["8:gray"], "detector": "none", "photometric": "none", "margin": 0.1, "store": "uint8"}


@dataclass(frozen=True)
class Row:
    """One face: its label, the gray of its left and right half, and which picture it is from."""

    label: str | None
    left: int
    picture: str
    right: int = -1
    face_index: int = 0
    valence: float | None = None

    @property
    def pixels(self) -> bytes:
        image = np.full((SIDE, SIDE), self.left, np.uint8)
        image[:, SIDE // 2 :] = self.left if self.right < 0 else self.right
        return image.tobytes()


TRAIN = [Row("sad", BRIGHT, "in-train-1"), Row("angry", DARK, "in-train-2"), Row("happy", MIDDLE, "only-train")]
VAL = [
    Row("angry", DARK, "a", valence=-0.5),
    Row("happy", MIDDLE, "b", valence=0.25),
    Row("sad", BRIGHT, "c", valence=0.5),
    Row("angry", MIDDLE, "d"),  # taken for happy
    Row(None, DARK, "e"),
    Row("sad", BRIGHT, "in-train-1"),
    Row("sad", BRIGHT, "c"),  # the face of row 2 again
    Row("angry", BRIGHT, "in-train-2"),  # taken for sad
    Row("angry", 80, "f", right=BRIGHT),  # one view sees angry, the mirrored one sad, and is surer
    Row("happy", MIDDLE, "c", face_index=1),  # another face of the picture of row 2
]


def write_shards(root: Path, splits: dict[str, list[Row]], names: list[str], **changes: Any) -> Path:
    """Two files per split, of uneven row groups; everything that evaluate reads is in them."""
    schema = pa.schema([*(f for f in FACE.arrow_schema if f.name != "split"), pa.field(COLUMN, pa.binary())])
    files, per_label = [], {}
    for split, rows in splits.items():
        half = len(rows) * 2 // 3
        for number, part in enumerate((rows[:half], rows[half:])):
            path = f"split={split}/part-{number}.parquet"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            first = number * half
            table = pa.Table.from_pylist(
                [
                    {
                        "face_id": f"{split}-{first + i}".rjust(32, "0"),
                        "label": row.label,
                        "pixel_hash": row.picture,
                        "face_index": row.face_index,
                        "valence": row.valence,
                        "arousal": None if row.valence is None else -row.valence,
                        COLUMN: row.pixels,
                    }
                    for i, row in enumerate(part)
                ],
                schema,
            )
            pq.write_table(table, root / path, row_group_size=4)
            metadata = pq.read_metadata(root / path)
            groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
            files.append(ShardFile(path, split, len(part), groups, (root / path).stat().st_size))
        per_label[split] = {name: sum(row.label == name for row in rows) for name in names}
    total = sum(map(len, splits.values()))
    image = ImageColumn(StoredPixels(COLUMN, FaceShape(SIDE, "gray")), [0.5], [0.25])
    manifest = Manifest(
        label_names=names,
        images={COLUMN: image},
        counts=Counts(total, total, total, 0, {}, {split: len(rows) for split, rows in splits.items()}, per_label),
        files=files,
        quarantine_files=[],
        checksum="00000000000000aa",
        settings={"faces": FACES, "detector": {"name": "none"}},
        sources=[],
        duplicates={},
        decodes_per_picture=1.0,
        run={},
        package_version="0.1.0",
    )
    (root / NAME).write_text(replace(manifest, **changes).to_json(), encoding="utf-8")
    return root


def write_bundle(root: Path, names: list[str], va_head: bool = False, **changes: Any) -> Path:
    """A network whose logits are 40 (2 b c - c²), b the gray of the left half and c a class's: the nearest c wins."""
    settings = NetworkSettings(network="small_cnn", va_head=va_head)
    network = build_network(settings, len(names), 1, SIDE)
    convolution, hidden = network.trunk[0], network.trunk[4]
    centres = torch.tensor([CENTRES[name] for name in names])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        convolution.weight[0, 0, 1, 1] = 1
        left = torch.zeros(32, 3, 3)  # after the pooling; its first column sees the left half alone
        left[0, :, 0] = 1 / 3
        hidden.weight[0] = left.flatten()
        network.head.classes.weight[:, 0] = SHARPNESS * 2 * centres
        network.head.classes.bias.copy_(-SHARPNESS * centres**2)
        if va_head:
            network.head.valence_arousal.weight[:, 0] = torch.tensor([1.0, -1.0])
            network.head.valence_arousal.bias.copy_(torch.tensor([-0.5, 0.5]))
    card = Card(
        network="small_cnn",
        arguments=network_arguments(settings, len(names), 1, SIDE),
        label_names=names,
        image=FaceShape(SIDE, "gray"),
        mean=[0.0],
        std=[1.0],
        **{"name": "by brightness", "views": "flip", "preparation": FACES, **changes},
    )
    save_bundle(root, network, card)
    return root


def expected(gray: int, names: list[str]) -> npt.NDArray[np.float64]:
    """Probabilities of one view, by the formula."""
    b, centres = gray / 255, np.array([CENTRES[name] for name in names])
    raised = np.exp(SHARPNESS * (2 * b * centres - centres**2))
    return np.asarray(raised / raised.sum())


def run(bundle: Path, shards: Path, output: Path, *more: str) -> int:
    words = ["--bundle", str(bundle), "--shards", str(shards), "--output", str(output), "--device", "cpu"]
    return main([*words, "--batch-size", "3", *more])


def figures(output: Path) -> dict[str, Any]:
    return dict(json.loads((output / "metrics.json").read_text(encoding="utf-8")))


def variant(found: dict[str, Any], views: str, pictures: str) -> dict[str, Any]:
    every = [found["scores"], *found["variants"]]
    return next(one for one in every if (one["views"], one["pictures"]) == (views, pictures))
