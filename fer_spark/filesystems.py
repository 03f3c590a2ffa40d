"""Storage beyond this machine as Python opens it, by fsspec: its name there, and what it needs."""

from __future__ import annotations

import os
from typing import Any

_NAMES = {"s3a": "s3", "s3n": "s3", "wasb": "abfs", "wasbs": "abfs", "abfss": "abfs"}
"""Hadoop's name of a scheme, and fsspec's."""
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs"}
"""What brings a scheme of fsspec's."""
_HDFS = ("hdfs", "viewfs")
_LIBHDFS = ("HADOOP_HOME", "ARROW_LIBHDFS_DIR")
"""Where Arrow looks for Hadoop's own library, which needs a JVM and Hadoop's class path besides."""


def open_file_system(uri: str, **options: Any) -> tuple[Any, str]:
    """fsspec's file system of a path or a URL, set up with `options`, and the path there.

    Raises ImportError naming the package that a scheme needs, OSError where that one cannot be set up.
    """
    import fsspec

    scheme, separator, rest = uri.partition("://")
    if not separator:
        found: tuple[Any, str] = fsspec.core.url_to_fs(uri, **options)
        return found
    if scheme in _HDFS and not _has_client(scheme):
        raise ImportError(f"{uri}: Python has no client for {scheme}://; pip install hdfs-native, or give webhdfs://")
    name = _NAMES.get(scheme, scheme)
    try:
        found = fsspec.core.url_to_fs(f"{name}://{rest}", **options)
    except ImportError as error:
        if name not in _PACKAGES:
            raise
        raise ImportError(f"{uri}: Python has no client for {scheme}://; pip install {_PACKAGES[name]}") from error
    except RuntimeError as error:  # hdfs-native, of a name that is no host
        raise OSError(f"{error}; HADOOP_CONF_DIR has to name a folder with core-site.xml and hdfs-site.xml") from error
    return found


def _has_client(scheme: str) -> bool:
    """Whether a package offers this scheme to fsspec, or Arrow is told where Hadoop's library is: looking for it where
    it is not costs a page of messages."""
    import fsspec

    try:
        kind = fsspec.get_filesystem_class(scheme)
    except ValueError:
        return False
    return kind.__module__ != "fsspec.implementations.arrow" or any(os.environ.get(name) for name in _LIBHDFS)
