"""A directory as the package deltalake opens it, and its errors as ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fer_spark.tables.errors import CommitError, OutputError
from fer_spark.tables.stores import plain_address, store_options

_NOT_IN_PATHS = frozenset("%[]^|\\")
"""deltalake takes a local path with one of these for another, or breaks off."""


@dataclass(frozen=True)
class DeltaPlace:
    """A table that is there, or may come.

    name     as the user spells it
    uri      the directory in Hadoop's words
    options  how deltalake opens its store. They hold keys
    """

    name: str
    uri: str
    options: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, name: str, uri: str, conf: Any) -> DeltaPlace:
        """`conf` is Hadoop's configuration."""
        return cls(name, uri, store_options(uri, conf))

    @property
    def address(self) -> str:
        """Raises OutputError for a path that deltalake would misread."""
        address = plain_address(self.uri)
        if bad := sorted(_NOT_IN_PATHS & set(address)):
            raise OutputError(f"{self.name}: deltalake takes no {' '.join(bad)} in a path: choose another --output")
        return address

    def is_there(self) -> bool:
        """Raises OutputError or CommitError, as `open` does."""
        from deltalake import DeltaTable

        with self._opening():
            return bool(DeltaTable.is_deltatable(self.address, self.options))

    def open(self) -> Any:
        """Raises OutputError for what deltalake cannot open, CommitError where the storage does not answer."""
        from deltalake import DeltaTable

        with self._opening():
            return DeltaTable(self.address, storage_options=self.options)

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Raises CommitError for what deltalake, or the storage, refuses."""
        from deltalake.exceptions import DeltaError

        try:
            yield
        except (DeltaError, OSError) as error:
            raise CommitError(
                f"{self.name}: deltalake has not committed: {_plain(error)}; the next run tries again"
            ) from error

    @contextmanager
    def _opening(self) -> Iterator[None]:
        from deltalake.exceptions import DeltaError

        try:
            yield
        except DeltaError as error:
            raise OutputError(f"{self.name}: deltalake cannot open it: {_plain(error)}") from error
        except OSError as error:
            raise CommitError(
                f"{self.name}: the storage does not answer: {_plain(error)}; deltalake takes fs.s3a.… for s3a://, and "
                "the environment for other stores"
            ) from error


def _plain(error: Exception) -> str:
    """In one line, without colours and arrows."""
    return " ".join(re.sub(r"\x1b\[\d*m|↳", "", str(error)).split())
