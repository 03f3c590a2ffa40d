"""Options of the JVMs that tests start."""

from __future__ import annotations

from functools import cache

from fer_spark.machine import MachineError
from fer_spark.spark.java import check_java
from fer_spark.spark.launch import QUICK, quick_options


@cache
def quick_jvm() -> str:
    """For JVMs that run short jobs on few cores: light compilation, one collector thread, classes from the archive that
    an earlier brief job of this machine left (`make demo` does)."""
    try:
        java = check_java()
    except MachineError:  # tests of what needs no JVM run without
        return QUICK
    return QUICK if java is None else quick_options(java, leave=False)
