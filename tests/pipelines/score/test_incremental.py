"""Night after night: what is new is scored, what is not is not, and a run that dies costs nothing but time."""

from __future__ import annotations

import hmac
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.pipelines.score import incremental as score_incremental
from fer_spark.scoring.owner import Claim, Owner
from fer_spark.sources.pictures import Pictures
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import (
    BRIGHT,
    DARK,
    LONG_AGO,
    MIDDLE,
    NAMES,
    both_hold_the_lease,
    dies_at_the_second_commit,
    every_score,
    lake,
    picture,
    score,
    scores,
    summary,
)

GRAYS = {"a.png": DARK, "b.png": MIDDLE, "c/d.png": BRIGHT, "c/e.png": 60, "f.png": 90}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return lake(tmp_path / "lake", GRAYS)


def night(bundle: Path, source: Path, tmp_path: Path, *more: str, kind: str = "images") -> dict[str, Any]:
    """One run; returns its summary."""
    words = ["--incremental", "--checkpoint", str(tmp_path / "ledger"), *more]
    assert score(bundle, source, tmp_path / "scores", *words, kind=kind) == 0
    return summary(tmp_path / "scores")


def rows(tmp_path: Path) -> dict[tuple[str, str], int]:
    """(path, status) of all rows that lie there → how often."""
    found: dict[tuple[str, str], int] = {}
    for row in every_score(tmp_path / "scores"):
        key = (row["source_path"], row["status"])
        found[key] = found.get(key, 0) + 1
    return found


@pytest.mark.job
def test_nights_of_new_changed_touched_copied_and_vanished_pictures(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path
) -> None:
    first = night(bundle, pictures, tmp_path, "--chunk-images", "2")
    assert (first["pictures"], first["scored_pictures"], first["unchanged"]) == (5, 5, 0)
    assert rows(tmp_path) == {(name, "ok"): 1 for name in GRAYS}
    assert len({row["batch"] for row in every_score(tmp_path / "scores")}) >= 2

    second = night(bundle, pictures, tmp_path)
    assert (second["pictures"], second["scored_pictures"], second["unchanged"]) == (5, 0, 5)
    assert rows(tmp_path) == {(name, "ok"): 1 for name in GRAYS}

    picture(pictures / "old.png", 200, age_s=LONG_AGO - 10**8)  # copied in with an old time
    picture(pictures / "a.png", 210, age_s=LONG_AGO)  # other bytes, the same time; PNG of another length or not
    os.utime(pictures / "a.png", (LONG_AGO + 1, LONG_AGO + 1))
    os.utime(pictures / "b.png", (LONG_AGO + 5, LONG_AGO + 5))  # touched
    picture(pictures / "copy.png", BRIGHT)
    (pictures / "f.png").unlink()
    third = night(bundle, pictures, tmp_path)
    assert (third["pictures"], third["unchanged"], third["scored_pictures"]) == (6, 2, 2)
    assert third["not_scored"] == {"already_known": 2}
    assert rows(tmp_path) == {
        **{(name, "ok"): 1 for name in GRAYS},
        ("a.png", "ok"): 2,
        ("old.png", "ok"): 1,
        ("copy.png", "already_known"): 1,
    }
    labels = {row["batch"]: row["label"] for row in every_score(tmp_path / "scores") if row["source_path"] == "a.png"}
    assert [labels[batch] for batch in sorted(labels)] == ["angry", "sad"]
    copy = next(row for row in every_score(tmp_path / "scores") if row["source_path"] == "copy.png")
    original = next(row for row in every_score(tmp_path / "scores") if row["source_path"] == "c/d.png")
    assert copy["image_id"] == original["image_id"]
    assert night(bundle, pictures, tmp_path)["unchanged"] == 6

    other = write_bundle(tmp_path / "other", NAMES, views="single", temperature=2.0)
    fourth = night(other, pictures, tmp_path)
    assert (fourth["unchanged"], fourth["scored_pictures"]) == (0, 5)
    assert fourth["not_scored"] == {"already_known": 1}  # one of d.png and its copy
    assert night(bundle, pictures, tmp_path)["unchanged"] == 6
    assert summary(tmp_path / "scores")["drift"] == []


@pytest.mark.job
def test_a_file_that_may_still_be_written_is_looked_at_again_but_scored_once(
    spark: SparkSession, bundle: Path, tmp_path: Path
) -> None:
    future = int(time.time()) + 3600
    source = tmp_path / "lake"
    picture(source / "young.png", DARK, age_s=future)
    assert night(bundle, source, tmp_path)["scored_pictures"] == 1
    again = night(bundle, source, tmp_path)
    assert (again["unchanged"], again["scored_pictures"], again["not_scored"]) == (0, 0, {"already_known": 1})
    picture(source / "young.png", BRIGHT, age_s=future)
    assert night(bundle, source, tmp_path)["scored_pictures"] == 1
    assert rows(tmp_path) == {("young.png", "ok"): 2}


def hidden(name: str) -> str:
    return hmac.new(b"pepper", name.encode(), "sha256").hexdigest()[:32]


