"""What tests of `fer-spark train` share: shards of pictures whose classes are plain to see, and the command itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from fer_spark.cli.commands.train import main
from fer_spark.networks.bundle import load_bundle
from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import FACE
from fer_spark.shards.manifest import NAME, Counts, ImageColumn, Manifest, ShardFile

COUNTS = {"train": [70, 70, 70], "val": [20, 20, 20], "test": [5, 5, 5]}
STEPS = 7  # of an epoch: 210 rows in batches of 32
ROOT = Path(__file__).parents[3]
SIDE = 12
COLUMN = f"image_{SIDE}_gray"
NAMES = ["angry", "happy", "sad"]
CHECKSUM = "00000000000000ab"
FACES = {"size": [f"{SIDE}:gray"], "detector": "none", "margin": 0.1, "store": "uint8"}
TINY = [
    *("--widths", "4-8", "--blocks", "1-1", "--batch-size", "32", "--epochs", "4", "--ema-decay", "0.8"),
    *("--device", "cpu", "--precision", "fp32", "--threads", "1", "--read-workers", "1", "--no-augment"),
]
"""A network of 2,000 parameters that learns the pictures in four epochs."""
SMALL_CNN = [*TINY[4:], "--network", "small_cnn"]
"""Without batch norm, so that two processes compute what one does."""


def pictures(labels: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.uint8]:
    """(N, SIDE, SIDE) noise with a bright left third, top third or middle, for classes 0, 1 and 2."""
    images = np.random.default_rng(seed).integers(0, 120, (len(labels), SIDE, SIDE)).astype(np.uint8)
    third = SIDE // 3
    places = (np.s_[:, :third], np.s_[:third, :], np.s_[third:-third, third:-third])
    for image, label in zip(images, labels, strict=True):
        image[places[label]] += 100
    return images


def write_shards(
    root: Path, counts: dict[str, Sequence[int]], names: list[str] = NAMES, group: int = 20, **columns: Any
) -> Path:
    """`counts`: rows of each class per split, in files of three row groups. A column is a function of the class."""
    schema = pa.schema([*(f for f in FACE.arrow_schema if f.name != "split"), pa.field(COLUMN, pa.binary())])
    files, per_label = [], {}
    for number, (split, per_class) in enumerate(counts.items()):
        labels = np.random.default_rng(number).permutation(np.repeat(np.arange(len(per_class)), per_class))
        rows = [
            {
                "face_id": f"{split}-{i}".rjust(32, "0"),
                "label": names[label],
                COLUMN: image.tobytes(),
                **{name: make(int(label)) for name, make in columns.items()},
            }
            for i, (label, image) in enumerate(zip(labels, pictures(labels, 100 + number), strict=True))
        ]
        for part, start in enumerate(range(0, len(rows), 3 * group)):
            path = f"split={split}/part-{part}.parquet"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            table = pa.Table.from_pylist(rows[start : start + 3 * group], schema)
            pq.write_table(table, root / path, row_group_size=group, write_page_checksum=True)
            metadata = pq.read_metadata(root / path)
            sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
            files.append(ShardFile(path, split, sum(sizes), sizes, (root / path).stat().st_size))
        per_label[split] = {name: int((labels == i).sum()) for i, name in enumerate(names)}
    total = sum(file.rows for file in files)
    per_split = {split: int(sum(per_class)) for split, per_class in counts.items()}
    image = ImageColumn(StoredPixels(COLUMN, FaceShape(SIDE, "gray")), [0.36], [0.2])
    manifest = Manifest(
        label_names=names,
        images={COLUMN: image},
        counts=Counts(total, total, total, 0, {}, per_split, per_label),
        files=files,
        quarantine_files=[],
        checksum=CHECKSUM,
        settings={"faces": FACES, "detector": {"name": "none"}},
        sources=[],
        duplicates={},
        decodes_per_picture=1.0,
        run={},
        package_version="0.1.0",
    )
    (root / NAME).write_text(manifest.to_json(), encoding="utf-8")
    return root


def words(shards: Path, output: Path, *more: str, flags: Sequence[str] = TINY) -> list[str]:
    return ["--shards", str(shards), "--output", str(output), *flags, *more]


def train(shards: Path, output: Path, *more: str, flags: Sequence[str] = TINY) -> int:
    """`fer-spark train` in this process; returns its exit code."""
    return main(words(shards, output, *more, flags=flags))


def start(arguments: Sequence[str], torchrun: int = 0, **environment: str) -> subprocess.Popen[str]:
    """`fer-spark train` as a process group of its own, in so many processes by torchrun; its output is captured."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(torchrun)] if torchrun else []
    command = [sys.executable, *launch, "-m", "fer_spark", "train", *arguments]
    more = {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | more,
        start_new_session=True,
    )


def history(output: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def card(output: Path) -> dict[str, Any]:
    return dict(json.loads((output / "card.json").read_text(encoding="utf-8")))


def weights(output: Path) -> dict[str, np.ndarray]:
    return load_file(output / "weights.safetensors")


def accuracy(output: Path, order: list[str] = NAMES) -> float:
    """On pictures that no split holds."""
    bundle, labels = load_bundle(output), np.arange(90) % 3
    said = bundle.predict_proba(pictures(labels, 999)).argmax(1)
    return float(np.mean([bundle.labels[one] == order[label] for one, label in zip(said, labels, strict=True)]))


def refusal(capsys: pytest.CaptureFixture[str], shards: Path, output: Path, *more: str, flags: list[str] = TINY) -> str:
    """What a command that ends with exit code 2 says, as one line."""
    capsys.readouterr()
    try:
        code: Any = train(shards, output, *more, flags=flags)
    except SystemExit as ended:
        code = ended.code
    said = re.sub(r"\s+", " ", capsys.readouterr().err)
    assert code == 2, said
    return said


def spoil(file: Path) -> None:
    """Flip bytes of the pixels; size and footer stay."""
    content = bytearray(file.read_bytes())
    for at in range(len(content) // 4, len(content) // 2):
        content[at] ^= 0xFF
    file.write_bytes(content)
