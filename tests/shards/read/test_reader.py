"""Batches from shards: what they hold, their order, sharing among ranks, resuming, and that no thread is left."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import numpy.typing as npt
import pytest
import torch

from fer_spark.batches import Batch
from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.shards.manifest import ImageColumn
from fer_spark.shards.read import pool as read_pool
from fer_spark.shards.read.columns import Rows
from fer_spark.shards.read.reader import ReadSettings, ShardError, ShardReader, open_shards, prefetch
from tests.shards.small_shards import GRAY, LABELS, label_of, picture, write_shards

GROUPS = {"train": [[40, 40, 13], [7, 30]], "val": [[5]]}
ROWS = 130
IMAGES = {
    "image_6_gray": GRAY,
    "image_6_float": ImageColumn(StoredPixels("image_6_float", FaceShape(6, "gray"), "raw", "float32"), [0.5], [0.25]),
    "image_16_rgb": ImageColumn(StoredPixels("image_16_rgb", FaceShape(16, "rgb"), "jpeg95"), [0.5] * 3, [0.25] * 3),
    "image_8_rgb": ImageColumn(StoredPixels("image_8_rgb", FaceShape(8, "rgb"), "png"), [0.5] * 3, [0.25] * 3),
    "image_10_rgb": ImageColumn(StoredPixels("image_10_rgb", FaceShape(10, "rgb")), [0.5] * 3, [0.25] * 3),
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shards")
    write_shards(root, GROUPS, IMAGES)
    return root


def reader(root: Path | str, resample: object = None, rank: int = 0, world: int = 1, **given: object) -> ShardReader:
    settings = ReadSettings(**{"batch_size": 16, "shuffle_window": 2, **given})  # type: ignore[arg-type]
    return open_shards(str(root), "train", settings, resample=resample, rank=rank, world_size=world)  # type: ignore[arg-type]


def rows(batches: Iterator[Batch]) -> list[int]:
    return [row for batch in batches for row in batch.rows[batch.real].tolist()]


def expected_labels(count: int = ROWS) -> list[int]:
    return [-1 if (name := label_of(row)) is None else LABELS.index(name) for row in range(count)]


@pytest.mark.parametrize("column", IMAGES)
def test_each_row_has_its_own_pixels_and_label(shards: Path, column: str) -> None:
    image = IMAGES[column]
    with reader(shards, image_column=column) as source:
        assert source.image == image
        batches = list(source.epoch(3))
    assert [len(batch) for batch in batches] == [16] * 9
    labels = expected_labels()
    for batch in batches:
        assert batch.images.shape == (16, *image.pixels.shape)
        assert batch.images.dtype == (torch.float32 if image.pixels.dtype == "float32" else torch.uint8)
        assert batch.labels.dtype == batch.rows.dtype == torch.int64
        assert batch.labels.tolist() == [labels[row] for row in batch.rows.tolist()]
        wanted = np.stack([picture(row, image) for row in batch.rows.tolist()]).astype(float)
        got = batch.images.numpy().astype(float) * (255 if image.pixels.dtype == "float32" else 1)
        assert np.abs(got - wanted).max() <= (6 if image.pixels.codec.startswith("jpeg") else 1e-3)


def test_what_a_reader_says_of_its_split(shards: Path) -> None:
    with reader(shards) as source:
        assert source.label_names == LABELS
        assert (source.rows, len(source), source.steps(5)) == (ROWS, 9, 9)
        assert source.labels().tolist() == expected_labels()
        assert source.labels().dtype == source.class_counts().dtype == np.int64
        assert source.class_counts().tolist() == [expected_labels().count(k) for k in range(3)]
        assert source.image == GRAY, "the smallest column by default"


def test_soft_labels_valence_and_arousal(shards: Path) -> None:
    with reader(shards, soft_labels=True, valence_arousal=True, shuffle=False, last_batch="pad") as source:
        batch = next(iter(source.epoch(0)))
    assert batch.label_probs is not None
    assert batch.valence is not None
    assert batch.arousal is not None
    assert batch.label_probs[1].tolist() == [0.5, 0.25, 0.25]
    assert batch.label_probs[5].tolist() == [0, 1, 0], "none stored: its label, happy"
    assert batch.label_probs[10].tolist() == pytest.approx([1 / 3] * 3), "neither"
    assert batch.valence.isnan().tolist() == [row % 3 == 0 for row in range(16)]
    assert batch.arousal[4].item() == pytest.approx(-0.004)


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_order_is_the_same_for_any_number_of_workers(shards: Path, shuffle: bool) -> None:
    seen = []
    for workers in (1, 2, 4):
        with reader(shards, read_workers=workers, shuffle=shuffle) as source:
            seen.append(b"".join(batch.rows.numpy().tobytes() for epoch in (0, 1) for batch in source.epoch(epoch)))
    assert seen[0] == seen[1] == seen[2]
    with reader(shards, shuffle=shuffle, seed=1) as source:
        assert (rows(source.epoch(0)) == list(range(ROWS))) == (not shuffle)


@pytest.mark.parametrize("partition", ["row_groups", "batches"])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_row_once_whatever_the_world_size(shards: Path, world: int, partition: str) -> None:
    taken, lengths = [], []
    for rank in range(world):
        with reader(shards, rank=rank, world=world, partition=partition) as source:
            batches = list(source.epoch(1))
            lengths.append((len(source), len(batches)))
            taken += rows(iter(batches))
    assert sorted(taken) == list(range(ROWS))
    assert len(set(lengths)) == 1
    assert lengths[0][0] == lengths[0][1]


def test_two_ranks_of_half_the_batch_see_one_ranks_batches(shards: Path) -> None:
    with reader(shards, batch_size=16) as source:
        one = list(source.epoch(2))
    halves = []
    for rank in (0, 1):
        with reader(shards, batch_size=8, partition="batches", rank=rank, world=2) as source:
            halves.append(list(source.epoch(2)))
    for whole, left, right in zip(one, *halves, strict=True):
        assert torch.equal(whole.images, torch.cat([left.images, right.images]))
        assert torch.equal(whole.real, torch.cat([left.real, right.real]))


@pytest.mark.parametrize("column", ["image_6_gray", "image_16_rgb"])
def test_an_epoch_goes_on_from_any_batch(shards: Path, column: str) -> None:
    with reader(shards, image_column=column) as source:
        whole = list(source.epoch(4))
        for start in range(len(whole) + 1):
            rest = list(source.epoch(4, start))
            assert len(rest) == len(whole) - start
            for ours, theirs in zip(rest, whole[start:], strict=True):
                assert torch.equal(ours.images, theirs.images)
                assert torch.equal(ours.rows, theirs.rows)
                assert torch.equal(ours.real, theirs.real)
        with pytest.raises(ValueError, match="0 <= start <= 9"):
            source.epoch(4, 10)


def test_going_on_reads_only_what_is_left(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fer_spark.shards.read.files import ShardFiles

    read = []
    real = ShardFiles.read
    monkeypatch.setattr(ShardFiles, "read", lambda self, piece, *more: read.append(piece) or real(self, piece, *more))
    with reader(shards, shuffle=False) as source:
        assert rows(source.epoch(0, 6)) == list(range(96, ROWS))
    assert sorted(piece.first_row for piece in read) == [93, 100]


def test_rows_are_drawn_as_resample_says(shards: Path) -> None:
    def twice_angry(labels: npt.NDArray[np.int64], epoch: int) -> npt.NDArray[np.int64]:
        return np.where(labels == 0, 2 + epoch, np.where(labels == -1, 0, 1))

    with reader(shards, resample=twice_angry) as source:
        angry, none = expected_labels().count(0), expected_labels().count(-1)
        drawn = ROWS + angry - none
        assert len(source) == -(-drawn // 16)
        assert source.steps(3) == -(-(drawn + 3 * angry) // 16)
        counted = np.bincount(rows(source.epoch(3)), minlength=ROWS)
        assert counted.tolist() == [{0: 5, -1: 0}.get(label, 1) for label in expected_labels()]
    with (
        reader(shards, resample=lambda labels, epoch: labels[:3]) as source,
        pytest.raises(ValueError, match="expected 130 whole numbers"),
    ):
        len(source)


def test_no_thread_outlives_an_epoch_however_it_ends(shards: Path) -> None:
    before = set(threading.enumerate())

    def left() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.is_alive()} - before

    source = reader(shards, batch_size=1, read_workers=4)
    list(source.epoch(0))
    assert not left()
    batches = source.epoch(0)
    next(batches)
    assert left()
    batches.close()  # type: ignore[attr-defined]
    assert not left()
    batches = source.epoch(0)
    next(batches)
    del batches
    gc.collect()
    assert not left()
    with contextlib.suppress(ZeroDivisionError):
        for _ in source.epoch(0):
            _ = 1 / 0
    gc.collect()
    assert not left()
    held = source.epoch(1)
    next(held)
    source.close()
    assert not left()
    with pytest.raises(ValueError, match="closed"):
        source.epoch(0)


def test_the_disk_cache_outlives_the_reader_and_the_shards(tmp_path: Path) -> None:
    write_shards(tmp_path / "shards", GROUPS)
    kept = {"cache_dir": str(tmp_path / "cache"), "cache_mb": 10.0}
    with reader(tmp_path / "shards", **kept) as source:
        first = list(source.epoch(0))
    for file in (tmp_path / "shards").rglob("*.parquet"):
        file.unlink()
    with reader(tmp_path / "shards", **kept) as source:
        again = list(source.epoch(0))
    for ours, theirs in zip(first, again, strict=True):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.rows, theirs.rows)


def test_a_damaged_cache_entry_is_read_anew_and_a_pickled_one_refused(tmp_path: Path) -> None:
    write_shards(tmp_path / "shards", GROUPS)
    kept = {"cache_dir": str(tmp_path / "cache"), "cache_mb": 10.0, "shuffle": False}
    with reader(tmp_path / "shards", **kept) as source:
        assert rows(source.epoch(0)) == list(range(ROWS))
    databases = sorted((tmp_path / "cache").rglob("cache.db"))
    for database in databases:
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE Cache SET value = ?, mode = 1, filename = NULL", (b"not Arrow",))
    for _ in range(2):
        with reader(tmp_path / "shards", **kept) as source:
            assert rows(source.epoch(0)) == list(range(ROWS))
    bad = pickle.dumps(Calls(tmp_path / "ran"))
    for database in databases:
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE Cache SET value = ?, mode = 4, filename = NULL", (bad,))
    with reader(tmp_path / "shards", **kept) as source, pytest.raises(ShardError, match="no reader of shards wrote"):
        list(source.epoch(0))
    assert not (tmp_path / "ran").exists()


class Calls:
    """Its pickle makes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def test_row_groups_come_in_the_order_asked_for_whatever_order_they_arrive_in() -> None:
    class Scrambled:
        def __init__(self) -> None:
            self.left = [3, 0, 2, 1]

        def get_results(self) -> read_pool._Arrived:
            number = self.left.pop(0)
            return read_pool._Arrived(number, Rows(np.array([number]), {}))

    groups = object.__new__(read_pool.RowGroups)
    groups._early, groups._pool = {}, Scrambled()  # type: ignore[assignment]
    assert [int(groups.take(number).pixels[0]) for number in range(4)] == [0, 1, 2, 3]  # type: ignore[call-overload]


