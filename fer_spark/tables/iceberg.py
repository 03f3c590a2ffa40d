"""A table of a catalog as the package pyiceberg opens it, and its errors as ours.

`lake.faces.scores` is the table scores in the namespace faces of the catalog that pyiceberg knows as lake: by
~/.pyiceberg.yaml, or by PYICEBERG_CATALOG__LAKE__URI and other variables of the environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fer_spark.tables.errors import CommitError, OutputError

_RETRIES = "commit.retry.num-retries"


@dataclass(frozen=True)
class IcebergPlace:
    """A table that is there, or may come. `name`: CATALOG.NAMESPACE.TABLE."""

    name: str

    @property
    def catalog(self) -> Any:
        """Raises OutputError for a name that is none, and for a catalog that pyiceberg does not know."""
        return self._found[0]

    @property
    def identifier(self) -> str:
        """The table's name in its catalog."""
        return self._found[1]

    def open(self) -> Any | None:
        """None where there is no such table. Raises CommitError where the catalog does not answer."""
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        try:
            with self.talking():
                return self.catalog.load_table(self.identifier)
        except (NoSuchTableError, NoSuchNamespaceError):
            return None

    def creating(self, schema: Any) -> Any:
        """The transaction that creates the table with Arrow's schema, and its namespace if need be."""
        with self.talking():
            self.catalog.create_namespace_if_not_exists(self.identifier.rpartition(".")[0])
            return self.catalog.create_table_transaction(self.identifier, schema=schema)

    @contextmanager
    def talking(self) -> Iterator[None]:
        """What the catalog refuses, and its outages, as CommitError."""
        from pyiceberg.exceptions import CommitFailedException, RESTError, TableAlreadyExistsError, ValidationException

        try:
            yield
        except (CommitFailedException, TableAlreadyExistsError, ValidationException, RESTError) as error:
            raise CommitError(f"{self.name}: the catalog has not done it: {error}; the next run tries again") from error

    @cached_property
    def _found(self) -> tuple[Any, str]:
        from pyiceberg.catalog import load_catalog
        from pyiceberg.exceptions import NotInstalledError

        catalog, _, identifier = self.name.partition(".")
        if "." not in identifier:
            raise OutputError(f"{self.name}: expected CATALOG.NAMESPACE.TABLE, such as lake.faces.scores")
        try:
            return load_catalog(catalog), identifier
        except (ValueError, ImportError, NotInstalledError) as error:
            raise OutputError(
                f"{self.name}: pyiceberg cannot open a catalog named {catalog} ({error}); describe it in "
                f"~/.pyiceberg.yaml, or by PYICEBERG_CATALOG__{catalog.upper()}__URI and …__WAREHOUSE"
            ) from error


def single_try(opened: Any) -> Any:
    """A table as it was opened, whose commits are not tried again over those of others: their number would be old."""
    opened.metadata.properties[_RETRIES] = "0"
    return opened
