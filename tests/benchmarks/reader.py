"""48 px faces as shuffled batches of tensors: ours and the peers in turn, on the same pictures and as many cores.

Peers store what they read fastest (raw bytes, as ours does), but for the plain folder of JPEG files. Each contender
runs one epoch to warm up and then the one that counts, with its workers kept alive between them where it can.
Those that are not installed are left out and named: make peers.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import torch

from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import FACE
from fer_spark.sample import Drawing, draw_face
from fer_spark.shards.manifest import NAME, Counts, ImageColumn, Manifest, ShardFile
from fer_spark.shards.petastorm import compat as petastorm_compat
from fer_spark.shards.read.reader import ReadSettings, open_shards
from tests.benchmarks.results import Compared

_BATCH, _GROUP, _DRAWN, _NAMES = 256, 1024, 8192, [f"class{number}" for number in range(7)]
OURS = "ours"
Epoch = Callable[[int], int]
"""Reads one epoch (by number) to its end and says how many pictures came."""


def run(images: int, rounds: int, cores: int) -> list[Compared]:
    """Pictures per second of each contender that is installed; each in a process of its own, as the threads and the
    waiting workers of one slow down another."""
    pictures, labels, whose = load_pictures(images)
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="fer-spark-reader-") as directory:
        np.savez(Path(directory) / "pictures.npz", pictures=pictures, labels=labels)
        for number in range(rounds):
            for name in _CONTENDERS:
                work = Path(directory) / f"{number}-{name.replace(' ', '-')}"
                work.mkdir()
                with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
                    try:
                        seconds = alone.submit(_second_epoch, name, work, cores).result()
                    except ImportError as error:
                        if not number:
                            print(f"{name}: left out, not installed ({error}): make peers")
                        continue
                shutil.rmtree(work)
                rates.setdefault(name, []).append(len(labels) / seconds)
    title = f"{len(labels):,} faces of 48 px ({whose}) in batches of {_BATCH}, {cores} workers, rounds: {rounds}"
    return [Compared(title, "pictures/s", OURS, rates)]


def _second_epoch(name: str, work: Path, cores: int) -> float:
    """Seconds, after an epoch to warm up."""
    torch.set_num_threads(1)
    known = np.load(work.parent / "pictures.npz")
    epoch = _CONTENDERS[name](known["pictures"], known["labels"], work, cores)
    epoch(0)
    began = time.perf_counter()
    seen = epoch(1)
    seconds = time.perf_counter() - began
    assert abs(seen - len(known["labels"])) < _BATCH, f"{name}: {seen:,} pictures"  # some keep a rest for later
    return seconds


def load_pictures(images: int) -> tuple[np.ndarray, np.ndarray, str]:
    """(N, 48, 48) uint8 and (N,) int64: FER-2013's training set where $FER_SPARK_DATA has it, else drawn faces."""
    table = Path(os.environ.get("FER_SPARK_DATA", "")) / "fer2013.csv.zst"
    if os.environ.get("FER_SPARK_DATA") and table.exists():
        with pa.CompressedInputStream(str(table), "zstd") as stream:
            rows = pa.csv.read_csv(stream)
        rows = rows.filter(pa.compute.equal(rows["Usage"], "Training"))
        pixels = " ".join(rows["pixels"].to_pylist())
        pictures = np.array(pixels.split(), np.uint8).reshape(-1, 48, 48)
        labels = rows["emotion"].to_numpy().astype(np.int64)
        count = min(images or len(labels), len(labels))
        return pictures[:count], labels[:count], "FER-2013"
    drawn = [draw_face(5, number, Drawing(size_px=48)).image for number in range(512)]
    gray = np.stack([cv2.resize(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), (48, 48)) for one in drawn])
    count = images or _DRAWN
    return np.resize(gray, (count, 48, 48)), np.arange(count, dtype=np.int64) % 7, "drawn"


