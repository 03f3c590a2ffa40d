"""Files on storage that Hadoop opens, some thousands at a time: a driver's JVM never holds more of them.

Over the gateway a call takes about 0.1 ms, and a file would take four. A few lines of Java collect a slice of files
into one answer; Janino, with which Spark compiles its own queries, compiles them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

from pyspark.sql import SparkSession

_SLICE = 5_000
_END = b"\xff"
"""Ends a field. No name holds it, as it occurs nowhere in UTF-8."""
_JAVA = """
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.RemoteIterator;

public byte[] next(RemoteIterator files, int most) throws IOException {
    ByteArrayOutputStream slice = new ByteArrayOutputStream();
    for (int i = 0; i < most && files.hasNext(); i++) {
        FileStatus file = (FileStatus) files.next();
        add(slice, file.getPath().toUri().getPath());
        add(slice, Long.toString(file.getLen()));
        add(slice, Long.toString(file.getModificationTime()));
    }
    return slice.toByteArray();
}

private static void add(ByteArrayOutputStream slice, String field) {
    byte[] bytes = field.getBytes(StandardCharsets.UTF_8);
    slice.write(bytes, 0, bytes.length);
    slice.write(0xff);
}
"""
"""Body of a class. Fields of each file: path, bytes, ms since 1970."""


class RemoteFile(NamedTuple):
    """`path`: without scheme and host, unescaped; bytes, and µs since 1970 of its last change."""

    path: str
    size: int
    modified_us: int


def remote_files(spark: SparkSession, files: Any) -> Iterator[RemoteFile]:
    """Every file of a Hadoop RemoteIterator of statuses, in its order. Raises Py4JJavaError where the storage fails."""
    slices = _slices(spark)
    while slice := bytes(slices.next(files, _SLICE)):
        fields = slice.split(_END)
        for path, size, modified_ms in zip(fields[0::3], fields[1::3], fields[2::3], strict=False):
            yield RemoteFile(path.decode("utf-8"), int(size), int(modified_ms) * 1000)


def _slices(spark: SparkSession) -> Any:
    """An object of the class, compiled in some 30 ms. Py4J remembers methods by the names of their classes: each time
    another name."""
    jvm: Any = spark._jvm
    compiler = jvm.org.codehaus.janino.ClassBodyEvaluator()
    compiler.setClassName(f"FileSlices{uuid4().hex}")
    compiler.setParentClassLoader(jvm.java.lang.Thread.currentThread().getContextClassLoader())
    return compiler.createInstance(jvm.java.io.StringReader(_JAVA))
