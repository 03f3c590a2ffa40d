"""What a user can choose about the shards themselves."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from fer_spark.settings import check, option

ON_EXISTING = ("fail", "resume", "append", "overwrite")
FORMATS = {"parquet": "", "delta": "deltalake", "iceberg": "pyiceberg"}
"""What shards can be, and the Python package that commits it: Parquet files and their manifest they are in any case."""


@dataclass(frozen=True)
class ShardSettings:
    """Flags of build-shards that decide how the output is laid out and committed."""

    output: str = option(
        "", "directory of the shards: any path that Spark can write", metavar="URI", path=True, changes_result=False
    )
    on_existing: str = option(
        "fail",
        "what to do where shards, or an unfinished job, are there already. resume: continue after the last "
        "committed chunk; append: add only unseen pictures; overwrite: build from scratch and replace",
        choices=ON_EXISTING,
        changes_result=False,
    )
    format: str = option(
        "parquet",
        "delta, iceberg: the same files are a table too, without a copy, and those in _quarantine another. The table "
        "follows the manifest: each run ends with its commit. --on-existing overwrite deletes the replaced files, so "
        "that former versions of the table can no longer be read; append leaves them readable",
        choices=tuple(FORMATS),
        changes_result=False,
        later=True,
    )
    table: str = option(
        "",
        "of --format iceberg: the table's name, as lake.faces.shards, in a catalog that pyiceberg knows; the "
        "quarantine's is lake.faces.shards_quarantine",
        metavar="CATALOG.NAMESPACE.TABLE",
        changes_result=False,
        later=True,
    )
    rows_per_group: int = option(1024, "rows of a Parquet row group, the unit that readers shuffle", least=1)
    rows_per_file: int = option(0, "rows of a file; 0: as many as fit --target-file-mb", least=0)
    target_file_mb: float = option(64.0, "aim for files of this many MiB", above=0)
    chunk_images: int = option(
        100_000,
        "pictures prepared between two commits; a killed job loses at most these",
        least=1,
        changes_result=False,
    )
    max_bad_fraction: float = option(
        0.5,
        "publish nothing, and exit with code 3, if more than this fraction of the input is bad",
        least=0,
        most=1,
        changes_result=False,
    )
    leak_guard: str = option(
        "report",
        "look for the same and nearly the same picture in two splits; drop: take them out of train",
        choices=("off", "report", "drop"),
    )
    leak_bits: int = option(
        4, "pictures whose 64-bit perceptual hashes differ in at most this many bits are near-copies", least=0, most=16
    )
    petastorm_metadata: bool = option(
        False, "also write Petastorm's _common_metadata, for petastorm.make_reader; needs Petastorm here"
    )

    @property
    def table_package(self) -> str:
        """What commits the table that the shards are too; empty where they are none."""
        return FORMATS.get(self.format, "")

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        if not self.output:
            raise ValueError("--output: name the directory for the shards")
        if (self.format == "iceberg") != bool(self.table):
            raise ValueError("--table names the table of --format iceberg, such as lake.faces.shards: give both")
        if self.table_package and find_spec(self.table_package) is None:
            raise ValueError(f"--format {self.format} needs {self.table_package}: pip install 'fer-spark[tables]'")
        if self.petastorm_metadata and find_spec("petastorm") is None:
            raise ValueError(
                "--petastorm-metadata needs Petastorm: pip install --no-deps petastorm==0.13.1, and its needs"
            )