def test_shards_built_anew_are_not_read_from_the_old_cache(tmp_path: Path) -> None:
    kept = {"cache_dir": str(tmp_path / "cache"), "cache_mb": 10.0, "shuffle": False}
    write_shards(tmp_path / "shards", {"train": [[20]]})
    with reader(tmp_path / "shards", **kept) as source:
        list(source.epoch(0))
    write_shards(tmp_path / "shards", {"train": [[30]]}, checksum="00000000000000bb")
    with reader(tmp_path / "shards", **kept) as source:
        assert rows(source.epoch(0)) == list(range(30))
    write_shards(tmp_path / "shards", {"train": [[30]]}, checksum="00000000000000cc")
    next((tmp_path / "shards").rglob("*.parquet")).unlink()
    with reader(tmp_path / "shards", **kept) as source, pytest.raises(ShardError, match="not there"):
        list(source.epoch(0))


def test_any_scheme_that_fsspec_reads(shards: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(shards), "/lake/shards", recursive=True)
    try:
        with reader(shards) as local, reader("memory://lake/shards") as remote:
            assert remote.labels().tolist() == expected_labels()
            for ours, theirs in zip(remote.epoch(0), local.epoch(0), strict=True):
                assert torch.equal(ours.images, theirs.images)
    finally:
        memory.rm("/lake", recursive=True)
    with reader(f"file://{shards}") as source:
        assert len(list(source.epoch(0))) == 9


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_prefetch_on_a_gpu_gives_the_same_batches_there(shards: Path) -> None:
    device = torch.device("cuda")
    with reader(shards, pin_memory=True, soft_labels=True) as source:
        plain = list(source.epoch(0))
        assert all(batch.images.is_pinned() for batch in plain)
        moved = list(prefetch(source.epoch(0), device))
    for ours, theirs in zip(moved, plain, strict=True):
        assert ours.images.device.type == ours.rows.device.type == "cuda"
        assert torch.equal(ours.images.cpu(), theirs.images)
        assert torch.equal(ours.rows.cpu(), theirs.rows)
        assert ours.label_probs is not None
        assert ours.valence is None


