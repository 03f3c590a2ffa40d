"""What this machine lacks for a job, in one line each: what was found, and the next step. Knows nothing of Spark."""

from __future__ import annotations

import errno
import getpass
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

_FULL = ("No space left on device", "Disk quota exceeded", "Not enough space")
_NO_ACCESS = ("Permission denied", "AccessDeniedException", "Read-only file system", "Mkdirs failed to create")
NO_READER = "no reader for "
"""How an error begins that names a package by which Python would open a storage, on this machine or an executor."""
_NO_TEMPORARY = "No usable temporary directory"
_REFUSED = ("AccessDeniedException", "NoAuthWithAWSException", "Status Code: 403")
_STORE = re.compile(r"\b(?:s3a|gs|abfss?|wasbs?)://[^\s:,;'\")]+")
_KEYS = "give S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role, other stores what their guide says"
_GOOGLE_KEYS = (
    "give GOOGLE_APPLICATION_CREDENTIALS, and Spark --conf spark.hadoop.fs.gs.auth.type=APPLICATION_DEFAULT, of an "
    "account that may read and write there"
)
_REFUSED_BY_GOOGLE = re.compile(
    r"Error getting access token.*: 4\d\d |default credentials were not found|cannot find the metadata server"
    r"|does not have storage\.\S+ access"
)
_GOOGLE_BUCKET = re.compile(r"googleapis\.com/\S*/b/([^/?\s]+)/o\b")
"""In the address that a request went to: its errors name no place otherwise."""
_CONNECTORS = {
    "org.apache.hadoop.fs.s3a.S3AFileSystem not found": "org.apache.hadoop:hadoop-aws",
    "org.apache.hadoop.fs.gs.GoogleHadoopFileSystem not found": "org.apache.hadoop:hadoop-gcp",
    "AzureBlobFileSystem not found": "org.apache.hadoop:hadoop-azure",
}
"""What Java says of a class that an address needs, and the package that has it."""
_OUTAGE = re.compile(
    r"Call From .* failed on|destination host is: |could only be written to 0 of|BlockMissingException"
    r"|No live nodes contain block|SafeModeException|: no answer at \S+ for "
)
"""What Hadoop, or `await_answer`, says of a server that does not answer, or not with what it holds."""
_CLASSES = re.compile(r"^(Caused by: |: |\s)*([\w.$]+(Exception|Error): )*")
"""Of Java's, in front of what an error says."""
_LINKAGE = ("NoSuchMethodError", "IncompatibleClassChangeError", "AbstractMethodError", "NoClassDefFoundError")
_FULL_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_NO_ACCESS_NUMBERS = (errno.EACCES, errno.EPERM, errno.EROFS)
_MOST_CHARS = 200
_LEAST_FREE_BYTES = 1 << 20
_REMOTE = ("HADOOP_CONF_DIR", "YARN_CONF_DIR", "PYSPARK_GATEWAY_PORT")
"""Where one of these is set, a path without a scheme may lie on another file system than this machine's."""


class MachineError(Exception):
    """This machine cannot do the job as it stands; the message says what was found, and the next step."""


def check_system() -> None:
    """Raise MachineError on Windows, where the package does not run."""
    if sys.platform in ("win32", "cygwin"):
        raise MachineError(
            "this is Windows; fer_spark runs on Linux, macOS and in WSL: `wsl --install`, then install it there"
        )


def check_place(place: str, flag: str) -> None:
    """Raise MachineError for a local place to write to that this user may not write to, or whose disk is full.

    Places on other storage, and folders that hold something already, are the job's own to judge.
    """
    path = local_path(place)
    if path is None or _holds_something(path):
        return
    there = path
    while not os.path.lexists(there):
        there = there.parent
    there = there if os.path.isdir(there) else there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        raise MachineError(f"{flag} {place}: {_user()} may not write to {there}; {_another(flag)}")
    free = free_bytes(there)
    if free is not None and free < _LEAST_FREE_BYTES:
        raise MachineError(f"{flag} {place}: the disk is full, {size_text(free)} free; free some, or {_another(flag)}")


def _holds_something(path: Path) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(entries)
    except OSError:  # nothing is there, or a file, or nothing that can be looked at
        return False


def local_path(place: str) -> Path | None:
    """A place as a path of this machine; None where it lies, or may lie, on other storage."""
    if place.startswith("file:"):
        return Path("/" + unquote(place.removeprefix("file:")).lstrip("/"))
    if not place or "://" in place or any(os.environ.get(name) for name in _REMOTE):
        return None
    return Path(place).absolute()


def cache_dir() -> Path:
    """The user's folder for what can be fetched or made again: $XDG_CACHE_HOME/fer_spark, else ~/.cache/fer_spark."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fer_spark"


def free_bytes(path: Path) -> int | None:
    """Free bytes for this user on the disk of a path that exists; None where the file system does not say."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    return usage.free if usage.total else None


def temporary_folder() -> Path:
    """Where Spark and Python keep what they work on."""
    return Path(os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or tempfile.gettempdir())