def write_ours(pictures: np.ndarray, labels: np.ndarray, work: Path) -> None:
    """Shards of these pictures in two files."""
    schema = pa.schema([*(f for f in FACE.arrow_schema if f.name != "split"), pa.field("image_48_gray", pa.binary())])
    files = []
    for number, part in enumerate(np.array_split(np.arange(len(labels)), 2)):
        blank = {field.name: pa.nulls(len(part), field.type) for field in schema}
        blank["face_id"] = pa.array([f"{i:032x}" for i in part])
        blank["label"] = pa.array([_NAMES[label] for label in labels[part]])
        blank["image_48_gray"] = pa.array([pictures[i].tobytes() for i in part], pa.binary())
        path = f"split=train/part-{number}.zstd.parquet"
        (work / path).parent.mkdir(exist_ok=True)
        table = pa.table([blank[name] for name in schema.names], schema=schema)
        plain = [name for name in schema.names if name != "image_48_gray"]
        pq.write_table(table, work / path, _GROUP, compression="zstd", use_dictionary=plain, write_page_checksum=True)
        sizes = [min(_GROUP, len(part) - start) for start in range(0, len(part), _GROUP)]
        files.append(ShardFile(path, "train", len(part), sizes, (work / path).stat().st_size))
    count = len(labels)
    image = ImageColumn(StoredPixels("image_48_gray", FaceShape(48, "gray")), [0.5], [0.25])
    per_label = {"train": {name: int((labels == k).sum()) for k, name in enumerate(_NAMES)}}
    counts = Counts(count, count, count, 0, {}, {"train": count}, per_label)
    manifest = Manifest(_NAMES, {"image_48_gray": image}, counts, files, [], "0", {}, [], {}, 1.0, {}, "0")
    (work / NAME).write_text(manifest.to_json())


def _ours(pictures: np.ndarray, labels: np.ndarray, work: Path, cores: int) -> Epoch:
    write_ours(pictures, labels, work)
    reader = open_shards(str(work), "train", ReadSettings(batch_size=_BATCH, read_workers=cores))
    return lambda epoch: sum(int(batch.real.sum()) for batch in reader.epoch(epoch))


class _Jpegs(torch.utils.data.Dataset[tuple[np.ndarray, int]]):
    def __init__(self, paths: list[str], labels: np.ndarray) -> None:
        self._paths, self._labels = paths, labels

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return cv2.imread(self._paths[index], cv2.IMREAD_GRAYSCALE), int(self._labels[index])