@pytest.mark.job
def test_a_driver_whose_clock_is_an_hour_ahead_sees_what_changes_in_the_moment_of_its_listing(
    spark: SparkSession, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture's new bytes have the length and the age of the old ones: two writes in one tick of a clock."""
    real = time.time
    monkeypatch.setattr("fer_spark.pipelines.score.books.time", SimpleNamespace(time=lambda: real() + 3600))
    now_s = int(real())
    old = picture(tmp_path / "lake" / "a.png", DARK, age_s=now_s).stat()
    assert night(bundle, tmp_path / "lake", tmp_path)["scored_pictures"] == 1
    new = picture(tmp_path / "lake" / "a.png", BRIGHT, age_s=now_s).stat()
    assert (new.st_size, new.st_mtime_ns) == (old.st_size, old.st_mtime_ns)
    assert night(bundle, tmp_path / "lake", tmp_path)["scored_pictures"] == 1
    assert sorted(row["label"] for row in every_score(tmp_path / "scores")) == ["angry", "sad"]


@pytest.mark.job
def test_bad_pictures_are_told_once_and_tried_again_when_they_change_also_under_salted_names(
    spark: SparkSession, bundle: Path, tmp_path: Path
) -> None:
    source, salt = lake(tmp_path / "lake", {"a.png": DARK, "ü b+%.png": MIDDLE}), ("--salt", "pepper")
    for name, content in (("text.png", b"no picture"), ("nothing.png", b"")):
        (source / name).write_bytes(content)
        os.utime(source / name, (LONG_AGO, LONG_AGO))
    first = night(bundle, source, tmp_path, *salt)
    assert first["not_scored"] == {"empty": 1, "unreadable": 1}
    assert night(bundle, source, tmp_path, *salt)["unchanged"] == 4
    picture(source / "nothing.png", BRIGHT)
    picture(source / "copy.png", DARK)
    third = night(bundle, source, tmp_path, *salt)
    assert (third["scored_pictures"], third["not_scored"]) == (1, {"already_known": 1})
    assert rows(tmp_path) == {
        (hidden("a.png"), "ok"): 1,
        (hidden("ü b+%.png"), "ok"): 1,
        (hidden("text.png"), "unreadable"): 1,
        (hidden("nothing.png"), "empty"): 1,
        (hidden("nothing.png"), "ok"): 1,
        (hidden("copy.png"), "already_known"): 1,
    }
    everything = b"".join(path.read_bytes() for path in (tmp_path / "ledger").rglob("*") if path.is_file())
    assert b".png" not in everything


@pytest.mark.job
def test_a_picture_that_goes_while_its_chunk_is_read_is_a_row(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Pictures.__init__

    def vanishing(self: Pictures, *arguments: Any, **named: Any) -> None:
        real(self, *arguments, **named)
        read = self.read

        def without_b(part: Any) -> Any:
            return read(part).where("path != 'b.png'")

        object.__setattr__(self, "read", without_b)

    monkeypatch.setattr(Pictures, "__init__", vanishing)
    assert night(bundle, pictures, tmp_path)["not_scored"] == {"missing_file": 1}
    assert rows(tmp_path)[("b.png", "missing_file")] == 1
    monkeypatch.undo()  # and comes back as it was
    assert night(bundle, pictures, tmp_path)["scored_pictures"] == 1
    assert rows(tmp_path) == {**{(name, "ok"): 1 for name in GRAYS}, ("b.png", "missing_file"): 1}


@pytest.mark.job
@pytest.mark.parametrize("moment", ["before the entry", "after the entry"])
def test_a_run_that_dies_at_a_commit_leaves_each_face_once_after_the_next(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with dies_at_the_second_commit(monkeypatch, moment):
        night(bundle, pictures, tmp_path, "--chunk-images", "2")
    done = night(bundle, pictures, tmp_path, "--chunk-images", "2")
    assert 0 < done["unchanged"] < 5
    assert rows(tmp_path) == {(name, "ok"): 1 for name in GRAYS}
    assert sorted(path.name for path in (tmp_path / "scores").glob("*.parquet")) == sorted(done["files"])


@pytest.mark.job
def test_a_second_submission_says_so_exits_0_and_writes_nothing(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = tmp_path / "ledger" / "lease"
    claims.mkdir(parents=True)
    (claims / "x.json").write_text(Claim(Owner("x", "another-machine", 4711, "b 1"), True).to_json(), encoding="utf-8")
    words = ["--incremental", "--checkpoint", str(tmp_path / "ledger")]
    assert score(bundle, pictures, tmp_path / "scores", *words) == 0
    assert "process 4711 on another-machine" in capsys.readouterr().err
    assert not list((tmp_path / "scores").glob("*"))
    os.utime(claims / "x.json", (LONG_AGO, LONG_AGO))  # or the clock there is another: a heartbeat would change it
    assert night(bundle, pictures, tmp_path, "--lease-s", "1")["scored_pictures"] == 5
    assert "Waiting for a heartbeat of process 4711 on another-machine, up to 1 s" in capsys.readouterr().err
    assert not list(claims.iterdir())


@pytest.mark.job
def test_a_table_is_compared_by_its_bytes(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def table(*names: str) -> None:
        content = [(pictures / name).read_bytes() for name in names]
        pq.write_table(pa.table({"name": list(names), "content": content}), tmp_path / "table" / "t.parquet")

    (tmp_path / "table").mkdir()
    table("a.png", "b.png")
    assert night(bundle, tmp_path / "table", tmp_path, kind="table")["scored_pictures"] == 2
    table("a.png", "b.png", "f.png")
    third = night(bundle, tmp_path / "table", tmp_path, kind="table")
    assert (third["scored_pictures"], third["not_scored"]) == (1, {"already_known": 2})
    assert len(every_score(tmp_path / "scores")) == 3
    monkeypatch.setattr(score_incremental, "commit", None)  # no file of the input changed: no row of it is read
    assert night(bundle, tmp_path / "table", tmp_path, kind="table")["not_scored"] == {"already_known": 3}


@pytest.mark.job
def test_rows_without_a_picture_are_told_once_and_other_columns_are_other_pictures(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path
) -> None:
    def names(**columns: list[str]) -> None:
        pq.write_table(pa.table(columns), tmp_path / "table" / "t.parquet")

    def told(column: str) -> dict[str, Any]:
        words = ["--images", str(pictures), "--path-column", column]
        return night(bundle, tmp_path / "table", tmp_path, *words, kind="table")

    (tmp_path / "table").mkdir()
    names(one=["a.png", "gone.png"], other=["b.png", "gone.png"])
    assert told("one")["not_scored"] == {"missing_file": 1, "unlisted": 4}
    assert told("other")["scored_pictures"] == 1
    names(one=["a.png", "gone.png"], other=["f.png", "gone.png"])
    assert told("other")["scored_pictures"] == 1
    found = {key for key, times in rows(tmp_path).items() if times == 1}
    assert found == set(rows(tmp_path))
    assert {("a.png", "ok"), ("b.png", "ok"), ("f.png", "ok"), ("gone.png", "missing_file")} <= found


@pytest.mark.job
def test_a_ledger_serves_one_output(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    night(bundle, pictures, tmp_path)
    words = ["--incremental", "--checkpoint", str(tmp_path / "ledger")]
    assert score(bundle, pictures, tmp_path / "elsewhere", *words) == 1
    assert "is the ledger of" in capsys.readouterr().err
    entry = next((tmp_path / "ledger" / "batches").glob("*.json"))
    entry.write_text("{", encoding="utf-8")
    assert score(bundle, pictures, tmp_path / "scores", *words) == 1
    assert entry.name in capsys.readouterr().err


@pytest.mark.job
def test_a_new_ledger_never_takes_over_the_scores_of_another(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    night(bundle, pictures, tmp_path)
    before = sorted((tmp_path / "scores").glob("*.parquet"))
    assert score(bundle, pictures, tmp_path / "scores", "--incremental", "--checkpoint", str(tmp_path / "new")) == 1
    assert "--checkpoint that belongs to it" in capsys.readouterr().err
    assert score(bundle, pictures, tmp_path / "scores", "--overwrite") == 2
    assert "is kept by the ledger" in capsys.readouterr().err
    assert sorted((tmp_path / "scores").glob("*.parquet")) == before


@pytest.mark.job
@pytest.mark.parametrize("moment", ["before anything is written", "before the entry"])
def test_two_runs_that_both_hold_the_lease_lose_and_double_nothing(
    bundle: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def run() -> int:
        return score(bundle, pictures, tmp_path / "scores", "--incremental", "--checkpoint", str(tmp_path / "ledger"))

    with both_hold_the_lease(monkeypatch, moment, run) as codes:
        codes.append(run())
    assert codes == [0, 1]
    assert run() == 0
    assert summary(tmp_path / "scores")["unchanged"] == 5
    assert list(rows(tmp_path).values()) == [1] * 5
    assert len(every_score(tmp_path / "scores")) == 5


@pytest.mark.job
def test_a_summary_that_comes_after_that_of_another_run_is_a_failure_and_the_next_run_has_all_files(
    bundle: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> int:
        return score(bundle, pictures, tmp_path / "scores", "--incremental", "--checkpoint", str(tmp_path / "ledger"))

    def another() -> int:
        picture(pictures / "new.png", 70)
        return run()

    with both_hold_the_lease(monkeypatch, "before the summary", another) as codes:
        codes.append(run())
    assert codes == [0, 1]
    assert "another run has written batch 2" in capsys.readouterr().err
    assert run() == 0
    assert summary(tmp_path / "scores")["unchanged"] == 6
    assert sorted(summary(tmp_path / "scores")["files"]) == sorted(
        path.name for path in (tmp_path / "scores").glob("*.parquet")
    )
    assert sorted(row["source_path"] for row in scores(tmp_path / "scores")) == sorted([*GRAYS, "new.png"])
