"""Petastorm works on current libraries, these stay as they are for everyone else, and no pickle of a dataset is run."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fer_spark.shards.petastorm import compat as petastorm_compat
from fer_spark.shards.petastorm.schema import UnsafePickleError, parse

_UNTOUCHED = """
import sys
import numpy, pyarrow, pyarrow.parquet
before = {m: set(dir(sys.modules[m])) for m in ("numpy", "pyarrow", "pyarrow.parquet")}
old_dataset = pyarrow.parquet.ParquetDataset
from fer_spark.shards.petastorm import compat as petastorm_compat
petastorm_compat.install()
petastorm_compat.install()
import petastorm, petastorm.pytorch, petastorm.spark, petastorm.etl.rowgroup_indexing, petastorm.hdfs.namenode
import petastorm.fs_utils
assert petastorm.fs_utils.pyarrow.localfs.exists("/")
for name, names in before.items():
    added = set(dir(sys.modules[name])) - names
    old = {"localfs", "hdfs", "filesystem", "LocalFileSystem", "ParquetDatasetPiece", "unicode_", "float_"}
    assert not added & old, added
assert pyarrow.parquet.ParquetDataset is old_dataset
assert not {"pyarrow.filesystem", "pyarrow.hdfs"} & set(sys.modules)
assert type(sys.modules["numpy"]) is type(sys), "numpy itself"
try:
    import pyarrow.filesystem
except ImportError:
    print("untouched")
"""


def test_pyarrow_and_numpy_stay_as_they_are_for_everyone_else() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", _UNTOUCHED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "untouched"


def test_an_import_that_failed_before_does_not_stand_in_the_way() -> None:
    code = """
try:
    import petastorm
except ImportError:
    pass
from fer_spark.shards.petastorm.compat import install
install()
from petastorm import make_batch_reader
print(make_batch_reader.__name__)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "make_batch_reader", done.stderr


def schema_of_every_kind() -> Any:
    unischema = petastorm_compat.load("petastorm.unischema")
    codecs = petastorm_compat.load("petastorm.codecs")
    from decimal import Decimal

    from pyspark.sql.types import DecimalType, IntegerType, StringType

    field = unischema.UnischemaField
    return unischema.Unischema(
        "Every",
        [
            field("number", np.int32, (), codecs.ScalarCodec(IntegerType()), False),
            field("word", np.str_, (), codecs.ScalarCodec(StringType()), True),
            field("plain", np.float64, (), None, True),
            field("money", Decimal, (), codecs.ScalarCodec(DecimalType(10, 9)), False),
            field("picture", np.uint8, (32, 16, 3), codecs.CompressedImageCodec("jpeg", 91), False),
            field("matrix", np.float32, (None, 4), codecs.NdarrayCodec(), False),
            field("packed", np.uint16, (2,), codecs.CompressedNdarrayCodec(), False),
        ],
    )


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_schema_is_parsed_whole_from_every_protocol_of_today(protocol: int) -> None:
    schema = schema_of_every_kind()
    made = parse(pickle.dumps(schema, protocol))
    assert str(made) == str(schema)
    assert made.fields == schema.fields
    assert made.picture.codec.image_codec == "jpeg"
    assert made.picture.codec._quality == 91
    assert made.money.codec.spark_dtype().simpleString() == "decimal(10,9)"


@pytest.mark.parametrize("protocol", range(4))
def test_older_protocols_are_refused_with_the_way_to_new_metadata(protocol: int) -> None:
    with pytest.raises(UnsafePickleError, match=r"protocol 4 or 5.*nothing was run.*petastorm-generate-metadata.py"):
        parse(pickle.dumps(schema_of_every_kind(), protocol))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("av.ml.dataset_toolkit.unischema", "Unischema"),
        ("copy_reg", "_reconstructor"),
        ("copyreg", "_reconstructor"),
        ("__builtin__", "set"),
        ("numpy", "unicode_"),
        ("numpy.core.multiarray", "scalar"),
    ],
)
def test_names_of_older_releases_are_refused_with_the_way_to_new_metadata(module: str, name: str) -> None:
    with pytest.raises(UnsafePickleError, match=rf"names {module}.{name}.*nothing was run.*generate-metadata.py"):
        parse(b"\x80\x04" + named(module, name) + b".")


def test_an_index_of_row_groups_by_numbers_is_parsed() -> None:
    indexers = petastorm_compat.load("petastorm.etl.rowgroup_indexers")
    index = indexers.SingleFieldIndexer("by id", "id")
    index.build_index([{"id": np.int64(7)}, {"id": np.int64(9)}], 3)
    made = parse(pickle.dumps({"by id": index}, pickle.HIGHEST_PROTOCOL))["by id"]
    assert made.column_names == ["id"]
    assert made.get_row_group_indexes(9) == {3}
    assert made._index_data == index._index_data


def named(module: str, name: str) -> bytes:
    """A pickle's opcodes that push what `module.name` stands for."""
    return b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)) + b"\x93"