def _jpeg_files(pictures: np.ndarray, labels: np.ndarray, work: Path, cores: int) -> Epoch:
    paths = [str(work / f"{number}.jpg") for number in range(len(labels))]
    for path, picture in zip(paths, pictures, strict=True):
        cv2.imwrite(path, picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return _through_loader(_Jpegs(paths, labels), cores, shuffle=True)


def _through_loader(dataset: Any, cores: int, **options: Any) -> Epoch:
    loader: Any = torch.utils.data.DataLoader(
        dataset, batch_size=_BATCH, num_workers=cores, persistent_workers=True, **options
    )
    return lambda epoch: sum(len(batch[1]) for batch in loader)


def _webdataset(pictures: np.ndarray, labels: np.ndarray, work: Path, cores: int) -> Epoch:
    import webdataset

    with webdataset.ShardWriter(f"file:{work}/%04d.tar", maxcount=2048, verbose=0) as writer:
        for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
            writer.write({"__key__": f"{number:08d}", "bin": picture.tobytes(), "cls": int(label)})
    shards = sorted(f"file:{path}" for path in work.glob("*.tar"))
    dataset = webdataset.WebDataset(shards, shardshuffle=len(shards), nodesplitter=None, empty_check=False)
    dataset = dataset.shuffle(2048).map(_from_tar).batched(_BATCH, collation_fn=_stack)
    loader: Any = webdataset.WebLoader(dataset, batch_size=None, num_workers=cores, persistent_workers=True)
    return lambda epoch: sum(len(batch[1]) for batch in loader)


def _from_tar(sample: dict[str, bytes]) -> tuple[np.ndarray, int]:
    return np.frombuffer(sample["bin"], np.uint8).reshape(48, 48), int(sample["cls"])


def _stack(samples: list[tuple[np.ndarray, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(np.stack([picture for picture, _ in samples])), torch.tensor(
        [label for _, label in samples]
    )


def _mosaic(pictures: np.ndarray, labels: np.ndarray, work: Path, cores: int) -> Epoch:
    import streaming

    with streaming.MDSWriter(out=str(work), columns={"image": "bytes", "label": "int"}) as writer:
        for picture, label in zip(pictures, labels, strict=True):
            writer.write({"image": picture.tobytes(), "label": int(label)})
    streaming.base.util.clean_stale_shared_memory()
    dataset = streaming.StreamingDataset(local=str(work), shuffle=True, batch_size=_BATCH)
    return _through_loader(dataset, cores, collate_fn=_stack_bytes)


def _stack_bytes(samples: list[dict[str, Any]]) -> tuple[torch.Tensor, torch.Tensor]:
    return _stack([(np.frombuffer(sample["image"], np.uint8).reshape(48, 48), sample["label"]) for sample in samples])


def _datasets(pictures: np.ndarray, labels: np.ndarray, work: Path, cores: int) -> Epoch:
    import datasets

    cells = [picture.tobytes() for picture in pictures]
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict({"image": cells, "label": labels}).save_to_disk(str(work))
    made = datasets.load_from_disk(str(work))  # as Python objects: NumPy would drop zeros at the end of bytes
    return _through_loader(made, cores, shuffle=True, collate_fn=_stack_bytes)


def _litdata(pictures: np.ndarray, labels: np.ndarray, work: Path, cores: int) -> Epoch:
    import litdata

    rows = list(zip((picture.tobytes() for picture in pictures), labels.tolist(), strict=True))
    litdata.optimize(
        fn=_LitRows(rows), inputs=list(range(len(rows))), output_dir=str(work), chunk_bytes="8MB", num_workers=1,
        verbose=False,
    )  # fmt: skip
    dataset = litdata.StreamingDataset(str(work), shuffle=True)
    loader: Any = litdata.StreamingDataLoader(
        dataset, batch_size=_BATCH, num_workers=cores, persistent_workers=True, collate_fn=_stack_bytes
    )
    return lambda epoch: sum(len(batch[1]) for batch in loader)


class _LitRows:
    """Rows by number, for processes that are forked."""

    def __init__(self, rows: list[tuple[bytes, int]]) -> None:
        self._rows = rows

    def __call__(self, number: int) -> dict[str, Any]:
        image, label = self._rows[number]
        return {"image": image, "label": label}


def _petastorm_rows(pictures: np.ndarray, labels: np.ndarray, work: Path, cores: int) -> Epoch:
    unischema, codecs = petastorm_compat.load("petastorm.unischema"), petastorm_compat.load("petastorm.codecs")
    metadata, utils = petastorm_compat.load("petastorm.etl.dataset_metadata"), petastorm_compat.load("petastorm.utils")
    fields = [unischema.UnischemaField("image", np.uint8, (48, 48), codecs.NdarrayCodec(), False)]
    fields.append(unischema.UnischemaField("label", np.int64, (), None, False))
    npy = []
    for picture in pictures:
        memory = io.BytesIO()
        np.save(memory, picture)
        npy.append(memory.getvalue())
    pq.write_table(pa.table({"image": npy, "label": labels}), work / "part.parquet", _GROUP, use_dictionary=False)
    dataset = petastorm_compat.view("pyarrow.parquet").ParquetDataset(str(work))
    metadata._generate_unischema_metadata(dataset, unischema.Unischema("Faces", fields))
    groups = f'{{"part.parquet": {-(-len(labels) // _GROUP)}}}'
    utils.add_to_dataset_metadata(dataset, metadata.ROW_GROUPS_PER_FILE_KEY, groups)
    reader = petastorm_compat.load("petastorm").make_reader(
        f"file://{work}", workers_count=cores, shuffle_row_groups=True, seed=1
    )
    loader = petastorm_compat.load("petastorm.pytorch").DataLoader(reader, _BATCH, shuffling_queue_capacity=2048)
    return lambda epoch: sum(len(batch["label"]) for batch in loader)


def _petastorm_batches(pictures: np.ndarray, labels: np.ndarray, work: Path, cores: int) -> Epoch:
    offsets = np.arange(0, pictures.size + 1, 2304, dtype=np.int64)
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(pictures.reshape(-1)))
    pq.write_table(pa.table({"image": lists, "label": labels}), work / "part.parquet", _GROUP, use_dictionary=False)
    reader = petastorm_compat.load("petastorm").make_batch_reader(
        f"file://{work}", workers_count=cores, shuffle_row_groups=True, seed=1
    )
    loader = petastorm_compat.load("petastorm.pytorch").BatchedDataLoader(reader, _BATCH, shuffling_queue_capacity=2048)
    return lambda epoch: sum(len(batch["label"]) for batch in loader)


_CONTENDERS: dict[str, Callable[[np.ndarray, np.ndarray, Path, int], Epoch]] = {
    OURS: _ours,
    "DataLoader over JPEG files": _jpeg_files,
    "WebDataset": _webdataset,
    "MosaicML Streaming": _mosaic,
    "Hugging Face datasets": _datasets,
    "LitData": _litdata,
    "Petastorm make_reader + DataLoader": _petastorm_rows,
    "Petastorm BatchedDataLoader": _petastorm_batches,
}