def fault_in(error: BaseException, places: Iterable[tuple[str, str]] = ()) -> str | None:
    """What of the machine is behind an error, in one line with the next step; None where it is something else.

    `places`: the flags that name where the job writes, each with its value.
    """
    number = error.errno if isinstance(error, OSError) else None
    text = str(error)
    if _NO_TEMPORARY in text:
        return f"no folder for temporary files can be written to ({text}); export TMPDIR=DIR names one"
    if missing := next((line for line in text.splitlines() if NO_READER in line), None):
        return re.sub(_CLASSES, "", missing.strip())
    if number in _FULL_NUMBERS or any(word in text for word in _FULL):
        return _full(list(places))
    if isinstance(error, OSError) and number in _NO_ACCESS_NUMBERS:
        return f"{error.filename or text}: {error.strerror} for {_user()}; {_remedy(text, places)}"
    if fault := store_fault(text):
        return fault
    line = next((line for word in _NO_ACCESS for line in text.splitlines() if word in line), None)
    return None if line is None else f"no access for {_user()}: {_plain(line)}; {_remedy(line, places)}"


def store_fault(text: str) -> str | None:
    """What keeps Spark from an object store or a table, in one line with the next step: keys that are refused, a
    package that is missing, one that was built for another Spark; None where it is something else."""
    if place := _refusing(text):
        return f"{place}: the store refuses these credentials, or there are none; {keys_for(place)}"
    if package := next((package for words, package in _CONNECTORS.items() if words in text), None):
        return f"Spark lacks the classes for this; add --conf spark.jars.packages={package}:VERSION, that of its Hadoop"
    if 'No FileSystem for scheme "s3"' in text:
        return "Spark knows no s3://; spell it s3a://"
    if 'No FileSystem for scheme "gs"' in text or "hadoop.fs.gcs.GoogleHadoopFileSystem not found" in text:
        jar = "the shaded jar of com.google.cloud.bigdataoss:gcs-connector"
        return f"Spark lacks the classes for gs://; add {jar} by --jars"
    if (
        "glassfish.jersey.internal.RuntimeDelegateImpl" in text
    ):  # not among the classes that Spark has of Hadoop's client
        return "Spark cannot use webhdfs://; give hdfs:// with the NameNode's other port, as fs.defaultFS has it"
    found = ((word, line) for word in _LINKAGE for line in text.splitlines() if f"java.lang.{word}" in line)
    word, line = next(found, ("", ""))
    return (
        f"a jar that was added to Spark was built for another Spark ({word}: {_plain(line)}); take its release for "
        "this one, or the Spark that it is for"
        if line
        else None
    )


def _refusing(text: str) -> str:
    """The place, of an object store, that an error says is closed to this user; empty where it says something else."""
    line = next((line for word in _REFUSED for line in text.splitlines() if word in line and _STORE.search(line)), "")
    if not line and not _REFUSED_BY_GOOGLE.search(text):
        return ""
    if place := _STORE.search(line or text):
        return place[0]
    bucket = _GOOGLE_BUCKET.search(text)
    return f"gs://{bucket[1]}" if bucket else "gs://"


def keys_for(place: str) -> str:
    """What to give the store of a URL."""
    return _GOOGLE_KEYS if place.startswith("gs://") else _KEYS


def storage_outage(text: str) -> str | None:
    """That HDFS or S3 does not serve, in one line with the next step; None where the text says something else."""
    line = next((line for line in text.splitlines() if _OUTAGE.search(line)), None)
    if line is None:
        return None
    reason = re.sub(_CLASSES, "", line.partition("; For more details")[0].strip())
    return f"the storage failed: {reason}; when it serves again, run the job again"


def _full(places: list[tuple[str, str]]) -> str:
    here = [(f"{flag} {place}", local_path(place)) for flag, place in places]
    here.append(("Spark's temporary files, spark.local.dir", temporary_folder()))
    free = [f"{size_text(free_bytes(_existing(path)) or 0)} free for {name}" for name, path in here if path is not None]
    flag = places[0][0] if places else "place"
    return (
        f"the disk is full: {', '.join(free)}. Free some, or give another {flag}, or for temporary files "
        "--conf spark.local.dir=DIR and TMPDIR=DIR"
    )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _remedy(text: str, places: Iterable[tuple[str, str]]) -> str:
    """What to do about a text that names a place: give another one where it is one of `places`."""
    for flag, place in places:
        path = local_path(place)
        if path is not None and str(path) in text:
            return _another(flag)
    return "let this user read it, and write where it writes"


def _another(flag: str) -> str:
    return f"give another {flag}, or let this user write there"


def _plain(line: str) -> str:
    """A line of a Java error without the classes in front of what it says."""
    return re.sub(_CLASSES, "", line.strip())[:_MOST_CHARS]


def _user() -> str:
    try:
        return f"user {getpass.getuser()}"
    except (KeyError, OSError, ImportError):  # a user id without a name, as in a container
        return f"user {os.getuid()}"


def size_text(count: int) -> str:
    """`12.1 GB`, `0.4 MB`."""
    return f"{count / 2**30:,.1f} GB" if count >= 2**30 else f"{count / 2**20:,.1f} MB"
