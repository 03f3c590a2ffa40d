"""A number of the ledger is taken once: by a commit, or by a fence against a run that was taken for dead."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.scoring.figures import Figures
from fer_spark.scoring.ledger import Entry, Key, Ledger, LedgerError
from fer_spark.scoring.outputs.delta import Delta

KEY = Key("m", "p")


def entry(batch: int) -> Entry:
    return Entry(batch, KEY, [f"batch-{batch}.parquet"], f"seen/{batch}", Figures(3, 3))


def test_what_is_behind_a_fence_cannot_be_committed_and_counts_for_nothing(spark: SparkSession, tmp_path: Path) -> None:
    slow, next_one = (Ledger(Storage(spark, str(tmp_path))) for _ in range(2))
    slow.commit(entry(1))
    with pytest.raises(LedgerError, match="another run has written batch 1"):
        next_one.fence(KEY)  # it read the ledger before that commit
    next_one = Ledger(Storage(spark, str(tmp_path)))
    next_one.fence(KEY)
    with pytest.raises(LedgerError, match="another run has written batch 2; nothing is lost"):
        slow.commit(entry(2))
    next_one.commit(entry(3))
    read = Ledger(Storage(spark, str(tmp_path)))
    assert (read.fences, read.next_batch) == ([2], 4)
    assert [each.batch for each in read.of(KEY)] == [1, 3]
    assert read.figures().pictures == 6


def test_a_number_is_reserved_by_one_run(spark: SparkSession, tmp_path: Path) -> None:
    first, second = (Ledger(Storage(spark, str(tmp_path))) for _ in range(2))
    first.reserve(1)
    with pytest.raises(LedgerError, match="another run has written batch 1"):
        second.reserve(1)
    assert second.reserved()
    assert second.next_batch == 1  # a claim alone counts for nothing
    second.fence(KEY)
    assert not second.reserved()
    with pytest.raises(LedgerError, match="another run has written batch 1"):
        first.commit(entry(1))


def test_rows_behind_a_fence_are_removed_from_a_table_too(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, removed = Ledger(Storage(spark, str(tmp_path / "ledger"))), list[str]()
    ledger.commit(entry(1))
    ledger.fence(KEY)
    rows = spark.createDataFrame([(1,), (2,), (3,)], "batch int")
    monkeypatch.setattr(Delta, "holds", lambda self, condition: not rows.where(condition).isEmpty())
    monkeypatch.setattr(Delta, "delete", lambda self, condition: removed.append(condition))
    Delta(spark, str(tmp_path), Storage(spark, str(tmp_path))).drop_uncommitted(ledger)
    assert [row["batch"] for row in rows.where(removed[0]).collect()] == [2, 3]


def test_of_two_new_ledgers_one_names_it(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledgers = [Ledger(Storage(spark, str(tmp_path))) for _ in range(2)]
    create = Storage.create_text

    def late(self: Storage, path: str, text: str) -> bool:
        monkeypatch.setattr(Storage, "create_text", create)
        ledgers[1].bind("out", "parquet", occupied=False)
        return self.create_text(path, text)

    monkeypatch.setattr(Storage, "create_text", late)
    ledgers[0].bind("out", "parquet", occupied=False)
    assert len({ledger.new_name(1)[:15] for ledger in ledgers}) == 1


def test_an_entry_number_is_taken_once_and_only_own_leftovers_are_strays(tmp_path: Path, spark: SparkSession) -> None:
    ours, theirs = (Ledger(Storage(spark, str(tmp_path / "a"))) for _ in range(2))
    for ledger in (ours, theirs):
        ledger.bind("scores", "parquet", occupied=False)
    stranger = Ledger(Storage(spark, str(tmp_path / "b")))
    stranger.bind("scores", "parquet", occupied=False)
    names = [f"batch-{ledger.new_name(1)}.parquet" for ledger in (ours, ours, stranger)]
    entry = Entry(1, Key("m", "p"), names[:1], "seen/1", Figures())
    ours.commit(entry)
    with pytest.raises(LedgerError, match="another run has written batch 1"):
        theirs.commit(entry)
    assert Ledger(Storage(spark, str(tmp_path / "a"))).entries == [entry]
    assert ours.strays([*names, "theirs.parquet"]) == names[1:2]
