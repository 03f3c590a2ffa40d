"""Row groups in a given order from Petastorm's ventilator, worker pool, Arrow reader worker and local disk cache."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from fer_spark.shards.petastorm import compat as petastorm_compat
from fer_spark.shards.read.columns import Columns, Rows, to_rows
from fer_spark.shards.read.files import Piece, ShardError, ShardFiles
from fer_spark.shards.read.settings import ReadSettings

_VENTILATION_INTERVAL_S = 0.005
_CACHE_SHARDS = 6
_CACHE_TIMEOUT_S = 60.0
"""How long to wait for another thread's or rank's write; diskcache's own 10 ms gives up, and forgets the entry."""
_WAKE = -1


@dataclass(frozen=True)
class _Arrived:
    """What a worker publishes: the rows of the item with this number in the order requested, or why there are none."""

    number: int
    rows: Rows | None
    error: ShardError | None = None


class DiskCache:
    """Row groups as Arrow bytes in Petastorm's local disk cache; stays on disk, and never unpickles an entry."""

    def __init__(self, settings: ReadSettings, files: ShardFiles, columns: Columns) -> None:
        largest = max((file.bytes // max(len(file.row_groups), 1) for file in files.manifest.files), default=0)
        limit = int(settings.cache_mb * 2**20)
        if limit < 10 * largest:
            need = 10 * largest / 2**20
            raise ShardError(f"--cache-mb {settings.cache_mb:g} is too small for these row groups: give {need:.0f}")
        disk = petastorm_compat.load("diskcache").Disk
        self._where = settings.cache_dir
        make = petastorm_compat.load("petastorm.local_disk_cache").LocalDiskCache
        with self._usable():
            self._cache = make(
                settings.cache_dir,
                limit,
                largest,
                shards=max(1, min(_CACHE_SHARDS, limit // max(10 * largest, 1))),
                cleanup=False,
                timeout=_CACHE_TIMEOUT_S,
                disk=type("BytesDisk", (disk,), {"fetch": _fetch_bytes}),
            )
        self._prefix = f"{files.manifest.checksum}:{','.join(columns.names)}"

    def get(self, piece: Piece, read: Callable[[], pa.Table]) -> pa.Table:
        """The cached table of a row group; read, and kept, where it is not there or damaged."""
        key = f"{self._prefix}:{piece.path}:{piece.file.bytes}:{piece.row_group}"
        with self._usable():
            content = self._cache.get(key, lambda: _to_bytes(read()))
        try:
            with pa.ipc.open_stream(content) as stream:
                table = stream.read_all()
            if table.num_rows == piece.rows:
                return table
        except (pa.ArrowException, OSError):
            pass
        with self._usable():
            self._cache._cache.delete(key)
        return read()

    def close(self) -> None:
        self._cache._cache.close()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Turns what SQLite says of a damaged or read-only cache into ShardError."""
        try:
            yield
        except sqlite3.Error as error:
            raise ShardError(
                f"--cache-dir {self._where}: this cache cannot be used ({error}); delete that directory if it is "
                "damaged, or name one that can be written"
            ) from error


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _fetch_bytes(self: Any, mode: int, filename: str | None, value: Any, read: bool) -> Any:
    core = petastorm_compat.load("diskcache.core")
    if mode == core.MODE_PICKLE:
        raise ShardError(f"{self._directory}: the cache holds what no reader of shards wrote; delete that directory")
    return core.Disk.fetch(self, mode, filename, value, read)


@dataclass(frozen=True)
class _Piece:
    """A row group as Petastorm's Arrow reader worker takes it."""

    piece: Piece
    files: ShardFiles
    columns: Columns
    path: str = ""

    def read(self, columns: set[str], partitions: Any = None) -> pa.Table:
        return self.files.read(self.piece, [name for name in self.columns.names if name in columns])


@dataclass(frozen=True)
class Reading:
    """What all workers share."""

    files: ShardFiles
    columns: Columns
    cache: DiskCache | None


class _Worker:
    """Petastorm's worker protocol around its ArrowReaderWorker: publishes a row group's arrays with their number."""

    def __init__(self, worker_id: int, publish_func: Callable[[Any], None], reading: Reading) -> None:
        self.worker_id = worker_id
        self.publish_func = publish_func
        self._reading = reading
        unischema = petastorm_compat.load("petastorm.unischema")
        fields = [unischema.UnischemaField(name, None, ()) for name in reading.columns.names]
        schema = unischema.Unischema("shards", fields)
        worker = petastorm_compat.load("petastorm.arrow_reader_worker").ArrowReaderWorker
        arguments: tuple[Any, ...] = (None, reading.files.uri, schema, None, [], None, None, schema, None, False, None)
        self._loader = worker(worker_id, publish_func, arguments)
        self._loader._dataset = _NoPartitions()

    def process(self, number: int, piece_index: int) -> None:
        if number == _WAKE:
            return
        files, columns, cache = self._reading.files, self._reading.columns, self._reading.cache
        piece = files.pieces[piece_index]
        where = f"{files.uri}/{piece.path}, row group {piece.row_group}"

        def load() -> pa.Table:
            return self._loader._load_rows(None, _Piece(piece, files, columns), (0, 1))

        try:
            table = load() if cache is None else cache.get(piece, load)
            self.publish_func(_Arrived(number, to_rows(table, columns, where)))
        except ShardError as error:
            self.publish_func(_Arrived(number, None, error))
        except (OSError, pa.ArrowException) as error:
            self.publish_func(_Arrived(number, None, ShardError(f"{where}: {error}")))

    def shutdown(self) -> None:
        """Nothing is held."""


class _NoPartitions:
    partitions = None


class RowGroups:
    """The row groups `order`, in that order, read ahead by at most `ahead`. One consumer; close it."""

    def __init__(self, reading: Reading, order: list[int], workers: int, ahead: int) -> None:
        thread_pool = petastorm_compat.load("petastorm.workers_pool.thread_pool")
        ventilator = petastorm_compat.load("petastorm.workers_pool.ventilator")
        self._pool = thread_pool.ThreadPool(workers, results_queue_size=workers * (2 * ahead + 4))  # never full
        self._early: dict[int, _Arrived] = {}
        items = [{"number": number, "piece_index": piece} for number, piece in enumerate(order)]
        self._ventilator = ventilator.ConcurrentVentilator(
            self._pool.ventilate,
            items,
            max_ventilation_queue_size=ahead,
            ventilation_interval=_VENTILATION_INTERVAL_S,
        )
        self._pool.start(_Worker, reading, self._ventilator)

    def take(self, number: int) -> Rows:
        """The rows of item `number`, which may be taken once; waits for it. Raises ShardError if it cannot be read."""
        while number not in self._early:
            arrived = self._pool.get_results()
            self._early[arrived.number] = arrived
        arrived = self._early.pop(number)
        if arrived.error is not None:
            raise arrived.error
        assert arrived.rows is not None
        return arrived.rows

    def close(self) -> None:
        """Stop and join all threads."""
        self._pool.stop()
        for queue in self._pool._ventilator_queues:
            queue.put(((_WAKE, _WAKE), {}))
        self._pool.join()
