"""Shards as an Iceberg table of a catalog that pyiceberg knows. Their files stay where they are, outside of the place
that the catalog gives the table, and are not read for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fer_spark.shards.tables.content import SPLIT, Content, ShardTable, TableFile
from fer_spark.tables.errors import OutputError
from fer_spark.tables.iceberg import IcebergPlace, single_try

_OUTPUT = "fer_spark.shards"
"""Property of the table: whose files it names."""
_NOT_IN_PATHS = frozenset("?#")
"""pyiceberg takes what follows for no part of a path."""


@dataclass(frozen=True)
class IcebergShards(ShardTable):
    """`output`: --output as Iceberg spells places, such as file:///shards or s3://lake/shards."""

    place: IcebergPlace
    output: str

    def check(self) -> None:
        if bad := sorted(_NOT_IN_PATHS & set(self.output)):
            raise OutputError(f"{self.output}: pyiceberg takes no {' '.join(bad)} in a path: choose another --output")
        self._open()

    def commit(self, content: Content) -> set[str]:
        opened = self._open()
        standing = [] if opened is None else [task.file for task in opened.scan().plan_files()]
        before = {file.file_path for file in standing}
        listed = {self._address(file): file for file in content.files}
        if opened is not None and before == set(listed) and not _missing(opened.schema(), content):
            return set()
        transaction = self._creating(content) if opened is None else single_try(opened).transaction()
        with self.place.talking(), transaction:
            _fit_columns(transaction, content, stays=bool(before & set(listed)))
            with transaction.update_snapshot(content.about).overwrite() as snapshot:
                for file in standing:
                    if file.file_path not in listed:
                        snapshot.delete_data_file(file)
                for address, file in listed.items():
                    if address not in before:
                        snapshot.append_data_file(_data_file(address, file, transaction))
        ours = f"{self.output}/"
        return {path.removeprefix(ours) for path in before - set(listed) if path.startswith(ours)}

    def _creating(self, content: Content) -> Any:
        from pyiceberg.table import TableProperties

        transaction = self.place.creating(content.columns.arrow_schema)
        if content.by_split:
            with transaction.update_spec() as update:
                update.add_identity(SPLIT)
        named = transaction.table_metadata.schema().name_mapping.model_dump_json()
        # files of Spark's hold no numbers of columns, and are read by name; whoever expires snapshots leaves the shards
        return transaction.set_properties(
            {_OUTPUT: self.output, TableProperties.DEFAULT_NAME_MAPPING: named, "gc.enabled": "false"}
        )

    def _open(self) -> Any | None:
        opened = self.place.open()
        if opened is not None and opened.properties.get(_OUTPUT) != self.output:
            raise OutputError(
                f"{self.place.name}: a table is there that is not of {self.output}: choose another --table"
            )
        return opened

    def _address(self, file: TableFile) -> str:
        return f"{self.output}/{file.path}"


def _missing(schema: Any, content: Content) -> list[str]:
    there = {field.name for field in schema.fields}
    return [name for name in content.columns.names if name not in there]


def _fit_columns(transaction: Any, content: Content, stays: bool) -> None:
    """Add columns that are new; where no file stays, others may go too."""
    there = transaction.table_metadata.schema()
    old = [] if stays else [field.name for field in there.fields if field.name not in content.columns.names]
    if old or _missing(there, content):
        with transaction.update_schema() as update:
            update.union_by_name(content.columns.arrow_schema)
            for name in old:
                update.delete_column(name)


def _data_file(address: str, file: TableFile, transaction: Any) -> Any:
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.typedef import Record

    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=address,
        file_format=FileFormat.PARQUET,
        partition=Record() if file.split is None else Record(file.split),
        record_count=file.rows,
        file_size_in_bytes=file.bytes,
        spec_id=transaction.table_metadata.default_spec_id,
    )