def test_prefetch_on_the_cpu_passes_batches_as_they_are(shards: Path) -> None:
    with reader(shards) as source:
        batches = list(source.epoch(0))
        assert list(prefetch(batches, torch.device("cpu"))) == batches


_KILLED = """
import sys, time
from fer_spark.shards.read.reader import ReadSettings, open_shards
with open_shards(sys.argv[1], "train", ReadSettings(batch_size=16, shuffle_window=2, read_workers=2)) as source:
    for batch in source.epoch(6):
        print(batch.rows.numpy().tobytes().hex(), flush=True)
        time.sleep(0.05)
"""


def test_killed_in_mid_epoch_it_goes_on_with_the_exact_next_batch(shards: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _KILLED, str(shards)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seen = [process.stdout.readline().strip() for _ in range(4)]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with reader(shards, read_workers=4) as source:
        rest = [batch.rows.numpy().tobytes().hex() for batch in source.epoch(6, len(seen))]
        whole = [batch.rows.numpy().tobytes().hex() for batch in source.epoch(6)]
    assert seen + rest == whole


_LEFT_OPEN = """
import sys
from fer_spark.shards.read.reader import ReadSettings, open_shards
source = open_shards(sys.argv[1], "train", ReadSettings(batch_size=16, shuffle_window=2, read_workers=2))
kept = source.epoch(7)
next(kept)
print("left")
"""


def test_a_process_that_leaves_an_epoch_open_ends_quietly(shards: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _LEFT_OPEN, str(shards)], timeout=250, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")
