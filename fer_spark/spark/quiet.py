"""Starts Spark's JVM without its start-up messages."""

from __future__ import annotations

import os
from pathlib import Path

_CONFIG = Path(__file__).with_name("log4j2.properties")
_OPTIONS = "SPARK_SUBMIT_OPTS"


def quieten() -> None:
    """Let the JVM that is about to start log errors alone, unless a log of the user's own is configured.

    What it says after that is `spark.log.level`'s to decide, as ever.
    """
    options = os.environ.get(_OPTIONS, "")
    homes = [os.environ.get("SPARK_CONF_DIR", ""), os.path.join(os.environ.get("SPARK_HOME", ""), "conf")]
    configured = any(next(Path(home).glob("log4j2.*"), None) for home in homes if home)
    if "log4j" in options or configured or not _CONFIG.is_file() or " " in str(_CONFIG):
        return
    os.environ[_OPTIONS] = f"{options} -Dlog4j2.configurationFile={_CONFIG}".strip()