class Calls:
    """Its pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._made = function, arguments

    def __reduce__(self) -> Any:
        return self._made


def attacks(target: Path) -> dict[str, bytes]:
    code = f"open({str(target)!r}, 'w').close()"
    import numpy.testing
    import pyspark.serializers

    start, schema_class = b"\x80\x04", named("petastorm.unischema", "Unischema")
    schema = schema_of_every_kind()
    schema._fields["number"] = Calls(eval, code)
    return {
        "eval": pickle.dumps(Calls(eval, code)),
        "exec": pickle.dumps(Calls(exec, code)),
        "exec, old protocol": pickle.dumps(Calls(exec, code), 0),
        "import": pickle.dumps(Calls(getattr, Calls(__import__, "os"), "getcwd")),
        "numpy": pickle.dumps(Calls(numpy.testing.runstring, code, {})),
        "pyspark": pickle.dumps(Calls(pyspark.serializers.CloudPickleSerializer)),
        "petastorm": start + named("petastorm.workers_pool.exec_in_new_process", "exec_in_new_process") + b")R.",
        "inside a schema": pickle.dumps(schema),
        "state of a class": start + schema_class + b"}\x8c\x0b__getattr__" + named("builtins", "set") + b"sb.",
        "an old opcode": start + b"cpetastorm.unischema\nUnischema\n.",
        "dotted": start + named("petastorm.unischema", "re.sys.x") + b".",
        "no pickle": b"hello",
        "empty": b"",
        "persistent": start + b"Pabc\n.",
        "extension": start + b"\x82\x01.",
    }


@pytest.mark.parametrize("name", attacks(Path("/")))
def test_anything_but_a_schema_is_refused_and_nothing_runs(tmp_path: Path, name: str) -> None:
    target = tmp_path / "ran"
    with pytest.raises(UnsafePickleError):
        parse(attacks(target)[name])
    assert not target.exists()


def test_the_attack_is_real(tmp_path: Path) -> None:
    """What the test above refuses does run when unpickled: Petastorm's own list of safe modules has `builtins`."""
    pickle.loads(attacks(tmp_path / "ran")["inside a schema"])
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("opener", ["make_reader", "make_batch_reader"])
def test_opening_a_malicious_dataset_runs_nothing(tmp_path: Path, opener: str) -> None:
    target = tmp_path / "ran"
    data = tmp_path / "data"
    data.mkdir()
    table = pa.table({"id": list(range(5))})
    pq.write_table(table, data / "part.parquet")
    metadata = {
        b"dataset-toolkit.unischema.v1": attacks(target)["eval"],
        b"dataset-toolkit.num_row_groups_per_file.v1": b'{"part.parquet": 1}',
        b"dataset-toolkit.rowgroups_index.v1": attacks(target)["eval"],
    }
    pq.write_metadata(table.schema.with_metadata(metadata), data / "_common_metadata")
    reader = getattr(petastorm_compat.load("petastorm"), opener)
    with pytest.raises(UnsafePickleError, match=r"builtins.eval.*nothing was run"):
        reader(f"file://{data}")
    indexing = petastorm_compat.load("petastorm.etl.rowgroup_indexing")
    dataset = petastorm_compat.view("pyarrow.parquet").ParquetDataset(str(data))
    with pytest.raises(UnsafePickleError):
        indexing.get_row_group_indexes(dataset)
    assert not target.exists()


def test_a_plain_parquet_store_by_batches(tmp_path: Path) -> None:
    table = pa.table({"id": list(range(100)), "word": [f"w{i}" for i in range(100)], "k": [i % 3 for i in range(100)]})
    pq.write_to_dataset(table, tmp_path, partition_cols=["k"])
    open_reader = petastorm_compat.load("petastorm").make_batch_reader
    with open_reader(f"file://{tmp_path}", shuffle_row_groups=False, workers_count=2) as reader:
        seen = {int(i): (str(w), int(k)) for batch in reader for i, w, k in zip(*batch_columns(batch), strict=True)}
    assert seen == {i: (f"w{i}", i % 3) for i in range(100)}
    with open_reader(f"file://{tmp_path}", filters=[("k", "in", [1, 2])]) as reader:
        assert {int(k) for batch in reader for k in batch.k} == {1, 2}


@pytest.mark.parametrize("name", ["thread_pool.ThreadPool", "process_pool.ProcessPool"])
def test_a_pool_does_not_end_while_the_last_item_is_being_handed_out(name: str) -> None:
    module, kind = name.split(".")
    pools = petastorm_compat.load(f"petastorm.workers_pool.{module}")
    empty = petastorm_compat.load("petastorm.workers_pool").EmptyResultError
    asked = []

    class Late:
        """A ventilator that is found complete only when the pool has already looked at what is under way."""

        def completed(self) -> bool:
            asked.append(1)
            return len(asked) > 1

    pool = getattr(pools, kind)(1)
    pool._ventilator = Late()
    pool._results_queues = []
    pool.all_workers_done = lambda: True
    with pytest.raises(empty):
        pool.get_results()
    assert len(asked) >= 4, "complete at the second look, believed only in a round that began with it"


def batch_columns(batch: Any) -> tuple[Any, Any, Any]:
    return batch.id, batch.word, batch.k
