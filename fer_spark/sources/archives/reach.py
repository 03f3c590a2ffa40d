"""How processes that read archives open the store that these lie on: as Hadoop has been set to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from fer_spark.sources.files.store import Store

Batches = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_stores: dict[tuple[str, str], Store] = {}
"""By scheme and bucket: those whose archives this process reads."""


def remember(store: Store) -> None:
    """Have this process open archives of the store's bucket by its settings; nothing where it has none."""
    if store.options or store.arrow is not None:
        _stores[_bucket(store.uri)] = store


def reaching(store: Store, batches: Batches) -> Batches:
    """The same `batches`, in processes that remember the store."""

    def read(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        remember(store)
        yield from batches(rows)

    return read


def store_of(uri: str) -> Store | None:
    """The remembered store of a file; None where there is none."""
    return _stores.get(_bucket(uri))


def _bucket(uri: str) -> tuple[str, str]:
    scheme, _, rest = uri.partition("://")
    return scheme, rest.partition("/")[0]
