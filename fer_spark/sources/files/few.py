"""Whether an input is small, as far as can be seen on this machine without Spark."""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress

from fer_spark.sources.files.names import is_picture_name

_BRIEF_FILES = 1_000_000
_BRIEF_BYTES = 16 << 30
"""Of a job on so many pictures a lightly compiling JVM takes less. To compile fully costs some 45 seconds of a
processor once, and spares a seventh of the JVM's 0.3 ms a picture, as measured on shards of 150,000: it is worth it
from about a million on."""
_BRIEF_LOOK_S = 2.0
"""Local disks show some hundred thousand files in it; on a slow mount a JVM should not wait longer for them."""


def is_brief(text: str) -> bool:
    """Whether --input is on this machine and holds so little that a lightly compiling JVM serves better."""
    return few_files(text, _BRIEF_FILES, _BRIEF_BYTES, _BRIEF_LOOK_S)


def few_files(text: str, most_files: int, most_bytes: int | None = None, most_s: float = math.inf) -> bool:
    """Whether what --input names is on this machine, and comes to fewer files and folders than `most_files`, and to no
    more than `most_bytes`, as far as can be seen within `most_s` seconds. No more is looked at than needed; links
    inside are not followed."""
    if not text or not os.path.lexists(text):
        return False
    start, until = os.path.realpath(text), time.monotonic() + most_s
    enough = math.inf if most_bytes is None else most_bytes
    pending, left = ([start], most_files - 1) if os.path.isdir(start) else ([], most_files - 1)
    size = os.path.getsize(start) if os.path.isfile(start) else 0
    while pending and left > 0 and size <= enough:
        place = pending.pop()
        with suppress(OSError), os.scandir(place) as entries:  # it may not be read, or is gone
            for entry in entries:
                left -= 1
                if left <= 0 or time.monotonic() > until:
                    return False
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif most_bytes is not None and not is_picture_name(entry.name) and not entry.is_symlink():
                    size += entry.stat().st_size
    return left > 0 and size <= enough
