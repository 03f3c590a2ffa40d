"""What of the machine is behind a failure: one line that says what was found, and the next step."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from fer_spark import machine
from fer_spark.machine import MachineError, check_place, check_system, fault_in, local_path

Usage = namedtuple("Usage", "total used free")
OUT = [("--output", "/data/out"), ("--checkpoint", "")]
JVM = """An error occurred while calling o1.parquet.
: org.apache.spark.SparkException: Job aborted due to stage failure
\tat org.apache.spark.scheduler.DAGScheduler
Caused by: java.io.IOException: {}
\tat java.base/java.io.FileOutputStream.writeBytes(Native Method)
"""


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR", "PYSPARK_GATEWAY_PORT", "SPARK_LOCAL_DIRS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/data/out/x"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError(JVM.format("No space left on device")),
    ],
)
def test_a_full_disk_is_said_with_what_is_free_where(error: Exception) -> None:
    told = fault_in(error, OUT)
    assert told is not None
    assert told.startswith("the disk is full: ")
    assert "free for --output /data/out, " in told
    assert "free for Spark's temporary files" in told
    assert "give another --output" in told
    assert "TMPDIR=DIR" in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/data/out"), "/data/out: Permission denied for user"),
        (OSError(errno.EROFS, "Read-only file system", "/data/out"), "/data/out: Read-only file system"),
        (RuntimeError(JVM.format("Mkdirs failed to create file:/data/out/_staging")), "create file:/data/out/_staging"),
        (RuntimeError(JVM.format("/data/out/x (Permission denied)")), ": /data/out/x (Permission denied); give"),
    ],
)
def test_no_access_is_said_with_the_place_and_another_flag(error: Exception, said: str) -> None:
    told = fault_in(error, OUT)
    assert told is not None
    assert said in told
    assert "give another --output" in told
    assert "\n" not in told
    assert "Exception" not in told


def test_a_picture_that_may_not_be_read_is_not_the_outputs_fault() -> None:
    told = fault_in(RuntimeError(JVM.format("/pictures/lost+found (Permission denied)")), OUT)
    assert told is not None
    assert "/pictures/lost+found (Permission denied); let this user read it" in told


def test_other_failures_are_not_the_machines() -> None:
    assert fault_in(RuntimeError("counts do not add up"), OUT) is None
    assert fault_in(FileNotFoundError(errno.ENOENT, "No such file", "x"), OUT) is None
    told = fault_in(FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), OUT)
    assert told is not None
    assert "export TMPDIR=DIR" in told


def test_a_place_that_may_not_be_written_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != locked and real(path, mode))
    for place in (locked, locked / "new" / "out", locked / "page.html", f"file://{locked}/new"):
        with pytest.raises(MachineError, match=rf"^--output .*: user .* may not write to {locked}; give another --out"):
            check_place(str(place), "--output")
    check_place(str(tmp_path / "new" / "out"), "--output")
    (locked / "file").touch()
    check_place(str(locked), "--output")  # what is there may be complete: the job says


def test_a_full_disk_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10 << 30, 10 << 30, 1000))
    with pytest.raises(MachineError, match=r"the disk is full, 0\.0 MB free; free some, or give another --output"):
        check_place(str(tmp_path / "out"), "--output")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 0))  # some storage does not say
    check_place(str(tmp_path / "out"), "--output")


def test_only_places_on_this_machine_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "access", lambda path, mode: False)
    for place in ("s3a://lake/out", "hdfs:///out", ""):
        assert local_path(place) is None
        check_place(place, "--output")
    assert local_path("file:/a%20b/c") == local_path("file:///a%20b/c") == Path("/a b/c")
    monkeypatch.setenv("HADOOP_CONF_DIR", "/etc/hadoop")  # names the file system of a path without a scheme
    check_place("/nowhere/out", "--output")


def test_windows_is_told_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    check_system()
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(MachineError, match=r"this is Windows; fer_spark runs on Linux, macOS and in WSL"):
        check_system()


@pytest.mark.parametrize(
    ("java", "said"),
    [
        (
            "java.nio.file.AccessDeniedException: s3a://lake/in: getFileStatus on s3a://lake/in: "
            "software.amazon.awssdk.services.s3.model.S3Exception: null (Service: S3, Status Code: 403, Request ID: 1)",
            "s3a://lake/in: the store refuses these credentials, or there are none; give S3 AWS_ACCESS_KEY_ID and",
        ),
        (
            "java.nio.file.AccessDeniedException: gs://b/x: No AWS Credentials provided by Temporary",
            "gs://b/x: the store refuses these credentials",
        ),
        (
            "java.lang.ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found",
            "add --conf spark.jars.packages=org.apache.hadoop:hadoop-aws:VERSION",
        ),
        ('org.apache.hadoop.fs.UnsupportedFileSystemException: No FileSystem for scheme "s3"', "spell it s3a://"),
        (
            "com.google.cloud.storage.StorageException: a@p.iam does not have storage.objects.get access to it.\n"
            "Caused by: GoogleJsonResponseException: 403 Forbidden\n"
            "GET https://storage.googleapis.com/storage/v1/b/lake/o/y%2Fa%2F?projection=full",
            "gs://lake: the store refuses these credentials, or there are none; give GOOGLE_APPLICATION_CREDENTIALS",
        ),
        (
            "com.google.cloud.storage.StorageException: Error getting access token for service account: 400 Bad",
            "gs://: the store refuses these credentials, or there are none; give GOOGLE_APPLICATION_CREDENTIALS",
        ),
        (
            "java.lang.ClassNotFoundException: Class org.apache.hadoop.fs.gs.GoogleHadoopFileSystem not found",
            "add --conf spark.jars.packages=org.apache.hadoop:hadoop-gcp:VERSION, that of its Hadoop",
        ),
        (
            'org.apache.hadoop.fs.UnsupportedFileSystemException: No FileSystem for scheme "gs"',
            "add the shaded jar of com.google.cloud.bigdataoss:gcs-connector by --jars",
        ),
        (
            "java.lang.NoSuchMethodError: 'void org.apache.spark.sql.execution.LogicalRDD.<init>(scala.Option)'",
            "built for another Spark (NoSuchMethodError: 'void org.apache.spark.sql.execution.LogicalRDD.<init>",
        ),
    ],
)
def test_what_keeps_spark_from_a_store_or_a_table_is_one_line_with_the_next_step(java: str, said: str) -> None:
    text = f"An error occurred while calling o1.exists.\n: {java}\n\tat org.apache.spark.Nothing\n"
    told = fault_in(RuntimeError(text))
    assert told is not None
    assert said in told
    assert "\n" not in told
    assert fault_in(RuntimeError("An error occurred\n: java.io.IOException: s3a://lake/in: cut\n")) is None


@pytest.mark.parametrize(
    "line",
    [
        "java.net.ConnectException: Call From vm/127.0.0.1 to lake:8020 failed on connection exception: java.net.Conn",
        'Caused by: java.io.EOFException: End of File Exception between local host is: "vm"; destination host is: lake',
        "File /out/_m.tmp could only be written to 0 of the 1 minReplication nodes. There are 1 datanode(s) running",
    ],
)
def test_an_outage_of_hdfs_is_one_line_and_no_fault_of_the_user(line: str) -> None:
    said = machine.storage_outage(f"An error occurred while calling o1.create.\n: {line}\n\tat org.apache.Client")
    assert said is not None
    assert "lake" in said or "minReplication" in said
    assert said.endswith("; when it serves again, run the job again")
    assert "Exception: Call" not in said
    assert machine.fault_in(OSError(line)) is None
    assert machine.storage_outage("ValueError: 3") is None


def test_webhdfs_is_for_python_alone() -> None:
    text = "An error occurred.\n: java.io.IOException: Response decoding failure: java.lang.ClassNotFoundException: "
    said = machine.store_fault(f"{text}org.apache.hadoop.shaded.org.glassfish.jersey.internal.RuntimeDelegateImpl")
    assert said is not None
    assert "give hdfs://" in said


def test_a_storage_that_python_cannot_open_is_one_line() -> None:
    line = "OSError: no reader for hdfs: archives (hdfs://lake/a b.tar); pip install hdfs-native, on executors too"
    for text in (line.removeprefix("OSError: "), f"Traceback (most recent call last):\n  File x\n{line}\n\tat org.x"):
        assert machine.fault_in(OSError(text)) == line.removeprefix("OSError: ")
