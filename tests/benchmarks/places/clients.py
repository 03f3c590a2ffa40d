"""Small objects of an S3 server read by several clients for Python, eight threads each: CPU and wall time an object.

The server runs on the same cores; what a client takes of a processor is its own process's time alone. One client has a
process for itself, as threads of another one that wait would slow it.
"""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.results import Compared
from tests.servers import MISSING, ObjectStore, has_object_store, object_store

BUCKET = "lake"
THREADS = 8
_BYTES = 16_000
_OURS = "pyarrow, as fer-spark reads"


def run(objects: int, rounds: int) -> list[Compared]:
    """Measure; one round more than `rounds` runs before, and is left out."""
    if not has_object_store():
        raise SystemExit(f"clients: {MISSING}")
    with tempfile.TemporaryDirectory(prefix="fer-spark-clients-") as folder, object_store(Path(folder)) as store:
        names = _fill(store, objects)
        clients = {name: open_ for name, (package, open_) in CLIENTS.items() if find_spec(package)}
        for name in CLIENTS.keys() - clients.keys():
            print(f"{name}: not installed", flush=True)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
        for _ in range(rounds + 1):
            for name in clients:
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
                    found[name].append(alone.submit(_measured, name, store, names).result())
    title = f"{objects:,} objects of {_BYTES // 1000} kB from S3, {THREADS} threads, rounds: {rounds}"
    units = ("ms of CPU an object", "ms an object")
    columns = [{name: [seen[at] for seen in runs[1:]] for name, runs in found.items()} for at in range(len(units))]
    return [Compared(title, unit, _OURS, column, more=False) for unit, column in zip(units, columns, strict=True)]


def _fill(store: ObjectStore, objects: int) -> list[str]:
    import fsspec

    system = fsspec.filesystem("s3", **store.for_fsspec())
    system.mkdir(BUCKET)
    drawn = random.Random(1)
    names = [f"{number:06d}.jpg" for number in range(objects)]
    system.pipe({f"{BUCKET}/{name}": drawn.randbytes(_BYTES) for name in names})
    return names


def _measured(name: str, store: ObjectStore, names: list[str]) -> tuple[float, float]:
    """Milliseconds of CPU and of wall time an object."""
    read = CLIENTS[name][1](store)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(read, names[: 4 * THREADS]))  # connections, imports
        began, worked = time.perf_counter(), time.process_time()
        sizes = set(pool.map(lambda one: len(read(one)), names))
        took = (time.process_time() - worked, time.perf_counter() - began)
    if sizes != {_BYTES}:
        raise SystemExit(f"{name}: objects of {sizes} bytes")
    return 1e3 * took[0] / len(names), 1e3 * took[1] / len(names)


Reader = Callable[[str], bytes]


def _ours(store: ObjectStore) -> Reader:
    from fer_spark.sources.files.s3 import S3Store

    keys = {"access_key": store.key, "secret_key": store.secret, "region": "us-east-1"}
    return S3Store(f"s3a://{BUCKET}", {"endpoint_override": store.endpoint, **keys}, lambda _: b"").read


def _obstore(store: ObjectStore) -> Reader:
    import obstore  # type: ignore[import-not-found]
    from obstore.store import S3Store  # type: ignore[import-not-found]

    opened = S3Store(
        BUCKET,
        endpoint=store.endpoint,
        access_key_id=store.key,
        secret_access_key=store.secret,
        region="us-east-1",
        client_options={"allow_http": True},
    )
    return lambda name: bytes(obstore.get(opened, name).bytes())


def _s3fs(store: ObjectStore) -> Reader:
    import fsspec

    system = fsspec.filesystem("s3", max_concurrency=1, **store.for_fsspec())
    return lambda name: bytes(system.cat_file(f"{BUCKET}/{name}"))


def _boto3(store: ObjectStore) -> Reader:
    import boto3

    keys = {"aws_access_key_id": store.key, "aws_secret_access_key": store.secret, "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=store.endpoint, **keys)
    return lambda name: bytes(client.get_object(Bucket=BUCKET, Key=name)["Body"].read())


CLIENTS: dict[str, tuple[str, Callable[[ObjectStore], Reader]]] = {
    _OURS: ("pyarrow", _ours),
    "obstore": ("obstore", _obstore),
    "s3fs": ("s3fs", _s3fs),
    "boto3": ("boto3", _boto3),
}
"""By name: the package, and what opens the bucket by it."""
